/**
 * What a route has besides its prefix: path attributes (RFC 4271 §4.3), as values.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import type { Prefix } from "@/addr/prefix.ts";
import type {
  Community,
  ExtendedCommunity,
  LargeCommunity,
} from "./community.ts";
import type { UnicastFamily } from "./family.ts";

/** A prefix as it stands in an UPDATE (NLRI, RFC 4271 §4.3); bits beyond its length are zero. */
export interface Nlri extends Prefix {
  /** Path Identifier (RFC 7911 §3); present exactly where ADD-PATH is in use. */
  readonly pathId?: number;
}

/** A path attribute; flags follow from its kind, save those of an unknown one. */
export type PathAttribute =
  | { readonly kind: "origin"; readonly origin: Origin }
  | { readonly kind: "as-path"; readonly segments: readonly AsSegment[] }
  | { readonly kind: "next-hop"; readonly nextHop: Ipv4Addr }
  | { readonly kind: "multi-exit-disc"; readonly multiExitDisc: number }
  | { readonly kind: "local-pref"; readonly localPref: number }
  | { readonly kind: "atomic-aggregate" }
  | AggregatorAttribute
  | {
    readonly kind: "communities";
    readonly communities: readonly Community[];
  }
  | { readonly kind: "originator-id"; readonly originatorId: Ipv4Addr }
  | { readonly kind: "cluster-list"; readonly clusterIds: readonly Ipv4Addr[] }
  | MpReachAttribute
  | MpUnreachAttribute
  | {
    readonly kind: "extended-communities";
    readonly communities: readonly ExtendedCommunity[];
  }
  | { readonly kind: "as4-path"; readonly segments: readonly AsSegment[] }
  | {
    readonly kind: "large-communities";
    readonly communities: readonly LargeCommunity[];
  }
  | { readonly kind: "only-to-customer"; readonly as: number }
  | UnknownAttribute;

/** Where a route was first known from (RFC 4271 §5.1.1). */
export type Origin = "igp" | "egp" | "incomplete";

/** A segment of AS_PATH or AS4_PATH. */
export interface AsSegment {
  /** What its numbers are to each other; the confederation's are read in AS_PATH of no peer (RFC 5065 §5). */
  readonly kind: "set" | "sequence" | "confed-sequence" | "confed-set";
  /** 1 to 255 AS numbers. */
  readonly asns: readonly number[];
}

/** AGGREGATOR or AS4_AGGREGATOR: who aggregated the route (RFC 4271 §5.1.7, RFC 6793 §3). */
export interface AggregatorAttribute {
  /** Which {@linkcode PathAttribute} it is. */
  readonly kind: "aggregator" | "as4-aggregator";
  /** Its AS number. */
  readonly as: number;
  /** Its BGP Identifier. */
  readonly address: Ipv4Addr;
}

/** MP_REACH_NLRI: routes of a family and their next hop (RFC 4760 §3). */
export interface MpReachAttribute {
  /** Which {@linkcode PathAttribute} it is. */
  readonly kind: "mp-reach";
  /** The family of the routes. */
  readonly family: UnicastFamily;
  /** Their next hop; IPv6 for IPv4 routes under RFC 8950. */
  readonly nextHop: IpAddr;
  /** The link-local address of the next hop (RFC 2545 §3). */
  readonly linkLocalNextHop?: Ipv6Addr;
  /** The routes. */
  readonly nlri: readonly Nlri[];
}

/** MP_UNREACH_NLRI: routes of a family that are gone (RFC 4760 §4). */
export interface MpUnreachAttribute {
  /** Which {@linkcode PathAttribute} it is. */
  readonly kind: "mp-unreach";
  /** The family of the routes. */
  readonly family: UnicastFamily;
  /** The routes; none in an UPDATE without anything else is End-of-RIB (RFC 4724 §2). */
  readonly withdrawn: readonly Nlri[];
}

/** An attribute that is not known here. */
export interface UnknownAttribute {
  /** Which {@linkcode PathAttribute} it is. */
  readonly kind: "unknown";
  /** Its type code. */
  readonly type: number;
  /** Optional, transitive and partial, as {@linkcode ATTRIBUTE_FLAG} has them. */
  readonly flags: number;
  /** Its value. */
  readonly value: Uint8Array;
}
