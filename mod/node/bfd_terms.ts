/**
 * From `spec.bfd` of a BgpPeer to a BFD session, and what one has come to in
 * the words of statuses.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { prefixContains } from "@/addr/prefix.ts";
import type { BgpPeerSpec } from "@/api/mod.ts";
import type { BfdDownCause } from "@/bfd/session.ts";
import type { BfdSessionState } from "@/wire/bfd_control.ts";
import { isLinkLocal, type NextHopLink } from "./session_next_hops.ts";

/** BFD with a peer, as it is wanted. */
export interface BfdTerms {
  /** Desired Min TX Interval. */
  readonly minTxMs: number;
  /** Required Min RX Interval. */
  readonly minRxMs: number;
  /** Detect Mult. */
  readonly multiplier: number;
  /** Over several hops (RFC 5883), else over one (RFC 5881). */
  readonly multihop: boolean;
  /** Whether the peer has to begin. */
  readonly passive: boolean;
}

/** BFD with a peer, as it stands. */
export interface BfdView {
  /** Its state; `waiting`: the way to the peer is not known yet. */
  readonly state: BfdSessionState | "waiting";
  /** One sentence; empty while it is up. */
  readonly message: string;
  /** Whether BGP waits for it (RFC 5882 §4.1). */
  readonly blocks: boolean;
  /** How often it found that the path had failed. */
  readonly failures: number;
  /** Our address. */
  readonly local?: IpAddr;
  /** The interface of a single hop. */
  readonly link?: string;
}

/** From where to where. */
export interface BfdWay {
  /** The peer's address. */
  readonly peer: IpAddr;
  /** Our address. */
  readonly local: IpAddr;
  /** The interface; absent: over several hops. */
  readonly link?: string;
}

/** Intervals where none are configured: those of FRR. */
export const BFD_INTERVAL_MS_DEFAULT = 300;
/** Detect Mult where none is configured. */
export const BFD_MULTIPLIER_DEFAULT = 3;

/**
 * The BFD session that a BgpPeer wants.
 *
 * @param spec Its spec.
 * @returns What it is to be; undefined: none, or the session is held down.
 */
export function bfdTerms(spec: BgpPeerSpec): BfdTerms | undefined {
  const { bfd, ebgpMultihop, ttlSecurity } = spec;
  if (bfd === undefined || spec.conf?.adminDown === true) return undefined;
  const isFar = ttlSecurity === undefined
    ? ebgpMultihop?.enabled === true
    : (ttlSecurity.hops ?? 1) > 1;
  return {
    minTxMs: bfd.minTxMs ?? BFD_INTERVAL_MS_DEFAULT,
    minRxMs: bfd.minRxMs ?? BFD_INTERVAL_MS_DEFAULT,
    multiplier: bfd.multiplier ?? BFD_MULTIPLIER_DEFAULT,
    multihop: bfd.multihop ?? isFar,
    passive: bfd.passive ?? false,
  };
}

/**
 * The way to a peer: that of its BGP connection, before there was one that of
 * the subnet it is in.
 *
 * @param multihop Whether it is over several hops.
 * @param to The peer, and our end where it is known.
 * @param links Our interfaces.
 * @returns The way; undefined: it is not known yet.
 */
export function bfdWay(
  multihop: boolean,
  to: {
    readonly peer: IpAddr;
    readonly zone?: string | undefined;
    readonly local?: IpAddr | undefined;
  },
  links: readonly NextHopLink[],
): BfdWay | undefined {
  const { peer, zone, local } = to;
  if (multihop) return local === undefined ? undefined : { peer, local };
  if (zone !== undefined) {
    const own = local ?? links.find(({ name }) => name === zone)?.prefixes
      .map(({ addr }) => addr).find(isLinkLocal);
    return own && { peer, local: own, link: zone };
  }
  const near =
    links.flatMap(({ name, prefixes }) =>
      prefixes.flatMap((prefix) =>
        prefixContains(prefix, peer) && (local ?? prefix.addr) === prefix.addr
          ? [{ name, prefix }]
          : []
      )
    ).toSorted((a, b) => b.prefix.lengthBits - a.prefix.lengthBits)[0];
  if (near !== undefined) {
    return { peer, local: near.prefix.addr, link: near.name };
  }
  if (local === undefined) return undefined;
  // A cable whose ends have no subnet in common.
  const link = links.find(({ name, prefixes }) =>
    name !== "lo" && prefixes.some(({ addr }) => addr === local)
  );
  return link && { peer, local, link: link.name };
}

/**
 * What a session has come to, in a sentence.
 *
 * @param terms What is wanted.
 * @param stands State, why it went down, and whether it was up before.
 * @returns The sentence; empty: it is up.
 */
export function bfdWords(
  { multihop, passive }: BfdTerms,
  stands: {
    readonly state: BfdView["state"];
    readonly cause: BfdDownCause | undefined;
    readonly failure: string | undefined;
  },
): string {
  const { state, cause, failure } = stands;
  if (failure !== undefined) return failure;
  switch (state) {
    case "up":
      return "";
    case "init":
      return "The peer is heard by BFD, and does not say that it hears us";
    case "admin-down":
      return "BFD is switched off here";
    case "waiting":
      return multihop
        ? "BFD over several hops begins with the first BGP session"
        : "No interface has the peer in its subnet: BFD begins with the first BGP session, or set spec.bfd.multihop";
    case "down":
      return cause === undefined
        ? unheardWords(multihop, passive)
        : DOWN_WORDS[cause];
  }
}

function unheardWords(multihop: boolean, passive: boolean): string {
  if (passive) {
    return "The peer has not begun with BFD, and has to: spec.bfd.passive is true";
  }
  const port = multihop ? 4784 : 3784;
  return `Nothing was heard of the peer by BFD yet: configure BFD with this node there, and let UDP port ${port} pass`;
}

const DOWN_WORDS: Readonly<Record<BfdDownCause, string>> = {
  "detection-time-expired":
    "Nothing came from the peer by BFD for a whole Detection Time",
  "neighbor-down":
    "The peer says by BFD that it does not hear us, or has begun anew",
  "neighbor-admin-down":
    "The peer has switched BFD off: BGP goes on without it",
  "admin-down": "BFD is switched off here",
};
