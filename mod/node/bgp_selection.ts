/**
 * What each router is told of the addresses of each Eip, as a policy of routes:
 * nothing where the BgpPeer or the Eip leaves the other out, else with what the
 * Eip has its routes carry.
 *
 * Routes carry the name of their Eip (`Path.pool`), so that one that changes its
 * labels or its `spec.bgp` makes other policies and leaves the routes alone; a
 * speaker then tells a peer the difference.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { BgpAdvertisement } from "@/api/mod.ts";
import {
  attributesKey,
  carryingMore,
  type ExportPolicy,
  type PeerAttributes,
} from "@/bgp/mod.ts";
import {
  type AnnouncedEip,
  type CommunityAliases,
  type SelectingPeer,
  selectsAllEips,
  whyUntold,
  withoutAliases,
} from "@/reconcile/mod.ts";
import {
  parseCommunity,
  parseLargeCommunity,
  sortedCommunities,
  sortedLargeCommunities,
} from "@/wire/bgp/mod.ts";

/** Eips that are gone and whose routes may still be on their way out. */
export const GONE_EIPS_MAX = 1_024;

/** Routers of one BgpPeer whose policies are kept; beyond that they are made anew. */
export const ROUTERS_KEPT_MAX = 1_024;

/** The policies by which peers are told of Eips. */
export class BgpSelection {
  /** By name, those that are gone first. */
  readonly #eips = new Map<string, AnnouncedEip>();
  /** All that counts of those that are there. */
  #text = "[]";
  /** Of each peer, and each of its routers: the same object until it is to be another. */
  readonly #policies = new Map<string, Map<string, KnownPolicy>>();

  /**
   * Takes all Eips. One that is gone counts on as it was: its routes may be in
   * their pause before they are withdrawn.
   *
   * @param eips The Eips.
   * @returns Whether anything that counts here is another.
   */
  setEips(eips: Iterable<AnnouncedEip>): boolean {
    const known: readonly AnnouncedEip[] = [...eips].map(({ meta, spec }) => ({
      meta: { name: meta.name, labels: meta.labels },
      spec: spec.bgp === undefined ? {} : { bgp: spec.bgp },
    })).sort((a, b) => a.meta.name < b.meta.name ? -1 : 1);
    const text = JSON.stringify(known);
    if (text === this.#text) return false;
    this.#text = text;
    for (const eip of known) {
      this.#eips.delete(eip.meta.name);
      this.#eips.set(eip.meta.name, eip);
    }
    for (const name of this.#eips.keys()) {
      if (this.#eips.size <= known.length + GONE_EIPS_MAX) break;
      this.#eips.delete(name);
    }
    return true;
  }

  /**
   * What routes to a peer go through.
   *
   * @param peer The BgpPeer, and the router's address, where it is one of several.
   * @param inner What they go through besides, behind this; absent: nothing.
   * @returns The policy; the inner one where no Eip matters.
   */
  towards(
    peer: SelectingPeer & { readonly neighbor?: IpAddr },
    inner: ExportPolicy | undefined,
  ): ExportPolicy | undefined {
    const { name, eipSelector, aliases, neighbor = "" } = peer;
    const pools = new Map<string, PeerAttributes | "untold">();
    for (const eip of this.#eips.values()) {
      const { bgp } = eip.spec;
      const isTold = whyUntold(peer, eip) === undefined;
      const attributes = isTold && bgp !== undefined
        ? advertisedAttributes(bgp, aliases)
        : undefined;
      if (!isTold) pools.set(eip.meta.name, "untold");
      else if (attributes !== undefined && keyOf(attributes) !== NOTHING_KEY) {
        pools.set(eip.meta.name, attributes);
      }
    }
    const others = selectsAllEips(eipSelector) ? "told" : "untold";
    const told = others === "told" ? undefined : new Set(this.#eips.keys());
    if (pools.size === 0 && told === undefined) {
      this.#policies.delete(name);
      return inner;
    }
    const key = JSON.stringify([
      [...pools].map(([pool, one]) => [
        pool,
        one === "untold" ? one : keyOf(one),
      ]).sort(),
      told === undefined ? undefined : [...told].sort(),
    ]);
    const policies = this.#policies.get(name) ?? new Map<string, KnownPolicy>();
    const known = policies.get(neighbor);
    if (known?.key === key && known.inner === inner) return known.policy;
    const policy = selecting({ pools, told }, inner);
    if (policies.size >= ROUTERS_KEPT_MAX) policies.clear();
    this.#policies.set(name, policies.set(neighbor, { key, inner, policy }));
    return policy;
  }

  /** Forgets the policies of peers that are not among these. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#policies.keys()) {
      if (!names.has(name)) this.#policies.delete(name);
    }
  }
}

/**
 * What routes carry by a BgpPeer or an Eip.
 *
 * @param advertisement What it says.
 * @param aliases The names of communities that the BgpConf has.
 * @returns The attributes; undefined when a community is none.
 */
export function advertisedAttributes(
  advertisement: Pick<
    BgpAdvertisement,
    "communities" | "largeCommunities" | "med" | "localPref"
  >,
  aliases?: CommunityAliases,
): PeerAttributes | undefined {
  const { communities = [], largeCommunities = [] } = withoutAliases(
    advertisement,
    aliases,
  );
  const { med, localPref } = advertisement;
  const own = communities.map(parseCommunity);
  const large = largeCommunities.map(parseLargeCommunity);
  if (own.includes(undefined) || large.includes(undefined)) return undefined;
  return {
    communities: sortedCommunities(own.filter((one) => one !== undefined)),
    largeCommunities: sortedLargeCommunities(
      large.filter((one) => one !== undefined),
    ),
    ...(med === undefined ? {} : { multiExitDisc: med }),
    ...(localPref === undefined ? {} : { localPref }),
  };
}

interface KnownPolicy {
  readonly key: string;
  readonly inner: ExportPolicy | undefined;
  readonly policy: ExportPolicy;
}

function selecting(
  { pools, told }: {
    /** By name of the Eip, where something is to be done. */
    readonly pools: ReadonlyMap<string, PeerAttributes | "untold">;
    /** Eips that a peer with a selector may be told of; routes of no Eip are not selected. Undefined: any. */
    readonly told: ReadonlySet<string> | undefined;
  },
  inner: ExportPolicy | undefined,
): ExportPolicy {
  return {
    needsPrefix: inner?.needsPrefix ?? false,
    apply(path, context) {
      const { pool = "" } = path;
      const terms = pools.get(pool);
      if (terms === "untold" || told?.has(pool) === false) return undefined;
      const carried = terms === undefined ? path : carryingMore(path, terms);
      return inner === undefined
        ? { attributes: carried.attributes }
        : inner.apply(carried, context);
    },
  };
}

function keyOf(attributes: PeerAttributes): string {
  return attributesKey({ ...attributes, extendedCommunities: [] });
}

const NOTHING_KEY = keyOf({ communities: [], largeCommunities: [] });
