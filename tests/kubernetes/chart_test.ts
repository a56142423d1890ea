/**
 * The chart and the kustomize base give what `foghorn manifests` prints, and
 * their options do what they say.
 *
 * @module
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { NAMESPACE_DEFAULT } from "@/api/names.ts";
import { VERSION } from "@/cli/version.ts";
import {
  arrayAt,
  isObject,
  type JsonObject,
  objectAt,
  stringAt,
  valueAt,
} from "@/lab/apiserver/json.ts";
import {
  imageOf,
  installDocuments,
  networkPolicy,
  podMonitor,
} from "@/manifests/mod.ts";
import { builtHelmBinary } from "../helm/build.ts";
import { type Need, testNeeding } from "../support/needs.ts";
import { builtKubernetesBinaries } from "./build.ts";

const DEPLOY = new URL("../../deploy/", import.meta.url).pathname;
const CHART = `${DEPLOY}chart`;
const KUSTOMIZE = `${DEPLOY}kustomize`;
const HELM = await builtHelmBinary() ?? "";
const KUBECTL = (await builtKubernetesBinaries())?.kubectl ?? "";
const HELM_NEEDS: readonly Need[] = [needOf("Helm", HELM)];
const KUBECTL_NEEDS: readonly Need[] = [needOf("Kubernetes", KUBECTL)];
const OF_HELM: readonly string[] = [
  "app.kubernetes.io/instance",
  "app.kubernetes.io/managed-by",
  "app.kubernetes.io/version",
  "helm.sh/chart",
];

testNeeding(HELM_NEEDS, "helm lint finds nothing wrong", async () => {
  const { code, stdout } = await run([HELM, "lint", "--strict", CHART]);
  strictEqual(code, 0, stdout);
  match(stdout, /0 chart\(s\) failed/);
});

testNeeding(
  HELM_NEEDS,
  "the chart gives what foghorn manifests prints",
  async () => {
    deepStrictEqual(
      byName([...await template([]), ...await definitions()]),
      byName(printed(false).slice(1)),
    );
  },
);

testNeeding(
  HELM_NEEDS,
  "the options of the chart give what those of foghorn manifests do",
  async () => {
    const options = [
      ...["--set", "speaker.sysNice=true"],
      ...["--set", "speaker.monitorEnable=true"],
      ...["--set", "networkPolicy.enable=true"],
    ];
    deepStrictEqual(
      byName([...await template(options), ...await definitions()]),
      byName([
        ...printed(true).slice(1),
        plain(podMonitor(NAMESPACE_DEFAULT)),
        plain(networkPolicy(NAMESPACE_DEFAULT)),
      ]),
    );
  },
);

testNeeding(
  HELM_NEEDS,
  "metrics over TLS are the same by the chart and by foghorn manifests",
  async () => {
    const options = [
      ...["--set", "speaker.secureMetrics=true"],
      ...["--set", "speaker.monitorEnable=true"],
      ...["--set", "networkPolicy.enable=true"],
    ];
    deepStrictEqual(
      byName([...await template(options), ...await definitions()]),
      byName([
        ...printed(false, true).slice(1),
        plain(podMonitor(NAMESPACE_DEFAULT, true)),
        plain(networkPolicy(NAMESPACE_DEFAULT, true)),
      ]),
    );
  },
);

testNeeding(
  HELM_NEEDS,
  "speaker.enable=false leaves the controller only, without a capability",
  async () => {
    const objects = await template(["--set", "speaker.enable=false"]);
    ok(!objects.some(({ kind }) => kind === "DaemonSet"));
    const deployment = objects.find(({ kind }) => kind === "Deployment");
    const pod = objectAt(deployment, "spec", "template", "spec");
    const [container] = arrayAt(pod, "containers");
    ok(arrayAt(container, "args").includes("--role=controller"));
    strictEqual(pod["hostNetwork"], undefined);
    deepStrictEqual(
      valueAt(container, "securityContext", "capabilities"),
      { drop: ["ALL"] },
    );
  },
);

testNeeding(
  HELM_NEEDS,
  "values of OpenELB's chart have the meaning they have there",
  async () => {
    const objects = await template([
      ...["--set", "speaker.layer2=true", "--set", "speaker.vip=true"],
      ...["--set", "speaker.priorityClass=mine"],
      ...["--set", "speaker.nodeSelector.lb=yes"],
      ...["--set", "speaker.tolerations=null"],
      ...["--set", "speaker.memberlistSecret=x", "--set", "speaker.apiHosts=x"],
      ...["--set", "controller.webhookPort=8443"],
      ...["--set", "customImage.enable=false"],
      ...["--set", "global.imageRegistry=registry.example"],
      ...["--set", "global.tag=v9"],
      ...["--set", "global.imagePullSecrets={pull}"],
    ]);
    const daemonSet = objects.find(({ kind }) => kind === "DaemonSet");
    const pod = objectAt(daemonSet, "spec", "template", "spec");
    const [container] = arrayAt(pod, "containers");
    strictEqual(
      stringAt(container, "image"),
      "registry.example/foghorn-lb/foghorn:v9",
    );
    for (
      const flag of [
        "--enable-layer2=true",
        "--enable-keepalived-vip=true",
        "--webhook-port=8443",
      ]
    ) ok(arrayAt(container, "args").includes(flag), flag);
    strictEqual(pod["priorityClassName"], "mine");
    strictEqual(stringAt(pod, "nodeSelector", "lb"), "yes");
    strictEqual(pod["tolerations"], undefined);
    deepStrictEqual(pod["imagePullSecrets"], [{ name: "pull" }]);
    ok(
      arrayAt(container, "ports").some((port) =>
        valueAt(port, "containerPort") === 8443
      ),
    );
  },
);

testNeeding(
  HELM_NEEDS,
  "under another name the agents may still let go of what is theirs",
  async () => {
    const objects = await template([
      ...["--set", "fullnameOverride=lb"],
      ...["--set", "speaker.serviceAccountName=me"],
    ]);
    const named = (kind: string): readonly string[] =>
      arrayAt(objects.find((object) => object["kind"] === kind), "rules")
        .flatMap((rule) => arrayAt(rule, "resourceNames").map(String));
    deepStrictEqual(named("ClusterRole"), [
      "foghorn-admission",
      ...["lb", "lb", "me"],
    ]);
    deepStrictEqual(named("Role"), ["foghorn-admission-certificate"]);
    const daemonSet = objects.find(({ kind }) => kind === "DaemonSet");
    const [container] = arrayAt(
      daemonSet,
      "spec",
      "template",
      "spec",
      "containers",
    );
    ok(arrayAt(container, "args").includes("--installation=lb"));
  },
);

for (
  const [mistake, said] of [
    ["speaker.enble=true", /'enble' not allowed/],
    ["speaker.monitorPort=70000", /maximum: got 70,?000, want 65,?535/],
    [
      "speaker.image.repository=kubesphere/openelb-speaker",
      /an image of OpenELB: leave it out/,
    ],
  ] as const
) {
  testNeeding(HELM_NEEDS, `the chart refuses ${mistake}`, async () => {
    const { code, stderr } = await run(helmTemplate(["--set", mistake]));
    strictEqual(code, 1);
    match(stderr, said);
  });
}

testNeeding(
  KUBECTL_NEEDS,
  "the kustomize base gives what foghorn manifests prints",
  async () => {
    const found = await kustomize("base");
    deepStrictEqual(
      byName(found),
      byName(printed(false)),
    );
  },
);

testNeeding(
  KUBECTL_NEEDS,
  "the component secure-metrics gives what foghorn manifests prints",
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      await run(["cp", "-r", KUSTOMIZE, `${folder}/parts`]);
      await Deno.writeTextFile(
        `${folder}/kustomization.yaml`,
        "resources: [parts/base]\ncomponents: [parts/secure-metrics]\n",
      );
      deepStrictEqual(
        byName(await kustomize(folder)),
        byName(printed(false, true)),
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

testNeeding(
  KUBECTL_NEEDS,
  "an overlay adds what is opt-in, and moves everything to its namespace",
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      await run(["cp", "-r", KUSTOMIZE, `${folder}/parts`]);
      await Deno.writeTextFile(
        `${folder}/kustomization.yaml`,
        [
          "namespace: elsewhere",
          "resources: [parts/base]",
          "components: [parts/pod-monitor, parts/network-policy]",
        ].join("\n"),
      );
      const found = await kustomize(folder);
      const kinds = found.map(({ kind }) => kind);
      ok(kinds.includes("PodMonitor") && kinds.includes("NetworkPolicy"));
      ok(!JSON.stringify(found).includes(NAMESPACE_DEFAULT));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

/** What `foghorn manifests` prints; the Namespace first. */
function printed(
  sysNice: boolean,
  secureMetrics: boolean = false,
): readonly JsonObject[] {
  return installDocuments({
    namespace: NAMESPACE_DEFAULT,
    image: imageOf(VERSION),
    sysNice,
    secureMetrics,
  }).map(plain);
}

