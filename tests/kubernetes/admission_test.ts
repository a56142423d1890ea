/**
 * The webhook on a real API server, which asks the agents on the nodes by their
 * addresses: what is refused, what is shown where nobody was reached, and the
 * certificate that all of it hangs on.
 *
 * The cluster had OpenELB before: its objects were stored under its definitions,
 * then ours took their place.
 *
 * @module
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { connect } from "node:tls";
import { crdDocuments } from "@/api/crds.ts";
import {
  ADMISSION_SECRET_NAME,
  API_GROUP,
  API_GROUP_VERSION,
  NAMESPACE_DEFAULT,
  WEBHOOK_NAME,
  WEBHOOK_PORT_DEFAULT,
} from "@/api/names.ts";
import { webhookNames } from "@/api/webhook_configuration.ts";
import {
  certificateFacts,
  makeServerCertificate,
} from "@/io/pki/certificate.ts";
import {
  arrayAt,
  type Json,
  type JsonObject,
  objectAt,
  stringAt,
  valueAt,
} from "@/lab/apiserver/json.ts";
import { eipObject } from "@/lab/objects.ts";
import { admissionObjects } from "@/manifests/admission.ts";
import {
  OPENELB_OBJECTS,
  openElbDefinition,
} from "../support/openelb_objects.ts";
import { until } from "../support/waiting.ts";
import { testOnKubernetes } from "./_stage.ts";
import type { KubeAnswer } from "./kube_client.ts";
import type { KubernetesLab } from "./lab.ts";
import { CRDS, eipPath, EIPS } from "./objects.ts";

testOnKubernetes(
  "the webhook keeps mistakes out, and what OpenELB stored stays usable",
  { proxyModes: ["iptables", "nftables"], kinds: false },
  async (lab, step) => {
    await storeAsOpenElb(lab);
    await replaceDefinitions(lab);
    await exposeWebhook(lab);
    await lab.startAgents();
    await step(
      "what OpenELB stored is judged, edited and deleted while the webhook is asked",
      () => useUp(lab),
    );
    await step(
      "the elected agent makes the certificate, and every agent serves it",
      () => certify(lab),
    );
    for (const { name, ...row } of REFUSALS) {
      // deno-lint-ignore no-await-in-loop -- one step after the other
      await step(
        row.bySchema === true
          ? `${name} is refused by the schema`
          : `${name} is refused in OpenELB's words`,
        () => refuse(lab, row),
      );
    }
    await step(
      "an address may be edited as long as no used one falls out",
      () => editAddress(lab),
    );
    await step(
      "where no webhook is reached mistakes are stored, and show as conditions",
      () => missWebhook(lab),
    );
    await step(
      "a certificate that ends soon is renewed, and no question is lost meanwhile",
      () => renew(lab),
    );
    await step(
      "a Secret that was deleted, and a caBundle that was taken out, come back",
      () => restore(lab),
    );
  },
);

/** Mistakes that the API server passes on to its user. */
const REFUSALS: readonly Refusal[] = [
  {
    name: "an address that is none",
    spec: { address: "192.0.2.1/33" },
    text: /invalid eip address format/,
  },
  {
    name: "an overlap",
    before: { address: "198.51.100.0/28" },
    spec: { address: "198.51.100.15" },
    text: /eip address overlap with before/,
  },
  {
    name: "an overlap that a client of v1alpha1 makes",
    version: "v1alpha1",
    before: { address: "198.51.100.0/28" },
    spec: { address: "198.51.100.15" },
    text: /eip address overlap with before/,
  },
  {
    name: "a second default",
    before: { address: "198.51.100.1" },
    isDefault: true,
    spec: { address: "198.51.100.2" },
    text: /already exists a default EIP/,
  },
  {
    name:
      "a preference by a selector that is none, beside an Eip with right ones",
    before: {
      address: "198.51.100.1",
      enforceNamespaces: true,
      namespaces: ["default"],
      serviceSelector: { matchLabels: { tier: "web" } },
      nodeSelector: {
        matchExpressions: [{ key: "rack", operator: "NotIn", values: ["r9"] }],
      },
      preferredNodes: [
        { weight: 100, preference: { matchLabels: { rack: "r1" } } },
        { weight: 1, preference: {} },
      ],
    },
    spec: {
      address: "198.51.100.2",
      preferredNodes: [{
        weight: 1,
        preference: { matchExpressions: [{ key: "rack", operator: "In" }] },
      }],
    },
    text:
      /spec\.preferredNodes\[0\]\.preference\.matchExpressions cannot be In without values/,
  },
  {
    name: "a weight above 100",
    bySchema: true,
    spec: {
      address: "198.51.100.2",
      preferredNodes: [{ weight: 101, preference: {} }],
    },
    text: /spec\.preferredNodes\[0\]\.weight/,
  },
  {
    name: "a BgpPeer whose neighbor is a name",
    plural: "bgppeers",
    spec: { conf: { neighborAddress: "router", peerAs: 1 } },
    text: /field Spec\.Conf\.NeighborAddress invalid/,
  },
  {
    name: "a BgpConf whose router ID is none",
    plural: "bgpconfs",
    spec: { as: 4_294_967_295, routerId: "router" },
    text: /spec\.routerId cannot be "router"/,
  },
];

