/**
 * What is lost in a cluster and comes back: its database, its pools, its
 * Services, an agent's token, our kinds.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { NAMESPACE_DEFAULT } from "@/api/names.ts";
import { arrayAt, type Json, stringAt } from "@/lab/apiserver/json.ts";
import { until } from "../support/waiting.ts";
import { speakersOf } from "../support/wire_evidence.ts";
import { testOnKubernetes } from "./_stage.ts";
import { AGENT_ACCOUNT, EXPIRY_MS_MAX, type KubernetesLab } from "./lab.ts";
import type { KubeNode } from "./node.ts";
import { eipPath, servicePath, servicesPath, WAIT_MS_MAX } from "./objects.ts";

const OLD = "192.168.0.91";
const NEW = "192.168.0.92";
const POOL = "192.168.0.101-192.168.0.110";

testOnKubernetes(
  "what was lost comes back",
  { proxyModes: ["iptables", "nftables"] },
  async (lab, step) => {
    await lab.startAgents();
    await step(
      "etcd is restored to before a Service existed",
      () => restoresEtcd(lab),
    );
    await step("an Eip is made again, empty", () => remakesEip(lab));
    await step(
      "Services are made again without status while their Eip remembers",
      () => remakesServices(lab),
    );
    await step("a token is rotated", () => rotatesToken(lab));
    await step(
      "two agents under one node name: the second refuses",
      () => sharesName(lab),
    );
  },
);

testOnKubernetes(
  "an agent waits for our kinds",
  { proxyModes: ["iptables"], kinds: false },
  async (lab, step) => {
    const node = lab.node("n1");
    const agent = node.startAgent();
    await until(async () => {
      const answer = await node.ask("/readyz");
      return answer.ok && answer.status === 503 &&
        answer.body.includes("watch eip");
    }, {
      timeoutMs: 30_000,
      what: () => "/readyz does not say what is missing",
    });
    await agent.line(
      (line) => /eip/.test(line) && /deno task crds/.test(line),
      {
        timeoutMs: 30_000,
      },
    );
    await step("and works when they come", async () => {
      await lab.objects.createKinds();
      await node.waitReady();
      strictEqual(node.agent, agent);
      const web = { name: "web", vips: [OLD], on: ["n1"] };
      await lab.expose(web);
      await lab.hasAddresses(web);
      await lab.isAnsweredBy(OLD, node, ["n1"]);
    });
  },
);

async function restoresEtcd(lab: KubernetesLab): Promise<void> {
  const old = { name: "old", vips: [OLD], on: ["n1", "n2"] };
  await lab.expose(old);
  await lab.hasAddresses(old);
  await isOwned(lab, OLD);
  const copy = await lab.plane.copyEtcd();
  const before = await Promise.all(
    lab.nodes.map((node) => renewTime(lab, node)),
  );
  const young = { name: "young", vips: [NEW], on: ["n1", "n2"] };
  await lab.expose(young);
  await lab.hasAddresses(young);
  await isOwned(lab, NEW);
  // A backup is older than the last renewal of a Lease.
  for (const [i, node] of lab.nodes.entries()) {
    await until(async () => await renewTime(lab, node) !== before[i], {
      timeoutMs: WAIT_MS_MAX,
      what: () => `${node.name} does not renew its Lease`,
    });
  }
  await using capture = await lab.capture();
  await lab.plane.restoreEtcd(copy);
  // As everybody has to who watches by client-go; the agents go on.
  for (const node of lab.nodes) await node.restartProxy();
  strictEqual(await lab.objects.service("young"), undefined);
  await lab.isSilent(NEW, EXPIRY_MS_MAX);
  await isOwned(lab, OLD);
  const [owner] = lab.order(OLD);
  deepStrictEqual(speakersOf(capture, OLD).filter(isNode(lab)), [owner?.name]);
  // What is written is written to what is there: a new Service gets its address.
  const again = { name: "again", vips: [NEW], on: ["n1", "n2"] };
  await lab.expose(again);
  await lab.hasAddresses(again);
  await isOwned(lab, NEW);
  await lab.hasAddresses(old);
}

async function remakesEip(lab: KubernetesLab): Promise<void> {
  const wanted = await threeOfFive(lab);
  await using history = await AddressHistory.begin(lab);
  // As by hand, or by a restored backup: not even the finalizer holds it.
  await lab.objects.wipe(eipPath("pool"));
  await lab.objects.createEip({ name: "pool", address: POOL });
  await remembers(lab, wanted);
  for (const vip of Object.values(wanted)) await isOwned(lab, vip);
  for (const [name, vip] of Object.entries(wanted)) {
    deepStrictEqual(await history.of(name), [vip], "It was taken away once");
  }
  await fillsGap(lab);
}

async function remakesServices(lab: KubernetesLab): Promise<void> {
  const wanted = await threeOfFive(lab);
  for (const node of lab.nodes) await node.stopAgent();
  for (const name of Object.keys(wanted)) {
    await lab.objects.wipe(servicePath(name));
  }
  await remembers(lab, wanted);
  // Youngest first, so that an allocation from nothing would give other addresses.
  for (const name of Object.keys(wanted).toReversed()) {
    await lab.objects.createService({ name, eip: "pool", ...SHARED_PODS });
  }
  await lab.startAgents();
  for (const [name, vip] of Object.entries(wanted)) {
    deepStrictEqual(await lab.objects.addressed(name), [vip]);
    await isOwned(lab, vip);
  }
  await remembers(lab, wanted);
  await fillsGap(lab);
}

/** Five Services of one pool, of which two are deleted: by Service, the addresses of those that stay. */
async function threeOfFive(
  lab: KubernetesLab,
): Promise<Readonly<Record<string, string>>> {
  await lab.objects.createEip({ name: "pool", address: POOL });
  await lab.addPod("shared", "n1");
  await lab.addPod("shared", "n2");
  const kept: Record<string, string> = {};
  for (const [i, name] of ["a", "b", "c", "d", "e"].entries()) {
    await lab.objects.createService({ name, eip: "pool", ...SHARED_PODS });
    const vip = `192.168.0.${101 + i}`;
    deepStrictEqual(await lab.objects.addressed(name), [vip]);
    if (!GAPS.includes(name)) kept[name] = vip;
  }
  for (const name of GAPS) await lab.objects.remove(servicePath(name));
  await remembers(lab, kept);
  return kept;
}

