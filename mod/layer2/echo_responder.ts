/**
 * Answers echo requests of ICMP and ICMPv6 for VIPs that nothing on this node
 * holds, so that `ping` finds them.
 *
 * A pure core: the state of a link is its limits and what it has just answered.
 * What is answered: a whole request in one frame to this interface's MAC address
 * alone, for a VIP this node answers for. Nothing is answered for groups, from
 * groups, or to an address of ours, so that no answer makes an answer.
 *
 * The kernel of a node that forwards does not know of the answer: it sends the
 * request on, and where its route leads back here the same request comes again.
 * One that was answered within {@linkcode ECHO_MEMORY_MS} is not answered twice.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { type Ipv4Addr, ipv4AddrNumber } from "@/addr/ipv4_addr.ts";
import { type Ipv6Addr, UNSPECIFIED_IPV6 } from "@/addr/ipv6_addr.ts";
import { isGroupMac, type MacAddr, ZERO_MAC } from "@/addr/mac_addr.ts";
import { DECODE_REASONS, type DecodeReason } from "@/wire/decode_error.ts";
import {
  decodeEthernet,
  encodeEthernet,
  ETHER_TYPE,
  type EthernetFrame,
} from "@/wire/ethernet.ts";
import { IP_PROTOCOL } from "@/wire/iana.ts";
import {
  decodeIcmpEcho,
  decodeIcmpv6Echo,
  encodeIcmpEcho,
  encodeIcmpv6Echo,
  type IcmpEcho,
} from "@/wire/icmp_echo.ts";
import { decodeIpv4, encodeIpv4 } from "@/wire/ipv4.ts";
import { decodeIpv6, encodeIpv6 } from "@/wire/ipv6.ts";

/** Echo requests of all hosts that are answered on a link per second. */
export const ECHOES_PER_SECOND_MAX = 1_000;

/** Echo requests of one host that are answered on a link per second. */
export const ECHOES_PER_SOURCE_PER_SECOND_MAX = 100;

/** Hosts whose requests are counted at a time; of more, the one counted longest is forgotten. */
export const ECHO_SOURCES_MAX = 1_024;

/** Requests that are remembered at a time; of more, the oldest is forgotten. */
export const ECHO_MEMORY_MAX = 1_024;

/** How long a request that was answered is remembered. */
export const ECHO_MEMORY_MS = 1_000;

/** What protocol a request came by. */
export type EchoProtocol = "icmp" | "icmpv6";

/**
 * Why a request is not answered. Those of the decoders apply where a decoder
 * refuses; the others are in the order in which they are checked:
 *
 * - `own-frame`, `invalid-source`, `not-for-us`, `other-vlan`: of the frame, see `DropReason`; a group is not for us.
 * - `other-protocol`: neither IPv4 nor IPv6.
 * - `not-a-request`: a reply.
 * - `not-owner`: for an address this node does not answer for, or not by ping.
 * - `invalid-address`: from no host, from all, from this machine or a VIP.
 * - `repeated`: answered just now.
 * - `rate-limited`: there are too many.
 */
export type EchoDropReason =
  | DecodeReason
  | "own-frame"
  | "invalid-source"
  | "not-for-us"
  | "other-vlan"
  | "other-protocol"
  | "not-a-request"
  | "not-owner"
  | "invalid-address"
  | "repeated"
  | "rate-limited";

/** Every {@linkcode EchoDropReason}; a closed set in a fixed order. */
export const ECHO_DROP_REASONS: readonly EchoDropReason[] = [
  ...DECODE_REASONS,
  "own-frame",
  "invalid-source",
  "not-for-us",
  "other-vlan",
  "other-protocol",
  "not-a-request",
  "not-owner",
  "invalid-address",
  "repeated",
  "rate-limited",
];

/** The link a request was received on. */
export interface EchoLink {
  /** MAC address of this node's interface. */
  readonly mac: MacAddr;
  /** The VIPs this node answers for on the link by ARP and Neighbor Discovery. */
  readonly vips: {
    /** Whether an address is one of them. */
    has(addr: IpAddr): boolean;
  };
  /** The VIPs that are to answer `ping`. */
  readonly pings: {
    /** Whether an address is one of them. */
    has(addr: IpAddr): boolean;
  };
}

