/**
 * Weights of routes as the link bandwidth community (RFC 10005), by which a
 * router shares traffic out unequally.
 *
 * A weight is a number without unit; a peer that is to know of it gets it as so
 * many bytes per second, since that is what the community has. Routers look at
 * the proportions only.
 *
 * @module
 */

import { AS_TRANS } from "@/wire/bgp/iana.ts";
import {
  isLinkBandwidth,
  linkBandwidth,
  sortedExtendedCommunities,
} from "@/wire/bgp/community.ts";
import type { OwnAttributes } from "./loc_rib.ts";

/** How a peer is told of weights. */
export interface LinkBandwidthTerms {
  /** Bytes per second for each unit of weight; absent: it is not told. */
  readonly bytesPerSecond: number | undefined;
  /** Our AS number on the session. */
  readonly localAs: number;
  /** Whether the peer is in another AS. */
  readonly external: boolean;
}

/**
 * What a route carries on the wire: its weight as a community, or not at all. A
 * bandwidth that it has already, of a policy or of whoever announced it, stays.
 *
 * @param attributes What it carries here.
 * @param terms How the peer is told.
 * @returns What it carries there, without a weight.
 */
export function withLinkBandwidth(
  attributes: OwnAttributes,
  { bytesPerSecond, localAs, external }: LinkBandwidthTerms,
): OwnAttributes {
  const { weight, ...rest } = attributes;
  if (weight === undefined) return attributes;
  const { extendedCommunities } = rest;
  if (bytesPerSecond === undefined) return rest;
  if (extendedCommunities.some(isLinkBandwidth)) return rest;
  const community = linkBandwidth(
    localAs > AS_MAX_16 ? AS_TRANS : localAs,
    weight * bytesPerSecond,
    // RFC 4360 §6: one that is not transitive ends where the next AS begins.
    { transitive: external },
  );
  return {
    ...rest,
    extendedCommunities: sortedExtendedCommunities([
      ...extendedCommunities,
      community,
    ]),
  };
}

/**
 * A weight for many, of which there are not too many different ones: exact up to
 * 256, to less than one per cent above.
 *
 * @param sum The weights together.
 * @returns About the same.
 */
export function roundedWeight(sum: number): number {
  if (sum <= EXACT_WEIGHT_MAX) return sum;
  const step = 2 ** (Math.floor(Math.log2(sum)) - EXACT_WEIGHT_BITS + 1);
  return Math.round(sum / step) * step;
}

const AS_MAX_16 = 0xffff;
const EXACT_WEIGHT_BITS = 8;
const EXACT_WEIGHT_MAX = 2 ** EXACT_WEIGHT_BITS;
