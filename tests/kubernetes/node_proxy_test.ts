/**
 * NodeProxy: addresses of nodes as those of a Service, and kube-proxy behind
 * them.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { LabClient } from "@/lab/client.ts";
import { LAB_FOLDER } from "@/lab/cluster.ts";
import { LabProcess } from "@/lab/process.ts";
import { programOf } from "@/lab/program.ts";
import type { WhyReport } from "@/node/mod.ts";
import { MAIN } from "../support/sandboxed.ts";
import { until } from "../support/waiting.ts";
import { testOnKubernetes } from "./_stage.ts";
import { type KubernetesLab, MOVE_MS_MAX } from "./lab.ts";
import { servicePath } from "./objects.ts";

for (const mode of ["iptables", "nftables"] as const) {
  testOnKubernetes(
    `NodeProxy with kube-proxy in ${mode} mode`,
    { proxyModes: [mode, mode] },
    async (lab, step) => {
      await lab.startAgents();
      await step(
        "a Service is reached at the addresses of every node, of both families",
        () => reached(lab),
      );
      await step(
        "under Local at those of nodes with an endpoint",
        () => local(lab),
      );
      await step("a node that is labelled so is left out", () => excluded(lab));
      await step(
        "a port that the host listens on is refused by name",
        () => refused(lab),
      );
      await step("nodes are left when the annotation goes", () => leaves(lab));
      if (mode === "iptables") {
        await step("IPVS is refused with the reason", () => ipvs(lab));
      }
    },
  );
}

async function reached(lab: KubernetesLab): Promise<void> {
  const addresses = lab.nodes.flatMap(({ host }) => [host.ipv4, host.ipv6]);
  await expose(lab, "daemonset", { families: ["IPv4", "IPv6"] });
  await shows(lab, addresses);
  for (const address of addresses) {
    for (const client of [lab.client, lab.far]) await answers(client, address);
  }
  const service = await lab.objects.service("web");
  deepStrictEqual(service?.meta.finalizers, []);
  strictEqual(
    service.meta.annotations["node-proxy.openelb.kubesphere.io/internal-ip"],
    lab.nodes.map(({ host }) => host.ipv4).join(",") + "," +
      lab.nodes.map(({ host }) => host.ipv6).join(","),
  );
  strictEqual(conditionOf(service, "AddressAssigned"), "True Assigned ");
  // Whatever became of it is in one Event: it was written once.
  const events = await lab.objects.list("/api/v1/namespaces/default/events");
  deepStrictEqual(
    events.filter(({ involvedObject, reason }) =>
      (involvedObject as { name?: string }).name === "web" &&
      reason === "AssignIP"
    ).map(({ message }) => message),
    [`success to assign ip: ${addresses.join(", ")}`],
  );
}

async function local(lab: KubernetesLab): Promise<void> {
  await expose(lab, "daemonset", { externalTrafficPolicy: "Local" });
  await shows(lab, ["n1"].map((name) => lab.node(name).host.ipv4));
  await answers(lab.client, lab.node("n1").host.ipv4);
  await lab.addPod("web", "n2");
  await shows(lab, lab.nodes.map(({ host }) => host.ipv4));
  await answers(lab.client, lab.node("n2").host.ipv4, "n2");
}

async function excluded(lab: KubernetesLab): Promise<void> {
  const [n1, n2] = lab.nodes.map(({ host }) => host.ipv4);
  if (n1 === undefined || n2 === undefined) throw new Error("Two nodes");
  await expose(lab, "daemonset");
  await shows(lab, [n1, n2]);
  await answers(lab.client, n2);
  await label(lab, "n2", "");
  await shows(lab, [n1]);
  await isSilent(lab.client, n2);
  await answers(lab.client, n1);
  for (const host of ["", "n2"]) {
    deepStrictEqual(await why(lab, host), [
      "ok: n1",
      "n1 Published",
      "n2 NodeProxyExcluded",
    ]);
  }
  await label(lab, "n2", null);
  await shows(lab, [n1, n2]);
  await answers(lab.client, n2);
}

/** The backends of the lab stand for Pods and listen on port 80 of their nodes. */
async function refused(lab: KubernetesLab): Promise<void> {
  await expose(lab, "deployment", { port: 80 });
  let told = "";
  await until(async () => {
    told = conditionOf(await lab.objects.service("web"), "AddressAssigned");
    return told.startsWith("False PortInUse");
  }, { timeoutMs: MOVE_MS_MAX, what: () => `It is "${told}"` });
  match(told, / n1, n2: listens on TCP port 80 itself: use another port/);
  deepStrictEqual(await lab.objects.addresses("web"), []);
  // One that is free is taken at once, of one node.
  const ports = [{ name: "http", port: PORT, targetPort: 80, protocol: "TCP" }];
  await lab.objects.patch(servicePath("web"), { spec: { ports } });
  const [address = ""] = await lab.objects.addressed("web");
  deepStrictEqual(await lab.objects.addresses("web"), [address]);
  await answers(lab.client, address);
  // What begins to listen there is noticed.
  const name = lab.nodes.find(({ host }) => host.ipv4 === address)?.name ?? "";
  const program = server(lab, name, { hostname: "0.0.0.0", port: PORT });
  try {
    const other = lab.nodes.find((node) => node.name !== name);
    await shows(lab, [other?.host.ipv4 ?? ""], LOOK_MS_MAX);
  } finally {
    await program.stop("SIGKILL");
  }
}

