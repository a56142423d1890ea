/**
 * Two speakers on one cable in virtual time, for the tests of this folder.
 *
 * @module
 */

import { type Ipv4Addr, parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import { assert } from "@/lang/assert.ts";
import { type BfdControlPacket, decodeBfdControl } from "@/wire/bfd_control.ts";
import type { BfdSession, BfdSessionConfig, BfdTimers } from "./session.ts";
import {
  type BfdDatagram,
  bfdDeadlineMs,
  type BfdEffect,
  type BfdEvent,
  type BfdState,
  initialBfd,
  stepBfd,
} from "./speaker.ts";

/** One end of the cable. */
export type End = "a" | "b";

/** A packet that was sent. */
export interface Sent {
  readonly atMs: number;
  readonly from: End;
  readonly packet: BfdControlPacket;
}

/** How the pair is set up. */
export interface PairOptions {
  /** Timers of each end. */
  readonly a?: Partial<BfdTimers>;
  readonly b?: Partial<BfdTimers>;
  /** Which end waits for the other. */
  readonly passive?: End;
  /** Whether it is a multihop session. */
  readonly multihop?: boolean;
  /** Chance of both. */
  readonly seed?: number;
}

/** An address that is a constant of a test. */
export function addr(text: string): Ipv4Addr {
  const parsed = parseIpv4Addr(text);
  assert(parsed !== undefined, `${text} is an address`);
  return parsed;
}

const ADDRESSES = { a: addr("10.0.0.1"), b: addr("10.0.0.2") };
const LATENCY_MS = 0.1;

/** Two speakers, each with one session with the other. */
export class Pair {
  nowMs = 1_000;
  /** Whether a packet is lost on the way. */
  loses: (sent: Sent) => boolean = () => false;
  readonly sent: Sent[] = [];
  /** States entered and left, in words. */
  readonly log: string[] = [];
  readonly effects: { readonly end: End; readonly effect: BfdEffect }[] = [];
  readonly states: Readonly<Record<End, BfdState>>;
  readonly #options: PairOptions;
  #flying: { readonly dueMs: number; readonly to: End; bytes: Uint8Array }[] =
    [];

  constructor(options: PairOptions = {}) {
    this.#options = options;
    const seed = options.seed ?? 1;
    this.states = { a: initialBfd(seed), b: initialBfd(seed + 1_000) };
    this.start("a");
    this.start("b");
  }

  /** The configuration of an end. */
  config(end: End, timers: Partial<BfdTimers> = {}): BfdSessionConfig {
    const { passive, multihop } = this.#options;
    return {
      id: "peer",
      peer: ADDRESSES[other(end)],
      local: ADDRESSES[end],
      passive: passive === end,
      minTxMs: 50,
      minRxMs: 50,
      multiplier: 3,
      ...this.#options[end],
      ...timers,
      ...(multihop === true ? {} : { link: "eth0" }),
    };
  }

  /** Gives an end its session, perhaps with other timers. */
  start(end: End, timers: Partial<BfdTimers> = {}): void {
    const { nowMs } = this;
    const sessions = [this.config(end, timers)];
    this.step(end, { kind: "sessions", nowMs, sessions });
  }

  /** The session of an end. */
  session(end: End): BfdSession {
    const session = this.states[end].sessions.get("peer");
    assert(session !== undefined, "An end has its session");
    return session;
  }

  /** Whether both are up. */
  get isUp(): boolean {
    return this.session("a").state === "up" && this.session("b").state === "up";
  }

  /** Gives an end an event. */
  step(end: End, event: BfdEvent): readonly BfdEffect[] {
    const effects = stepBfd(this.states[end], event);
    for (const effect of effects) this.#take(end, effect);
    return effects;
  }

  /** A datagram as it would come to an end. */
  datagram(to: End, payload: Uint8Array): BfdDatagram {
    return {
      source: ADDRESSES[other(to)],
      destination: ADDRESSES[to],
      link: "eth0",
      ttl: this.#options.multihop === true ? 60 : 255,
      multihop: this.#options.multihop === true,
      payload,
    };
  }

  /** Lets time pass. */
  run(durationMs: number): void {
    const endMs = this.nowMs + durationMs;
    for (;;) {
      const dueMs = Math.min(
        bfdDeadlineMs(this.states.a) ?? Infinity,
        bfdDeadlineMs(this.states.b) ?? Infinity,
        ...this.#flying.map((packet) => packet.dueMs),
      );
      if (dueMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.#land();
      for (const end of ["a", "b"] as const) {
        this.step(end, { kind: "deadline", nowMs: this.nowMs });
      }
    }
    this.nowMs = endMs;
  }

  /** Lets time pass until both are up. */
  runUntilUp(): void {
    for (let i = 0; i < 100 && !this.isUp; i++) this.run(100);
    assert(this.isUp, "Both are up");
    // The Poll Sequences end.
    this.run(500);
  }

  /** What an end sent since a time. */
  sentBy(from: End, sinceMs = 0): readonly Sent[] {
    return this.sent.filter((sent) =>
      sent.from === from && sent.atMs >= sinceMs
    );
  }

  #land(): void {
    const landed = this.#flying.filter(({ dueMs }) => dueMs <= this.nowMs);
    this.#flying = this.#flying.filter(({ dueMs }) => dueMs > this.nowMs);
    for (const { to, bytes } of landed) {
      const datagram = this.datagram(to, bytes);
      this.step(to, { kind: "datagram", nowMs: this.nowMs, datagram });
    }
  }

  #take(end: End, effect: BfdEffect): void {
    this.effects.push({ end, effect });
    if (effect.kind === "state") {
      const why = effect.cause === undefined ? "" : ` (${effect.cause})`;
      const failed = effect.pathFailed ? ", the path failed" : "";
      this.log.push(`${end} ${effect.from} to ${effect.to}${why}${failed}`);
    }
    if (effect.kind !== "send") return;
    const packet = decodeBfdControl(effect.bytes);
    assert(packet.ok, "What is sent can be read");
    const sent = { atMs: this.nowMs, from: end, packet: packet.value };
    this.sent.push(sent);
    if (this.loses(sent)) return;
    const dueMs = this.nowMs + LATENCY_MS;
    this.#flying.push({ dueMs, to: other(end), bytes: effect.bytes });
  }
}

/** The other end. */
export function other(end: End): End {
  return end === "a" ? "b" : "a";
}
