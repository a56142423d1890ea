/**
 * The order in which nodes are entitled to a VIP: the more preferred one first,
 * and among equals by SHA-256 (FIPS 180-4) of `node#ip`, lowest first.
 *
 * The hash is the formula of OpenELB and MetalLB, so replacing one of them moves no
 * address; and it spreads the VIPs of a cluster evenly over its nodes.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { IpAddr } from "@/addr/ip_addr.ts";

/**
 * The rank of a node for a VIP.
 *
 * @example Usage
 * ```ts
 * import { ipv4Addr } from "@/addr/ipv4_addr.ts";
 * import { rankOf } from "@/layer2/rank.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const vip = ipv4Addr(Uint8Array.of(192, 168, 0, 91));
 * strictEqual(rankOf("master1", vip).slice(0, 8), "1cce00ad");
 * ```
 *
 * @param node Name of the node.
 * @param vip The VIP; its canonical text is what is hashed.
 * @returns 64 hex digits, which compare as text like the bytes do.
 */
export function rankOf(node: string, vip: IpAddr): string {
  return createHash("sha256").update(`${node}#${vip}`).digest("hex");
}

/**
 * Orders nodes by their right to a VIP.
 *
 * @param nodes Names of nodes, in any order.
 * @param vip The VIP.
 * @param preferences How much each of them is preferred, in the same order; absent: not at all.
 * @returns The names, the one most entitled first.
 */
export function orderCandidates(
  nodes: readonly string[],
  vip: IpAddr,
  preferences: readonly number[] = [],
): readonly string[] {
  return nodes.map((node, at) => ({
    node,
    preference: preferences[at] ?? 0,
    rank: rankOf(node, vip),
  })).sort((a, b) =>
    b.preference - a.preference ||
    (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0)
  ).map(({ node }) => node);
}

/**
 * Highest preference that a claim can say: it has six bits in a list.
 */
export const PREFERENCE_MAX = 63;
