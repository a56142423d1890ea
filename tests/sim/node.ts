/**
 * One node of the simulation: both isolates of its agent, its clocks, and the
 * ways to stop them.
 *
 * @module
 */

import { parseMacAddr } from "@/addr/mac_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import { WireHost } from "@/host/mod.ts";
import { assert } from "@/lang/assert.ts";
import type { Random } from "@/lang/random.ts";
import type { JsonObject } from "@/lab/apiserver/json.ts";
import type { LabHost } from "@/lab/network.ts";
import {
  type LocalLink,
  MainCore,
  type MainEffect,
  type MainEvent,
  WATCHED_KINDS,
  WireCore,
  type WireReport,
} from "@/node/mod.ts";
import type { PlannedWrite, WriteOutcome } from "@/reconcile/mod.ts";
import { setFrame } from "@/wire/frame_batch.ts";
import { ApiLink, type ApiWeather } from "./api_link.ts";
import type { ApiServer } from "./api_server.ts";
import { addressOf, question } from "./frames.ts";
import type { AgentWitness } from "./referee.ts";
import type { Segment, Station } from "./segment.ts";
import { START_MS, type Timeline } from "./timeline.ts";
import type { Told } from "./told_view.ts";
import { SimWirePort } from "./wire_port.ts";

/** How a node stands still. */
export type Standstill =
  /** The process is stopped (SIGSTOP); the clocks go on. */
  | "stopped"
  /** The virtual machine is, and its clocks with it; frames to it are lost. */
  | "frozen"
  /** Only main is: garbage, or no CPU. The wire isolate goes on. */
  | "stalled";

/** What a node is part of. */
export interface NodeWorld {
  readonly timeline: Timeline;
  readonly server: ApiServer;
  readonly segment: Segment;
  readonly random: Random;
  /** Begins to watch over an agent that starts. */
  witness(node: SimNode, identity: string): AgentWitness;
  /** Told of every write an agent sends. */
  wrote(node: SimNode, write: PlannedWrite): void;
  /** Told of what happens, for people. */
  trace(line: string): void;
}

/** How a node is made. */
export interface NodeOptions {
  readonly host: LabHost;
  readonly seed: number;
  /** Longest time from one isolate to the other. */
  readonly isolateMsMax: number;
  /** Whether its kernel has room for exact filters. */
  readonly isExact: boolean;
  readonly weather: ApiWeather;
}

/** A node with an agent. */
export class SimNode implements Station {
  /** What it is called and which addresses it has. */
  readonly host: LabHost;
  /** Its way to the API server; changed by whoever makes trouble. */
  readonly weather: ApiWeather;
  /** What it is made of, and how it is without trouble. */
  readonly base: NodeOptions;
  /** What its agent said in its log. */
  readonly log: string[] = [];
  readonly macNumber: number;
  readonly isAgent = true;
  /** Longest time from one isolate to the other. */
  isolateMsMax: number;
  readonly #world: NodeWorld;
  #offsetMs: number;
  #wallOffsetMs = 0;
  #agent: Agent | undefined;
  #incarnation = 0;
  #boots = 0;
  #isLinkUp = true;
  #still: { readonly how: Standstill; readonly sinceMs: number } | undefined;
  #backlog: (() => void)[] = [];
  #mainBacklog: (() => void)[] = [];

  /** A node whose agent does not run. */
  constructor(world: NodeWorld, options: NodeOptions) {
    this.#world = world;
    this.base = options;
    this.host = options.host;
    this.weather = { ...options.weather };
    this.isolateMsMax = options.isolateMsMax;
    this.macNumber = Number.parseInt(this.host.mac.replaceAll(":", ""), 16);
    // A monotonic clock starts anywhere.
    this.#offsetMs = world.random.int(1_000_000);
  }

  /** Its name. */
  get name(): string {
    return this.host.name;
  }

  /** Whether its agent runs. */
  get isAlive(): boolean {
    return this.#agent !== undefined;
  }

  /** Whether its agent was asked to end, and has not. */
  get isLeaving(): boolean {
    return this.#agent?.isLeaving ?? false;
  }

  /** Whether its agent is the controller. */
  get isLeader(): boolean {
    return this.#agent?.main.view.isLeader ?? false;
  }

  /** How it stands still, if it does. */
  get standstill(): Standstill | undefined {
    return this.#still?.how;
  }

  /** Whether its interface has a carrier. */
  get isLinkUp(): boolean {
    return this.#isLinkUp;
  }

  /** When its wire isolate has heard what main said last. */
  get heardAllMs(): number {
    return this.#agent?.toWireMs ?? 0;
  }

