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
    if (frame[12] === ETHER_TYPE.ipv6 >> 8) this.#hearIpv6(frame);
    if (frame[12] !== 0x08 || frame[13] !== 0x06) return;
    const arp = decodeArp(frame.subarray(14));
    if (!arp.ok || arp.value.operation !== "request") return;
    const { senderMac, senderIp, targetIp } = arp.value;
    if (!this.ips.has(targetIp) || senderIp === targetIp) return;
    this.#segment.send(
      this.#port,
      encodeEthernet({
        destination: senderMac,
        source: this.#mac,
        etherType: ETHER_TYPE.arp,
        payload: encodeArp({
          operation: "reply",
          senderMac: this.#mac,
          senderIp: targetIp,
          targetMac: senderMac,
          targetIp: senderIp,
        }),
      }),
    );
  }

  #hearIpv6(frame: Uint8Array): void {
    const packet = decodeIpv6(frame.subarray(ETHERNET_HEADER_BYTES));
    if (!packet.ok) return;
    const { source } = packet.value;
    const asked = decodeNdp(packet.value);
    if (!asked.ok || asked.value.kind !== "neighbor-solicitation") return;
    const { target, sourceLinkLayer } = asked.value;
    if (!this.ips.has(target) || sourceLinkLayer === undefined) return;
    this.#segment.send(
      this.#port,
      encodeEthernet({
        destination: sourceLinkLayer,
        source: this.#mac,
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
            targetLinkLayer: this.#mac,
          }, { source: target, destination: source }),
        }),
      }),
    );
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
