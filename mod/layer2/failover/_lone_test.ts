/**
 * One fail-over core alone with a script, for tests: fellows are what the
 * script says for them, and effects are read as lines in protocol words.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";
import type { FellowMessage, FellowState } from "@/wire/fellow_frame.ts";
import { ip, nodeId } from "./_world_test.ts";
import type { CandidateNode, FailoverEffect, FailoverEvent } from "./events.ts";
import { failoverDeadlineMs, stepFailover } from "./failover.ts";
import {
  type FailoverState,
  type Fellow,
  initialFailover,
  type Presence,
} from "./state.ts";

/** A VIP for which nodes rank in the order `a`, `b`, `c`, `d`. */
export const ABCD: IpAddr = ip("192.0.2.9");

/** Another, for `b`, `a`, `c`, `d`. */
export const BACD: IpAddr = ip("192.0.2.41");

/** Another, for `c`, `b`, `a`, `d`. */
export const CBAD: IpAddr = ip("192.0.2.34");

/** All of them may own a VIP. */
export const ALL: readonly string[] = ["a", "b", "c", "d"];

/** Flags and more that a fellow says of itself. */
export type Said = Partial<FellowState>;

/** What a fellow lists: VIPs, those that are leaving with a `-` behind. */
export type Listed = readonly string[];

/** Node `a`, or another, with its script. */
export class Lone {
  nowMs = 0;
  readonly state: FailoverState;
  /** Lines with times, since they were read last. */
  lines: string[] = [];
  /** What each fellow said last. */
  readonly #said = new Map<string, FellowState>();
  readonly #lists = new Map<string, Listed>();
  readonly #incarnations = new Map<string, bigint>();
  /** Who beacons every 100 ms, and when next. */
  readonly #beaconing = new Map<string, number>();
  /** Who answers PROBEs at once. */
  readonly answering: Set<string> = new Set();
  readonly #macs = new Map<MacAddr, string>();

  constructor(node = "a", patienceMs = 0) {
    this.state = initialFailover({
      node,
      nodeId: nodeId(node),
      nodeIdOf: nodeId,
      incarnation: 1n,
      patienceMs,
    });
  }

  /** A core that has settled, beside fellows that beacon and answer. */
  static settled(options: {
    readonly node?: string;
    readonly fellows?: readonly string[];
    readonly vips?: readonly (readonly [IpAddr, readonly string[]])[];
    readonly lists?: Readonly<Record<string, Listed>>;
    readonly patienceMs?: number;
  } = {}): Lone {
    const { node = "a", fellows = ["b", "c"], vips = [], lists = {} } = options;
    const lone = new Lone(node, options.patienceMs);
    lone.view({ nodes: [node, ...fellows] });
    lone.view({ vips });
    lone.tell({ kind: "synced", nowMs: 0 });
    lone.tell({ kind: "link-up", nowMs: 0 });
    for (const [index, fellow] of fellows.entries()) {
      lone.answering.add(fellow);
      lone.list(fellow, lists[fellow] ?? []);
      lone.beaconing(fellow, 10 + index);
    }
    lone.run(2_000);
    lone.read();
    return lone;
  }

