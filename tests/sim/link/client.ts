/**
 * A host that uses a VIP: it sends to the MAC address that it heard last.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { addressKey, question, sayingOf } from "../frames.ts";
import { addrOf, macOf } from "./addresses.ts";
import { answerOf } from "./hosts.ts";
import type { LinkWorld } from "./link_world.ts";
import type { Host, LinkSegment } from "./segment.ts";

/** A host with a warm cache. */
export class WarmClient implements Host {
  readonly name: string = "client";
  readonly macNumber: number = Number.parseInt(
    ASKER.mac.replaceAll(":", ""),
    16,
  );
  readonly isAgent: boolean = false;
  /** The longest time in which what it sent reached nobody, in milliseconds. */
  lostMsMax = 0;
  /** The longest time in which nobody whom it reaches answered. */
  silentMsMax = 0;
  readonly #world: LinkWorld;
  readonly #segment: LinkSegment;
  readonly #vip: IpAddr;
  readonly #port: number;
  #cached: number | undefined;
  #lostSinceMs: number | undefined;
  #silentSinceMs: number | undefined;

  /** A host on the segment of a world that asks for a VIP. */
  constructor(
    world: LinkWorld,
    at: { readonly segment: LinkSegment; readonly vip: IpAddr },
  ) {
    this.#world = world;
    this.#segment = at.segment;
    this.#vip = at.vip;
    this.#port = at.segment.attach(this);
    this.#send();
  }

  /** Heeds answers and announcements. */
  hear(frame: Uint8Array): void {
    // A host that asks for a VIP may be asked for a sign of life.
    const answer = answerOf(frame, OWN);
    if (answer !== undefined) this.#segment.send(this.#port, answer);
    const saying = sayingOf(frame);
    if (saying === undefined || saying.kind === "ask") return;
    if (saying.address === addressKey(this.#vip)) {
      this.#cached = saying.macNumber;
    }
  }

  /** Sends to where it thinks the VIP is, and asks while it knows nobody. */
  #send(): void {
    const { nowMs } = this.#world;
    if (this.#cached === undefined) {
      this.#segment.send(this.#port, question(ASKER, this.#vip));
    } else if (this.#isServed(this.#cached)) this.#lostSinceMs = undefined;
    else this.#lostSinceMs ??= nowMs;
    if (this.#lostSinceMs !== undefined) {
      const lostMs = nowMs - this.#lostSinceMs;
      this.lostMsMax = Math.max(this.lostMsMax, lostMs);
    }
    if (this.#isAnswered()) this.#silentSinceMs = undefined;
    else this.#silentSinceMs ??= nowMs;
    if (this.#silentSinceMs !== undefined) {
      const silentMs = nowMs - this.#silentSinceMs;
      this.silentMsMax = Math.max(this.silentMsMax, silentMs);
    }
    this.#world.timeline.after(SEND_EVERY_MS, () => this.#send());
  }

  /** Whether somebody answers who is reached both ways. */
  #isAnswered(): boolean {
    return this.#world.rules.answerers(this.#vip).some(({ ports }) =>
      ports.some(({ segment, port }) =>
        segment === this.#segment && segment.carries(this.#port, port) &&
        segment.carries(port, this.#port)
      )
    );
  }

  /** Whether a host with this MAC address forwards, and is reached both ways. */
  #isServed(macNumber: number): boolean {
    return this.#world.nodes.some(({ ports, isHostUp, isPaused }) =>
      isHostUp && !isPaused &&
      ports.some(({ segment, port, mac }) =>
        segment === this.#segment &&
        Number.parseInt(mac.replaceAll(":", ""), 16) === macNumber &&
        segment.carries(this.#port, port) && segment.carries(port, this.#port)
      )
    );
  }
}

const ASKER = {
  mac: "02:00:00:00:00:f7",
  ipv4: "192.168.0.8",
  ipv6: "2001:db8::8",
};
const OWN = {
  mac: macOf(0, 0xf7),
  ips: new Set([addrOf(ASKER.ipv4), addrOf(ASKER.ipv6)]),
};
const SEND_EVERY_MS = 5;
