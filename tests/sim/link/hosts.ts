/**
 * Hosts of a link world that run no agent.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import { decodeArp, encodeArp } from "@/wire/arp.ts";
import {
  encodeEthernet,
  ETHER_TYPE,
  ETHERNET_HEADER_BYTES,
} from "@/wire/ethernet.ts";
import { IP_PROTOCOL } from "@/wire/iana.ts";
import { decodeIpv6, encodeIpv6 } from "@/wire/ipv6.ts";
import { decodeNdp, encodeNdp, NDP_HOP_LIMIT } from "@/wire/ndp.ts";
import { question } from "../frames.ts";
import type { Host, LinkSegment } from "./segment.ts";

/** A host that answers ARP for addresses: a gateway, or one that has a VIP it should not. */
export class Gateway implements Host {
  readonly name: string = "host";
  readonly macNumber: number;
  readonly isAgent: boolean = false;
  /** The addresses. */
  readonly ips: Set<IpAddr> = new Set();
  /** Whether it answers. */
  isOn = true;
  readonly #segment: LinkSegment;
  readonly #mac: MacAddr;
  #port = -1;

  /** A host that is not plugged in. */
  constructor(
    segment: LinkSegment,
    own: { readonly ip: IpAddr; readonly mac: MacAddr },
  ) {
    this.#segment = segment;
    this.#mac = own.mac;
    this.ips.add(own.ip);
    this.macNumber = Number.parseInt(own.mac.replaceAll(":", ""), 16);
  }

  /** Its port at the segment. */
  get port(): number {
    return this.#port;
  }

  /** Plugs it in. */
  plug(): void {
    this.#port = this.#segment.attach(this);
  }

  /** Answers. */
  hear(frame: Uint8Array): void {
    if (!this.isOn) return;
    const answer = answerOf(frame, { ips: this.ips, mac: this.#mac });
    if (answer !== undefined) this.#segment.send(this.#port, answer);
  }

  /** Asks all for an address. */
  ask(
    ip: IpAddr,
    asker: { readonly ipv4: string; readonly ipv6: string },
  ): void {
    const mac = `${this.#mac}`;
    this.#segment.send(this.#port, question({ mac, ...asker }, ip));
  }
}

/**
 * What a host answers to a question, ARP or Neighbor Discovery.
 *
 * @param frame What it heard.
 * @param own Its addresses.
 * @returns The frame, or `undefined` when it was not asked.
 */
export function answerOf(
  frame: Uint8Array,
  own: { readonly ips: ReadonlySet<IpAddr>; readonly mac: MacAddr },
): Uint8Array | undefined {
  const etherType = (frame[12] ?? 0) << 8 | (frame[13] ?? 0);
  if (etherType === ETHER_TYPE.ipv6) return advertisementOf(frame, own);
  if (etherType !== ETHER_TYPE.arp) return undefined;
  const arp = decodeArp(frame.subarray(ETHERNET_HEADER_BYTES));
  if (!arp.ok || arp.value.operation !== "request") return undefined;
  const { senderMac, senderIp, targetIp } = arp.value;
  if (!own.ips.has(targetIp) || senderIp === targetIp) return undefined;
  return encodeEthernet({
    destination: senderMac,
    source: own.mac,
    etherType: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: "reply",
      senderMac: own.mac,
      senderIp: targetIp,
      targetMac: senderMac,
      targetIp: senderIp,
    }),
  });
}

function advertisementOf(
  frame: Uint8Array,
  own: { readonly ips: ReadonlySet<IpAddr>; readonly mac: MacAddr },
): Uint8Array | undefined {
  const packet = decodeIpv6(frame.subarray(ETHERNET_HEADER_BYTES));
  if (!packet.ok) return undefined;
  const { source } = packet.value;
  const asked = decodeNdp(packet.value);
  if (!asked.ok || asked.value.kind !== "neighbor-solicitation") {
    return undefined;
  }
  const { target, sourceLinkLayer } = asked.value;
  if (!own.ips.has(target) || sourceLinkLayer === undefined) return undefined;
  return encodeEthernet({
    destination: sourceLinkLayer,
    source: own.mac,
    etherType: ETHER_TYPE.ipv6,
    payload: encodeIpv6({
      source: target,
      destination: source,
      nextHeader: IP_PROTOCOL.icmpv6,
      hopLimit: NDP_HOP_LIMIT,
      payload: encodeNdp({
        kind: "neighbor-advertisement",
        target,
        router: false,
        solicited: true,
        override: true,
        targetLinkLayer: own.mac,
      }, { source: target, destination: source }),
    }),
  });
}
