/**
 * A node of a link world: a host that lives or not, the process on it that runs
 * or not, and its two isolates.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { type Ipv6Addr, parseIpv6Addr } from "@/addr/ipv6_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";
import type { WireCommand, WireLink, WireReport } from "@/node/mod.ts";
import type { LinkAgent } from "./agent.ts";
import type { LinkWorld } from "./link_world.ts";
import { RENEW_MS, ScriptedMain } from "./scripted_main.ts";
import type { Host, LinkSegment } from "./segment.ts";

/** An interface of a node. */
export interface NodePort {
  /** Name of the link. */
  readonly link: string;
  readonly segment: LinkSegment;
  /** Its port at the segment. */
  readonly port: number;
  readonly mac: MacAddr;
}

/** What the process of a node does. */
export type ProcessState = "off" | "running" | "stopped";

/** One node. */
export class LinkNode {
  readonly name: string;
  readonly index: number;
  readonly ports: NodePort[] = [];
  /** Whether the host runs: it forwards, and its kernel receives. */
  isHostUp = true;
  /** Whether its virtual machine stands still, clock and all. */
  isPaused = false;
  /** Whether the carrier is lost. */
  hasCarrier = true;
  /** Whether it reaches the API server, as far as that is up. */
  reachesApi = true;
  process: ProcessState = "off";
  main: ScriptedMain | undefined;
  /** How many faults it has now. */
  faults = 0;
  /** How many of them cut one direction between it and everybody. */
  oneWayCuts = 0;
  /** Since when it has none. */
  faultlessSinceMs = 0;
  /** When its agent was started. */
  soundSinceMs = 0;
  /** When the last frame was handed to its agent, on its own clock. */
  lastFrameMs: number = -Infinity;
  /** When its process last went on after it was stopped, and how long that was. */
  resumed: { readonly atMs: number; readonly gapMs: number } | undefined;
  #agent: LinkAgent | undefined;
  #lostMs: number;
  #pausedAtMs = 0;
  #stoppedAtMs = 0;
  #wakeAtMs = Infinity;
  #isWatchDue = false;
  #boots = 0;
  readonly #world: LinkWorld;

  /** A node that was not started. */
  constructor(world: LinkWorld, index: number) {
    this.#world = world;
    this.index = index;
    this.name = `node-${index}`;
    // Clocks of different machines have nothing to do with each other.
    this.#lostMs = -world.draw(100_000);
  }

  /** Plugs it into a segment. */
  plug(link: string, segment: LinkSegment, mac: MacAddr): void {
    const host: Host = {
      name: this.name,
      macNumber: Number.parseInt(mac.replaceAll(":", ""), 16),
      isAgent: true,
      hear: (frame) => this.#hear(link, frame),
    };
    const port = segment.attach(host);
    this.ports.push({ link, segment, port, mac });
  }

