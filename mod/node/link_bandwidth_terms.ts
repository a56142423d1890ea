/**
 * From a BgpPeer to how it is told of weights.
 *
 * @module
 */

import type { BgpPeerSpec } from "@/api/mod.ts";
import { PER_ENDPOINT } from "@/reconcile/mod.ts";

/**
 * What the link bandwidth community has for each endpoint: 1 Mbit/s, so that
 * nothing is lost on routers that count in kilobits or megabits, and a thousand
 * endpoints are still no bandwidth that a router would find strange.
 */
export const ENDPOINT_BYTES_PER_SECOND = 125_000;

/**
 * How a peer is told of weights.
 *
 * @param spec The BgpPeer's.
 * @returns The terms; none where it is not told.
 */
export function linkBandwidthTerms(
  { advertisement }: BgpPeerSpec,
): { readonly linkBandwidth?: number } {
  return advertisement?.linkBandwidth === PER_ENDPOINT
    ? { linkBandwidth: ENDPOINT_BYTES_PER_SECOND }
    : {};
}
