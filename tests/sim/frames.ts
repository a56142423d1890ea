/**
 * Frames as hosts of the segment write and read them: no more than ARP and
 * Neighbor Discovery about one address.
 *
 * @module
 */

import { type IpAddr, isIpv4, parseIpAddr } from "@/addr/ip_addr.ts";
import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import { parseIpv6Addr, solicitedNodeMulticast } from "@/addr/ipv6_addr.ts";
import {
  BROADCAST_MAC,
  type MacAddr,
  multicastMac,
  parseMacAddr,
  ZERO_MAC,
} from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";
import { encodeArp } from "@/wire/arp.ts";
import { encodeEthernet, ETHER_TYPE } from "@/wire/ethernet.ts";
import { encodeIpv6 } from "@/wire/ipv6.ts";
import { encodeNdp } from "@/wire/ndp.ts";
import { IP_PROTOCOL } from "@/wire/iana.ts";
import { macNumberAt } from "./segment.ts";

/** A host that asks. */
export interface Asker {
  /** MAC address. */
  readonly mac: string;
  /** IPv4 address. */
  readonly ipv4: string;
  /** IPv6 address. */
  readonly ipv6: string;
}

/** What a frame says about an address. */
export interface Saying {
  /** The address, as {@linkcode addressKey} gives it. */
  readonly address: number;
  /** `ask`: who has it; `tell`: an answer to somebody; `announce`: an unasked claim. */
  readonly kind: "ask" | "tell" | "announce";
  /** The MAC address it is claimed for. */
  readonly macNumber: number;
  /** Whether it is Neighbor Discovery. */
  readonly isIpv6: boolean;
  /** Whether it is an ARP request, whatever it says. */
  readonly isRequest: boolean;
}

/** A question for an address: to all, or to the host that is thought to have it. */
export function question(
  asker: Asker,
  ip: string,
  to?: string,
): Uint8Array {
  const key = `${asker.mac} ${ip} ${to ?? ""}`;
  let frame = QUESTIONS.get(key);
  if (frame === undefined) {
    const vip = parseIpAddr(ip);
    assert(vip !== undefined, `${ip} is an address`);
    frame = isIpv4(vip)
      ? arpQuestion(asker, vip, to)
      : ndpQuestion(asker, vip, to);
    QUESTIONS.set(key, frame);
  }
  return frame;
}

/** An address by its family and last 32 bits: enough to tell those of a simulation apart. */
export function addressKey(ip: string): number {
  let key = KEYS.get(ip);
  if (key === undefined) {
    key = ip.includes(":") ? keyOfIpv6(ip) : keyOfIpv4(ip);
    KEYS.set(ip, key);
    NAMES.set(key, ip);
  }
  return key;
}

/** The address of a key that was asked for before. */
export function addressOf(key: number): string {
  return NAMES.get(key) ?? `address ${key}`;
}

/** What a frame says; undefined: nothing about addresses. */
export function sayingOf(frame: Uint8Array): Saying | undefined {
  const etherType = (frame[12] ?? 0) << 8 | (frame[13] ?? 0);
  if (etherType === ETHER_TYPE.arp) return arpSaying(frame);
  if (etherType !== ETHER_TYPE.ipv6 || frame[20] !== IP_PROTOCOL.icmpv6) {
    return undefined;
  }
  const type = frame[ICMP_AT];
  const address = IPV6_KEYS + wordAt(frame, ICMP_AT + 20);
  const base = { address, isIpv6: true, isRequest: type === SOLICITATION };
  if (type === SOLICITATION) return { ...base, kind: "ask", macNumber: 0 };
  if (type !== ADVERTISEMENT) return undefined;
  const isSolicited = ((frame[ICMP_AT + 4] ?? 0) & 0x40) !== 0;
  return {
    ...base,
    kind: isSolicited ? "tell" : "announce",
    macNumber: macNumberAt(frame, ICMP_AT + 26),
  };
}

function arpSaying(frame: Uint8Array): Saying {
  const sender = wordAt(frame, 28);
  const target = wordAt(frame, 38);
  const isRequest = frame[21] === 1;
  const kind = sender === target ? "announce" : isRequest ? "ask" : "tell";
  return {
    kind,
    address: kind === "ask" ? target : sender,
    macNumber: macNumberAt(frame, 22),
    isIpv6: false,
    isRequest,
  };
}

function arpQuestion(
  asker: Asker,
  targetIp: IpAddr,
  to: string | undefined,
): Uint8Array {
  const senderMac = macOf(asker.mac);
  const senderIp = parseIpv4Addr(asker.ipv4);
  const target = parseIpv4Addr(targetIp);
  assert(senderIp !== undefined && target !== undefined, "An IPv4 address");
  return encodeEthernet({
    destination: to === undefined ? BROADCAST_MAC : macOf(to),
    source: senderMac,
    etherType: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: "request",
      senderMac,
      senderIp,
      targetMac: ZERO_MAC,
      targetIp: target,
    }),
  });
}

function ndpQuestion(
  asker: Asker,
  targetIp: IpAddr,
  to: string | undefined,
): Uint8Array {
  const target = parseIpv6Addr(targetIp);
  const source = parseIpv6Addr(asker.ipv6);
  assert(target !== undefined && source !== undefined, "An IPv6 address");
  const group = solicitedNodeMulticast(target);
  const destination = to === undefined ? group : target;
  const senderMac = macOf(asker.mac);
  return encodeEthernet({
    destination: to === undefined ? multicastMac(group) : macOf(to),
    source: senderMac,
    etherType: ETHER_TYPE.ipv6,
    payload: encodeIpv6({
      nextHeader: IP_PROTOCOL.icmpv6,
      hopLimit: 255,
      source,
      destination,
      payload: encodeNdp({
        kind: "neighbor-solicitation",
        target,
        sourceLinkLayer: senderMac,
      }, { source, destination }),
    }),
  });
}

function macOf(text: string): MacAddr {
  const mac = parseMacAddr(text);
  assert(mac !== undefined, `${text} is a MAC address`);
  return mac;
}

function keyOfIpv4(ip: string): number {
  return ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function keyOfIpv6(ip: string): number {
  const tail = ip.split("::")[1] ?? "";
  return IPV6_KEYS + tail.split(":").slice(-2).reduce(
    (sum, part) => sum * 65_536 + Number.parseInt(part || "0", 16),
    0,
  );
}

function wordAt(frame: Uint8Array, offset: number): number {
  return (((frame[offset] ?? 0) << 24) | ((frame[offset + 1] ?? 0) << 16) |
    ((frame[offset + 2] ?? 0) << 8) | (frame[offset + 3] ?? 0)) >>> 0;
}

const QUESTIONS = new Map<string, Uint8Array>();
const KEYS = new Map<string, number>();
const NAMES = new Map<number, string>();
const ICMP_AT = 54;
const SOLICITATION = 135;
const ADVERTISEMENT = 136;
const IPV6_KEYS = 0x1_0000_0000;