  /** Its main core. */
  get main(): MainCore {
    assert(this.#agent !== undefined, `${this.name} has no agent`);
    return this.#agent.main;
  }

  /** Its monotonic clock. */
  get monoMs(): number {
    const still = this.#still?.how === "frozen" ? this.#still : undefined;
    const nowMs = still?.sinceMs ?? this.#world.timeline.nowMs;
    return nowMs + this.#offsetMs;
  }

  /** Starts its agent, under a name. */
  start(name: string = this.name): void {
    assert(this.#agent === undefined, `The agent of ${this.name} runs`);
    const incarnation = `${++this.#incarnation}`;
    const boots = this.#boots === 0 ? "" : `-${this.#boots}`;
    const machine = `boot-${this.name}${boots}`;
    const identity = `${machine}_${incarnation}`;
    const core = new WireCore({
      node: name,
      // A later start of a node has a larger one, whatever its clock says.
      incarnation: BigInt(START_MS + this.#world.timeline.nowMs) * 1_000n +
        BigInt(this.#incarnation),
    });
    const port = this.#wirePort();
    const agent: Agent = {
      main: new MainCore({
        node: name,
        machine,
        incarnation,
        namespace: "openelb-system",
        claim: {
          loadBalancerClass: "openelb.io/openelb",
          claimUnclassed: false,
        },
        seed: this.base.seed + this.#incarnation * 7,
      }),
      core,
      port,
      wire: new WireHost(core, port),
      api: undefined,
      witness: this.#world.witness(this, identity),
      events: [],
      told: [],
      mainDueMs: undefined,
      wireDueMs: undefined,
      wireArmedMs: Infinity,
      toWireMs: 0,
      toMainMs: 0,
      isLeaving: false,
    };
    this.#agent = agent;
    agent.api = new ApiLink({ ...this.#world, weather: this.weather }, {
      run: (task) => this.#inMain(agent, task),
      take: (event, told) => this.#push(agent, event, told),
    });
    this.#push(agent, { kind: "links", links: [this.#link()] });
    this.#report(agent, { kind: "ready" });
    // There is no key, and that is known soon.
    const news = {
      kind: "listed",
      objects: [],
      resourceVersion: "1",
    } as const;
    this.#push(agent, { kind: "watch", watched: "secret", news });
    agent.api.open();
  }

  /** Ends its agent at once. */
  kill(): void {
    this.#agent?.witness.end();
    this.#agent = undefined;
    this.#still = undefined;
    this.#backlog = [];
    this.#mainBacklog = [];
  }

  /** The machine starts anew: another boot, another monotonic clock. */
  reboot(): void {
    this.kill();
    this.#boots++;
    this.#offsetMs = this.#world.random.int(10_000) -
      this.#world.timeline.nowMs;
  }

  /** Asks its agent to end. */
  shutDown(): void {
    const agent = this.#agent;
    if (agent === undefined || agent.isLeaving) return;
    agent.isLeaving = true;
    this.#inMain(agent, () => {
      agent.witness.leaves(this.monoMs);
      this.#push(agent, { kind: "shutdown" });
    });
  }

  /** Stops it. */
  halt(how: Standstill): void {
    assert(this.#still === undefined, `${this.name} stands still already`);
    this.#still = { how, sinceMs: this.#world.timeline.nowMs };
  }

  /** Lets it go on. */
  resume(): void {
    const still = this.#still;
    if (still === undefined) return;
    const standMs = this.#world.timeline.nowMs - still.sinceMs;
    if (still.how === "frozen") {
      this.#offsetMs -= standMs;
      this.#wallOffsetMs -= standMs;
    } else if (still.how === "stopped") this.#agent?.witness.slept(standMs);
    this.#still = undefined;
    const backlog = [...this.#backlog, ...this.#mainBacklog];
    this.#backlog = [];
    this.#mainBacklog = [];
    for (const task of backlog) task();
  }

  /** Sets its wall clock. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Gives its interface a carrier, or takes it. */
  setLink(isUp: boolean): void {
    this.#isLinkUp = isUp;
    const agent = this.#agent;
    if (agent === undefined) return;
    this.#inMain(agent, () => {
      this.#push(agent, { kind: "links", links: [this.#link()] });
    });
  }

  /** Takes the API server away from this node alone, or brings it back. */
  isolate(isIsolated: boolean): void {
    this.weather.cuts += isIsolated ? 1 : -1;
    if (isIsolated) this.loseWatches();
  }

  /** Its watches are dead: it is told by their end, or finds out by silence. */
  loseWatches(isClean = false): void {
    const { random } = this.#world;
    const noticeMs = random.int(2) === 0 || isClean ? 100 : SILENCE_MS;
    this.#agent?.api?.drop(() => random.int(noticeMs), isClean);
  }

  /** The API server shows a change to those who watch. */
  show(...change: Parameters<ApiLink["show"]>): void {
    this.#agent?.api?.show(...change);
  }

  /** Its interface receives frames. */
  hear(frames: readonly Uint8Array[]): void {
    const agent = this.#agent;
    if (agent === undefined || !this.#isLinkUp) return;
    if (this.#still?.how === "frozen") return;
    if (agent.port.receive(frames)) this.#turn(agent);
  }

  /** Whether it answers a broadcast question for a VIP at this moment. */
  answersArp(vip: string): boolean {
    const agent = this.#agent;
    const memory = agent?.port.memory;
    if (agent === undefined || memory === undefined) return false;
    setFrame(memory.rx, 0, question(PASSER_BY, vip));
    return agent.core.answer(memory.tag, 1) === 1;
  }

  #wirePort(): SimWirePort {
    const owner = (): Agent => {
      assert(this.#agent !== undefined, "Only a live agent has a turn");
      return this.#agent;
    };
    return new SimWirePort({
      monoMs: () => this.monoMs,
      worldMs: () => this.#world.timeline.nowMs,
      send: (frames) => {
        if (this.#isLinkUp) this.#world.segment.send(this, frames);
      },
      report: (report) => this.#report(owner(), report),
      answered: (sayings, isOld) => {
        const agent = owner();
        for (const { address } of sayings) {
          agent.witness.answered(addressOf(address), isOld, this.monoMs);
        }
      },
    }, this.base.isExact);
  }

  #link(): LocalLink {
    const mac = parseMacAddr(this.host.mac);
    const prefixes = [`${this.host.ipv4}/24`, `${this.host.ipv6}/64`].map(
      (text) => {
        const prefix = parsePrefix(text);
        assert(prefix !== undefined, "The host has addresses");
        return prefix;
      },
    );
    const running = this.#isLinkUp;
    return { index: 2, name: "eth0", mac, running, prefixes };
  }

  #push(agent: Agent, event: MainEvent, told?: Told): void {
    agent.events.push(event);
    if (told !== undefined) agent.told.push(told);
    if (agent.events.length > 1) return;
    this.#world.timeline.after(0, () => {
      this.#inMain(agent, () => this.#drain(agent));
    });
  }

  #drain(agent: Agent): void {
    const { events, told } = agent;
    agent.events = [];
    agent.told = [];
    const monoMs = this.monoMs;
    for (const one of told) agent.witness.told(one, monoMs);
    const wallMs = START_MS + this.#world.timeline.nowMs + this.#wallOffsetMs;
    const effects = agent.main.step(events, {
      nowMs: monoMs,
      nowIso: new Date(wallMs).toISOString(),
    });
    for (const effect of effects) this.#carryOut(agent, effect);
    if (agent === this.#agent) this.#armMain(agent);
  }

  #armMain(agent: Agent): void {
    const dueMs = agent.main.deadlineMs();
    if (dueMs === agent.mainDueMs) return;
    agent.mainDueMs = dueMs;
    if (dueMs !== undefined) this.#waitMain(agent, dueMs);
  }

