/**
 * Our own addresses, from the interfaces of this machine.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { isLinkLocal } from "@/node/session_next_hops.ts";
import type { LinkInfo } from "@/port/link.ts";

/**
 * The addresses others may know this machine by.
 *
 * @param links Its interfaces.
 * @returns Neither loopback nor link-local ones; those of `lo` last, where VIPs
 * may be, which other machines have, too.
 */
export function nodeAddresses(links: readonly LinkInfo[]): readonly IpAddr[] {
  return [
    ...links.filter(({ name }) => name !== "lo"),
    ...links.filter(({ name }) => name === "lo"),
  ].flatMap(({ prefixes }) => prefixes.map(({ addr }) => addr))
    .filter((addr) => !isLoopback(addr) && !isLinkLocal(addr));
}

function isLoopback(addr: IpAddr): boolean {
  return addr === "::1" || addr.startsWith("127.");
}
