/**
 * The part of a link of the wire core that answers `ping`: which VIPs, by which
 * filters, and what was counted.
 *
 * @module
 */

import { type IpAddr, isIpv4, isIpv6 } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import {
  ECHO_DROP_REASONS,
  type EchoDropReason,
  type EchoState,
  icmpEchoFilter,
  icmpv6EchoFilter,
  initialEcho,
  stepEcho,
  type VipTable,
} from "@/layer2/mod.ts";
import type { WireEffect } from "./wire.ts";
import type { EchoCounters } from "./wire_messages.ts";

/** Answers echo requests on one link. */
export class LinkEcho {
  readonly #tag: number;
  readonly #link: string;
  readonly #vips: VipTable;
  #pings: ReadonlySet<IpAddr> = new Set();
  #state: EchoState | undefined;
  readonly #answers = { icmp: 0, icmpv6: 0 };
  readonly #drops = new Map<EchoDropReason, number>();

  /**
   * Answers for nothing yet.
   *
   * @param of The link, and the VIPs that are answered for there by ARP and
   * Neighbor Discovery.
   */
  constructor(
    of: {
      readonly tag: number;
      readonly link: string;
      readonly vips: VipTable;
    },
  ) {
    this.#tag = of.tag;
    this.#link = of.link;
    this.#vips = of.vips;
  }

  /**
   * Takes the VIPs of the link that are to answer `ping`, whoever owns them.
   *
   * @param pings All of them.
   * @returns What the kernel is to let through from now on, when that changed.
   */
  setPings(pings: ReadonlySet<IpAddr>): readonly WireEffect[] {
    if (isSameSet(pings, this.#pings)) return NOTHING;
    this.#pings = pings;
    const four: Ipv4Addr[] = [];
    const six: Ipv6Addr[] = [];
    for (const vip of pings) {
      if (isIpv4(vip)) four.push(vip);
      else if (isIpv6(vip)) six.push(vip);
    }
    // A socket that nobody needs is not opened: its filter would be asked of every packet.
    const programs = {
      ...(four.length === 0 ? {} : { icmp: icmpEchoFilter(four).program }),
      ...(six.length === 0 ? {} : { icmpv6: icmpv6EchoFilter(six).program }),
    };
    const [tag, link] = [this.#tag, this.#link];
    return [{ kind: "echo-filter", tag, link, programs }];
  }

  /** Takes frames that may be echo requests. */
  take(
    frames: readonly Uint8Array[],
    at: { readonly mac: MacAddr; readonly nowMs: number },
  ): readonly WireEffect[] {
    const { mac, nowMs } = at;
    const state = this.#state ??= initialEcho(nowMs);
    const link = { mac, vips: this.#vips, pings: this.#pings };
    const effects: WireEffect[] = [];
    for (const bytes of frames) {
      const response = stepEcho(state, bytes, { link, nowMs });
      if (response.kind === "answer") {
        this.#answers[response.protocol]++;
        effects.push({ kind: "send", tag: this.#tag, frame: response.frame });
      } else {
        const { reason } = response;
        this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + 1);
      }
    }
    return effects;
  }

  /** What was counted; undefined while nothing was. */
  counters(): EchoCounters | undefined {
    if (this.sum() === 0) return undefined;
    const drops = ECHO_DROP_REASONS.map((reason) =>
      [reason, this.#drops.get(reason) ?? 0] as const
    );
    return { answers: { ...this.#answers }, drops: Object.fromEntries(drops) };
  }

  /** The sum of all that is counted. */
  sum(): number {
    let sum = this.#answers.icmp + this.#answers.icmpv6;
    for (const count of this.#drops.values()) sum += count;
    return sum;
  }
}

function isSameSet(a: ReadonlySet<IpAddr>, b: ReadonlySet<IpAddr>): boolean {
  if (a.size !== b.size) return false;
  for (const one of a) {
    if (!b.has(one)) return false;
  }
  return true;
}

const NOTHING: readonly WireEffect[] = [];
