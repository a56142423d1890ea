/**
 * `deploy/foghorn.yaml` on a real API server: it is taken as it is, its rights
 * are what an agent needs, and everything of it can be deleted again.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import {
  BGP_FINALIZER,
  CLEANUP_FINALIZER,
  FOGHORN_NAME,
  NAMESPACE_DEFAULT,
} from "@/api/names.ts";
import {
  arrayAt,
  type JsonObject,
  objectAt,
  stringAt,
  valueAt,
} from "@/lab/apiserver/json.ts";
import { stepsOf } from "../support/steps.ts";
import {
  CHART,
  EIPS,
  HELM_NEED,
  type InstalledAgent,
  InstallStage,
  MANIFESTS,
} from "./_install_stage.ts";
import { testWithKubernetes } from "./_stage.ts";

testWithKubernetes(
  "an installation is applied, runs, and is deleted",
  async (t, binaries) => {
    await using stage = await InstallStage.open(binaries);
    const step = stepsOf(t);
    await step(
      "the manifests are taken, and once more change nothing",
      () => isApplied(stage),
    );
    await step("a Pod of the DaemonSet is admitted", () => isAdmitted(stage));
    await step(
      "without an agent kubectl delete -f ends",
      () => isDeleted(stage),
    );
    await step("without Services it ends, while an agent runs", async () => {
      await apply(stage);
      const agent = await stage.startAgent();
      await isDeleted(stage);
      await ends(agent);
    });
    await step("with Services it ends, and they are free", async () => {
      await apply(stage);
      const agent = await stage.startAgent();
      const names = [await stage.serve(), await stage.serve()];
      for (const path of HELD) {
        await stage.until(`${path} is held`, () => isHeld(stage, path));
      }
      const given = await Promise.all(
        names.map((name) => stage.addresses(name)),
      );
      await isDeleted(stage);
      for (const name of names) {
        await isFree(stage, name);
      }
      deepStrictEqual(
        await Promise.all(names.map((name) => stage.addresses(name))),
        given,
      );
      await ends(agent);
    });
    await step(
      "with OpenELB's finalizers on a BgpConf and a BgpPeer it ends",
      async () => {
        await apply(stage);
        const agent = await stage.startAgent();
        await leaveBgpObjects(stage);
        for (const path of HELD) {
          await stage.until(`${path} is held`, () => isHeld(stage, path));
        }
        await isDeleted(stage);
        await ends(agent);
      },
    );
    await step(
      "foghorn uninstall leaves nothing of ours",
      () => isUninstalled(stage),
    );
    await step(
      "installed anew, each Service has the address it had",
      () => isInstalledAnew(stage),
    );
  },
);

testWithKubernetes(
  "an agent of each role has rights enough",
  async (t, binaries) => {
    await using stage = await InstallStage.open(binaries);
    const step = stepsOf(t);
    await apply(stage);
    await step(
      "one of role controller is ready, and gives addresses out",
      async () => {
        const agent = await stage.startAgent(["--role=controller"]);
        await stage.serve();
        ok(!await stage.isThere(`${LEASES}/foghorn-node-n1`));
        await ends(agent);
      },
    );
    await step("one of role node is ready, and does not lead", async () => {
      const agent = await stage.startAgent(["--role=node"]);
      ok(await stage.isThere(`${LEASES}/foghorn-node-n1`));
      const lease = await stage.plane.admin.must("GET", CONTROLLER_LEASE);
      strictEqual(stringAt(lease, "spec", "holderIdentity"), "");
      await ends(agent);
    });
  },
);

testWithKubernetes(
  "a release of the chart is installed, runs, and is uninstalled",
  async (_, binaries) => {
    await using stage = await InstallStage.open(binaries);
    const to = ["--namespace", NAMESPACE_DEFAULT];
    const installed = await stage.helm(
      ...["install", FOGHORN_NAME, CHART, "--create-namespace", ...to],
    );
    strictEqual(installed.code, 0, installed.text);
    const agent = await stage.startAgent();
    const name = await stage.serve();
    for (const path of HELD) {
      await stage.until(`${path} is held`, () => isHeld(stage, path));
    }
    const upgraded = await stage.helm(
      ...["upgrade", FOGHORN_NAME, CHART, "--set", "speaker.sysNice=true"],
      ...to,
    );
    strictEqual(upgraded.code, 0, upgraded.text);
    for (const path of HELD) ok(await isHeld(stage, path), `${path} is held`);
    const gone = await stage.helm(
      ...["uninstall", FOGHORN_NAME, "--wait", "--timeout=60s", ...to],
    );
    strictEqual(gone.code, 0, gone.text);
    for (const path of HELD) {
      await stage.until(
        `${path} is gone`,
        async () => !await stage.isThere(path),
      );
    }
    await isFree(stage, name);
    // Helm leaves what is in crds/; pools stay, and nothing holds them.
    const { items } = await stage.plane.admin.must("GET", EIPS);
    for (const eip of Array.isArray(items) ? items : []) {
      deepStrictEqual(arrayAt(eip, "metadata", "finalizers"), []);
    }
    await ends(agent);
  },
  [HELM_NEED],
);

async function apply(stage: InstallStage): Promise<string> {
  const { code, text } = await stage.kubectl(
    ...["apply", "--validate=strict", "-f", MANIFESTS],
  );
  strictEqual(code, 0, text);
  ok(!/warning/i.test(text), text);
  return text;
}

async function isApplied(stage: InstallStage): Promise<void> {
  const created = (await apply(stage)).trim().split("\n");
  ok(created.every((line) => line.endsWith(" created")), created.join("\n"));
  const again = (await apply(stage)).trim().split("\n");
  // The server writes a schema's bounds as floating-point numbers, which kubectl
  // takes for a change; nothing is stored anew.
  const [kinds, others] = [
    again.filter((line) => line.startsWith("customresourcedefinition.")),
    again.filter((line) => !line.startsWith("customresourcedefinition.")),
  ];
  ok(others.every((line) => line.endsWith(" unchanged")), again.join("\n"));
  strictEqual(kinds.length, 3);
  const { items } = await stage.plane.admin.must("GET", CRDS);
  for (const kind of Array.isArray(items) ? items : []) {
    strictEqual(valueAt(kind, "metadata", "generation"), 1);
  }
}

/** Without a DaemonSet controller and a kubelet: the Pod it would create is, without being kept. */
async function isAdmitted(stage: InstallStage): Promise<void> {
  const daemonSet = await stage.plane.admin.must("GET", DAEMON_SET);
  const template = objectAt(daemonSet, "spec", "template");
  const pod = await stage.plane.admin.must(
    "POST",
    `/api/v1/namespaces/${NAMESPACE_DEFAULT}/pods?dryRun=All&fieldValidation=Strict`,
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...objectAt(template, "metadata"), name: "agent" },
      spec: objectAt(template, "spec"),
    },
  );
  strictEqual(valueAt(pod, "spec", "hostNetwork"), true);
  const [container] = arrayAt(pod, "spec", "containers");
  const limits = objectAt(container, "resources", "limits");
  deepStrictEqual(Object.keys(limits), ["memory"]);
  strictEqual(stringAt(pod, "status", "qosClass"), "Burstable");
}