interface Refusal {
  readonly name: string;
  readonly spec: JsonObject;
  readonly text: RegExp;
  readonly before?: JsonObject;
  readonly isDefault?: boolean;
  readonly plural?: string;
  readonly version?: string;
  /** Whether the definition refuses it, before any webhook is asked. */
  readonly bySchema?: boolean;
}

async function certify(lab: KubernetesLab): Promise<void> {
  await untilAsked(lab);
  const { data, metadata } = await lab.objects.read(SECRET) ?? {};
  strictEqual(stringAt(metadata, "name"), ADMISSION_SECRET_NAME);
  const pair = pairOf(data);
  const facts = certificateFacts(pair, text(data, "ca.crt"));
  ok(typeof facts === "object", String(facts));
  deepStrictEqual(facts.names, webhookNames(NAMESPACE_DEFAULT));
  strictEqual(await bundle(lab), valueAt(data, "ca.crt"));
  for (const node of lab.nodes) {
    // deno-lint-ignore no-await-in-loop -- one node after the other
    await untilServes(node.host.managementIp ?? "", text(data, "ca.crt"));
  }
  // The keys go nowhere but into the Secret.
  for (const { agent } of lab.nodes) {
    const printed = agent?.lines.join("\n") ?? "";
    strictEqual(printed.includes("PRIVATE KEY"), false);
    strictEqual(printed.includes(String(valueAt(data, "tls.key"))), false);
  }
}

async function useUp(lab: KubernetesLab): Promise<void> {
  const { plane, objects } = lab;
  await untilAsked(lab);
  for (const { name, plural, object } of OPENELB_OBJECTS) {
    const path = `${COLLECTION}/${plural}/${
      stringAt(object, "metadata", "name")
    }`;
    // deno-lint-ignore no-await-in-loop -- one after the other
    await until(
      async () =>
        conditions(await objects.read(path)).length > 0 ||
        isOfCni(object),
      { timeoutMs: WAIT_MS_MAX, what: () => `${name} has no condition` },
    );
    for (const patch of EDITS) {
      // deno-lint-ignore no-await-in-loop -- one after the other
      const { code, body } = await untilUncontested(() =>
        plane.request("PATCH", path, patch)
      );
      strictEqual(code, 200, `${name}: ${body["message"]}`);
    }
  }
  for (const { plural, object } of OPENELB_OBJECTS) {
    const path = `${COLLECTION}/${plural}/${
      stringAt(object, "metadata", "name")
    }`;
    // deno-lint-ignore no-await-in-loop -- one after the other
    await objects.remove(path);
  }
}

async function refuse(
  lab: KubernetesLab,
  row: Omit<Refusal, "name">,
): Promise<void> {
  const { plural = "eips", version = "v1alpha2", isDefault = false } = row;
  await untilAsked(lab);
  if (row.before !== undefined) {
    const before = await create(lab, "eips", "before", row);
    strictEqual(before.code, 201, String(before.body["message"]));
  }
  const object = {
    apiVersion: `${API_GROUP}/${version}`,
    kind: KINDS[plural] ?? "",
    metadata: { name: "mistake", ...(isDefault ? DEFAULT : {}) },
    spec: row.spec,
  };
  const path = `/apis/${API_GROUP}/${version}/${plural}?dryRun=All`;
  let answer: KubeAnswer | undefined;
  // Both agents are asked in turn, and may hear of it one after the other.
  await until(async () => {
    answer = await lab.plane.request("POST", path, object);
    return answer.code !== 201;
  }, { timeoutMs: WAIT_MS_MAX, what: () => "It is stored" });
  strictEqual(answer?.code, row.bySchema === true ? 422 : 403);
  const message = String(answer?.body["message"]);
  match(message, row.text);
  if (row.bySchema === true) return;
  match(
    message,
    /admission webhook "[a-z]+\.network\.kubesphere\.io" denied/,
  );
}

