/**
 * A cluster of whole nodes in one thread and in virtual time: both cores of
 * every node, one Ethernet segment, and the API server of the lab without its
 * network. Delays are drawn from one seed.
 *
 * @module
 */

import {
  API_GROUP,
  API_VERSION,
  crdDocuments,
  projectService,
} from "@/api/mod.ts";
import { assert } from "@/lang/assert.ts";
import { Heap } from "@/lang/heap.ts";
import { Random } from "@/lang/random.ts";
import { ApiCore } from "@/lab/apiserver/api_core.ts";
import type { JsonObject } from "@/lab/apiserver/json.ts";
import { parseResourceRequest } from "@/lab/apiserver/resource_request.ts";
import type { Change } from "@/lab/apiserver/watch_cache.ts";
import {
  eipObject,
  type EipOptions,
  endpointSliceObject,
  nodeObject,
  nodeStatus,
  serviceObject,
  type ServiceOptions,
} from "@/lab/objects.ts";
import type { LabHost } from "@/lab/network.ts";
import type { WatchedKind, WriteOutcome } from "@/reconcile/mod.ts";
import type { PlannedWrite } from "@/reconcile/mod.ts";
import { SimNode } from "./node.ts";

/** What to build. */
export interface SimOptions {
  /** Where all chance starts. */
  readonly seed: number;
  /** How many nodes. */
  readonly nodes: number;
  /** On how many of them agents start by themselves; on all when absent. */
  readonly agents?: number;
  /** Whether some requests take up to half a minute, and some watches stall as long; no when absent. */
  readonly isSlow?: boolean;
}

/** All objects of a kind. */
export interface SimList {
  /** The objects as they are stored. */
  readonly raws: readonly unknown[];
  /** The state of the store. */
  readonly resourceVersion: string;
}

