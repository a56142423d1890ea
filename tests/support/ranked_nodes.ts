/**
 * Who is entitled to an address, said again without the product's code.
 *
 * @module
 */

import { createHash } from "node:crypto";

/**
 * Nodes by their right to an address: SHA-256 of `node#ip`, lowest first.
 *
 * @param vip The address, in canonical form.
 * @param nodes Names of nodes.
 */
export function rankedNodes(
  vip: string,
  nodes: readonly string[],
): readonly string[] {
  const rank = (node: string): string =>
    createHash("sha256").update(`${node}#${vip}`).digest("hex");
  return nodes.toSorted((a, b) => rank(a) < rank(b) ? -1 : 1);
}