  #waitMain(agent: Agent, dueMs: number): void {
    this.#world.timeline.after(Math.max(0, dueMs - this.monoMs), () => {
      this.#inMain(agent, () => {
        if (agent.mainDueMs !== dueMs) return;
        // A frozen clock has not come so far yet.
        if (this.monoMs < dueMs) this.#waitMain(agent, dueMs);
        else {
          agent.mainDueMs = undefined;
          this.#push(agent, { kind: "deadline" });
        }
      });
    });
  }

  #carryOut(agent: Agent, effect: MainEffect): void {
    switch (effect.kind) {
      case "write":
        this.#write(agent, effect.write);
        break;
      case "wire": {
        const { command } = effect;
        if (command.kind === "nodes") {
          const own = agent.main.view.node;
          agent.witness.tells(command.nodes, own, this.monoMs);
        }
        agent.toWireMs = this.#hopMs(agent.toWireMs);
        this.#world.timeline.at(agent.toWireMs, () => {
          if (agent !== this.#agent) return;
          agent.port.post(command);
          this.#turn(agent);
        });
        break;
      }
      case "relist": {
        // What an agent can do without is not in these clusters.
        const kind = WATCHED_KINDS.find((one) => one === effect.watched);
        if (kind !== undefined) agent.api?.relist(kind);
        break;
      }
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
        this.#world.trace(`${this.name} says: ${effect.message}`);
        break;
      case "exit":
        this.#world.trace(`${this.name}: its agent has ended`);
        this.kill();
        break;
    }
  }

  #write(agent: Agent, write: PlannedWrite): void {
    const sentMs = this.monoMs;
    this.#world.wrote(this, write);
    agent.api?.request(write, (outcome) => {
      agent.witness.written(write, outcome, sentMs);
      if (outcome.kind === "failed") {
        const { reason, message } = outcome;
        this.#world.trace(`${this.name} ${write.id}: ${reason}, ${message}`);
      }
      this.#push(
        agent,
        { kind: "written", write, outcome },
        toldByAnswer(write, outcome),
      );
    });
  }

  /** When what is said between the isolates now arrives: in order, after a drawn delay. */
  #hopMs(lastMs: number): number {
    const delayMs = 1 + this.#world.random.int(this.isolateMsMax);
    return Math.max(lastMs, this.#world.timeline.nowMs + delayMs);
  }

  /** Gives the wire isolate a turn. */
  #turn(agent: Agent): void {
    this.#inProcess(agent, () => {
      if (agent.port.isStopped) return;
      agent.wire.turn();
      this.#armWire(agent);
    });
  }

  /** Sees to it that the wire isolate wakes in time. Mostly that only moves later, which is noticed when the former time has come. */
  #armWire(agent: Agent): void {
    const dueMs = agent.core.deadlineMs();
    agent.wireDueMs = dueMs;
    if (dueMs === undefined || dueMs >= agent.wireArmedMs) return;
    agent.wireArmedMs = dueMs;
    this.#world.timeline.after(Math.max(0, dueMs - this.monoMs), () => {
      this.#inProcess(agent, () => {
        if (agent.wireArmedMs !== dueMs) return;
        agent.wireArmedMs = Infinity;
        const isDue = (agent.wireDueMs ?? Infinity) <= this.monoMs;
        if (isDue) this.#turn(agent);
        else this.#armWire(agent);
      });
    });
  }

  #report(agent: Agent, report: WireReport): void {
    if (report.kind === "owned") {
      agent.witness.owns(report.vip, report.owned, report.reason);
    }
    agent.toMainMs = this.#hopMs(agent.toMainMs);
    this.#world.timeline.at(agent.toMainMs, () => {
      this.#inMain(agent, () => this.#push(agent, { kind: "wire", report }));
    });
  }

  /** Does something in the process: now, or when it runs again; never once it is dead. */
  #inProcess(agent: Agent, task: () => void): void {
    if (agent !== this.#agent) return;
    const how = this.#still?.how;
    if (how === undefined || how === "stalled") task();
    else this.#backlog.push(() => this.#inProcess(agent, task));
  }

  /** The same in its main isolate. */
  #inMain(agent: Agent, task: () => void): void {
    if (agent !== this.#agent) return;
    if (this.#still === undefined) task();
    else this.#mainBacklog.push(() => this.#inMain(agent, task));
  }
}

