/**
 * The Internet checksum (RFC 1071) as ICMPv6 uses it (RFC 4443 §2.3).
 *
 * @module
 */

import { type Ipv6Addr, ipv6AddrBytes } from "@/addr/ipv6_addr.ts";
import { IP_PROTOCOL } from "./iana.ts";

/**
 * Computes the checksum of an ICMPv6 message and the pseudo-header before it
 * (RFC 8200 §8.1).
 *
 * @example Usage
 * ```ts
 * import { parseIpv6Addr } from "@/addr/ipv6_addr.ts";
 * import { icmpv6Checksum } from "@/wire/checksum.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const source = parseIpv6Addr("2001:db8::10");
 * const destination = parseIpv6Addr("fe80::ff:fe00:b");
 * const advertisement = Uint8Array.fromHex(
 *   "8800de8e4000000020010db8000000000000000000000010",
 * );
 * strictEqual(
 *   source && destination &&
 *     icmpv6Checksum(source, destination, advertisement),
 *   0,
 * );
 * ```
 *
 * @param source Source of the packet.
 * @param destination Destination of the packet.
 * @param message The whole message, type first.
 * @returns What belongs into its checksum field when that is 0, and 0 when the
 * field has the right value already.
 */
export function icmpv6Checksum(
  source: Ipv6Addr,
  destination: Ipv6Addr,
  message: Uint8Array,
): number {
  let sum = message.length + IP_PROTOCOL.icmpv6;
  sum += wordSum(ipv6AddrBytes(source));
  sum += wordSum(ipv6AddrBytes(destination));
  sum += wordSum(message);
  while (sum > 0xffff) sum = Math.floor(sum / 0x1_0000) + (sum % 0x1_0000);
  return 0xffff - sum;
}

/** The sum of 16-bit words, an odd last byte being the high half of one. */
function wordSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  }
  return sum;
}