async function editAddress(lab: KubernetesLab): Promise<void> {
  const vip = "198.51.100.7";
  await lab.objects.createEip({
    name: "web",
    address: "198.51.100.7-198.51.100.9",
  });
  await lab.objects.createService({ name: "web", eip: "web" });
  deepStrictEqual(await lab.objects.addressed("web"), [vip]);
  await lab.objects.hasUsed("web", { "default/web": vip });
  const edit = (address: string): Promise<KubeAnswer> =>
    untilUncontested(() =>
      lab.plane.request("PATCH", eipPath("web"), { spec: { address } })
    );
  for (const address of ["198.51.100.0/24", vip, "198.51.100.6-198.51.100.7"]) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    const { code, body } = await edit(address);
    strictEqual(code, 200, String(body["message"]));
  }
  const { code, body } = await edit("198.51.100.8-198.51.100.9");
  strictEqual(code, 403);
  match(
    String(body["message"]),
    /the address field is not allowed to be modified: .*198\.51\.100\.7 \(default\/web\)/,
  );
  // It carries our finalizer while it is in use, and not after.
  strictEqual(finalizers(await lab.objects.read(eipPath("web"))), 1);
  await lab.objects.remove("/api/v1/namespaces/default/services/web");
  await until(
    async () => finalizers(await lab.objects.read(eipPath("web"))) === 0,
    { timeoutMs: WAIT_MS_MAX, what: () => "The finalizer stays" },
  );
  strictEqual((await edit("198.51.100.8-198.51.100.9")).code, 200);
}

async function missWebhook(lab: KubernetesLab): Promise<void> {
  const { objects } = lab;
  await objects.createEip({
    name: "web",
    address: "198.51.100.7-198.51.100.9",
  });
  await objects.createService({ name: "web", eip: "web" });
  await objects.hasUsed("web", { "default/web": "198.51.100.7" });
  await objects.delete(SLICE);
  await objects.delete(ENDPOINTS);
  try {
    await until(
      async () => (await tryMistake(lab)).code === 201,
      { timeoutMs: WAIT_MS_MAX, what: () => "The webhook is still reached" },
    );
    // Of one second, it comes after the other by its name.
    const made = await create(lab, "eips", "younger", {
      spec: {},
      before: { address: "198.51.100.9-198.51.100.20" },
    });
    strictEqual(made.code, 201);
    await shows(lab, "younger", "Ready", /^eip address overlap with web/);
    await objects.patch(eipPath("web"), {
      spec: { address: "198.51.100.8-198.51.100.9" },
    });
    await shows(
      lab,
      "web",
      "Degraded",
      /^the address field is not allowed to be modified: .*198\.51\.100\.7 \(default\/web\)/,
    );
    // Nobody loses an address by it.
    deepStrictEqual(await objects.addresses("web"), ["198.51.100.7"]);
  } finally {
    await createEndpoints(lab);
  }
  await untilAsked(lab);
  // What got past it can be mended, and what does not touch it be edited.
  await objects.patch(eipPath("younger"), { metadata: { labels: { x: "1" } } });
  await objects.patch(eipPath("younger"), {
    spec: { address: "198.51.100.99" },
  });
  await shows(lab, "younger", "Ready", /^$/);
}

async function renew(lab: KubernetesLab): Promise<void> {
  await untilAsked(lab);
  const { data } = await lab.objects.read(SECRET) ?? {};
  const authority = { cert: text(data, "ca.crt"), key: text(data, "ca.key") };
  const nowMs = Date.now();
  const soon = await makeServerCertificate(authority, {
    names: webhookNames(NAMESPACE_DEFAULT),
    notBeforeMs: nowMs - 3_600_000,
    notAfterMs: nowMs + 600_000,
  });
  let running = true;
  let asked = 0;
  const load = Promise.all(Array.from({ length: 4 }, async () => {
    while (running) {
      // deno-lint-ignore no-await-in-loop -- one question after the other
      const { code, body } = await tryMistake(lab);
      // Let through, as the webhook was not reached, it would be 201.
      strictEqual(code, 403, String(body["message"]));
      asked++;
    }
  }));
  await lab.objects.patch(SECRET, {
    data: { "tls.crt": btoa(soon.cert), "tls.key": btoa(soon.key) },
  });
  await until(async () => {
    const now = pairOf((await lab.objects.read(SECRET))?.["data"]);
    return now.cert !== soon.cert && now.key !== soon.key;
  }, { timeoutMs: WAIT_MS_MAX, what: () => "It is not renewed" });
  const before = asked;
  await until(() => asked > before + 20, {
    timeoutMs: WAIT_MS_MAX,
    what: () => "Nothing is asked",
  });
  running = false;
  await load;
  // The authority signs on, so that nothing had to be told to the API server.
  strictEqual(await bundle(lab), valueAt(data, "ca.crt"));
}