/** Nodes around one API server. */
export class SimCluster {
  /** The nodes, `n1` first. */
  readonly nodes: readonly SimNode[];
  /** Which node began or ceased to answer for what, and when. */
  readonly moves: string[] = [];
  /** Every write that an agent sent, in order. */
  readonly writes: { readonly node: string; readonly write: PlannedWrite }[] =
    [];
  /** The virtual time. */
  nowMs = 0;
  readonly #random: Random;
  readonly #api: ApiCore;
  readonly #queue = new Heap<Task>((a, b) =>
    a.atMs - b.atMs || a.order - b.order
  );
  #order = 0;
  #isUp = true;
  #isSlow: boolean;

  /** Agents that start within three seconds of each other. */
  constructor(
    { seed, nodes, agents = nodes, isSlow = false }: SimOptions,
  ) {
    this.#isSlow = isSlow;
    this.#random = new Random(seed);
    this.#api = new ApiCore({ changesMax: 1_000, random: this.#random });
    for (const crd of crdDocuments()) {
      this.ask("POST", CRDS, JSON.parse(JSON.stringify(crd)));
    }
    this.ask("POST", "/api/v1/namespaces", {
      metadata: { name: "openelb-system" },
    });
    this.nodes = Array.from({ length: nodes }, (_, i) => {
      const host = hostOf(i + 1);
      this.ask("POST", "/api/v1/nodes", nodeObject(host));
      this.setReady(host, true);
      return new SimNode(host, this, seed * 1_000 + i);
    });
    for (const [watched, { collection }] of KINDS) {
      this.#api.store.collection(collection).listeners.add((change) =>
        this.#tell(watched, change)
      );
    }
    for (const node of this.nodes.slice(0, agents)) {
      this.after(this.draw(3_000), () => node.start());
    }
  }

  /** A node by its name. */
  node(name: string): SimNode {
    const node = this.nodes.find((one) => one.name === name);
    assert(node !== undefined, `There is no node ${name}`);
    return node;
  }

  /** Whether the API server can be reached. */
  get apiIsUp(): boolean {
    return this.#isUp;
  }

  /** A number below a bound, from the seed. */
  draw(below: number): number {
    return this.#random.int(below);
  }

  /** How long until a watch shows what happened. */
  watchDelayMs(): number {
    const stalls = this.#isSlow && this.draw(200) === 0;
    return 1 + this.draw(stalls ? SLOW_MS_MAX : 30);
  }

  /** From here on everything is quick. */
  hurry(): void {
    this.#isSlow = false;
  }

  /** Does something later. */
  after(delayMs: number, run: () => void): void {
    this.#queue.push({
      atMs: this.nowMs + delayMs,
      order: this.#order++,
      run,
    });
  }

  /** Lets time pass. */
  run(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    for (;;) {
      const next = this.#queue.peek();
      if (next === undefined || next.atMs > untilMs) break;
      this.#queue.pop();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    this.nowMs = untilMs;
  }

  /** Asks the API server without an agent, and without its network. */
  ask(method: string, path: string, body?: JsonObject): JsonObject {
    const { code, object } = this.#answer({
      method,
      path,
      body,
      contentType: method === "PATCH" ? MERGE_PATCH : "application/json",
    });
    assert(code < 300, `${method} ${path}: ${code} ${object["message"]}`);
    return object;
  }

  /** Creates a pool. */
  createEip(options: EipOptions): void {
    this.ask("POST", EIPS, eipObject(options));
  }

  /** Creates a Service with a ready endpoint on every node. */
  createService(options: ServiceOptions): void {
    const namespace = options.namespace ?? "default";
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}`;
    const hosts = this.nodes.map(({ host }) => host);
    for (const family of options.families ?? ["IPv4"]) {
      this.ask(
        "POST",
        `${path}/endpointslices`,
        endpointSliceObject(options, hosts, family),
      );
    }
    this.ask(
      "POST",
      `/api/v1/namespaces/${namespace}/services`,
      serviceObject(options),
    );
  }

  /** Writes a Node's status as its kubelet does, or as is done when that is silent. */
  setReady(host: LabHost, ready: boolean): void {
    const status = nodeStatus(host, ready);
    this.ask("PATCH", `/api/v1/nodes/${host.name}/status`, { status });
  }

  /** The addresses of all Services, by name. */
  addresses(): Readonly<Record<string, readonly string[]>> {
    const { items } = this.ask("GET", "/api/v1/services");
    assert(Array.isArray(items), "A list has items");
    const found: Record<string, readonly string[]> = {};
    for (const item of items) {
      const service = projectService(item);
      assert(service.ok, "A stored Service can be read");
      const { meta, type, ingress } = service.value;
      if (type !== "LoadBalancer") continue;
      found[meta.name] = ingress.map(({ ip }) => ip ?? "");
    }
    return found;
  }

  /** The nodes that answer an ARP request for a VIP at this moment. */
  answerersOf(vip: string): readonly string[] {
    return this.nodes.filter((node) => node.answersArp(vip)).map(({ name }) =>
      name
    );
  }

  /** Takes the API server away: some agents notice at once, some by silence. */
  takeApiAway(): void {
    this.#isUp = false;
    for (const node of this.nodes) node.loseWatches(this.noticedMs());
  }

  /** How long until an agent notices that its watches are dead: by their end, or by silence. */
  noticedMs(): number {
    return this.draw(2) === 0 ? this.draw(100) : this.draw(30_000);
  }

  /** Brings the API server back. */
  bringApiBack(): void {
    this.#isUp = true;
  }

  /** Carries out a write of an agent, if the server is there. */
  send(node: SimNode, write: PlannedWrite): void {
    this.writes.push({ node: node.name, write });
    let isAnswered = false;
    const answer = (outcome: WriteOutcome): void => {
      if (!isAnswered) node.answered(write, outcome);
      isAnswered = true;
    };
    const isLate = this.#isSlow && this.draw(10) === 0;
    this.after(1 + this.draw(isLate ? SLOW_MS_MAX : 20), () => {
      // Whoever gave up has cancelled it.
      if (isAnswered) return;
      if (!this.#isUp || node.isIsolated) {
        this.after(this.draw(2_000), () => answer(failed("unreachable")));
        return;
      }
      const outcome = this.#carryOut(write);
      this.after(1 + this.draw(5), () => answer(outcome));
    });
    const timeoutMs = write.timeoutMs ?? REQUEST_TIMEOUT_MS;
    this.after(timeoutMs, () => answer(failed("timeout")));
  }

  /** Lists a kind, as it is now. */
  list(watched: WatchedKind): SimList {
    const { collection } = kindOf(watched);
    const { store } = this.#api;
    return {
      raws: [...store.collection(collection).values()],
      resourceVersion: `${store.revision}`,
    };
  }

  /** Carries a frame to every other node. */
  carry(from: SimNode, frame: Uint8Array): void {
    this.after(0, () => {
      for (const node of this.nodes) if (node !== from) node.hear(frame);
    });
  }

  #carryOut({ method, path, body, contentType }: PlannedWrite): WriteOutcome {
    const { code, object } = this.#answer({
      method,
      path,
      body: body === undefined ? undefined : JSON.parse(JSON.stringify(body)),
      contentType,
    });
    return outcomeOf(code, object);
  }

  #tell(watched: WatchedKind, change: Change): void {
    if (this.nodes === undefined || !this.#isUp) return;
    for (const node of this.nodes) node.observe(watched, change);
  }

  #answer(
    { method, path, body, contentType }: {
      readonly method: string;
      readonly path: string;
      readonly body: JsonObject | undefined;
      readonly contentType: string;
    },
  ): { readonly code: number; readonly object: JsonObject } {
    const query = new URLSearchParams();
    const request = parseResourceRequest(method, path, query);
    assert(request !== undefined, `${path} names no resource`);
    const answer = this.#api.answer({
      request,
      query,
      contentType,
      body: body === undefined
        ? new Uint8Array()
        : new TextEncoder().encode(JSON.stringify(body)),
    });
    assert(answer.kind === "reply", "A watch needs the network");
    return {
      code: answer.code,
      object: JSON.parse(new TextDecoder().decode(answer.body)),
    };
  }
}

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** The collection of a kind in the store. */
function kindOf(watched: WatchedKind): { readonly collection: string } {
  const kind = KINDS.get(watched);
  assert(kind !== undefined, `Nobody watches ${watched}`);
  return kind;
}

function outcomeOf(code: number, object: JsonObject): WriteOutcome {
  if (code < 300) return { kind: "written", object };
  return {
    kind: "failed",
    reason: REASONS.get(`${object["reason"]}`) ?? "server-error",
    message: `${object["message"]}`,
  };
}

function failed(reason: string): WriteOutcome {
  return { kind: "failed", reason, message: `the request failed: ${reason}` };
}

function hostOf(number: number): LabHost {
  const byte = (10 + number).toString(16).padStart(2, "0");
  return {
    name: `n${number}`,
    ipv4: `192.168.0.${10 + number}`,
    ipv6: `2001:db8::${10 + number}`,
    mac: `02:00:00:00:00:${byte}`,
  };
}

/** When an agent gives a request up. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Longest that something slow takes. */
const SLOW_MS_MAX = 30_000;
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const EIPS = `/apis/${API_GROUP}/${API_VERSION}/eips`;
const MERGE_PATCH = "application/merge-patch+json";
const KINDS: ReadonlyMap<WatchedKind, { readonly collection: string }> =
  new Map([
    ["service", { collection: "services" }],
    ["eip", { collection: `eips.${API_GROUP}` }],
    ["node", { collection: "nodes" }],
    ["namespace", { collection: "namespaces" }],
    ["endpointslice", { collection: "endpointslices.discovery.k8s.io" }],
    ["lease", { collection: "leases.coordination.k8s.io" }],
  ]);
const REASONS: ReadonlyMap<string, string> = new Map([
  ["Conflict", "conflict"],
  ["AlreadyExists", "already-exists"],
  ["NotFound", "not-found"],
  ["Invalid", "invalid"],
]);
