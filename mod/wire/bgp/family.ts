/**
 * Address families of BGP: a pair of AFI and SAFI as one word.
 *
 * @module
 */

import type { IpFamily } from "@/addr/ip_addr.ts";
import { AFI, SAFI } from "./iana.ts";

/** A family whose routes are read and written. */
export type UnicastFamily = "ipv4-unicast" | "ipv6-unicast";

/**
 * Any pair of AFI and SAFI: a {@linkcode UnicastFamily} by its name, others as
 * `AFI/SAFI` in decimal. One text for each pair, so `===` compares.
 */
export type BgpFamily = UnicastFamily | `${number}/${number}`;

/** The families whose routes are read and written. */
export const UNICAST_FAMILIES: readonly UnicastFamily[] = [
  "ipv4-unicast",
  "ipv6-unicast",
];

/**
 * The family of an AFI and a SAFI.
 *
 * @example Usage
 * ```ts
 * import { bgpFamily } from "@/wire/bgp/family.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(bgpFamily(2, 1), "ipv6-unicast");
 * strictEqual(bgpFamily(1, 128), "1/128");
 * ```
 *
 * @param afi 0 to 65535.
 * @param safi 0 to 255.
 * @returns The family.
 */
export function bgpFamily(afi: number, safi: number): BgpFamily {
  if (safi === SAFI.unicast) {
    if (afi === AFI.ipv4) return "ipv4-unicast";
    if (afi === AFI.ipv6) return "ipv6-unicast";
  }
  return `${afi}/${safi}`;
}

/**
 * The AFI and the SAFI of a family.
 *
 * @param family The family.
 * @returns Both numbers.
 */
export function familyCodes(
  family: BgpFamily,
): { readonly afi: number; readonly safi: number } {
  if (family === "ipv4-unicast") return { afi: AFI.ipv4, safi: SAFI.unicast };
  if (family === "ipv6-unicast") return { afi: AFI.ipv6, safi: SAFI.unicast };
  const slash = family.indexOf("/");
  return {
    afi: Number(family.slice(0, slash)),
    safi: Number(family.slice(slash + 1)),
  };
}

/**
 * Whether routes of a family are read and written.
 *
 * @param family The family.
 * @returns True for IPv4 and IPv6 unicast.
 */
export function isUnicastFamily(family: BgpFamily): family is UnicastFamily {
  return family === "ipv4-unicast" || family === "ipv6-unicast";
}

/**
 * The unicast family of an IP version.
 *
 * @param ip 4 or 6.
 * @returns Its family.
 */
export function unicastFamilyOf(ip: IpFamily): UnicastFamily {
  return ip === 4 ? "ipv4-unicast" : "ipv6-unicast";
}