async function isDeleted(stage: InstallStage): Promise<void> {
  const { code, text, tookMs } = await stage.kubectl(
    ...["delete", "-f", MANIFESTS, "--timeout=60s"],
  );
  strictEqual(code, 0, text);
  ok(tookMs < DELETED_MS_MAX, `It took ${tookMs} ms`);
  for (const path of [...HELD, ...OTHERS]) {
    ok(!await stage.isThere(path), `${path} is left`);
  }
}

/** As OpenELB's speakers leave them. */
async function leaveBgpObjects(stage: InstallStage): Promise<void> {
  const metadata = { finalizers: [BGP_FINALIZER] };
  await stage.plane.admin.must("POST", BGP_CONFS, {
    apiVersion: "network.kubesphere.io/v1alpha2",
    kind: "BgpConf",
    metadata: { ...metadata, name: "default" },
    spec: { as: 64_512, listenPort: 17_900, routerId: "198.51.100.11" },
  });
  await stage.plane.admin.must("POST", BGP_PEERS, {
    apiVersion: "network.kubesphere.io/v1alpha2",
    kind: "BgpPeer",
    metadata: { ...metadata, name: "router" },
    spec: { conf: { neighborAddress: "198.51.100.1", peerAs: 64_513 } },
  });
}

async function isHeld(stage: InstallStage, path: string): Promise<boolean> {
  const object = await stage.plane.admin.must("GET", path);
  return arrayAt(object, "metadata", "finalizers").includes(CLEANUP_FINALIZER);
}

