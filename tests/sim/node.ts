/**
 * One node of the simulation: a main core, a wire core, and what is between
 * them and the world.
 *
 * @module
 */

import {
  projectEip,
  projectEndpointSlice,
  projectLease,
  projectNamespace,
  projectNode,
  projectService,
} from "@/api/mod.ts";
import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import { BROADCAST_MAC, parseMacAddr, ZERO_MAC } from "@/addr/mac_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import type { Result } from "@/lang/result.ts";
import type { Change } from "@/lab/apiserver/watch_cache.ts";
import type { LabHost } from "@/lab/network.ts";
import {
  type LocalLink,
  MainCore,
  type MainEffect,
  type MainEvent,
  WATCHED_KINDS,
  WireCore,
  type WireEffect,
  type WireReport,
} from "@/node/mod.ts";
import type {
  PlannedWrite,
  WatchedKind,
  WriteOutcome,
} from "@/reconcile/mod.ts";
import { encodeArp } from "@/wire/arp.ts";
import { encodeEthernet, ETHER_TYPE } from "@/wire/ethernet.ts";
import { heapFrameBatch, setFrame } from "@/wire/frame_batch.ts";
import type { SimCluster, SimList } from "./cluster.ts";

/** A node with an agent. */
export class SimNode {
  /** What it is called and which addresses it has. */
  readonly host: LabHost;
  /** What its agent said in its log. */
  readonly log: string[] = [];
  readonly #cluster: SimCluster;
  readonly #seed: number;
  /** Its monotonic clock starts anywhere. */
  readonly #offsetMs: number;
  readonly #memory = { rx: heapFrameBatch(1), tx: heapFrameBatch(1) };
  #agent: Agent | undefined;
  #incarnation = 0;
  #isIsolated = false;

  /** A node whose agent does not run. */
  constructor(host: LabHost, cluster: SimCluster, seed: number) {
    this.host = host;
    this.#cluster = cluster;
    this.#seed = seed;
    this.#offsetMs = cluster.draw(1_000_000);
  }

  /** Its name. */
  get name(): string {
    return this.host.name;
  }

  /** Whether its agent runs. */
  get isAlive(): boolean {
    return this.#agent !== undefined;
  }

  /** Whether its agent is the controller. */
  get isLeader(): boolean {
    return this.#agent?.main.view.isLeader ?? false;
  }

  /** Whether it cannot reach the API server, although others can. */
  get isIsolated(): boolean {
    return this.#isIsolated;
  }

