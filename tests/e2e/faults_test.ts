/**
 * What becomes of addresses when the API server is late, refuses, forgets,
 * lies or is not there yet, and when agents get in each other's way.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { Fault, FaultMatch, JsonObject } from "@/lab/apiserver/mod.ts";
import type { LabApi, LabCluster, LabNode } from "@/lab/mod.ts";
import { crdDocuments, type Lease, projectLease } from "@/api/mod.ts";
import { NEWS_KINDS } from "@/node/watches.ts";
import {
  addressed,
  addressesOf,
  createOpenElbService,
  WAIT_MS,
} from "../support/lab_services.ts";
import { buildLab, testSandboxed } from "../support/sandboxed.ts";
import { pass, type StepFunction, stepsOf, until } from "./_stage.ts";

testSandboxed(
  "whatever the API server does, every Service keeps one address",
  async (t) => {
    await using lab = await buildLab({ vips: [VIP] });
    await lab.nobodyAnswers(VIP);
    const step = stepsOf(t);
    await arriving(lab, step);
    const ledger = new AddressLedger(lab.api);
    await refusals(lab, ledger, step);
    await watching(lab, ledger, step);
    await quiet(lab, step);
    await untruths(lab, ledger, step);
    await names(lab, ledger, step);
    await leading(lab, ledger, step);
    // Which node is first does not matter: who owns an address keeps it.
    await lab.answeredBy(VIP, await lab.ownerOf(VIP) ?? "nobody");
    ledger.close();
  },
);

async function arriving(lab: LabCluster, step: StepFunction): Promise<void> {
  await step(
    "agents wait for the CustomResourceDefinitions, and say so",
    async () => {
      const crds = crdDocuments().map((crd): JsonObject =>
        JSON.parse(JSON.stringify(crd))
      );
      for (const name of crdNames(crds)) lab.api.delete(`${CRDS}/${name}`);
      for (const node of lab.nodes) node.startAgent();
      for (const node of lab.nodes) {
        await until(
          async () =>
            /^watch eip: .*does not serve eips .*deno task crds/im.test(
              await readyz(node),
            ),
          {
            timeoutMs: WAIT_MS,
            what: () => `${node.name} does not say what it waits for`,
          },
        );
      }
      lab.createService({ name: "web" });
      for (const crd of crds) lab.api.create(CRDS, crd);
      lab.api.createEip({ name: "pool", address: POOL, isDefault: true });
      for (const node of lab.nodes) await node.waitReady();
      deepStrictEqual(await addressed(lab.api, "web"), [VIP]);
    },
  );
}

async function refusals(
  lab: LabCluster,
  ledger: AddressLedger,
  step: StepFunction,
): Promise<void> {
  const { api } = lab;
  const { faults, log } = api.server;
  const refusing: readonly (readonly [string, number, Fault])[] = [
    ["conflicts (409)", 3, { kind: "error", code: 409 }],
    ["errors (500)", 2, { kind: "error", code: 500 }],
    ["answers that get lost", 2, { kind: "drop", how: "rst", when: "after" }],
    ["requests that get lost", 2, { kind: "drop", how: "fin", when: "before" }],
  ];
  for (const [what, times, fault] of refusing) {
    await step(`${what} are retried`, async () => {
      const rule = faults.add({ match: SERVICE_WRITES, times, fault });
      await ledger.serves();
      faults.remove(rule);
      ledger.check();
    });
  }
  await step("throttling (429) is heeded for as long as it asks", async () => {
    const fault: Fault = { kind: "error", code: 429, retryAfterSeconds: 1 };
    const rule = faults.add({ match: SERVICE_WRITES, times: 1, fault });
    const asked = log.next(({ code }) => code === 429).then(() =>
      performance.now()
    );
    const served = ledger.serves().then(() => performance.now());
    const waitedMs = await served - await asked;
    ok(waitedMs >= 950, `came back after ${waitedMs} ms`);
    faults.remove(rule);
    ledger.check();
  });
  await step("a server that fails half the time, and is slow", async () => {
    const rules = [
      faults.add({ probability: 0.5, fault: { kind: "error", code: 503 } }),
      faults.add({ fault: { kind: "latency", minMs: 50, maxMs: 400 } }),
    ];
    // Leases are hit, too: a leader may have to wait until one runs out.
    for (let i = 0; i < 3; i++) await ledger.serves(60_000);
    for (const rule of rules) faults.remove(rule);
    ledger.check();
  });
}

async function watching(
  lab: LabCluster,
  ledger: AddressLedger,
  step: StepFunction,
): Promise<void> {
  const { faults } = lab.api.server;
  const of = (resource: string): FaultMatch => ({ resource });
  const strikes: readonly (readonly [string, () => number])[] = [
    [
      "ended, each in its own way,",
      () =>
        faults.cutWatches(of("services"), "stream") +
        faults.cutWatches(of("eips.network.kubesphere.io"), "fin") +
        faults.cutWatches(of("leases.coordination.k8s.io"), "rst") +
        faults.cutWatches(of("nodes"), "rst") +
        faults.cutWatches(of("namespaces"), "fin") +
        faults.cutWatches(of("secrets"), "stream") +
        faults.cutWatches(of("bgpconfs.network.kubesphere.io"), "fin") +
        faults.cutWatches(of("bgppeers.network.kubesphere.io"), "rst") +
        faults.expireWatches(of("endpointslices.discovery.k8s.io")),
    ],
    ["ended, and their history forgotten (410),", () => {
      faults.compact();
      return faults.cutWatches();
    }],
    ["expired (410)", () => faults.expireWatches()],
  ];
  for (const [how, strike] of strikes) {
    await step(`watches that are ${how} begin anew`, async () => {
      await allWatch(lab);
      strictEqual(strike(), WATCHES);
      await ledger.serves();
      ledger.check();
    });
  }
  await step(
    "watches that fall silent without an end are noticed within 30 s",
    async () => {
      await allWatch(lab);
      const { log } = lab.api.server;
      const startedMs = performance.now();
      const before = log.count("watch");
      const begun = (): number => log.count("watch") - before;
      faults.freezeConnections();
      strictEqual(faults.silenceWatches(), WATCHES);
      await until(() => begun() >= WATCHES, {
        timeoutMs: 90_000,
        what: () => `${begun()} of ${WATCHES} watches were begun anew`,
      });
      const tookMs = performance.now() - startedMs;
      ok(tookMs < 30_000, `noticed after ${tookMs} ms`);
      await ledger.serves();
      ledger.check();
    },
  );
}

async function untruths(
  lab: LabCluster,
  ledger: AddressLedger,
  step: StepFunction,
): Promise<void> {
  const { api } = lab;
  const { faults, log } = api.server;
  await step("a list from an old cache takes nothing away", async () => {
    const match: FaultMatch = { verbs: ["get", "list"] };
    const rule = faults.add({ match, fault: { kind: "stale" } });
    const name = await ledger.serves();
    const lists = (): number => log.count("list", "services");
    const before = lists();
    await allWatch(lab);
    faults.expireWatches();
    const told = "List is older than what is known";
    for (const { agent } of lab.nodes) {
      const isTold = (line: string): boolean =>
        line.includes(told) && line.includes('"watched":"service"');
      await agent?.line(isTold, { timeoutMs: WAIT_MS });
    }
    faults.remove(rule);
    strictEqual(addressesOf(api, name).length, 1);
    await until(() => lists() >= before + 2 * lab.nodes.length, {
      timeoutMs: WAIT_MS,
      what: () => "Not every agent has asked again",
    });
    await ledger.serves();
    ledger.check();
  });
  await step(
    "a write that was answered and not done is done again",
    async () => {
      const match: FaultMatch = { ...SERVICE_WRITES };
      const rule = faults.add({ match, times: 1, fault: { kind: "lie" } });
      const eips = faults.add({
        match: {
          verbs: ["patch"],
          resource: "eips.network.kubesphere.io/status",
        },
        times: 1,
        fault: { kind: "lie" },
      });
      await ledger.serves(40_000);
      faults.remove(rule);
      faults.remove(eips);
      ledger.check();
      await until(
        () =>
          api.read(EIP)["status"] !== undefined &&
          usedCount(api) === ledger.size,
        {
          timeoutMs: 40_000,
          what: () =>
            `status.used of the Eip has ${usedCount(api)} of ${ledger.size}`,
        },
      );
    },
  );
}

async function quiet(lab: LabCluster, step: StepFunction): Promise<void> {
  await step(
    "an idle cluster writes nothing but Leases, and reads nothing but its webhook's configuration",
    async () => {
      const { log } = lab.api.server;
      const renewal = "patch leases.coordination.k8s.io";
      const kinds = (): readonly string[] => {
        const all = log.recent().map(({ verb, resource }) =>
          `${verb} ${resource}`
        );
        // A watch over HTTP/1.1 is begun anew every 20 s.
        return [...new Set(all)].filter((kind) =>
          !kind.startsWith("watch ") && kind !== "get /version" &&
          !kind.startsWith("get validatingwebhookconfigurations.")
        );
      };
      // What the steps before have set off comes to rest.
      await until(async () => {
        log.reset();
        await pass(2_000);
        return kinds().every((kind) => kind === renewal);
      }, { timeoutMs: 60_000, what: () => `There is no end of ${kinds()}` });
      log.reset();
      const startedMs = performance.now();
      await pass(10_000);
      deepStrictEqual(kinds(), [renewal]);
      const writes = log.count("patch", "leases.coordination.k8s.io");
      // Three node Leases every 3 s, the controller's every 2 s.
      const expected = (performance.now() - startedMs) / 1000 * 1.5;
      ok(
        writes >= expected / 2 && writes <= expected * 1.7,
        `${writes} writes, about ${expected} are expected`,
      );
    },
  );
}

async function names(
  lab: LabCluster,
  ledger: AddressLedger,
  step: StepFunction,
): Promise<void> {
  const order = await lab.ownerOf(VIP) ?? "nobody";
  const other = lab.node(order === "n3" ? "n2" : "n3");
  await step(
    "a second agent of one node name is refused, and says so",
    async () => {
      strictEqual(await other.stopAgent(), 0);
      const agent = other.startAgent(["--node-name", order]);
      await agent.line(
        (line) => line.includes("Another agent runs under this node's name"),
        {
          timeoutMs: WAIT_MS,
        },
      );
      const refused = new RegExp(
        `^node name: Another agent runs as ${order} `,
        "m",
      );
      await reads(other, (text) => refused.test(text));
      await lab.answeredBy(VIP, order);
      await reads(lab.node(order), (text) => text === "ok\n");
      strictEqual(await other.stopAgent(), 0);
      other.startAgent();
      await other.waitReady();
      ledger.check();
    },
  );
}

async function leading(
  lab: LabCluster,
  ledger: AddressLedger,
  step: StepFunction,
): Promise<void> {
  await step(
    "the leader is killed: another leads within the Lease duration, and nothing moves",
    async () => {
      const leader = await leaderOf(lab);
      await leader.killAgent();
      const { renewTime } = controllerLease(lab.api);
      await ledger.serves(60_000);
      const { acquireTime } = controllerLease(lab.api);
      const tookMs = Date.parse(acquireTime ?? "") -
        Date.parse(renewTime ?? "");
      // From the last renewal on; who waits looks every two seconds or so.
      ok(
        tookMs >= 15_000 - 200 && tookMs < 15_000 + 5_000,
        `another led after ${tookMs} ms`,
      );
      leader.startAgent();
      await leader.waitReady();
      ledger.check();
    },
  );
}

/** Notes what every Service shows, from change to change. */
class AddressLedger {
  readonly #api: LabApi;
  readonly #addresses = new Map<string, string>();
  readonly #wrong: string[] = [];
  readonly #listen = (): void => queueMicrotask(() => this.#look());
  #created = 0;