async function restore(lab: KubernetesLab): Promise<void> {
  await untilAsked(lab);
  await lab.objects.remove(SECRET);
  await until(
    async () => await lab.objects.read(SECRET) !== undefined,
    { timeoutMs: WAIT_MS_MAX, what: () => "No Secret is made" },
  );
  const { webhooks = [] } = webhookConfiguration();
  await lab.objects.patch(CONFIGURATION, { webhooks });
  strictEqual(await bundle(lab), "");
  await untilAsked(lab);
  const { data } = await lab.objects.read(SECRET) ?? {};
  strictEqual(await bundle(lab), valueAt(data, "ca.crt"));
}

/** Waits until the API server asks, and is answered, whichever agent it asks. */
async function untilAsked(lab: KubernetesLab): Promise<void> {
  let inRow = 0;
  let last: KubeAnswer | undefined;
  await until(async () => {
    last = await tryMistake(lab);
    inRow = last.code === 403 ? inRow + 1 : 0;
    return inRow >= ANSWERS_IN_ROW;
  }, {
    timeoutMs: WAIT_MS_MAX,
    what: () =>
      `The webhook does not answer: ${last?.code} ${last?.body["message"]}\n${
        lab.nodes.map(({ agent }) => agent?.lines.slice(-5).join("\n"))
          .join("\n")
      }`,
  });
}

/** Tries to store what is wrong; nothing is kept of it. */
function tryMistake(lab: KubernetesLab): Promise<KubeAnswer> {
  const eip = eipObject({ name: "mistake", address: "none" });
  return lab.plane.request("POST", `${EIPS}?dryRun=All`, eip);
}

/** Tries again what an agent was faster to change. */
async function untilUncontested(
  ask: () => Promise<KubeAnswer>,
): Promise<KubeAnswer> {
  let answer = await ask();
  // deno-lint-ignore no-await-in-loop -- one try after the other
  while (answer.code === 409) answer = await ask();
  return answer;
}

function create(
  lab: KubernetesLab,
  plural: string,
  name: string,
  row: Pick<Refusal, "spec" | "before" | "isDefault">,
): Promise<KubeAnswer> {
  return lab.plane.request("POST", `${COLLECTION}/${plural}`, {
    apiVersion: API_GROUP_VERSION,
    kind: KINDS[plural] ?? "",
    metadata: { name, ...(row.isDefault === true ? DEFAULT : {}) },
    spec: { protocol: "layer2", ...row.before },
  });
}

async function shows(
  lab: KubernetesLab,
  eip: string,
  type: string,
  wanted: RegExp,
): Promise<void> {
  let found = "";
  await until(async () => {
    const condition = conditions(await lab.objects.read(eipPath(eip)))
      .find((one) => valueAt(one, "type") === type);
    found = stringAt(condition, "message");
    return condition !== undefined && wanted.test(found);
  }, {
    timeoutMs: WAIT_MS_MAX,
    what: () => `${type} of ${eip} says "${found}"`,
  });
}

/** Waits until the agent at an address serves a certificate of an authority. */
async function untilServes(address: string, authority: string): Promise<void> {
  // From where the API server is, which is where this runs.
  await until(() => servedBy(address, authority), {
    timeoutMs: WAIT_MS_MAX,
    what: () => `Nothing that is believed is served at ${address}`,
  });
}

function servedBy(address: string, authority: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({
      host: address,
      port: WEBHOOK_PORT_DEFAULT,
      servername: webhookNames(NAMESPACE_DEFAULT)[0] ?? "",
      ca: authority,
    }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

async function storeAsOpenElb(lab: KubernetesLab): Promise<void> {
  const { objects, plane } = lab;
  for (const [plural, kind] of Object.entries(KINDS)) {
    const definition = openElbDefinition({ group: API_GROUP, plural, kind });
    // deno-lint-ignore no-await-in-loop -- one after the other
    await objects.create(CRDS, definition);
  }
  for (const { plural, object } of OPENELB_OBJECTS) {
    const { status, ...rest } = object;
    const collection = `${COLLECTION}/${plural}`;
    // deno-lint-ignore no-await-in-loop -- one after the other
    await objects.create(collection, {
      apiVersion: API_GROUP_VERSION,
      kind: KINDS[plural] ?? "",
      ...rest,
    });
    if (status === undefined) continue;
    const path = `${collection}/${stringAt(object, "metadata", "name")}/status`;
    // deno-lint-ignore no-await-in-loop -- one after the other
    await plane.admin.must("PATCH", path, { status });
  }
}

async function replaceDefinitions(lab: KubernetesLab): Promise<void> {
  for (const document of crdDocuments()) {
    const { metadata, spec } = asJson(document);
    const path = `${CRDS}/${stringAt(metadata, "name")}`;
    // deno-lint-ignore no-await-in-loop -- one after the other
    await lab.objects.patch(path, { spec: spec ?? {} });
  }
}

async function exposeWebhook(lab: KubernetesLab): Promise<void> {
  await lab.objects.create(SERVICES, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: WEBHOOK_NAME },
    spec: {
      ports: [{ name: "webhook", port: 443, targetPort: WEBHOOK_PORT_DEFAULT }],
    },
  });
  await createEndpoints(lab);
  await lab.objects.create(
    CONFIGURATION.slice(0, CONFIGURATION.lastIndexOf("/")),
    webhookConfiguration(),
  );
}