/** What was answered on a link; changed in place. */
export interface EchoState {
  /** All hosts together. */
  readonly all: EchoBucket;
  /** Each host by its address, the one counted longest first. */
  readonly sources: Map<IpAddr, EchoBucket>;
  /** Requests that were answered, and when, the oldest first. */
  readonly memory: Map<string, number>;
}

/** How many more requests are answered. */
export interface EchoBucket {
  /** Requests, a part of one too. */
  tokens: number;
  /** When that was so. */
  atMs: number;
}

/** What is to be done about a frame. */
export type EchoResponse =
  | {
    /** Send this. */
    readonly kind: "answer";
    /** What it is of. */
    readonly protocol: EchoProtocol;
    /** The whole frame, without padding. */
    readonly frame: Uint8Array<ArrayBuffer>;
  }
  | {
    /** Nothing, but count it. */
    readonly kind: "drop";
    /** What to count it under. */
    readonly reason: EchoDropReason;
  };

/** The state of a link on which nothing was answered. */
export function initialEcho(nowMs: number): EchoState {
  return {
    all: { tokens: ECHOES_PER_SECOND_MAX, atMs: nowMs },
    sources: new Map(),
    memory: new Map(),
  };
}

/**
 * Decides about one received frame.
 *
 * @param state What was answered on the link; changed in place.
 * @param bytes The frame from its destination address on, without check sequence.
 * @param at The link it was received on, and when.
 * @returns An answer to send, or the reason to do nothing.
 */
export function stepEcho(
  state: EchoState,
  bytes: Uint8Array,
  at: { readonly link: EchoLink; readonly nowMs: number },
): EchoResponse {
  const decoded = decodeEthernet(bytes);
  if (!decoded.ok) return drop(decoded.error.reason);
  const frame = decoded.value;
  const refused = frameRefusal(frame, at.link);
  if (refused !== undefined) return drop(refused);
  const question = readQuestion(frame);
  if (typeof question === "string") return drop(question);
  if (question.echo.kind === "echo-reply") return drop("not-a-request");
  const { destination, source } = question;
  if (!at.link.vips.has(destination) || !at.link.pings.has(destination)) {
    return drop("not-owner");
  }
  if (!isHost(source) || at.link.vips.has(source)) {
    return drop("invalid-address");
  }
  if (isRepeated(state, question, at.nowMs)) return drop("repeated");
  if (!isWithinLimits(state, source, at.nowMs)) return drop("rate-limited");
  remember(state, question, at.nowMs);
  const { protocol } = question;
  const answer = encodeEthernet({
    destination: frame.source,
    source: at.link.mac,
    etherType: frame.etherType,
    payload: question.answer(),
  });
  return { kind: "answer", protocol, frame: Uint8Array.from(answer) };
}

/** A request, or a reply, as far as the protocols differ. */
interface Question {
  readonly protocol: EchoProtocol;
  readonly source: IpAddr;
  readonly destination: IpAddr;
  /** What one packet has and another of the same host has not, where there is such a thing. */
  readonly identification: number;
  readonly echo: IcmpEcho;
  /** The packet that answers it. */
  readonly answer: () => Uint8Array;
}

function readQuestion(frame: EthernetFrame): Question | EchoDropReason {
  if (frame.etherType === ETHER_TYPE.ipv4) return readIcmp(frame.payload);
  if (frame.etherType === ETHER_TYPE.ipv6) return readIcmpv6(frame.payload);
  return "other-protocol";
}

function readIcmp(bytes: Uint8Array): Question | EchoDropReason {
  const packet = decodeIpv4(bytes);
  if (!packet.ok) return packet.error.reason;
  const decoded = decodeIcmpEcho(packet.value);
  if (!decoded.ok) return decoded.error.reason;
  const { source, destination, identification } = packet.value;
  const echo = decoded.value;
  return {
    ...{ protocol: "icmp", source, destination, identification, echo },
    // RFC 1122 §3.2.2.6: addresses exchanged, everything in it comes back.
    answer: () =>
      encodeIpv4({
        source: destination,
        destination: source,
        identification: 0,
        dontFragment: true,
        timeToLive: HOPS,
        protocol: IP_PROTOCOL.icmp,
        payload: encodeIcmpEcho({ ...echo, kind: "echo-reply" }),
      }),
  };
}