  /** Its main core. */
  get main(): MainCore {
    assert(this.#agent !== undefined, `${this.name} has no agent`);
    return this.#agent.main;
  }

  /** Starts its agent, under a name. */
  start(name: string = this.name): void {
    assert(this.#agent === undefined, `The agent of ${this.name} runs`);
    const incarnation = `${++this.#incarnation}`;
    const agent: Agent = {
      main: new MainCore({
        node: name,
        machine: `boot-${this.name}`,
        incarnation,
        namespace: "openelb-system",
        claim: {
          loadBalancerClass: "openelb.io/openelb",
          claimUnclassed: false,
        },
        seed: this.#seed + this.#incarnation * 7,
      }),
      wire: new WireCore({ node: name }),
      events: [],
      connection: 0,
      connected: false,
      shownMs: 0,
      mainDueMs: undefined,
      wireDueMs: undefined,
      tag: 0,
    };
    this.#agent = agent;
    this.#push(agent, { kind: "links", links: [this.#link()] });
    this.#report(agent, { kind: "ready" });
    this.#connect(agent);
  }

  /** Ends its agent at once. */
  kill(): void {
    this.#agent = undefined;
  }

  /** Asks its agent to end. */
  shutDown(): void {
    if (this.#agent !== undefined) {
      this.#push(this.#agent, { kind: "shutdown" });
    }
  }

  /** Takes the API server away from this node alone, or brings it back. */
  isolate(isIsolated: boolean): void {
    this.#isIsolated = isIsolated;
    if (isIsolated) this.loseWatches(this.#cluster.noticedMs());
  }

  /** Its watches show nothing any more, and it notices so later. */
  loseWatches(noticedMs: number): void {
    const agent = this.#agent;
    if (agent === undefined) return;
    agent.connected = false;
    agent.connection++;
    this.#later(agent, noticedMs, () => {
      for (const watched of WATCHED_KINDS) {
        this.#push(agent, {
          kind: "watch",
          watched,
          news: { kind: "lost", reason: "the server is away" },
        });
      }
      this.#connect(agent);
    });
  }

  /** Takes the answer to a write. */
  answered(write: PlannedWrite, outcome: WriteOutcome): void {
    const agent = this.#agent;
    if (agent !== undefined) {
      this.#push(agent, { kind: "written", write, outcome });
    }
  }

  /** Its watch shows a change, after what it showed before. */
  observe(watched: WatchedKind, change: Change): void {
    const agent = this.#agent;
    if (agent?.connected !== true) return;
    const { connection } = agent;
    const delayMs = Math.max(
      this.#cluster.watchDelayMs(),
      agent.shownMs - this.#cluster.nowMs,
    );
    agent.shownMs = this.#cluster.nowMs + delayMs;
    this.#later(agent, delayMs, () => {
      if (agent.connection !== connection) return;
      this.#push(
        agent,
        change.type === "DELETED"
          ? {
            kind: "watch",
            watched,
            news: { kind: "deleted", key: change.key },
          }
          : changed(watched, change.object),
      );
    });
  }

  /** Its interface hears a frame. */
  hear(frame: Uint8Array): void {
    const agent = this.#agent;
    if (agent === undefined || agent.tag === 0) return;
    this.#answer(agent, frame);
    this.#heed(agent, agent.wire.takeClaims(agent.tag, this.#nowMs));
  }

  /** Whether it answers a broadcast ARP request for a VIP. */
  answersArp(vip: string): boolean {
    const agent = this.#agent;
    if (agent === undefined || agent.tag === 0) return false;
    return this.#answer(agent, arpRequest(vip)) === 1;
  }

  get #nowMs(): number {
    return this.#cluster.nowMs + this.#offsetMs;
  }

  #link(): LocalLink {
    const mac = parseMacAddr(this.host.mac);
    const prefix = parsePrefix(`${this.host.ipv4}/24`);
    assert(mac !== undefined && prefix !== undefined, "The host has addresses");
    return { index: 2, name: "eth0", mac, running: true, prefixes: [prefix] };
  }

  #connect(agent: Agent): void {
    if (agent !== this.#agent || agent.connected) return;
    if (!this.#cluster.apiIsUp || this.#isIsolated) {
      this.#later(agent, 100 + this.#cluster.draw(5_000), () => {
        this.#connect(agent);
      });
      return;
    }
    agent.connected = true;
    for (const watched of WATCHED_KINDS) this.#list(agent, watched);
  }

  #list(agent: Agent, watched: WatchedKind): void {
    const { connection } = agent;
    this.#later(agent, 1 + this.#cluster.draw(30), () => {
      if (agent.connection !== connection) return;
      this.#push(agent, listed(watched, this.#cluster.list(watched)));
    });
  }

  #push(agent: Agent, event: MainEvent): void {
    agent.events.push(event);
    if (agent.events.length > 1) return;
    this.#later(agent, 0, () => {
      const events = agent.events;
      agent.events = [];
      const at = {
        nowMs: this.#nowMs,
        nowIso: new Date(START_MS + this.#cluster.nowMs).toISOString(),
      };
      for (const effect of agent.main.step(events, at)) {
        this.#carryOut(agent, effect);
      }
      this.#armMain(agent);
    });
  }

  #armMain(agent: Agent): void {
    const dueMs = agent.main.deadlineMs();
    if (dueMs === agent.mainDueMs) return;
    agent.mainDueMs = dueMs;
    if (dueMs === undefined) return;
    this.#later(agent, Math.max(0, dueMs - this.#nowMs), () => {
      if (agent.mainDueMs !== dueMs) return;
      agent.mainDueMs = undefined;
      this.#push(agent, { kind: "deadline" });
    });
  }

  #carryOut(agent: Agent, effect: MainEffect): void {
    switch (effect.kind) {
      case "write":
        this.#cluster.send(this, effect.write);
        break;
      case "wire": {
        const { command } = effect;
        this.#later(agent, 1, () => {
          this.#heed(agent, agent.wire.step(command, this.#nowMs));
        });
        break;
      }
      case "relist":
        this.#list(agent, effect.watched);
        break;
      case "resolve-routes":
        this.#push(agent, {
          kind: "routes",
          routes: effect.targets.map((target) => [target, "eth0"] as const),
        });
        break;
      case "read-arp-ignore":
        this.#push(agent, {
          kind: "arp-ignore",
          values: effect.links.map((link) => [link, 1] as const),
        });
        break;
      case "log":
        this.log.push(effect.message);
        break;
      case "exit":
        this.#agent = undefined;
        break;
    }
  }

  /** Carries out what the wire core asks for, as its host does. */
  #heed(agent: Agent, effects: readonly WireEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case "open":
          agent.tag = effect.tag;
          this.#heed(
            agent,
            agent.wire.opened(effect.tag, this.#memory, this.#nowMs),
          );
          break;
        case "close":
          if (agent.tag === effect.tag) agent.tag = 0;
          break;
        case "send":
          this.#cluster.carry(this, effect.frame);
          break;
        case "report":
          this.#report(agent, effect.report);
          break;
        case "filter":
        case "group":
        case "count-overruns":
          break;
      }
    }
    this.#armWire(agent);
  }

  #armWire(agent: Agent): void {
    const dueMs = agent.wire.deadlineMs();
    if (dueMs === agent.wireDueMs) return;
    agent.wireDueMs = dueMs;
    if (dueMs === undefined) return;
    this.#later(agent, Math.max(0, dueMs - this.#nowMs), () => {
      if (agent.wireDueMs !== dueMs) return;
      agent.wireDueMs = undefined;
      this.#heed(agent, [
        ...agent.wire.wake(this.#nowMs),
        ...agent.wire.deadline(this.#nowMs),
      ]);
    });
  }

  #report(agent: Agent, report: WireReport): void {
    if (report.kind === "owned") {
      const verb = report.owned ? "answers for" : "leaves";
      this.#cluster.moves.push(`${this.name} ${verb} ${report.vip}`);
    }
    this.#later(agent, 1, () => this.#push(agent, { kind: "wire", report }));
  }

  #answer(agent: Agent, frame: Uint8Array): number {
    setFrame(this.#memory.rx, 0, frame);
    return agent.wire.answer(agent.tag, 1);
  }

  /** Does something later, if this agent still runs then. */
  #later(agent: Agent, delayMs: number, run: () => void): void {
    this.#cluster.after(delayMs, () => {
      if (agent === this.#agent) run();
    });
  }
}