async function leaves(lab: KubernetesLab): Promise<void> {
  const addresses = lab.nodes.map(({ host }) => host.ipv4);
  await expose(lab, "daemonset");
  await shows(lab, addresses);
  for (const address of addresses) await answers(lab.client, address);
  await lab.objects.patch(servicePath("web"), {
    metadata: { annotations: { [TYPE]: null } },
  });
  await shows(lab, []);
  for (const address of addresses) await isSilent(lab.client, address);
  const service = await lab.objects.service("web");
  deepStrictEqual(
    Object.keys(service?.meta.annotations ?? {}).filter((name) =>
      name.startsWith("node-proxy")
    ),
    [],
  );
}

/** The kernel of the tests has no IPVS: somebody says so in place of kube-proxy. */
async function ipvs(lab: KubernetesLab): Promise<void> {
  const addresses = lab.nodes.map(({ host }) => host.ipv4);
  await expose(lab, "daemonset");
  await shows(lab, addresses);
  const node = lab.node("n2");
  await node.stopProxy();
  const program = server(lab, "n2", {
    hostname: "127.0.0.1",
    port: 10_249,
    body: "ipvs",
  });
  try {
    await shows(lab, [], LOOK_MS_MAX);
    match(
      conditionOf(await lab.objects.service("web"), "AddressAssigned"),
      /^False IpvsUnsupported kube-proxy is in IPVS mode on n2, /,
    );
  } finally {
    await program.stop("SIGKILL");
    await node.restartProxy();
  }
  await shows(lab, addresses, LOOK_MS_MAX);
}

async function expose(
  lab: KubernetesLab,
  type: string,
  options: {
    readonly port?: number;
    readonly families?: readonly ("IPv4" | "IPv6")[];
    readonly externalTrafficPolicy?: "Cluster" | "Local";
  } = {},
): Promise<void> {
  const { port = PORT, ...others } = options;
  await lab.addPod("web", "n1");
  await lab.objects.createService({
    name: "web",
    annotations: { [TYPE]: type },
    spec: {
      ports: [{ name: "http", port, targetPort: 80, protocol: "TCP" }],
    },
    ...others,
  });
}

/** What `foghorn why` tells of the nodes: to a user, or on a node without a kubeconfig. */
async function why(
  lab: KubernetesLab,
  host: string,
): Promise<readonly string[]> {
  await Deno.writeTextFile(USER, lab.plane.kubeconfig(lab.plane.pki.admin));
  const process = new LabProcess(host, [
    ...programOf(MAIN).helper,
    ...["why", "service", "web", "-o", "json"],
    ...(host === "" ? ["--kubeconfig", USER] : []),
  ], { name: "foghorn why", env: { KUBECONFIG: "" } });
  const { code } = await process.status;
  const text = process.lines.join("\n");
  strictEqual(code, 0, text);
  const { steps }: WhyReport = JSON.parse(text);
  const nodes = steps.find(({ step }) => step === "Nodes");
  return [
    `${nodes?.verdict}: ${nodes?.sentence}`,
    ...nodes?.rows.map(({ name, reason }) => `${name} ${reason}`) ?? [],
  ];
}

/** Waits until a Service shows these addresses and no others. */
async function shows(
  lab: KubernetesLab,
  wanted: readonly string[],
  timeoutMs: number = MOVE_MS_MAX,
): Promise<void> {
  let shown: readonly string[] = [];
  await until(async () => {
    shown = await lab.objects.addresses("web");
    return shown.join() === wanted.join();
  }, { timeoutMs, what: () => `It shows [${shown}], not [${wanted}]` });
}

/** Waits until a client is answered at an address of a node by a Pod. */
async function answers(
  client: LabClient,
  address: string,
  pod = "n1",
): Promise<void> {
  let body: string | undefined;
  await until(async () => {
    ({ body } = await client.request(address, { port: PORT, timeoutMs: 500 }));
    return body === pod;
  }, {
    timeoutMs: MOVE_MS_MAX,
    what: () => `${client.host.name} gets "${body}" of ${address}, not ${pod}`,
  });
}

/** Waits until nobody answers at an address of a node. */
async function isSilent(client: LabClient, address: string): Promise<void> {
  await until(async () => {
    const options = { port: PORT, timeoutMs: 500 };
    return (await client.request(address, options)).status === undefined;
  }, { timeoutMs: MOVE_MS_MAX, what: () => `${address} still answers` });
}

function conditionOf(
  service: Awaited<ReturnType<KubernetesLab["objects"]["service"]>>,
  type: string,
): string {
  const found = service?.conditions.find((one) => one.type === type);
  return found === undefined
    ? ""
    : `${found.status} ${found.reason} ${found.message}`;
}

async function label(
  lab: KubernetesLab,
  node: string,
  value: string | null,
): Promise<void> {
  await lab.objects.patch(`/api/v1/nodes/${node}`, {
    metadata: { labels: { [EXCLUDE]: value } },
  });
}

/** Answers every request on a node. */
function server(
  lab: KubernetesLab,
  node: string,
  { hostname, port, body = "" }: {
    readonly hostname: string;
    readonly port: number;
    readonly body?: string;
  },
): LabProcess {
  const listen = JSON.stringify({ hostname, port });
  return new LabProcess(lab.node(node).name, [
    Deno.execPath(),
    "eval",
    `Deno.serve(${listen}, () => new Response(${JSON.stringify(body)}))`,
  ], { name: `server of ${node}` });
}

const USER = `${LAB_FOLDER}/user.kubeconfig`;
const TYPE = "node-proxy.openelb.kubesphere.io/type";
const EXCLUDE = "node-proxy.openelb.kubesphere.io/exclude-node";
const PORT = 8080;
/** Twice as often as the host is looked at, and what follows. */
const LOOK_MS_MAX = 35_000;