interface Agent {
  readonly main: MainCore;
  readonly core: WireCore;
  readonly port: SimWirePort;
  readonly wire: WireHost;
  api: ApiLink | undefined;
  readonly witness: AgentWitness;
  /** Not taken yet. */
  events: MainEvent[];
  told: Told[];
  mainDueMs: number | undefined;
  wireDueMs: number | undefined;
  /** When it is looked whether it is due; `Infinity` when it is not. */
  wireArmedMs: number;
  /** When what was said last to the other isolate arrives. */
  toWireMs: number;
  toMainMs: number;
  isLeaving: boolean;
}

/** What the answer to a write tells of an object. */
function toldByAnswer(
  write: PlannedWrite,
  outcome: WriteOutcome,
): Told | undefined {
  if (outcome.kind !== "written") return undefined;
  const kind = write.id.startsWith("service/")
    ? "service"
    : write.id.startsWith("eip")
    ? "eip"
    : undefined;
  return kind && {
    kind,
    what: "answered",
    raw: outcome.object as JsonObject,
  };
}

/** Whose question it is when somebody only looks. */
const PASSER_BY = {
  mac: "02:00:00:00:00:fe",
  ipv4: "192.168.0.4",
  ipv6: "2001:db8::4",
};
/** After how long a silent connection is given up. */
const SILENCE_MS = 30_000;
