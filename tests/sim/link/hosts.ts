/**
 * Hosts of a link world that run no agent.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import { decodeArp, encodeArp } from "@/wire/arp.ts";
import { encodeEthernet, ETHER_TYPE } from "@/wire/ethernet.ts";
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
    if (!this.isOn || frame[12] !== 0x08 || frame[13] !== 0x06) return;
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

  /** Asks all for an address. */
  ask(
    ip: IpAddr,
    asker: { readonly ipv4: string; readonly ipv6: string },
  ): void {
    const mac = `${this.#mac}`;
    this.#segment.send(this.#port, question({ mac, ...asker }, ip));
  }
}
