/**
 * Addresses of the hosts of a simulation.
 *
 * @module
 */

import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { type MacAddr, parseMacAddr } from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";

/** A MAC address of a host on a link. */
export function macOf(link: number, host: number): MacAddr {
  const hex = (number: number) => number.toString(16).padStart(2, "0");
  const mac = parseMacAddr(`02:00:00:00:${hex(link)}:${hex(host)}`);
  assert(mac !== undefined, "A MAC address is one");
  return mac;
}

/** An address from its text. */
export function addrOf(text: string): IpAddr {
  const addr = parseIpAddr(text);
  assert(addr !== undefined, `${text} is an address`);
  return addr;
}
