/**
 * Terms of an unnumbered peer, before its address is known and after.
 *
 * @module
 */

import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import { parseIpv6Addr } from "@/addr/ipv6_addr.ts";
import type { Prefix } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import type { BgpPeerTerms } from "./bgp_terms.ts";

/** Where an unnumbered peer is: any link-local address (RFC 4291 §2.5.6). */
export const UNNUMBERED_SOURCE: Prefix = linkLocalPrefix();

/**
 * The terms of an unnumbered peer once its address was found.
 *
 * @param terms What was made of its BgpPeer.
 * @param neighbor Its link-local address.
 * @returns Terms of a peer like any other.
 */
export function termsOfNeighbor(
  terms: BgpPeerTerms,
  neighbor: Ipv6Addr,
): BgpPeerTerms {
  const { speaker, target } = terms;
  return {
    ...terms,
    speaker: { ...speaker, address: neighbor },
    ...(target === undefined ? {} : {
      target: { ...target, peer: { ...target.peer, address: neighbor } },
    }),
    source: { addr: neighbor, lengthBits: 128 },
  };
}

function linkLocalPrefix(): Prefix {
  const addr = parseIpv6Addr("fe80::");
  assert(addr !== undefined, "A constant is an address");
  return { addr, lengthBits: 10 };
}