/** The agents as the Service's endpoints: what its selector finds where there are kubelets. */
async function createEndpoints(lab: KubernetesLab): Promise<void> {
  const addresses = lab.nodes.map(({ host }) => host.managementIp ?? "");
  // An older API server dials by these.
  await lab.objects.create(ENDPOINTS.slice(0, ENDPOINTS.lastIndexOf("/")), {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name: WEBHOOK_NAME },
    subsets: [{
      addresses: addresses.map((ip) => ({ ip })),
      ports: [{ name: "webhook", port: WEBHOOK_PORT_DEFAULT, protocol: "TCP" }],
    }],
  });
  await lab.objects.create(SLICE.slice(0, SLICE.lastIndexOf("/")), {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: WEBHOOK_NAME,
      labels: { "kubernetes.io/service-name": WEBHOOK_NAME },
    },
    addressType: "IPv4",
    endpoints: addresses.map((address) => ({
      addresses: [address],
      conditions: { ready: true },
    })),
    ports: [{ name: "webhook", port: WEBHOOK_PORT_DEFAULT, protocol: "TCP" }],
  });
}

/** The configuration as it is shipped. */
function webhookConfiguration(): JsonObject {
  const [, configuration] = admissionObjects(NAMESPACE_DEFAULT);
  return asJson(configuration);
}

async function bundle(lab: KubernetesLab): Promise<string> {
  const [webhook] = arrayAt(
    await lab.objects.read(CONFIGURATION) ?? {},
    "webhooks",
  );
  return stringAt(webhook, "clientConfig", "caBundle");
}

function pairOf(
  data: unknown,
): { readonly cert: string; readonly key: string } {
  return { cert: text(data, "tls.crt"), key: text(data, "tls.key") };
}

function text(data: unknown, field: string): string {
  return atob(String(objectAt({ data: asJson(data) }, "data")[field] ?? ""));
}

function conditions(object: JsonObject | undefined): readonly Json[] {
  return arrayAt(object ?? {}, "status", "conditions");
}

function finalizers(object: JsonObject | undefined): number {
  return arrayAt(object ?? {}, "metadata", "finalizers").length;
}

function isOfCni(object: JsonObject): boolean {
  return stringAt(object, "metadata", "labels", "openelb.kubesphere.io/cni") !==
    "";
}

function asJson(value: unknown): JsonObject {
  return JSON.parse(JSON.stringify(value ?? {}));
}

const KINDS: Readonly<Record<string, string>> = {
  eips: "Eip",
  bgpconfs: "BgpConf",
  bgppeers: "BgpPeer",
};
const DEFAULT = {
  annotations: { "eip.openelb.kubesphere.io/is-default-eip": "true" },
};
const EDITS: readonly JsonObject[] = [
  { metadata: { labels: { edited: "yes" } } },
  { metadata: { annotations: { edited: "yes" }, finalizers: [] } },
];
const COLLECTION = `/apis/${API_GROUP_VERSION}`;
const SERVICES = `/api/v1/namespaces/${NAMESPACE_DEFAULT}/services`;
const SECRET =
  `/api/v1/namespaces/${NAMESPACE_DEFAULT}/secrets/${ADMISSION_SECRET_NAME}`;
const ENDPOINTS =
  `/api/v1/namespaces/${NAMESPACE_DEFAULT}/endpoints/${WEBHOOK_NAME}`;
const SLICE =
  `/apis/discovery.k8s.io/v1/namespaces/${NAMESPACE_DEFAULT}/endpointslices/${WEBHOOK_NAME}`;
const CONFIGURATION =
  `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${WEBHOOK_NAME}`;
// The API server asks one endpoint after the other by chance.
const ANSWERS_IN_ROW = 8;
const WAIT_MS_MAX = 60_000;