function readIcmpv6(bytes: Uint8Array): Question | EchoDropReason {
  const packet = decodeIpv6(bytes);
  if (!packet.ok) return packet.error.reason;
  const decoded = decodeIcmpv6Echo(packet.value);
  if (!decoded.ok) return decoded.error.reason;
  const { source, destination } = packet.value;
  const echo = decoded.value;
  const back = { source: destination, destination: source };
  return {
    ...{ protocol: "icmpv6", source, destination, identification: 0, echo },
    answer: () =>
      encodeIpv6({
        ...back,
        nextHeader: IP_PROTOCOL.icmpv6,
        hopLimit: HOPS,
        payload: encodeIcmpv6Echo({ ...echo, kind: "echo-reply" }, back),
      }),
  };
}

/** Why a frame is none to answer, if so. */
function frameRefusal(
  { destination, source, vlan }: EthernetFrame,
  { mac }: EchoLink,
): EchoDropReason | undefined {
  if (source === mac) return "own-frame";
  if (source === ZERO_MAC || isGroupMac(source)) return "invalid-source";
  if (destination !== mac) return "not-for-us";
  // A tag with VID 0 is a priority only (IEEE 802.1Q §9.6).
  return vlan !== undefined && vlan.id !== 0 ? "other-vlan" : undefined;
}

/** Whether an address may be that of another host: RFC 1122 §3.2.1.3, RFC 4291 §2.5. */
function isHost(addr: IpAddr): boolean {
  if (addr.includes(":")) {
    // The decoder has refused groups.
    return addr !== UNSPECIFIED_IPV6 && addr as Ipv6Addr !== LOOPBACK_IPV6;
  }
  const first = ipv4AddrNumber(addr as Ipv4Addr) >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}

function isRepeated(
  { memory }: EchoState,
  question: Question,
  nowMs: number,
): boolean {
  for (const [key, atMs] of memory) {
    if (nowMs - atMs < ECHO_MEMORY_MS && memory.size < ECHO_MEMORY_MAX) break;
    memory.delete(key);
  }
  return memory.has(keyOf(question));
}

function remember(
  { memory }: EchoState,
  question: Question,
  nowMs: number,
): void {
  memory.set(keyOf(question), nowMs);
}

function keyOf(
  { source, destination, identification, echo }: Question,
): string {
  const { identifier, sequenceNumber } = echo;
  return `${source} ${destination} ${identification} ${identifier} ${sequenceNumber}`;
}

function isWithinLimits(
  { all, sources }: EchoState,
  source: IpAddr,
  nowMs: number,
): boolean {
  const one = sources.get(source) ??
    { tokens: ECHOES_PER_SOURCE_PER_SECOND_MAX, atMs: nowMs };
  if (!sources.has(source)) {
    if (sources.size >= ECHO_SOURCES_MAX) {
      for (const longest of sources.keys()) {
        sources.delete(longest);
        break;
      }
    }
    sources.set(source, one);
  }
  refill(one, ECHOES_PER_SOURCE_PER_SECOND_MAX, nowMs);
  refill(all, ECHOES_PER_SECOND_MAX, nowMs);
  if (one.tokens < 1 || all.tokens < 1) return false;
  one.tokens--;
  all.tokens--;
  return true;
}

/** A bucket holds a second's worth. */
function refill(bucket: EchoBucket, perSecond: number, nowMs: number): void {
  const more = (nowMs - bucket.atMs) * perSecond / 1_000;
  bucket.tokens = Math.min(perSecond, bucket.tokens + more);
  bucket.atMs = nowMs;
}

function drop(reason: EchoDropReason): EchoResponse {
  return { kind: "drop", reason };
}

/** What answers begin with: what most hosts do. */
const HOPS = 64;
const LOOPBACK_IPV6 = "::1";