async function isFree(stage: InstallStage, name: string): Promise<void> {
  const service: JsonObject = await stage.service(name);
  deepStrictEqual(arrayAt(service, "metadata", "finalizers"), []);
  deepStrictEqual(objectAt(service, "metadata", "labels"), {});
}

async function isUninstalled(stage: InstallStage): Promise<void> {
  await apply(stage);
  const agent = await stage.startAgent();
  const name = await stage.serve();
  const given = await stage.addresses(name);
  const uninstalled = stage.foghorn("uninstall", "--with-crds");
  // Nobody deletes the Pods of a DaemonSet here; a kubelet would end the agent.
  await stage.until(
    "its DaemonSet is deleted",
    async () => !await stage.isThere(DAEMON_SET),
  );
  await ends(agent);
  const { code, text } = await uninstalled;
  strictEqual(code, 0, text);
  match(text, /Finalizers and labels are off \d+ Services/);
  for (const path of [...HELD, ...OTHERS].filter((one) => one !== NAMESPACE)) {
    ok(!await stage.isThere(path), `${path} is left`);
  }
  const leases = await stage.plane.admin.must("GET", LEASES);
  deepStrictEqual(arrayAt(leases, "items"), []);
  await isFree(stage, name);
  deepStrictEqual(await stage.addresses(name), given);
  const again = await stage.foghorn("uninstall", "--with-crds");
  strictEqual(again.code, 0, again.text);
}

/** Pools are made again as they were; nothing but the statuses of Services says who had what. */
async function isInstalledAnew(stage: InstallStage): Promise<void> {
  const before = new Map<string, readonly string[]>();
  const list = await stage.plane.admin.must("GET", SERVICES);
  for (const service of arrayAt(list, "items")) {
    const name = stringAt(service, "metadata", "name");
    if (!name.startsWith("web-")) continue;
    before.set(name, await stage.addresses(name));
  }
  ok(before.size >= 3);
  await apply(stage);
  const agent = await stage.startAgent();
  await stage.createPoolsAgain();
  await stage.serve();
  for (const [name, addresses] of before) {
    await stage.until(
      `${name} is ours again`,
      async () =>
        arrayAt(await stage.service(name), "metadata", "finalizers").length > 0,
    );
    deepStrictEqual(await stage.addresses(name), addresses);
  }
  await ends(agent);
}

async function ends({ process }: InstalledAgent): Promise<void> {
  strictEqual(await process.stop(), 0, process.lines.slice(-10).join("\n"));
}

const NAMESPACE = `/api/v1/namespaces/${NAMESPACE_DEFAULT}`;
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const HELD = [
  `${NAMESPACE}/serviceaccounts/${FOGHORN_NAME}`,
  `${RBAC}/clusterroles/${FOGHORN_NAME}`,
  `${RBAC}/clusterrolebindings/${FOGHORN_NAME}`,
];
const BGP_CONFS = "/apis/network.kubesphere.io/v1alpha2/bgpconfs";
const BGP_PEERS = "/apis/network.kubesphere.io/v1alpha2/bgppeers";
const DAEMON_SET =
  `/apis/apps/v1/namespaces/${NAMESPACE_DEFAULT}/daemonsets/${FOGHORN_NAME}`;
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const OTHERS = [
  NAMESPACE,
  DAEMON_SET,
  EIPS,
  `${CRDS}/eips.network.kubesphere.io`,
  "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/foghorn-admission",
  `${NAMESPACE}/services/foghorn-admission`,
  `${NAMESPACE}/secrets/foghorn-admission-certificate`,
];
const SERVICES = "/api/v1/namespaces/default/services";
const LEASES =
  `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE_DEFAULT}/leases`;
const CONTROLLER_LEASE = `${LEASES}/openelb-controller`;
const DELETED_MS_MAX = 60_000;
