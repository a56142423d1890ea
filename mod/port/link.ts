/**
 * An interface of this machine, as the kernel describes it.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import type { Prefix } from "@/addr/prefix.ts";

/** One interface at one moment. */
export interface LinkInfo {
  /** Its kernel index, 1 or more; an interface made anew has another one. */
  readonly index: number;
  /** Its name, 1 to 15 bytes. */
  readonly name: string;
  /** What the kernel calls its driver (`veth`, `bridge`, `vlan`, …); empty for hardware and `lo`. */
  readonly kind: string;
  /** Its Ethernet address; undefined when it is not an Ethernet interface. */
  readonly mac: MacAddr | undefined;
  /** Whether it is switched on (IFF_UP). */
  readonly up: boolean;
  /** Whether it is switched on, has a carrier and is fit to carry frames (IFF_LOWER_UP, IFF_RUNNING). */
  readonly running: boolean;
  /** Longest packet it carries, in bytes, without the Ethernet header. */
  readonly mtu: number;
  /** Index of the bridge, bond or VRF it belongs to. */
  readonly masterIndex: number | undefined;
  /**
   * Its own addresses with their subnets; those whose uniqueness is still in
   * doubt (tentative, or refused by duplicate address detection) are left out.
   */
  readonly prefixes: readonly Prefix[];
  /** Next hops of default routes that are reached by it, of both families, sorted; bounded. */
  readonly gateways: readonly IpAddr[];
}
