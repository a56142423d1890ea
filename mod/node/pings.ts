/**
 * Which VIPs are to answer `ping` where this node owns them: those of Eips that
 * want it, unless an interface of this node holds them. Then its kernel answers.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { Announcements } from "@/reconcile/mod.ts";

/** Keeps the list, looking only when something changed. */
export class Pings {
  #vips: readonly IpAddr[] = [];
  #version: number | undefined;
  #local: ReadonlySet<IpAddr> | undefined;

  /**
   * The list as it is now.
   *
   * @param announcements What is announced.
   * @param local The addresses of this node's interfaces; another set when they changed.
   * @returns The same list while nothing changed.
   */
  look(
    announcements: Announcements,
    local: ReadonlySet<IpAddr>,
  ): readonly IpAddr[] {
    const { version, plans } = announcements;
    if (version === this.#version && local === this.#local) return this.#vips;
    this.#version = version;
    this.#local = local;
    const vips: IpAddr[] = [];
    for (const { vip, answersPing } of plans.values()) {
      if (answersPing && !local.has(vip)) vips.push(vip);
    }
    const isSame = vips.length === this.#vips.length &&
      vips.every((vip, at) => vip === this.#vips[at]);
    if (!isSame) this.#vips = vips;
    return this.#vips;
  }
}