  /** The monotonic clock. */
  get monoMs(): number {
    const { nowMs } = this.#world.timeline;
    return (this.isPaused ? this.#pausedAtMs : nowMs) - this.#lostMs;
  }

  /** Whether it answers, if its agent does. */
  get isRunning(): boolean {
    return this.process === "running" && this.isHostUp && !this.isPaused;
  }

  /** Whether its main isolate gets anything from the API server. */
  get isInformed(): boolean {
    return this.isRunning && this.reachesApi && this.#world.api.isUp;
  }

  /** Whether it hears nobody, or nobody hears it. */
  get isCutOneWay(): boolean {
    return this.oneWayCuts > 0;
  }

  /** Starts the agent. */
  boot(): void {
    const world = this.#world;
    const boot = ++this.#boots;
    this.soundSinceMs = world.nowMs;
    this.process = "running";
    this.#agent = world.makeAgent(this, world.incarnation());
    this.#wakeAtMs = Infinity;
    const identity = `${this.name}_${boot}`;
    this.main = new ScriptedMain(
      world.api,
      { node: this.name, identity },
      (command) => this.#agent?.post(command),
    );
    this.post(world.cluster);
    if (this.isInformed) {
      this.main.renew(this.monoMs);
      this.main.list(this.monoMs);
      this.post({ kind: "synced" });
      world.apiChanged();
    }
    this.postLinks();
    this.turn();
    this.#renewLater(boot);
  }

  /** SIGKILL, and what the kernel cleans up. */
  kill(): void {
    this.process = "off";
    this.#agent = undefined;
    this.main = undefined;
    this.#world.rules.gone(this);
  }

  /** SIGTERM; the agent ends when it has handed over, or in time. */
  terminate(then: () => void): void {
    const { main } = this;
    if (main === undefined) return;
    const boot = this.#boots;
    main.isLeaving = true;
    if (this.isInformed) {
      main.renew(this.monoMs);
      this.#world.apiChanged();
    }
    main.tell(this.monoMs);
    this.post({ kind: "leave" });
    const end = (): void => {
      if (this.#boots !== boot || this.process === "off") return;
      this.post({ kind: "stop" });
      this.turn();
      if (this.isInformed) {
        this.#world.api.write(this.name, "", false);
        this.#world.apiChanged();
      }
      this.kill();
      then();
    };
    this.#onLeft = () => this.#world.timeline.after(LEFT_TO_EXIT_MS, end);
    this.#world.timeline.after(TERMINATION_MS, end);
    this.turn();
  }
  #onLeft: (() => void) | undefined;

  /** SIGSTOP. */
  stop(): void {
    if (this.process !== "running") return;
    this.process = "stopped";
    this.#stoppedAtMs = this.#world.timeline.nowMs;
    this.#world.rules.changed(this);
  }

  /** SIGCONT. */
  resume(): void {
    if (this.process !== "stopped") return;
    const { nowMs } = this.#world.timeline;
    this.process = "running";
    this.resumed = { atMs: nowMs, gapMs: nowMs - this.#stoppedAtMs };
    if (this.#isWatchDue) this.watch();
    this.turn();
    this.#world.rules.changed(this);
  }

  /** Stops the virtual machine. */
  pause(): void {
    this.#pausedAtMs = this.#world.timeline.nowMs;
    this.isPaused = true;
    this.#world.rules.changed(this);
  }

  /** Lets it go on as if nothing had been. */
  unpause(): void {
    this.isPaused = false;
    this.#lostMs += this.#world.timeline.nowMs - this.#pausedAtMs;
    if (this.process === "running") this.#wake();
    this.#world.rules.changed(this);
  }

  /** Tells the agent of its links. */
  postLinks(): void {
    const links = this.ports.map(({ link, mac }, at): WireLink => ({
      name: link,
      index: at + 1,
      mac,
      running: this.hasCarrier,
      gateways: this.#world.gatewaysOf(link),
      linkLocal: linkLocalOf(this.index, at),
    }));
    this.post({ kind: "links", links });
  }

  /** Puts a command into the mailbox; heeded in the next turn. */
  post(command: WireCommand): void {
    this.#agent?.post(command);
  }

  /** The watch shows what is new. */
  watch(): void {
    if (!this.isInformed || this.main === undefined) {
      this.#isWatchDue = this.process === "stopped";
      return;
    }
    this.#isWatchDue = false;
    this.#learn((main) => main.watch(this.monoMs));
  }

  /** The API server is reached again. */
  relist(): void {
    if (!this.isInformed || this.main === undefined) return;
    this.#learn((main) => {
      main.list(this.monoMs);
      this.post({ kind: "synced" });
    });
  }

  /** Lets time pass for the main isolate. */
  settle(): void {
    if (!this.isRunning || this.main === undefined) return;
    this.main.settle(this.monoMs);
    this.turn();
  }

  /** Gives the agent a turn. */
  turn(): void {
    if (!this.isRunning) return;
    this.#agent?.turn();
    this.#world.rules.settle();
    this.#wake();
  }

  /** Takes a report of the agent. */
  reported(report: WireReport): void {
    if (report.kind === "left") this.#onLeft?.();
    this.#world.rules.reported(this, report);
  }

  /** Whether the view it was told gives it a right to a VIP. */
  mayClaim(vip: IpAddr): boolean {
    return this.main?.toldOf(vip, this.monoMs)?.includes(this.name) ?? false;
  }

  /** What came back while it was not told may be claimed from now on, not before. */
  #learn(how: (main: ScriptedMain) => void): void {
    const { main } = this;
    if (main === undefined) return;
    const { api, rules } = this.#world;
    const unknown = api.vips.filter(({ vip }) => !this.mayClaim(vip));
    how(main);
    this.turn();
    for (const { vip } of unknown) if (this.mayClaim(vip)) rules.freed(vip);
  }

  #hear(link: string, frame: Uint8Array): void {
    if (!this.isHostUp || this.isPaused || this.#agent === undefined) return;
    if (!this.#agent.queue(link, frame)) return;
    if (!this.isRunning) return;
    this.lastFrameMs = this.monoMs;
    this.turn();
  }

  #wake(): void {
    const dueMs = this.#agent?.deadlineMs();
    if (dueMs === undefined) return;
    const { timeline } = this.#world;
    const atMs = Math.max(timeline.nowMs, dueMs + this.#lostMs);
    if (atMs >= this.#wakeAtMs) return;
    this.#wakeAtMs = atMs;
    const agent = this.#agent;
    timeline.at(atMs + this.#world.lateMs(), () => {
      // Another wake-up came before this one, and took its place.
      if (this.#wakeAtMs !== atMs || this.#agent !== agent) return;
      this.#wakeAtMs = Infinity;
      if (!this.isRunning) return;
      const nowDueMs = agent?.deadlineMs();
      if (nowDueMs !== undefined && nowDueMs <= this.monoMs) this.turn();
      else this.#wake();
    });
  }

  #renewLater(boot: number): void {
    this.#world.timeline.after(RENEW_MS - 200 + this.#world.draw(400), () => {
      if (this.#boots !== boot || this.main === undefined) return;
      if (this.isInformed) {
        this.main.renew(this.monoMs);
        this.#world.apiChanged();
      }
      this.#renewLater(boot);
    });
  }
}

function linkLocalOf(node: number, link: number): Ipv6Addr {
  const addr = parseIpv6Addr(`fe80::${link + 1}:${(node + 1).toString(16)}`);
  assert(addr !== undefined, "A link-local address is one");
  return addr;
}

/** The process ends so long after nothing was left to hand over. */
const LEFT_TO_EXIT_MS = 20;
/** Longest time an agent takes to hand over when it is asked to stop. */
const TERMINATION_MS = 3_500;