/** The lowest address that was given back is the next to be given. */
async function fillsGap(lab: KubernetesLab): Promise<void> {
  await lab.objects.createService({ name: "f", eip: "pool", ...SHARED_PODS });
  deepStrictEqual(await lab.objects.addressed("f"), ["192.168.0.101"]);
}

/** Waits until the pool's status has the addresses of these Services, and no others. */
async function remembers(
  lab: KubernetesLab,
  wanted: Readonly<Record<string, string>>,
): Promise<void> {
  await lab.objects.hasUsed(
    "pool",
    Object.fromEntries(
      Object.entries(wanted).map(([name, vip]) => [`default/${name}`, vip]),
    ),
  );
}

async function rotatesToken(lab: KubernetesLab): Promise<void> {
  const node = lab.node("n1");
  const web = { name: "web", vips: [OLD], on: ["n1", "n2"] };
  const secrets = `/api/v1/namespaces/${NAMESPACE_DEFAULT}/secrets`;
  const secret = await lab.objects.create(secrets, {
    metadata: { name: "token-of-n1" },
  });
  const [name, uid] = ["name", "uid"].map((key) =>
    stringAt(secret, "metadata", key)
  );
  const first = await lab.plane.serviceAccountToken(
    NAMESPACE_DEFAULT,
    AGENT_ACCOUNT,
    { boundTo: { name: name ?? "", uid: uid ?? "" } },
  );
  await node.stopAgent();
  await replaceFile(lab.tokenFile(node), first);
  node.startAgent();
  await node.waitReady();
  await lab.expose(web);
  await isOwned(lab, OLD);
  ok((await requestsBy(lab, first)) > 0, "The first token was never used");
  const second = await lab.plane.serviceAccountToken(
    NAMESPACE_DEFAULT,
    AGENT_ACCOUNT,
  );
  await replaceFile(lab.tokenFile(node), second);
  await lab.objects.remove(`${secrets}/token-of-n1`);
  await isRefused(lab, first);
  await until(async () => await requestsBy(lab, second) > 0, {
    timeoutMs: 90_000,
    what: () => "The second token is not used",
  });
  const renewed = await renewTime(lab, node);
  await until(async () => await renewTime(lab, node) > renewed, {
    timeoutMs: 30_000,
    what: () => "The Lease is not renewed by the second token",
  });
  await node.waitReady();
  await isOwned(lab, OLD);
}

