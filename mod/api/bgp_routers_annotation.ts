/**
 * The routers that an agent speaks to, as it tells the others in its Lease,
 * {@linkcode LEASE_BGP_ROUTERS_ANNOTATION}: what it announces itself need not be
 * announced for it.
 *
 * A router has several names: the address that is configured, and its AS number
 * with its BGP Identifier (RFC 6286 §2.1: together they are unique), which are
 * the same on whichever of its addresses it is spoken to.
 *
 * @module
 */

import { err, ok, type Result } from "@/lang/result.ts";

/** Most names that are told, and that are believed. */
export const BGP_ROUTERS_MAX = 256;

/**
 * The name of a router by what it says of itself.
 *
 * @param peerAs Its AS number.
 * @param routerId Its BGP Identifier.
 * @returns Both as one text: `65001/192.0.2.1`.
 */
export function bgpRouterName(peerAs: number, routerId: string): string {
  return `${peerAs}/${routerId}`;
}

/**
 * Writes the routers that an agent has sessions with.
 *
 * @example Usage
 * ```ts
 * import { decodeBgpRouters, encodeBgpRouters } from "@/api/bgp_routers_annotation.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * const names = ["192.0.2.1", "65001/192.0.2.1"];
 * deepStrictEqual(decodeBgpRouters(encodeBgpRouters(names)), { ok: true, value: names });
 * ```
 *
 * @param names Their names; of more than {@linkcode BGP_ROUTERS_MAX} the first.
 * @returns JSON.
 */
export function encodeBgpRouters(names: readonly string[]): string {
  return JSON.stringify(names.toSorted().slice(0, BGP_ROUTERS_MAX));
}

/**
 * Reads the routers that an agent has sessions with.
 *
 * @param text The annotation.
 * @returns Their names, or one sentence that says what is wrong.
 */
export function decodeBgpRouters(
  text: string,
): Result<readonly string[], string> {
  const read = text.length > TEXT_MAX ? undefined : parseJson(text);
  const isList = Array.isArray(read) && read.length <= BGP_ROUTERS_MAX &&
    read.every((name) => typeof name === "string");
  return isList
    ? ok(read as readonly string[])
    : err("Cannot read what was published of BGP routers: not a list of names");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Longer than any name times their number. */
const TEXT_MAX = 64 * BGP_ROUTERS_MAX;
