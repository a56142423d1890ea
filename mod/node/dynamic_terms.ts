/**
 * Terms and sessions of peers that are named by a prefix.
 *
 * @module
 */

import { addrBits, familyOf, type IpAddr } from "@/addr/ip_addr.ts";
import type { BgpPeerSpec } from "@/api/mod.ts";
import type { SpeakerPeer } from "@/bgp/mod.ts";
import type { BgpSessionView } from "./bgp_commands.ts";
import type { BgpPeerTerms } from "./bgp_terms.ts";

/** Routers of a prefix with a connection, where `limit` says nothing; frr's `bgp listen limit`. */
export const DYNAMIC_NEIGHBORS_DEFAULT = 100;

/** What the routers of a prefix have besides the terms of a peer. */
export interface RangeTerms {
  /** Routers at once. */
  readonly limit: number;
  /** The policy for one of them; not part of the data. */
  readonly policyTowards: (address: IpAddr) => SpeakerPeer["policy"];
}

/**
 * What the routers of a prefix have besides the terms of a peer.
 *
 * @param spec The BgpPeer's spec.
 * @param policyTowards The policy for one of them.
 */
export function rangeTerms(
  { dynamicNeighbors }: BgpPeerSpec,
  policyTowards: RangeTerms["policyTowards"],
): RangeTerms {
  const limit = dynamicNeighbors?.limit ?? DYNAMIC_NEIGHBORS_DEFAULT;
  return { limit, policyTowards };
}

/**
 * The terms of one router of a prefix.
 *
 * @param terms What was made of the BgpPeer.
 * @param address The router.
 * @returns Terms of a peer like any other, that is not dialled.
 */
export function termsOfMember(
  terms: BgpPeerTerms,
  address: IpAddr,
): BgpPeerTerms {
  const { policy: _, ...speaker } = terms.speaker;
  const policy = terms.dynamic?.policyTowards(address);
  return {
    ...terms,
    speaker: {
      ...speaker,
      address,
      ...(policy === undefined ? {} : { policy }),
    },
    source: { addr: address, lengthBits: addrBits(familyOf(address)) },
  };
}

/**
 * The sessions of a prefix as one: it is up while any of them is.
 *
 * @param sessions Each, by the router's address.
 * @param waiting Whether routers are waited for, and what is told while none is up.
 */
export function dynamicSessionView(
  sessions: readonly (readonly [string, BgpSessionView])[],
  { isWaiting, why }: { readonly isWaiting: boolean; readonly why: string },
): BgpSessionView {
  const views = sessions.map(([, view]) => view);
  const sum = (of: (view: BgpSessionView) => number): number =>
    views.reduce((total, view) => total + of(view), 0);
  const isUp = views.some(({ state }) => state === "Established");
  const counts = views.flatMap((view) => view.counts ?? []);
  return {
    state: isUp ? "Established" : isWaiting ? "Active" : "Idle",
    ...(isUp ? {} : { why }),
    neighbors: Object.fromEntries(sessions),
    announced: sum(({ announced }) => announced),
    withdrawn: sum(({ withdrawn }) => withdrawn),
    received: sum(({ received }) => received),
    notifications: {
      sent: sum(({ notifications }) => notifications.sent),
      received: sum(({ notifications }) => notifications.received),
    },
    ...(counts.length === 0 ? {} : { counts: sumOf(counts) }),
  };
}

type Counts = NonNullable<BgpSessionView["counts"]>;

function sumOf(all: readonly Counts[]): Counts {
  const sum = (of: (counts: Counts) => number): number =>
    all.reduce((total, counts) => total + of(counts), 0);
  const tally = (direction: "sent" | "received"): Counts["sent"] => ({
    open: sum((counts) => counts[direction].open),
    update: sum((counts) => counts[direction].update),
    notification: sum((counts) => counts[direction].notification),
    keepalive: sum((counts) => counts[direction].keepalive),
    refresh: sum((counts) => counts[direction].refresh),
  });
  return {
    sent: tally("sent"),
    received: tally("received"),
    treatedAsWithdraw: sum(({ treatedAsWithdraw }) => treatedAsWithdraw),
    prefixes: sum(({ prefixes }) => prefixes),
    pending: sum(({ pending }) => pending),
  };
}