async function sharesName(lab: KubernetesLab): Promise<void> {
  const [n1, n2] = [lab.node("n1"), lab.node("n2")];
  await n2.stopAgent();
  const web = { name: "web", vips: [OLD, NEW], on: ["n1", "n2"] };
  const { name, on } = web;
  await lab.objects.createEip({ name: "pool", address: `${OLD}-${NEW}` });
  for (const node of on) await lab.addPod(name, node);
  for (const vip of web.vips) {
    const service = `web-${vip.split(".").at(-1)}`;
    const spec = { selector: { app: name }, loadBalancerIP: vip };
    await lab.objects.createService({ name: service, eip: "pool", spec });
    await lab.isAnsweredBy(vip, n1, on);
  }
  await using capture = await lab.capture();
  const second = n2.startAgent(["--node-name", "n1"]);
  const line = await second.line(
    (line) => line.includes("Another agent runs under this node's name"),
    { timeoutMs: 30_000 },
  );
  match(line, /answers for nothing/);
  const answer = await n2.ask("/readyz");
  match(answer.ok ? answer.body : answer.error, /node name/);
  for (const vip of web.vips) {
    await lab.isAnsweredBy(vip, n1, on);
    deepStrictEqual(speakersOf(capture, vip).filter(isNode(lab)), ["n1"]);
  }
  await n2.stopAgent();
}

/** Waits until the first in rank alone answers for an address. */
async function isOwned(lab: KubernetesLab, vip: string): Promise<void> {
  const [owner] = lab.order(vip);
  if (owner === undefined) throw new Error("There are nodes");
  await lab.isAnsweredBy(vip, owner, ["n1", "n2"], EXPIRY_MS_MAX);
}

function isNode(lab: KubernetesLab): (host: string) => boolean {
  return (host) => lab.nodes.some(({ name }) => name === host);
}

async function isRefused(lab: KubernetesLab, token: string): Promise<void> {
  using client = lab.plane.clientFor(token);
  const path = servicesPath("default");
  // The API server remembers for 10 s whom it let in.
  await until(async () => (await client.request("GET", path)).code === 401, {
    timeoutMs: 60_000,
    what: () => "The first token is still taken",
  });
}

/** How many requests the API server took from the bearer of a token. */
async function requestsBy(lab: KubernetesLab, token: string): Promise<number> {
  const [, claims = ""] = token.split(".");
  const { jti } = JSON.parse(
    new TextDecoder().decode(
      Uint8Array.fromBase64(claims, { alphabet: "base64url" }),
    ),
  );
  const log = await Deno.readTextFile(lab.plane.auditLog);
  return log.split("\n").filter((line) => line.includes(`JTI=${jti}`)).length;
}

async function renewTime(
  lab: KubernetesLab,
  node: KubeNode,
): Promise<string> {
  const lease = await lab.objects.read(
    `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE_DEFAULT}/leases/foghorn-node-${node.name}`,
  );
  return stringAt(lease, "spec", "renewTime");
}

/** As a kubelet does: readers see the old text or the new one, never a part. */
async function replaceFile(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text);
  await Deno.rename(`${path}.new`, path);
}

/** The addresses each Service was ever seen with. */
class AddressHistory implements AsyncDisposable {
  readonly #lab: KubernetesLab;
  readonly #end = new AbortController();
  readonly #seen = new Map<string, { addresses: string[]; marks: string }>();
  #watched: Promise<void> = Promise.resolve();

  private constructor(lab: KubernetesLab) {
    this.#lab = lab;
  }

  /** Begins with what is there. */
  static async begin(lab: KubernetesLab): Promise<AddressHistory> {
    const history = new AddressHistory(lab);
    const path = servicesPath("default");
    const list = await lab.plane.admin.must("GET", path);
    for (const item of arrayAt(list, "items")) history.#note(item);
    const version = stringAt(list, "metadata", "resourceVersion");
    history.#watched = lab.plane.admin.watch(
      `${path}?resourceVersion=${version}`,
      ({ object }) => history.#note(object),
      history.#end.signal,
    );
    return history;
  }

  /** The addresses a Service had one after the other until now. */
  async of(name: string): Promise<readonly string[]> {
    // Once the watch shows this it has shown all that was before.
    const annotations = { "history-mark": crypto.randomUUID() };
    await this.#lab.objects.patch(servicePath(name), {
      metadata: { annotations },
    });
    const seen = () => this.#seen.get(name);
    await until(() => seen()?.marks === annotations["history-mark"], {
      timeoutMs: WAIT_MS_MAX,
      what: () => `The watch does not show the last change of ${name}`,
    });
    return seen()?.addresses ?? [];
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#watched;
  }

  #note(service: Json): void {
    const name = stringAt(service, "metadata", "name");
    const now = arrayAt(service, "status", "loadBalancer", "ingress")
      .map((entry) => stringAt(entry, "ip")).join(" and ");
    const addresses = this.#seen.get(name)?.addresses ?? [];
    if (addresses.at(-1) !== now) addresses.push(now);
    const marks = stringAt(service, "metadata", "annotations", "history-mark");
    this.#seen.set(name, { addresses, marks });
  }
}

const GAPS = ["a", "d"];
const SHARED_PODS = { spec: { selector: { app: "shared" } } };