interface Agent {
  readonly main: MainCore;
  readonly wire: WireCore;
  /** Not taken yet. */
  events: MainEvent[];
  /** Counts connections, so that what an old one had to say is dropped. */
  connection: number;
  connected: boolean;
  /** When the watches show what they show last. */
  shownMs: number;
  mainDueMs: number | undefined;
  wireDueMs: number | undefined;
  /** Of the open link; 0: none. */
  tag: number;
}

function changed(watched: WatchedKind, raw: unknown): MainEvent {
  const news = <T>(object: T) => ({ kind: "changed", object }) as const;
  const kind = "watch";
  switch (watched) {
    case "service":
      return { kind, watched, news: news(read(projectService(raw))) };
    case "eip":
      return { kind, watched, news: news(read(projectEip(raw))) };
    case "node":
      return { kind, watched, news: news(read(projectNode(raw))) };
    case "namespace":
      return { kind, watched, news: news(read(projectNamespace(raw))) };
    case "endpointslice":
      return { kind, watched, news: news(read(projectEndpointSlice(raw))) };
    case "lease":
      return { kind, watched, news: news(read(projectLease(raw))) };
  }
}

function listed(
  watched: WatchedKind,
  { raws, resourceVersion }: SimList,
): MainEvent {
  const news = <T>(project: (raw: unknown) => Result<T, string>) =>
    ({
      kind: "listed",
      objects: raws.map((raw) => read(project(raw))),
      resourceVersion,
    }) as const;
  const kind = "watch";
  switch (watched) {
    case "service":
      return { kind, watched, news: news(projectService) };
    case "eip":
      return { kind, watched, news: news(projectEip) };
    case "node":
      return { kind, watched, news: news(projectNode) };
    case "namespace":
      return { kind, watched, news: news(projectNamespace) };
    case "endpointslice":
      return { kind, watched, news: news(projectEndpointSlice) };
    case "lease":
      return { kind, watched, news: news(projectLease) };
  }
}

function read<T>(projected: Result<T, string>): T {
  if (!projected.ok) throw new Error(projected.error);
  return projected.value;
}

function arpRequest(vip: string): Uint8Array {
  const senderMac = parseMacAddr("02:00:00:00:00:05");
  const senderIp = parseIpv4Addr("192.168.0.5");
  const targetIp = parseIpv4Addr(vip);
  assert(
    senderMac !== undefined && senderIp !== undefined && targetIp !== undefined,
    "Addresses of a test can be read",
  );
  return encodeEthernet({
    destination: BROADCAST_MAC,
    source: senderMac,
    etherType: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: "request",
      senderMac,
      senderIp,
      targetMac: ZERO_MAC,
      targetIp,
    }),
  });
}

/** What the wall clock of every node says when the simulation starts. */
const START_MS = Date.UTC(2026, 0, 1);
