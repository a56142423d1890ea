/**
 * A link in memory with a few fail-over cores on it, for tests: frames take
 * drawn times, are lost, and can be cut; ARP is answered by whoever answers.
 *
 * @module
 */

import { deepStrictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { type MacAddr, parseMacAddr } from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";
import { Heap } from "@/lang/heap.ts";
import { Random } from "@/lang/random.ts";
import type { FellowFrame, NodeId } from "@/wire/fellow_frame.ts";
import type {
  CandidateVip,
  FailoverEffect,
  FailoverEvent,
  FailoverReason,
} from "./events.ts";
import { failoverDeadlineMs, stepFailover, stepWhole } from "./failover.ts";
import { type FailoverState, initialFailover } from "./state.ts";

/** How a world is. */
export interface WorldOptions {
  /** Names of the nodes that have an agent. */
  readonly nodes: readonly string[];
  /** VIPs, each with all nodes as candidates unless told otherwise. */
  readonly vips: readonly string[];
  readonly seed?: number;
  /** Chance that a frame is lost, per receiver. */
  readonly loss?: number;
  /** The longest a frame takes; the shortest is 0.1 ms. */
  readonly delayMaxMs?: number;
  /** Whether a gateway answers ARP. */
  readonly gateway?: boolean;
}

/** A node of the world. */
export interface WorldNode {
  readonly name: string;
  readonly mac: MacAddr;
  state: FailoverState;
  /** Whether its host runs; a dead one neither sends nor receives. */
  alive: boolean;
  /** Whether its process is stopped (SIGSTOP): frames wait in its sockets. */
  stopped: boolean;
  /** Frames that wait. */
  backlog: FailoverEvent[];
  startMs: number;
  incarnation: bigint;
}

/** One thing that happened, for assertions. */
export interface Happening {
  readonly nowMs: number;
  readonly node: string;
  readonly effect: FailoverEffect;
}

/** The link. */
export class World {
  nowMs = 0;
  /** Every effect but frames, and all frames. */
  readonly trace: Happening[] = [];
  readonly nodes: Map<string, WorldNode> = new Map();
  /** `from>to` of directions that are cut. */
  readonly cuts: Set<string> = new Set();
  /** Whether frames of our EtherType are dropped. */
  filtered = false;
  /** For each VIP, since when more than one living node answers, and the longest such time. */
  readonly doubles: Map<
    IpAddr,
    { sinceMs: number | undefined; maxMs: number }
  > = new Map();
  /** For each VIP, since when no living node answers, and the longest such time since it was reset. */
  readonly gaps: Map<IpAddr, { sinceMs: number | undefined; maxMs: number }> =
    new Map();
  readonly vips: readonly IpAddr[];
  readonly options: Required<WorldOptions>;
  /** Steps of all cores, and those of them in which the core expected nothing to do. */
  readonly steps = { all: 0, quiet: 0 };
  readonly #random: Random;
  /** Of each core one that is stepped wholly every time. */
  readonly #twins = new WeakMap<FailoverState, FailoverState>();
  readonly #queue = new Heap<Scheduled>((a, b) =>
    a.atMs - b.atMs || a.sequence - b.sequence
  );
  #sequence = 0;
  /** Nodes by view. */
  readonly #view: Map<string, { live: boolean; leaving: boolean }> = new Map();
  readonly #eligible: Map<IpAddr, readonly string[]> = new Map();
  readonly #preferences: Map<IpAddr, readonly number[]> = new Map();

  constructor(options: WorldOptions) {
    this.options = {
      seed: 1,
      loss: 0,
      delayMaxMs: 1,
      gateway: true,
      ...options,
    };
    this.#random = new Random(this.options.seed);
    this.vips = options.vips.map(ip);
    for (const vip of this.vips) {
      this.#eligible.set(vip, options.nodes);
      this.doubles.set(vip, { sinceMs: undefined, maxMs: 0 });
      this.gaps.set(vip, { sinceMs: 0, maxMs: 0 });
    }
    for (const name of options.nodes) {
      this.#view.set(name, { live: true, leaving: false });
    }
    for (const [index, name] of options.nodes.entries()) {
      const mac = parseMacAddr(`02:00:00:00:00:0${index + 1}`);
      assert(mac !== undefined, "A MAC address is one");
      const node: WorldNode = {
        name,
        mac,
        state: this.#core(name, BigInt(1 + index)),
        alive: true,
        stopped: false,
        backlog: [],
        startMs: 0,
        incarnation: BigInt(1 + index),
      };
      this.nodes.set(name, node);
      this.#boot(node, this.#random.next() * 100);
    }
  }

  /** Runs until a time. */
  run(untilMs: number): this {
    for (;;) {
      const next = this.#queue.peek();
      if (next === undefined || next.atMs > untilMs) break;
      this.#queue.pop();
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = untilMs;
    this.#measure();
    return this;
  }

  node(name: string): WorldNode {
    const node = this.nodes.get(name);
    assert(node !== undefined, "The world has this node");
    return node;
  }

  /** Which living nodes answer for a VIP. */
  owners(vip: IpAddr): readonly string[] {
    return [...this.nodes.values()]
      .filter((node) =>
        node.alive && !node.stopped && node.state.answering.has(vip)
      )
      .map(({ name }) => name);
  }

  /** The only owner. */
  owner(vip: IpAddr): string | undefined {
    const owners = this.owners(vip);
    return owners.length === 1 ? owners[0] : undefined;
  }

  /** The host of a node is gone at once. */
  kill(name: string): void {
    this.node(name).alive = false;
    this.#measure();
  }

  /** A node that was killed starts again. */
  start(name: string): void {
    const node = this.node(name);
    node.alive = true;
    node.incarnation += 100n;
    node.state = this.#core(name, node.incarnation);
    node.backlog = [];
    node.startMs = this.nowMs;
    this.#boot(node, this.nowMs);
  }

  /** SIGSTOP and, after a time, SIGCONT. */
  pause(name: string, forMs: number): void {
    const node = this.node(name);
    node.stopped = true;
    this.#measure();
    this.at(this.nowMs + forMs, () => {
      node.stopped = false;
      this.#deliver(node, { kind: "turn", nowMs: this.nowMs });
      const backlog = node.backlog;
      node.backlog = [];
      for (const event of backlog) {
        this.#deliver(node, { ...event, nowMs: this.nowMs });
      }
    });
  }

  /** Cuts one direction, or mends it. */
  cut(from: string, to: string, cut = true): void {
    if (cut) this.cuts.add(`${from}>${to}`);
    else this.cuts.delete(`${from}>${to}`);
  }

  /** Changes what all views say of a node. */
  view(name: string, change: { live?: boolean; leaving?: boolean }): void {
    const before = this.#view.get(name) ?? { live: true, leaving: false };
    this.#view.set(name, { ...before, ...change });
    for (const node of this.nodes.values()) {
      this.#deliver(node, {
        kind: "view",
        nowMs: this.nowMs,
        nodes: this.#nodesView(),
      });
    }
  }

  /** Says how much the nodes are preferred for a VIP, in the views of some nodes; of all when absent. */
  prefer(
    vip: IpAddr,
    preferences: readonly number[],
    views: readonly string[] = [...this.nodes.keys()],
  ): void {
    const eligible = this.#eligible.get(vip) ?? [];
    if (views.length === this.nodes.size) {
      this.#preferences.set(vip, preferences);
    }
    for (const name of views) {
      this.#deliver(this.node(name), {
        kind: "view",
        nowMs: this.nowMs,
        upserts: [{ vip, eligible, preferences }],
      });
    }
  }

  /** Changes who may own a VIP in all views. */
  eligible(vip: IpAddr, nodes: readonly string[]): void {
    this.#eligible.set(vip, nodes);
    for (const node of this.nodes.values()) {
      this.#deliver(node, {
        kind: "view",
        nowMs: this.nowMs,
        upserts: [{ vip, eligible: nodes }],
      });
    }
  }

  /** Tells a core something. */
  tell(name: string, event: FailoverEvent): void {
    this.#deliver(this.node(name), event);
  }

  /** Reasons a node reported for a VIP. */
  reasons(name: string, vip: IpAddr): readonly FailoverReason[] {
    return this.trace.flatMap(({ node, effect }) =>
      node === name && effect.kind === "report" && effect.vip === vip
        ? [effect.reason]
        : []
    );
  }

  /** Forgets the longest gaps and doubles so far. */
  reset(): void {
    for (const map of [this.gaps, this.doubles]) {
      for (const value of map.values()) {
        value.maxMs = 0;
        if (value.sinceMs !== undefined) value.sinceMs = this.nowMs;
      }
    }
  }

  /** The longest time without an owner, of all VIPs, since the reset. */
  gapMs(vip?: IpAddr): number {
    return longest(this.gaps, this.nowMs, vip);
  }

  /** The longest time with two owners. */
  doubleMs(vip?: IpAddr): number {
    return longest(this.doubles, this.nowMs, vip);
  }

  at(atMs: number, run: () => void): void {
    this.#queue.push({ atMs, sequence: this.#sequence++, run });
  }

  #core(name: string, incarnation: bigint): FailoverState {
    const config = {
      node: name,
      nodeId: nodeId(name),
      nodeIdOf: nodeId,
      incarnation,
      patienceMs: 0,
    };
    const state = initialFailover(config);
    this.#twins.set(state, initialFailover(config));
    return state;
  }

  #nodesView() {
    return [...this.#view].map(([node, view]) => ({ node, ...view }));
  }

  #boot(node: WorldNode, atMs: number): void {
    const { state } = node;
    this.at(atMs, () => {
      if (node.state !== state) return;
      const nowMs = this.nowMs;
      const upserts: CandidateVip[] = [...this.#eligible].map((
        [vip, eligible],
      ) => ({
        vip,
        eligible,
        preferences: this.#preferences.get(vip) ?? [],
      }));
      const nodes = this.#nodesView();
      this.#deliver(node, { kind: "view", nowMs, nodes, upserts });
      this.#deliver(node, { kind: "synced", nowMs });
      if (this.options.gateway) {
        this.#deliver(node, { kind: "gateways", nowMs, gateways: [GATEWAY] });
      }
      this.#deliver(node, { kind: "link-up", nowMs });
    });
  }

  #deliver(node: WorldNode, event: FailoverEvent): void {
    if (!node.alive) return;
    if (node.stopped) {
      node.backlog.push(event);
      return;
    }
    // As hosts do at the begin of every turn.
    this.#step(node, { kind: "turn", nowMs: event.nowMs });
    const state = this.#step(node, event);
    this.#measure();
    this.#wake(node, state);
  }

  /** Steps a core, and another one that leaves nothing out: they are to ask for the same. */
  #step(node: WorldNode, event: FailoverEvent): FailoverState {
    const twin = this.#twins.get(node.state);
    assert(twin !== undefined, "Every core has a twin");
    this.steps.all++;
    if (event.nowMs < node.state.quietUntilMs) this.steps.quiet++;
    const [state, effects] = stepFailover(node.state, event);
    const [, wholly] = stepWhole(twin, event);
    if (effects.length + wholly.length > 0) deepStrictEqual(effects, wholly);
    const times = timesOf(twin);
    const isSame = timesOf(state).every((time, at) => time === times[at]);
    if (!isSame) deepStrictEqual(timesOf(state), times);
    for (const effect of effects) {
      this.trace.push({ nowMs: this.nowMs, node: node.name, effect });
      this.#carry(node, effect);
    }
    return state;
  }

  #wake(node: WorldNode, state: FailoverState): void {
    const deadlineMs = failoverDeadlineMs(state);
    if (deadlineMs === undefined) return;
    assert(deadlineMs > this.nowMs, "What was due has been done");
    // Wake-ups are a little late, as everywhere.
    const atMs = Math.max(deadlineMs, this.nowMs) + 0.05;
    this.at(atMs, () => {
      if (node.state !== state || node.stopped || !node.alive) return;
      const dueMs = failoverDeadlineMs(state);
      if (dueMs === undefined || dueMs > this.nowMs) return;
      this.#deliver(node, { kind: "deadline", nowMs: this.nowMs });
    });
  }

  #carry(node: WorldNode, effect: FailoverEffect): void {
    if (effect.kind === "send") {
      if (this.filtered) return;
      const frame: FellowFrame = {
        sender: nodeId(node.name),
        incarnation: node.incarnation,
        message: effect.message,
      };
      for (const to of this.#receivers(node, effect.to)) {
        this.#later(node, to, (nowMs) => ({
          kind: "frame",
          nowMs,
          mac: node.mac,
          frame,
        }));
      }
    } else if (effect.kind === "announce") {
      this.#announce(node, effect.vip);
    } else if (effect.kind === "ask") this.#ask(node, effect.ip, effect.to);
  }

  #announce(node: WorldNode, vip: IpAddr): void {
    for (const to of this.#receivers(node)) {
      this.#later(node, to, (nowMs) => ({
        kind: "claim",
        nowMs,
        vip,
        mac: node.mac,
        node: node.name,
      }));
    }
  }

  #ask(node: WorldNode, ip: IpAddr, mac: MacAddr | undefined): void {
    if (ip === GATEWAY) {
      if (this.#isLost()) return;
      this.#later(undefined, node, (nowMs) => ({
        kind: "heard",
        nowMs,
        ip,
        mac: GATEWAY_MAC,
      }));
      return;
    }
    for (const to of this.#receivers(node, mac)) {
      if (this.#isCut(node, to) || this.#isLost()) continue;
      this.at(this.nowMs + this.#delayMs(), () => {
        if (!to.alive || to.stopped || !to.state.answering.has(ip)) return;
        this.#later(to, node, (nowMs) => ({
          kind: "claim",
          nowMs,
          vip: ip,
          mac: to.mac,
          node: to.name,
        }));
      });
    }
  }

  #receivers(from: WorldNode, mac?: MacAddr): readonly WorldNode[] {
    return [...this.nodes.values()].filter((node) =>
      node !== from && (mac === undefined || node.mac === mac)
    );
  }

  #later(
    from: WorldNode | undefined,
    to: WorldNode,
    event: (nowMs: number) => FailoverEvent,
  ): void {
    if (from !== undefined && this.#isCut(from, to)) return;
    if (this.#isLost()) return;
    this.at(this.nowMs + this.#delayMs(), () => {
      this.#deliver(to, event(this.nowMs));
    });
  }

  #isCut(from: WorldNode, to: WorldNode): boolean {
    return this.cuts.has(`${from.name}>${to.name}`);
  }

  #isLost(): boolean {
    return this.#random.next() < this.options.loss;
  }

  #delayMs(): number {
    return 0.1 + this.#random.next() * (this.options.delayMaxMs - 0.1);
  }

  #measure(): void {
    for (const vip of this.vips) {
      const count = this.owners(vip).length;
      note(this.gaps.get(vip), count === 0, this.nowMs);
      note(this.doubles.get(vip), count > 1, this.nowMs);
    }
  }
}