function plain(value: unknown): JsonObject {
  return JSON.parse(JSON.stringify(value));
}

function helmTemplate(options: readonly string[]): readonly string[] {
  return [
    ...[HELM, "template", "foghorn", CHART],
    ...["--namespace", NAMESPACE_DEFAULT, "--kube-version", "1.25.0"],
    ...options,
  ];
}

async function template(
  options: readonly string[],
): Promise<readonly JsonObject[]> {
  const { code, stdout, stderr } = await run(helmTemplate(options));
  strictEqual(code, 0, stderr);
  return documentsOf(stdout);
}

/** What the chart installs before its templates. */
async function definitions(): Promise<readonly JsonObject[]> {
  const { stdout } = await run([HELM, "show", "crds", CHART]);
  return documentsOf(stdout);
}

async function kustomize(folder: string): Promise<readonly JsonObject[]> {
  const path = folder.startsWith("/") ? folder : `${KUSTOMIZE}/${folder}`;
  const { code, stdout, stderr } = await run([KUBECTL, "kustomize", path]);
  strictEqual(code, 0, stderr);
  return documentsOf(stdout);
}

function documentsOf(yaml: string): readonly JsonObject[] {
  return parseAllDocuments(yaml).map((document) => document.toJS())
    .filter(isObject);
}

