/**
 * Our addresses on the link of a BGP session: next hops of both families.
 *
 * @module
 */

import { type IpAddr, isIpv4, isIpv6 } from "@/addr/ip_addr.ts";
import type { Prefix } from "@/addr/prefix.ts";
import type { SessionNextHops } from "@/bgp/mod.ts";

/** An interface, as far as it counts here. */
export interface NextHopLink {
  /** Its name. */
  readonly name: string;
  /** Its addresses. */
  readonly prefixes: readonly Prefix[];
}

/**
 * The addresses that routes of a session may name as ourselves.
 *
 * @param local Our end of the connection.
 * @param links Our interfaces.
 * @returns The session's own address, and those of its link, by family.
 */
export function sessionNextHops(
  local: { readonly address: IpAddr; readonly zone?: string },
  links: readonly NextHopLink[],
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

/** Whether an address counts on its link only (RFC 4291 §2.5.6). */
export function isLinkLocal(addr: IpAddr): boolean {
  return isIpv6(addr) && /^fe[89ab]/.test(addr);
}
