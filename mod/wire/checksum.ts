/**
 * The Internet checksum (RFC 1071), as IPv4 and ICMP use it, and with the
 * pseudo-header of ICMPv6 (RFC 4443 §2.3).
 *
 * @module
 */

import { type Ipv6Addr, ipv6AddrBytes } from "@/addr/ipv6_addr.ts";
import { IP_PROTOCOL } from "./iana.ts";

/**
 * Computes the checksum of a header or message.
 *
 * @example Usage
 * ```ts
 * import { internetChecksum } from "@/wire/checksum.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * // RFC 1071 §3, its example.
 * const bytes = Uint8Array.fromHex("0001f203f4f5f6f7");
 * strictEqual(internetChecksum(bytes), 0xffff - 0xddf2);
 * ```
 *
 * @param bytes All of it.
 * @returns What belongs into its checksum field when that is 0, and 0 when the
 * field has the right value already.
 */
export function internetChecksum(bytes: Uint8Array): number {
  return 0xffff - folded(wordSum(bytes));
}

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
  return 0xffff - folded(sum);
}

/** The carries added back. */
function folded(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) {
    folded = Math.floor(folded / 0x1_0000) + (folded % 0x1_0000);
  }
  return folded;
}

/** The sum of 16-bit words, an odd last byte being the high half of one. */
function wordSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  }
  return sum;
}
