/**
 * Our own addresses, from the interfaces of this machine.
 *
 * @module
 */

import { type IpAddr, isIpv4, isIpv6 } from "@/addr/ip_addr.ts";
import type { SessionNextHops } from "@/bgp/mod.ts";
import type { LinkInfo } from "@/port/link.ts";
import type { TcpEndpoint } from "@/port/tcp.ts";

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

/**
 * Our addresses on the link of a connection: next hops of both families.
 *
 * @param local Our end of the connection.
 * @param links The interfaces of this machine.
 * @returns One of each kind, where there is one.
 */
export function sessionNextHops(
  local: TcpEndpoint,
  links: readonly LinkInfo[],
): SessionNextHops {
  const link = links.find(({ name, prefixes }) =>
    local.zone === undefined
      ? prefixes.some(({ addr }) => addr === local.address)
      : name === local.zone
  );
  const own = [local.address, ...(link?.prefixes ?? []).map((p) => p.addr)];
  const ipv4 = own.find(isIpv4);
  const six = own.filter(isIpv6);
  const ipv6 = six.find((addr) => !isLinkLocal(addr));
  const linkLocal = six.find(isLinkLocal);
  return {
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(linkLocal === undefined ? {} : { linkLocal }),
  };
}

function isLinkLocal(addr: IpAddr): boolean {
  return isIpv6(addr) && /^fe[89ab]/.test(addr);
}

function isLoopback(addr: IpAddr): boolean {
  return addr === "::1" || addr.startsWith("127.");
}