/** Objects by kind and name, without the labels only Helm writes. */
function byName(
  objects: readonly JsonObject[],
): Readonly<Record<string, JsonObject>> {
  const named = objects.map((object) => {
    const { labels, ...metadata } = objectAt(object, "metadata");
    const ours = Object.entries(objectAt({ labels: labels ?? {} }, "labels"))
      .filter(([label]) => !OF_HELM.includes(label));
    const meta = {
      ...metadata,
      ...(ours.length === 0 ? {} : { labels: Object.fromEntries(ours) }),
    };
    const name = `${stringAt(object, "kind")}/${stringAt(meta, "name")}`;
    return [name, { ...object, metadata: meta }] as const;
  });
  strictEqual(new Set(named.map(([name]) => name)).size, named.length);
  return Object.fromEntries(named.toSorted());
}

async function run(
  [command = "", ...args]: readonly string[],
): Promise<
  { readonly code: number; readonly stdout: string; readonly stderr: string }
> {
  const output = await new Deno.Command(command, { args }).output();
  const text = new TextDecoder();
  return {
    code: output.code,
    stdout: text.decode(output.stdout),
    stderr: text.decode(output.stderr),
  };
}

function needOf(title: string, path: string): Need {
  const lack = `${title} is not built: run deno task test:kubernetes`;
  return { kind: "told", lack: path === "" ? lack : undefined };
}
