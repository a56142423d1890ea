/**
 * What a frame that is not to be answered says of others: that a host has an
 * address, or that a host is there and asks.
 *
 * Frames have passed the kernel's filter and the responder's checks by then, so
 * these are few; the codecs read them.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { UNSPECIFIED_IPV6 } from "@/addr/ipv6_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import { decodeArp } from "@/wire/arp.ts";
import { decodeEthernet, type EthernetFrame } from "@/wire/ethernet.ts";
import { ETHER_TYPE } from "@/wire/iana.ts";
import { decodeIpv6 } from "@/wire/ipv6.ts";
import { decodeNdp } from "@/wire/ndp.ts";

/** Who was heard. */
export interface Sighting {
  /**
   * - `claim`: the host says that it has the address: an ARP reply, a gratuitous
   *   request, a Neighbor Advertisement.
   * - `asker`: the host asked for something, with this address of its own.
   */
  readonly kind: "claim" | "asker";
  /** The address. */
  readonly ip: IpAddr;
  /** The host's MAC address. */
  readonly mac: MacAddr;
}

/**
 * Reads what a frame says of its sender.
 *
 * @example Usage
 * ```ts
 * import { sightingOf } from "@/layer2/sighting.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const reply = Uint8Array.fromHex(
 *   "020000000001" + "02000000000b" + "0806" +
 *     "0001080006040002" + "02000000000b" + "c000020b" +
 *     "020000000001" + "c0000201",
 * );
 * strictEqual(sightingOf(reply)?.ip, "192.0.2.11");
 * ```
 *
 * @param bytes The frame from its destination address on.
 * @returns The sighting; `undefined` when the sender names no address of its own.
 */
export function sightingOf(bytes: Uint8Array): Sighting | undefined {
  const frame = decodeEthernet(bytes);
  if (!frame.ok) return undefined;
  return frame.value.etherType === ETHER_TYPE.arp
    ? arpSighting(frame.value.payload)
    : ndpSighting(frame.value);
}

function arpSighting(payload: Uint8Array): Sighting | undefined {
  const arp = decodeArp(payload);
  if (!arp.ok) return undefined;
  const { operation, senderIp: ip, senderMac: mac, targetIp } = arp.value;
  // A probe (RFC 5227 §1.1) names none.
  if (ip === "0.0.0.0") return undefined;
  const claims = operation === "reply" || targetIp === ip;
  return { kind: claims ? "claim" : "asker", ip, mac };
}

function ndpSighting(frame: EthernetFrame): Sighting | undefined {
  const packet = decodeIpv6(frame.payload);
  if (!packet.ok) return undefined;
  const message = decodeNdp(packet.value);
  if (!message.ok) return undefined;
  if (message.value.kind === "neighbor-advertisement") {
    const { target: ip, targetLinkLayer } = message.value;
    return { kind: "claim", ip, mac: targetLinkLayer ?? frame.source };
  }
  const { source: ip } = packet.value;
  if (ip === UNSPECIFIED_IPV6) return undefined;
  const mac = message.value.sourceLinkLayer ?? frame.source;
  return { kind: "asker", ip, mac };
}