  /** Tells the core something now. */
  tell(event: FailoverEvent): this {
    const [, effects] = stepFailover(this.state, event);
    for (const effect of effects) {
      const line = lineOf(effect, this.#macs);
      if (line !== undefined) this.lines.push(`${round(this.nowMs)} ${line}`);
    }
    for (const effect of effects) this.#answer(effect);
    return this;
  }

  /** Moves the clock, serving deadlines and beacons on the way. */
  run(untilMs: number): this {
    for (;;) {
      let [name, beaconMs]: [string | undefined, number] = [
        undefined,
        Infinity,
      ];
      for (const [who, atMs] of this.#beaconing) {
        if (atMs < beaconMs) [name, beaconMs] = [who, atMs];
      }
      const dueMs = failoverDeadlineMs(this.state) ?? Infinity;
      const nextMs = Math.min(beaconMs, dueMs);
      if (nextMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      if (name !== undefined && beaconMs === nextMs) {
        this.#beaconing.set(name, beaconMs + 100);
        this.beacon(name);
      } else this.tell({ kind: "deadline", nowMs: this.nowMs });
    }
    this.nowMs = untilMs;
    return this;
  }

  /** Moves the clock while the process does not run. */
  sleep(untilMs: number): this {
    this.nowMs = untilMs;
    return this;
  }

  /** The lines since the last reading, without beacons. */
  read(): readonly string[] {
    const lines = this.lines;
    this.lines = [];
    return lines;
  }

  /** The same, without times. */
  said(): readonly string[] {
    return this.read().map((line) => line.slice(line.indexOf(" ") + 1));
  }

  fellow(name: string): Fellow {
    const fellow = this.state.fellows.get(nodeId(name));
    assert(fellow !== undefined, "The core knows this fellow");
    return fellow;
  }

  /** A fellow beacons every 100 ms from then on; never when absent. */
  beaconing(name: string, fromMs?: number): this {
    if (fromMs === undefined) this.#beaconing.delete(name);
    else this.#beaconing.set(name, fromMs);
    return this;
  }

  /** A fellow falls silent in every way. */
  silence(name: string): this {
    this.answering.delete(name);
    return this.beaconing(name);
  }

  beacon(name: string, said: Said = {}): this {
    return this.frame(name, { kind: "beacon", state: this.say(name, said) });
  }

  list(name: string, listed: Listed, said: Said = {}): this {
    const listVersion = this.say(name, {}).listVersion + 1;
    this.#lists.set(name, listed);
    const vips = listed.length;
    return this.frame(name, {
      kind: "list",
      ...this.#part(name, this.say(name, { listVersion, vips, ...said })),
    });
  }

  reply(name: string, nonce: bigint, said: Said = {}): this {
    const { listVersion, unsure, frozen, listening, leaving } = this.say(
      name,
      said,
    );
    const flags = { unsure, frozen, listening, leaving };
    return this.frame(name, { kind: "reply", nonce, listVersion, ...flags });
  }

  /** Replies to the last PROBE that was sent to a fellow. */
  replyLast(name: string, said: Said = {}): this {
    const probe = this.fellow(name).probes.at(-1);
    assert(probe !== undefined, "A PROBE was sent");
    return this.reply(name, probe.nonce, said);
  }

  suspect(name: string, subject: string): this {
    return this.frame(name, {
      kind: "suspect",
      subject: nodeId(subject),
      incarnation: this.#incarnation(subject),
      silentMs: 300,
    });
  }

  vouch(name: string, subject: string): this {
    return this.frame(name, {
      kind: "vouch",
      subject: nodeId(subject),
      incarnation: this.#incarnation(subject),
      ...this.#part(subject, this.say(subject, {})),
    });
  }

  frame(name: string, message: FellowMessage): this {
    const mac = macOf(name);
    this.#macs.set(mac, name);
    const sender = nodeId(name);
    const incarnation = this.#incarnation(name);
    const frame = { sender, incarnation, message };
    return this.tell({ kind: "frame", nowMs: this.nowMs, mac, frame });
  }

  /** An ARP answer or announcement from a fellow's MAC address, or a stranger's. */
  claim(vip: IpAddr, from: string, node?: string): this {
    const event = {
      kind: "claim",
      nowMs: this.nowMs,
      vip,
      mac: macOf(from),
    } as const;
    return this.tell(node === undefined ? event : { ...event, node });
  }

  heard(from = "192.0.2.200"): this {
    const nowMs = this.nowMs;
    return this.tell({ kind: "heard", nowMs, ip: ip(from), mac: macOf("h") });
  }

  /** How a fellow is known. */
  presence(name: string): Presence {
    return this.state.fellows.get(nodeId(name))?.presence ?? "unknown";
  }

  /** A fellow starts anew. */
  restart(name: string): this {
    this.#incarnations.set(name, this.#incarnation(name) + 1n);
    this.#said.delete(name);
    this.#lists.delete(name);
    return this;
  }

  view(change: {
    readonly nodes?: readonly string[];
    readonly dead?: readonly string[];
    readonly vips?: readonly (readonly [IpAddr, readonly string[]])[];
    readonly removes?: readonly IpAddr[];
    readonly frozen?: boolean;
  }): this {
    const nodes: CandidateNode[] | undefined = change.nodes?.map((node) => ({
      node,
      live: change.dead?.includes(node) !== true,
      leaving: false,
    }));
    return this.tell({
      kind: "view",
      nowMs: this.nowMs,
      ...(nodes === undefined ? {} : { nodes }),
      ...(change.frozen === undefined ? {} : { frozen: change.frozen }),
      upserts: (change.vips ?? []).map(([vip, eligible]) => ({
        vip,
        eligible,
      })),
      removes: change.removes ?? [],
    });
  }

  /** A frame of the agent that was there before a fellow started anew. */
  stale(name: string): this {
    const incarnation = this.#incarnation(name);
    this.#incarnations.set(name, incarnation - 1n);
    this.beacon(name);
    this.#incarnations.set(name, incarnation);
    return this;
  }

  /** What a fellow says of itself from now on. */
  say(name: string, said: Said): FellowState {
    const before = this.#said.get(name) ?? QUIET;
    const now = { ...before, uptimeMs: this.nowMs, ...said };
    this.#said.set(name, now);
    return now;
  }

  #incarnation(name: string): bigint {
    return this.#incarnations.get(name) ?? 1n;
  }

  #part(name: string, state: FellowState) {
    const entries = (this.#lists.get(name) ?? []).map((text) => ({
      vip: ip(text.replace("-", "")),
      leaving: text.endsWith("-"),
    }));
    return { state, part: 0, parts: 1, node: name, entries };
  }

  #answer(effect: FailoverEffect): void {
    if (effect.kind !== "send" || effect.to === undefined) return;
    const name = this.#macs.get(effect.to);
    if (name === undefined || !this.answering.has(name)) return;
    const { message } = effect;
    if (message.kind === "probe") this.reply(name, message.nonce);
    else if (message.kind === "query") {
      this.frame(name, {
        kind: "list",
        ...this.#part(name, this.say(name, {})),
      });
    }
  }
}

