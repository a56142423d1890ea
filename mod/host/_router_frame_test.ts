/**
 * What a router on a cable says of itself.
 *
 * @module
 */

import { type Ipv6Addr, parseIpv6Addr } from "@/addr/ipv6_addr.ts";
import { type MacAddr, parseMacAddr } from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";
import { encodeEthernet } from "@/wire/ethernet.ts";
import { encodeIpv6 } from "@/wire/ipv6.ts";
import { encodeRouterDiscovery } from "@/wire/router_discovery.ts";

/** The frame of its advertisement. */
export function routerAdvertisement(source: string): Uint8Array {
  const ends = { source: addr(source), destination: addr("ff02::1") };
  const payload = encodeRouterDiscovery({
    kind: "router-advertisement",
    curHopLimit: 64,
    managed: false,
    other: false,
    routerLifetimeSeconds: 0,
    reachableTimeMs: 0,
    retransTimerMs: 0,
  }, ends);
  return encodeEthernet({
    destination: mac("33:33:00:00:00:01"),
    source: mac("02:00:00:00:00:02"),
    etherType: 0x86dd,
    payload: encodeIpv6({ ...ends, nextHeader: 58, hopLimit: 255, payload }),
  });
}

/** An IPv6 address. */
export function addr(text: string): Ipv6Addr {
  const parsed = parseIpv6Addr(text);
  assert(parsed !== undefined, `${text} is an address`);
  return parsed;
}

/** A MAC address. */
export function mac(text: string): MacAddr {
  const parsed = parseMacAddr(text);
  assert(parsed !== undefined, `${text} is an address`);
  return parsed;
}
