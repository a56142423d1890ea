/**
 * Where a peer is, by what its BgpPeer says of it: at an address, at the other
 * end of an interface, or anywhere in a prefix.
 *
 * @module
 */

import {
  addrBits,
  familyOf,
  type IpAddr,
  parseIpAddr,
} from "@/addr/ip_addr.ts";
import { parsePrefix, type Prefix } from "@/addr/prefix.ts";
import type { BgpPeerSpec } from "@/api/mod.ts";
import { UNNUMBERED_SOURCE } from "./unnumbered_terms.ts";

/** Where a peer is. */
export interface PeerPlace {
  /** Its address; the first of the addresses it may have, where it is not known. */
  readonly address: IpAddr;
  /** The interface that it has to connect over; absent: any. */
  readonly zone?: string;
  /** From where it may connect. */
  readonly source: Prefix;
  /** The interface whose router it is, by whatever address. */
  readonly unnumbered?: string;
  /** Whether whoever connects from there is a peer. */
  readonly isRange: boolean;
}

/**
 * Reads where a peer is.
 *
 * @param spec The BgpPeer's spec.
 * @returns The place; `undefined` where its address is none.
 */
export function placeOf(
  { conf = {}, dynamicNeighbors = {} }: BgpPeerSpec,
): PeerPlace | undefined {
  const { neighborAddress = "", neighborInterface = "" } = conf;
  const range = parsePrefix(dynamicNeighbors.prefix ?? "");
  if (range !== undefined) {
    return { address: range.addr, source: range, isRange: true };
  }
  if (neighborAddress === "" && neighborInterface !== "") {
    return {
      address: UNNUMBERED_SOURCE.addr,
      zone: neighborInterface,
      source: UNNUMBERED_SOURCE,
      unnumbered: neighborInterface,
      isRange: false,
    };
  }
  const [text = "", zone = neighborInterface] = neighborAddress.split("%");
  const address = parseIpAddr(text);
  if (address === undefined) return undefined;
  return {
    address,
    ...(zone === "" ? {} : { zone }),
    source: { addr: address, lengthBits: addrBits(familyOf(address)) },
    isRange: false,
  };
}