/**
 * What happened since the last reading, beacons apart, with times since a
 * moment.
 */
export function spoken(lone: Lone, sinceMs: number): readonly string[] {
  return lone.read().filter((line) => !line.includes(" BEACON"))
    .map((line) => {
      const [ms, ...words] = line.split(" ");
      return [Number(ms) - sinceMs, ...words].join(" ");
    });
}

/** The MAC address of a node, or of a host. */
export function macOf(name: string): MacAddr {
  const code = name.charCodeAt(0).toString(16).padStart(2, "0");
  return `02:00:00:00:00:${code}` as MacAddr;
}

/** One effect as a line; none for a plain beacon. */
function lineOf(
  effect: FailoverEffect,
  macs: ReadonlyMap<MacAddr, string>,
): string | undefined {
  const nameOf = (mac: MacAddr) => macs.get(mac) ?? mac;
  switch (effect.kind) {
    case "send": {
      const to = effect.to === undefined ? "all" : nameOf(effect.to);
      const text = messageLine(effect.message);
      return text === undefined ? undefined : `${text} > ${to}`;
    }
    case "answer":
      return `answer ${effect.vip} ${effect.on ? "on" : "off"}`;
    case "announce":
      return `announce ${effect.vip}${effect.once ? " once" : ""}`;
    case "ask":
      return effect.to === undefined
        ? `ask ${effect.ip} > all`
        : `ask ${effect.ip} > ${nameOf(effect.to)}`;
    case "report":
      return `report ${effect.vip} ${
        effect.owned ? "owned" : "not owned"
      } ${effect.reason}`;
    case "held":
      return `${effect.held ? "held" : "not held"} ${effect.vip} ${
        nameOf(effect.mac)
      }`;
    case "paused":
      return `paused ${effect.gapMs}`;
  }
}

function messageLine(message: FellowMessage): string | undefined {
  switch (message.kind) {
    case "beacon":
      return flagged("BEACON", message.state);
    case "list":
      return flagged(
        `LIST${
          message.entries.map(({ vip, leaving }) =>
            ` ${vip}${leaving ? "-" : ""}`
          ).join("")
        }`,
        message.state,
      );
    case "reply":
      return flagged("REPLY", message);
    case "suspect":
      return `SUSPECT ${message.subject.replace(/^0+/, "")}`;
    case "vouch":
      return `VOUCH ${message.subject.replace(/^0+/, "")}`;
    default:
      return message.kind.toUpperCase();
  }
}

function flagged(
  text: string,
  flags: Pick<FellowState, "unsure" | "frozen" | "listening" | "leaving">,
): string {
  return text + (flags.unsure ? " UNSURE" : "") +
    (flags.frozen ? " FROZEN" : "") + (flags.listening ? " LISTENING" : "") +
    (flags.leaving ? " LEAVING" : "");
}

function round(nowMs: number): string {
  return String(Math.round(nowMs));
}

const QUIET: FellowState = {
  listVersion: 0,
  uptimeMs: 0,
  beaconIntervalMs: 100,
  unsure: false,
  frozen: false,
  listening: false,
  leaving: false,
  vips: 0,
};
