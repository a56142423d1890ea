/**
 * From a BgpPeer to how far addresses are put together for it.
 *
 * @module
 */

import type { BgpPeerSpec } from "@/api/mod.ts";
import type { AddressPool, Aggregation } from "@/bgp/mod.ts";
import { HOST_BITS_IPV4, HOST_BITS_IPV6 } from "@/reconcile/mod.ts";

/**
 * How far addresses are put together for a peer.
 *
 * @param peer Its spec, and what may be announced as a whole; absent: everything.
 * @returns The terms; none where each address stands for itself.
 */
export function aggregationTerms(
  { spec: { advertisement }, pools }: {
    readonly spec: BgpPeerSpec;
    readonly pools?: readonly AddressPool[];
  },
): { readonly aggregation?: Aggregation } {
  const ipv4 = advertisement?.aggregationLength ?? HOST_BITS_IPV4;
  const ipv6 = advertisement?.aggregationLengthV6 ?? HOST_BITS_IPV6;
  if (ipv4 === HOST_BITS_IPV4 && ipv6 === HOST_BITS_IPV6) return {};
  const within = pools === undefined ? {} : { pools };
  return { aggregation: { ipv4, ipv6, ...within } };
}
