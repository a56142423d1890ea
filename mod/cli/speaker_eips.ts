/**
 * The Eips in the file of `foghorn speaker`: a prefix that lies within one is
 * announced as its addresses are in a cluster, to the peers that are told of it.
 *
 * @module
 */

import { type AddrRange, parseAddrRange } from "@/addr/addr_range.ts";
import { type Prefix, prefixRange } from "@/addr/prefix.ts";
import type { Eip } from "@/api/mod.ts";
import { type LocRib, pathsOf, prefixOf } from "@/bgp/mod.ts";
import type { BgpSelection } from "@/node/bgp_selection.ts";
import { isRouted } from "@/reconcile/mod.ts";

/** The Eips of a file. */
export class SpeakerEips {
  readonly #selection: BgpSelection;
  #ranges: readonly (readonly [name: string, range: AddrRange])[] = [];

  /**
   * None yet.
   *
   * @param selection What is told of them, too.
   */
  constructor(selection: BgpSelection) {
    this.#selection = selection;
  }

  /**
   * Takes the Eips of the file.
   *
   * @param eips The Eips, checked.
   * @returns Whether prefixes may be in another one than before.
   */
  set(eips: readonly Eip[]): boolean {
    this.#selection.setEips(eips);
    const ranges = eips.filter(isRouted).flatMap(({ meta, spec }) => {
      const range = parseAddrRange(spec.address);
      return range === undefined ? [] : [[meta.name, range] as const];
    });
    const isSame = ranges.length === this.#ranges.length &&
      ranges.every(([name, { first, last }], i) => {
        const [before, range] = this.#ranges[i] ?? [];
        return before === name && range?.first === first && range.last === last;
      });
    this.#ranges = ranges;
    return !isSame;
  }

  /** The Eip that a prefix lies in, all of it; undefined: none. */
  eipOf(prefix: Prefix): string | undefined {
    if (this.#ranges.length === 0) return undefined;
    const { family, first, last } = prefixRange(prefix);
    return this.#ranges.find(([, range]) =>
      range.family === family && range.first <= first && last <= range.last
    )?.[0];
  }

  /**
   * What is to be announced again since it is in another Eip than before.
   *
   * @param rib The routes.
   */
  *moved(rib: LocRib): Generator<Parameters<LocRib["announce"]>> {
    for (const family of ["ipv4-unicast", "ipv6-unicast"] as const) {
      for (const [key, route] of [...rib.routes(family)]) {
        const prefix = prefixOf(family, key);
        const eip = this.eipOf(prefix);
        for (const { nextHop, attributes, pool } of pathsOf(route)) {
          if (pool !== eip) yield [prefix, nextHop, attributes, eip];
        }
      }
    }
  }
}