  constructor(api: LabApi) {
    this.#api = api;
    this.#look();
    this.#listeners.add(this.#listen);
  }

  /** Services with an address. */
  get size(): number {
    return this.#addresses.size;
  }

  /** Creates a Service and waits for its address; its name. */
  async serves(timeoutMs: number = WAIT_MS): Promise<string> {
    const name = `svc-${++this.#created}`;
    createOpenElbService(this.#api, { key: name });
    await this.#api.waitForAddress(name, { timeoutMs });
    return name;
  }

  /** Checks that no address was lost, moved or given twice. */
  check(): void {
    this.#look();
    deepStrictEqual(this.#wrong, []);
    strictEqual(this.#addresses.size, this.#created + 1);
  }

  /** Stops looking. */
  close(): void {
    this.#listeners.delete(this.#listen);
  }

  get #listeners(): Set<unknown> {
    return this.#api.server.store.collection("services").listeners as Set<
      unknown
    >;
  }

  #look(): void {
    const owners = new Map<string, string>();
    for (let i = 0; i <= this.#created; i++) {
      const name = i === 0 ? "web" : `svc-${i}`;
      const [now, ...more] = addressesOf(this.#api, name);
      const before = this.#addresses.get(name);
      if (more.length > 0) this.#wrong.push(`${name} has more than one`);
      if (before !== undefined && now !== before) {
        this.#wrong.push(`${name} had ${before}, has ${now}`);
      }
      if (now === undefined) continue;
      this.#addresses.set(name, now);
      const owner = owners.get(now);
      if (owner !== undefined) this.#wrong.push(`${now}: ${owner} and ${name}`);
      owners.set(now, name);
    }
  }
}

/** Waits until every agent watches every kind. */
async function allWatch({ api }: LabCluster): Promise<void> {
  await until(() => api.server.watches === WATCHES, {
    timeoutMs: WAIT_MS,
    what: () => `${api.server.watches} of ${WATCHES} watches are open`,
  });
}

async function leaderOf(lab: LabCluster): Promise<LabNode> {
  for (const node of lab.nodes) {
    if ((await node.metrics()).get("foghorn_leader") === 1) return node;
  }
  throw new Error("Nobody leads");
}

/** Waits until `/readyz` of an agent reads as wanted. */
async function reads(
  node: LabNode,
  wanted: (text: string) => boolean,
): Promise<void> {
  let text = "";
  await until(async () => wanted(text = await readyz(node)), {
    timeoutMs: WAIT_MS,
    what: () => `/readyz of ${node.name} is "${text}"`,
  });
}

function controllerLease(api: LabApi): Lease {
  const lease = projectLease(api.read(CONTROLLER_LEASE));
  if (!lease.ok) throw new Error(lease.error);
  return lease.value;
}

/** What `/readyz` of an agent says; empty while it does not listen. */
async function readyz(node: LabNode): Promise<string> {
  const answer = await node.ask("/readyz");
  return answer.ok ? answer.body : "";
}

function usedCount(api: LabApi): number {
  const { status } = api.read(EIP);
  const { used } = (status ?? {}) as { readonly used?: JsonObject };
  return Object.keys(used ?? {}).length;
}

function crdNames(crds: readonly JsonObject[]): readonly string[] {
  return crds.map(({ metadata }) =>
    `${(metadata as { readonly name: string }).name}`
  );
}

/** What three agents watch. */
const WATCHES = 3 * NEWS_KINDS.length;
const VIP = "192.168.0.100";
const POOL = "192.168.0.100-192.168.0.160";
const EIP = "/apis/network.kubesphere.io/v1alpha2/eips/pool";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const CONTROLLER_LEASE =
  "/apis/coordination.k8s.io/v1/namespaces/openelb-system/leases/openelb-controller";
const SERVICE_WRITES: FaultMatch = {
  verbs: ["patch"],
  resource: "services/status",
};