/** An address from its text. */
export function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  assert(addr !== undefined, "The test has an address");
  return addr;
}

/** An id for a node that reads like its name. */
export function nodeId(name: string): NodeId {
  return name.padStart(16, "0") as NodeId;
}

/** What a core goes by, and what it is to be woken for. */
function timesOf(state: FailoverState): readonly unknown[] {
  const times: unknown[] = [
    state.lastStepMs,
    state.lastProofMs,
    failoverDeadlineMs(state),
  ];
  for (const fellow of state.fellows.values()) {
    const { presence, heardMs, silenceFromMs, frames, said } = fellow;
    times.push(presence, heardMs, silenceFromMs, frames, said.uptimeMs);
  }
  return times;
}

interface Scheduled {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
}

interface Span {
  sinceMs: number | undefined;
  maxMs: number;
}

function note(span: Span | undefined, is: boolean, nowMs: number): void {
  if (span === undefined) return;
  if (is) span.sinceMs ??= nowMs;
  else if (span.sinceMs !== undefined) {
    span.maxMs = Math.max(span.maxMs, nowMs - span.sinceMs);
    span.sinceMs = undefined;
  }
}

function longest(
  spans: ReadonlyMap<IpAddr, Span>,
  nowMs: number,
  only?: IpAddr,
): number {
  let maxMs = 0;
  for (const [vip, span] of spans) {
    if (only !== undefined && vip !== only) continue;
    const openMs = span.sinceMs === undefined ? 0 : nowMs - span.sinceMs;
    maxMs = Math.max(maxMs, span.maxMs, openMs);
  }
  return maxMs;
}

const GATEWAY = ip("192.0.2.254");
const GATEWAY_MAC = "02:00:00:00:00:fe" as MacAddr;
