/**
 * What the tests of the codecs generate: addresses, and bytes that are nearly
 * right. Uniform bytes almost never get past a decoder's first check, so bytes
 * are encoded first and then flipped, cut or extended.
 *
 * @module
 */

import fc from "fast-check";
import { type Ipv4Addr, ipv4AddrFromNumber } from "@/addr/ipv4_addr.ts";
import {
  ALL_NODES_MULTICAST,
  type Ipv6Addr,
  ipv6Addr,
  isMulticastIpv6,
  UNSPECIFIED_IPV6,
} from "@/addr/ipv6_addr.ts";
import { type MacAddr, macAddr } from "@/addr/mac_addr.ts";

/** Any Ethernet address. */
export const MAC_ADDRS: fc.Arbitrary<MacAddr> = fc
  .uint8Array({ minLength: 6, maxLength: 6 }).map(macAddr);

/** Any IPv4 address. */
export const IPV4_ADDRS: fc.Arbitrary<Ipv4Addr> = fc
  .nat({ max: 0xffff_ffff }).map(ipv4AddrFromNumber);

/** Any IPv6 address, those with a meaning more often. */
export const IPV6_ADDRS: fc.Arbitrary<Ipv6Addr> = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipv6Addr),
  fc.constantFrom(UNSPECIFIED_IPV6, ALL_NODES_MULTICAST),
);

/** IPv6 addresses that may be a source or a target. */
export const UNICAST_IPV6_ADDRS: fc.Arbitrary<Ipv6Addr> = IPV6_ADDRS
  .filter((addr) => !isMulticastIpv6(addr));

/** The bytes with up to three bits flipped, then as they are, cut or extended. */
export function nearValid(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const flips = fc.array(fc.nat({ max: Math.max(0, bytes.length * 8 - 1) }), {
    maxLength: bytes.length === 0 ? 0 : 3,
  });
  const ends = fc.oneof(
    { weight: 2, arbitrary: fc.constant(bytes.length) },
    { weight: 1, arbitrary: fc.nat({ max: bytes.length + 20 }) },
  );
  return fc.tuple(flips, ends).map(([bits, end]) => {
    const changed = new Uint8Array(end);
    changed.set(bytes.subarray(0, end));
    for (const bit of bits) {
      const at = bit >>> 3;
      if (at < end) changed[at] = (changed[at] ?? 0) ^ (1 << (bit & 7));
    }
    return changed;
  });
}
