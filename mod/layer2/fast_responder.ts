/**
 * Answers ARP and Neighbor Discovery for VIPs, a whole batch in place: the same
 * rules as `responder.ts`, on words of memory and without allocating.
 *
 * ```text
 *  offset of a frame in its slot, in bytes; a multiple of 4 begins a word
 *
 *   2        8        14     16                  20      24
 *   +--------+--------+------+-------------------+-------+------+------...
 *   | DA     | SA     | 0806 | HRD  PRO          | L  OP | SHA  | SPA  ...
 *   +--------+--------+------+-------------------+-------+------+------...
 *   | DA     | SA     | 86dd | version ...       | len   | source, destination
 *   +--------+--------+------+-------------------+-------+------+------...
 * ```
 *
 * Both responders share constants of the codecs and nothing else; a test feeds
 * them the same near-valid frames and compares every byte and every reason.
 *
 * @module
 */

import { ipv4Addr } from "@/addr/ipv4_addr.ts";
import { ipv6Addr } from "@/addr/ipv6_addr.ts";
import { type MacAddr, macAddr, macAddrBytes } from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";
import {
  FRAME_BYTES_MAX,
  FRAME_OFFSET_BYTES,
  FRAME_SLOT_BYTES,
  type FrameBatch,
  frameOf,
} from "@/wire/frame_batch.ts";
import {
  ARP_OPERATION,
  ETHER_TYPE,
  ICMPV6_TYPE,
  IP_PROTOCOL,
  NDP_OPTION,
} from "@/wire/iana.ts";
import { ARP_PACKET_BYTES } from "@/wire/arp.ts";
import { ETHERNET_HEADER_BYTES, VLAN_TAG_BYTES } from "@/wire/ethernet.ts";
import { IPV6_HEADER_BYTES } from "@/wire/ipv6.ts";
import {
  LINK_LAYER_OPTION_BYTES,
  NDP_HOP_LIMIT,
  NDP_MESSAGE_BYTES,
} from "@/wire/ndp.ts";
import {
  bigEndianHalf,
  halvesOf,
  joined,
  nativeHalf,
  nativeWord,
  wordsOf,
} from "./_native_order.ts";
import { DROP_REASONS, type DropReason } from "./drop_reason.ts";
import type { Claim } from "./responder.ts";
import { type Sighting, sightingOf } from "./sighting.ts";
import { RESPONDER_COUNTER, responderCounters } from "./responder_counters.ts";
import type { VipTable } from "./vip_table.ts";
import type { VipTally } from "./vip_tally.ts";

/** Claims of a VIP by others that are listed per batch; more are counted only. */
export const CONFLICTS_PER_BATCH_MAX = 16;

/** Frames of a batch that are looked at for what they say of their senders. */
export const SIGHTINGS_PER_BATCH_MAX = 16;

/** What a {@linkcode FastResponder} works on. */
export interface FastResponderOptions {
  /** Frames received. */
  readonly rx: FrameBatch;
  /** Frames to send; has at least as many slots as `rx`. */
  readonly tx: FrameBatch;
  /** The VIPs this node answers for on the link. */
  readonly vips: VipTable;
  /** MAC address of this node's interface. */
  readonly mac: MacAddr;
  /** Counts answers by VIP; absent: nobody wants to know. */
  readonly tally?: VipTally | undefined;
}

/** Answers batches of frames of one link. */
export class FastResponder {
  /** What was counted since birth; `RESPONDER_COUNTER` says where. */
  readonly counters: Float64Array = responderCounters();
  readonly #rx: FrameBatch;
  readonly #rx16: Uint16Array;
  readonly #rx32: Uint32Array;
  readonly #tx: FrameBatch;
  readonly #tx16: Uint16Array;
  readonly #tx32: Uint32Array;
  readonly #vips: VipTable;
  readonly #tally: VipTally | undefined;
  readonly #own: Uint16Array = new Uint16Array(3);
  #conflicts: Claim[] = [];
  /** Which frames say something of others, and how many of them. */
  readonly #seen: Uint16Array = new Uint16Array(SIGHTINGS_PER_BATCH_MAX);
  #seenCount = 0;

  /**
   * Makes a responder.
   *
   * @param options What it works on.
   */
  constructor(options: FastResponderOptions) {
    const { rx, tx } = options;
    assert(tx.slots >= rx.slots, "Every frame received may be answered");
    this.#rx = rx;
    this.#rx16 = halvesOf(rx.bytes);
    this.#rx32 = wordsOf(rx.bytes);
    this.#tx = tx;
    this.#tx16 = halvesOf(tx.bytes);
    this.#tx32 = wordsOf(tx.bytes);
    this.#vips = options.vips;
    this.#tally = options.tally;
    this.setMac(options.mac);
  }

  /** Claims in the last batch, at most {@linkcode CONFLICTS_PER_BATCH_MAX}. */
  get conflicts(): readonly Claim[] {
    return this.#conflicts;
  }

  /**
   * What the last batch says of other hosts: those that claim addresses this
   * node does not answer for, and of those that asked, the first that was
   * answered and some that were not. To be read before the next batch.
   *
   * @returns The sightings, at most {@linkcode SIGHTINGS_PER_BATCH_MAX}.
   */
  sightings(): readonly Sighting[] {
    if (this.#seenCount === 0) return NONE;
    const sightings: Sighting[] = [];
    for (let i = 0; i < this.#seenCount; i++) {
      const sighting = sightingOf(frameOf(this.#rx, this.#seen[i] as number));
      if (sighting !== undefined) sightings.push(sighting);
    }
    return sightings;
  }

  /**
   * Follows a change of the interface's address.
   *
   * @param mac The new address.
   */
  setMac(mac: MacAddr): void {
    this.#own.set(halvesOf(macAddrBytes(mac)));
  }

  /**
   * Writes the answers to the first frames of `rx` to the first slots of `tx`.
   *
   * @param count How many frames were received.
   * @returns How many answers there are.
   */
  answer(count: number): number {
    if (this.#conflicts.length > 0) this.#conflicts = [];
    let answers = 0;
    this.#seenCount = 0;
    for (let i = 0; i < count; i++) {
      const verdict = this.#judge(i, answers);
      if (verdict >= 0) {
        this.#count(RESPONDER_COUNTER.drops + verdict);
        if (verdict === NOT_A_REQUEST || verdict === NOT_OWNER) this.#see(i);
      } else if (verdict === CONFLICT) this.#count(RESPONDER_COUNTER.conflicts);
      else {
        const arp = verdict === ARP_ANSWER;
        this.#count(
          arp ? RESPONDER_COUNTER.arpRequests : RESPONDER_COUNTER.ndpRequests,
        );
        this.#count(
          arp ? RESPONDER_COUNTER.arpAnswers : RESPONDER_COUNTER.ndpAnswers,
        );
        if (this.#tally !== undefined) this.#tell(this.#tally, answers, arp);
        if (answers++ === 0) this.#see(i);
      }
    }
    return answers;
  }

  /** Counts an answer that was written for the VIP it names. */
  #tell(tally: VipTally, answer: number, arp: boolean): void {
    const payload = frameAt(answer) + ETHERNET_HEADER_BYTES;
    if (arp) {
      const spa = (payload + 14) >>> 1;
      const tx16 = this.#tx16;
      tally.count4(joined(tx16[spa] as number, tx16[spa + 1] as number));
    } else {
      const target = (payload + IPV6_HEADER_BYTES + 8) >>> 2;
      tally.count6(this.#tx32.subarray(target, target + 4));
    }
  }

  #see(index: number): void {
    if (this.#seenCount === SIGHTINGS_PER_BATCH_MAX) return;
    const sender = this.#asker(index);
    if (sender > 0 && this.#isAsking(index, sender)) return;
    this.#seen[this.#seenCount++] = index;
  }

  /**
   * Where a question names its sender, in halves from the begin of the frame;
   * 0: it is none, or claims an address.
   */
  #asker(index: number): number {
    const rx16 = this.#rx16;
    const at = frameAt(index) >>> 1;
    const type = rx16[at + TYPE_HALF];
    if (type === TYPE_ARP) {
      const isClaim = rx16[at + ARP_SPA_HALF] === rx16[at + ARP_TPA_HALF] &&
        rx16[at + ARP_SPA_HALF + 1] === rx16[at + ARP_TPA_HALF + 1];
      return rx16[at + ARP_OP_HALF] === OP_REQUEST && !isClaim
        ? ARP_SPA_HALF
        : 0;
    }
    const isSolicitation = type === TYPE_IPV6 &&
      rx16[at + ICMPV6_HALF] === SOLICITATION;
    return isSolicitation ? IPV6_SOURCE_HALF : 0;
  }

  /** Whether a question comes from one that was seen to ask: a router asks for many addresses in a row. */
  #isAsking(index: number, sender: number): boolean {
    const rx16 = this.#rx16;
    const one = frameAt(index) >>> 1;
    const halves = sender === ARP_SPA_HALF ? 2 : 8;
    for (let i = 0; i < this.#seenCount; i++) {
      const seen = this.#seen[i] as number;
      if (this.#asker(seen) !== sender) continue;
      const other = frameAt(seen) >>> 1;
      if (
        isSameFrom(rx16, one + SOURCE_HALF, other + SOURCE_HALF, 3) &&
        isSameFrom(rx16, one + sender, other + sender, halves)
      ) return true;
    }
    return false;
  }

  #count(counter: number): void {
    this.counters[counter] = (this.counters[counter] as number) + 1;
  }

  /** A verdict about a frame; an answer is written to slot `answer` of `tx`. */
  #judge(index: number, answer: number): number {
    const { bytes, lengths, lengthStride, lengthOffset } = this.#rx;
    const length = lengths[index * lengthStride + lengthOffset] as number;
    const frame = frameAt(index);
    const end = frame + (length < FRAME_BYTES_MAX ? length : FRAME_BYTES_MAX);
    let payload = frame + ETHERNET_HEADER_BYTES;
    if (end < payload) return TRUNCATED;
    const rx16 = this.#rx16;
    let type = rx16[(payload - 2) >>> 1] as number;
    let vlan = 0;
    if (type === TYPE_VLAN) {
      payload += VLAN_TAG_BYTES;
      if (end < payload) return TRUNCATED;
      vlan = ((bytes[payload - 4] as number) & 0x0f) << 8 |
        (bytes[payload - 3] as number);
      if (vlan === VLAN_ID_RESERVED) return MALFORMED;
      type = rx16[(payload - 2) >>> 1] as number;
      if (type === TYPE_VLAN) return UNSUPPORTED;
    }
    if (type === TYPE_SERVICE_VLAN) return UNSUPPORTED;
    // IEEE 802.3 §3.2.6: below 0x0600 it is no EtherType.
    if ((bytes[payload - 2] as number) < 0x06) return UNSUPPORTED;
    const sender = this.#refuseSender(frame + 6);
    if (sender !== ACCEPTED) return sender;
    const group = ((bytes[frame] as number) & 1) !== 0;
    if (!group && !this.#isOwn(frame)) return NOT_FOR_US;
    if (vlan !== 0) return OTHER_VLAN;
    if (type === TYPE_ARP) return this.#judgeArp(payload, end, answer);
    if (type === TYPE_IPV6) return this.#judgeIpv6(frame, payload, end, answer);
    return OTHER_PROTOCOL;
  }

  #judgeArp(arp: number, end: number, answer: number): number {
    if (end - arp < ARP_PACKET_BYTES) return TRUNCATED;
    const { bytes } = this.#rx;
    const rx16 = this.#rx16;
    const rx32 = this.#rx32;
    if (rx32[arp >>> 2] !== HRD_PRO) return UNSUPPORTED;
    if (rx16[(arp + 4) >>> 1] !== HLN_PLN) return MALFORMED;
    const operation = rx16[(arp + 6) >>> 1];
    if (operation !== OP_REQUEST && operation !== OP_REPLY) return UNSUPPORTED;
    const sender = this.#refuseSender(arp + 8);
    if (sender !== ACCEPTED) return sender;
    const spa = (arp + 14) >>> 1;
    const spaWord = joined(rx16[spa] as number, rx16[spa + 1] as number);
    if (this.#vips.has4(spaWord)) {
      return this.#conflict(4, bytes, arp + 14, arp + 8);
    }
    if (operation === OP_REPLY) return NOT_A_REQUEST;
    const tpaWord = rx32[(arp + 24) >>> 2] as number;
    if (!this.#vips.has4(tpaWord)) return NOT_OWNER;
    this.#writeArpReply(arp, answer);
    return ARP_ANSWER;
  }

  #writeArpReply(arp: number, answer: number): void {
    const rx16 = this.#rx16;
    const tx16 = this.#tx16;
    const sha = (arp + 8) >>> 1;
    const tpa = (arp + 24) >>> 1;
    let half = this.#writeHeader(answer, TYPE_ARP, ETHERNET_HEADER_BYTES + 28);
    tx16[half - 7] = rx16[sha] as number;
    tx16[half - 6] = rx16[sha + 1] as number;
    tx16[half - 5] = rx16[sha + 2] as number;
    this.#tx32[half >>> 1] = HRD_PRO;
    tx16[half + 2] = HLN_PLN;
    tx16[half + 3] = OP_REPLY;
    half = this.#writeOwn(half + 4);
    tx16[half] = rx16[tpa] as number;
    tx16[half + 1] = rx16[tpa + 1] as number;
    // THA and TPA are the asker's SHA and SPA, which lie side by side too.
    for (let i = 0; i < 5; i++) tx16[half + 2 + i] = rx16[sha + i] as number;
  }

  #judgeIpv6(frame: number, ip: number, end: number, answer: number): number {
    if (end - ip < IPV6_HEADER_BYTES) return TRUNCATED;
    const { bytes } = this.#rx;
    if ((bytes[ip] as number) >>> 4 !== 6) return MALFORMED;
    const message = ip + IPV6_HEADER_BYTES;
    const length = (bytes[ip + 4] as number) << 8 | (bytes[ip + 5] as number);
    const last = message + length;
    if (last > end) return TRUNCATED;
    const nextHeader = bytes[ip + 6] as number;
    if (EXTENSION_HEADERS[nextHeader] === 1) return UNSUPPORTED;
    if (bytes[ip + 8] === 0xff) return MALFORMED;
    if (nextHeader !== IP_PROTOCOL.icmpv6) return UNSUPPORTED;
    if (length === 0) return TRUNCATED;
    const type = bytes[message];
    const solicitation = type === ICMPV6_TYPE.neighborSolicitation;
    if (!solicitation && type !== ICMPV6_TYPE.neighborAdvertisement) {
      return UNSUPPORTED;
    }
    if (bytes[ip + 7] !== NDP_HOP_LIMIT) return HOP_LIMIT_NOT_255;
    if (length < NDP_MESSAGE_BYTES) return TRUNCATED;
    if (this.#sum(ip + 8, last, length) !== 0xffff) return BAD_CHECKSUM;
    if (bytes[message + 1] !== 0) return MALFORMED;
    if (bytes[message + 8] === 0xff) return MALFORMED;
    return solicitation
      ? this.#judgeSolicitation(frame, ip, last, answer)
      : this.#judgeAdvertisement(frame, ip, last);
  }

  /** The sum of RFC 1071 over source, destination, message and pseudo-header. */
  #sum(start: number, end: number, length: number): number {
    const rx16 = this.#rx16;
    let sum = ICMPV6_WORD + nativeHalf(length >>> 8, length & 0xff);
    const whole = end >>> 1;
    for (let i = start >>> 1; i < whole; i++) sum += rx16[i] as number;
    if ((end & 1) !== 0) {
      sum += nativeHalf(this.#rx.bytes[end - 1] as number, 0);
    }
    return folded(sum);
  }

  #judgeSolicitation(
    frame: number,
    ip: number,
    end: number,
    answer: number,
  ): number {
    const { bytes } = this.#rx;
    const rx32 = this.#rx32;
    const option = this.#linkLayer(ip, end, NDP_OPTION.sourceLinkLayer);
    if (option < 0) return ~option;
    const source = (ip + 8) >>> 2;
    const tentative = rx32[source] === 0 && rx32[source + 1] === 0 &&
      rx32[source + 2] === 0 && rx32[source + 3] === 0;
    if (tentative) {
      // RFC 4861 §7.1.1: to a solicited-node group and without the option.
      const group = rx32[source + 4] === SOLICITED_NODE[0] &&
        rx32[source + 5] === 0 && rx32[source + 6] === SOLICITED_NODE[2] &&
        bytes[ip + 36] === 0xff;
      if (!group || option !== 0) return MALFORMED;
    }
    const asker = option === 0 ? frame + 6 : option + 2;
    const sender = this.#refuseSender(asker);
    if (sender !== ACCEPTED) return sender;
    if (!this.#hasTarget(ip)) return NOT_OWNER;
    this.#writeAdvertisement(ip, asker, tentative, answer);
    return NDP_ANSWER;
  }

  #judgeAdvertisement(frame: number, ip: number, end: number): number {
    const { bytes } = this.#rx;
    const flags = bytes[ip + IPV6_HEADER_BYTES + 4] as number;
    // RFC 4861 §7.1.2: what goes to a group answers nobody's question.
    if ((flags & SOLICITED_FLAG) !== 0 && bytes[ip + 24] === 0xff) {
      return MALFORMED;
    }
    const option = this.#linkLayer(ip, end, NDP_OPTION.targetLinkLayer);
    if (option < 0) return ~option;
    const mac = option === 0 ? frame + 6 : option + 2;
    if (this.#isOwn(mac) || !this.#hasTarget(ip)) return NOT_A_REQUEST;
    return this.#conflict(6, bytes, ip + IPV6_HEADER_BYTES + 8, mac);
  }

  /** Where the first option of a type is; 0 when there is none, `~reason` when refused. */
  #linkLayer(ip: number, end: number, type: number): number {
    const { bytes } = this.#rx;
    let option = ip + IPV6_HEADER_BYTES + NDP_MESSAGE_BYTES;
    let found = 0;
    while (option < end) {
      if (option + 1 >= end) return ~TRUNCATED;
      const lengthBytes = (bytes[option + 1] as number) * 8;
      if (lengthBytes === 0) return ~MALFORMED;
      if (option + lengthBytes > end) return ~TRUNCATED;
      if (bytes[option] === type) {
        if (lengthBytes !== LINK_LAYER_OPTION_BYTES) return ~MALFORMED;
        if (found === 0) found = option;
      }
      option += lengthBytes;
    }
    return found;
  }

  #hasTarget(ip: number): boolean {
    const rx32 = this.#rx32;
    const target = (ip + IPV6_HEADER_BYTES + 8) >>> 2;
    return this.#vips.has6(
      rx32[target] as number,
      rx32[target + 1] as number,
      rx32[target + 2] as number,
      rx32[target + 3] as number,
    );
  }

  #writeAdvertisement(
    ip: number,
    asker: number,
    tentative: boolean,
    answer: number,
  ): void {
    const rx16 = this.#rx16;
    const tx16 = this.#tx16;
    const tx32 = this.#tx32;
    const half = this.#writeHeader(answer, TYPE_IPV6, ADVERTISEMENT_BYTES);
    const to = tentative ? ALL_NODES_MAC : rx16;
    const mac = tentative ? 0 : asker >>> 1;
    tx16[half - 7] = to[mac] as number;
    tx16[half - 6] = to[mac + 1] as number;
    tx16[half - 5] = to[mac + 2] as number;
    const rx32 = this.#rx32;
    const source = (ip + 8) >>> 2;
    const target = (ip + IPV6_HEADER_BYTES + 8) >>> 2;
    const out = half >>> 1;
    tx32[out] = ADVERTISEMENT_HEADER[0] as number;
    tx32[out + 1] = ADVERTISEMENT_HEADER[1] as number;
    for (let i = 0; i < 4; i++) {
      const word = rx32[target + i] as number;
      tx32[out + 2 + i] = word;
      tx32[out + 12 + i] = word;
      tx32[out + 6 + i] = tentative
        ? ALL_NODES[i] as number
        : rx32[source + i] as number;
    }
    tx32[out + 10] = ADVERTISEMENT_TYPE;
    tx32[out + 11] = tentative ? OVERRIDE : SOLICITED_OVERRIDE;
    tx16[half + 32] = LINK_LAYER_OPTION;
    this.#writeOwn(half + 33);
    // The pseudo-header's length and protocol, then everything from the source
    // on; the checksum field is still 0.
    let sum = ICMPV6_WORD + nativeHalf(0, ADVERTISEMENT_MESSAGE_BYTES);
    for (let i = half + 4; i < half + 36; i++) sum += tx16[i] as number;
    tx16[half + 21] = 0xffff - folded(sum);
  }

  /** Writes what all answers begin with; returns the payload's first half-word. */
  #writeHeader(answer: number, type: number, lengthBytes: number): number {
    const { lengths, lengthStride, lengthOffset } = this.#tx;
    lengths[answer * lengthStride + lengthOffset] = lengthBytes;
    const half = (answer * FRAME_SLOT_BYTES + FRAME_OFFSET_BYTES) >>> 1;
    const end = this.#writeOwn(half + 3);
    this.#tx16[end] = type;
    return end + 1;
  }

  #writeOwn(half: number): number {
    const own = this.#own;
    this.#tx16[half] = own[0] as number;
    this.#tx16[half + 1] = own[1] as number;
    this.#tx16[half + 2] = own[2] as number;
    return half + 3;
  }

  #isOwn(mac: number): boolean {
    const rx16 = this.#rx16;
    const own = this.#own;
    const half = mac >>> 1;
    return rx16[half] === own[0] && rx16[half + 1] === own[1] &&
      rx16[half + 2] === own[2];
  }

  #refuseSender(mac: number): number {
    if (this.#isOwn(mac)) return OWN_FRAME;
    const rx16 = this.#rx16;
    const half = mac >>> 1;
    if (
      ((this.#rx.bytes[mac] as number) & 1) !== 0 ||
      ((rx16[half] as number) | (rx16[half + 1] as number) |
          (rx16[half + 2] as number)) === 0
    ) return INVALID_SOURCE;
    return ACCEPTED;
  }

  /** Lists a claim. These are rare and few per batch, so they may allocate. */
  #conflict(
    family: 4 | 6,
    bytes: Uint8Array,
    addr: number,
    mac: number,
  ): number {
    if (this.#conflicts.length >= CONFLICTS_PER_BATCH_MAX) {
      this.#count(RESPONDER_COUNTER.conflictsUnlisted);
      return CONFLICT;
    }
    this.#conflicts.push({
      vip: family === 4
        ? ipv4Addr(bytes.subarray(addr, addr + 4))
        : ipv6Addr(bytes.subarray(addr, addr + 16)),
      mac: macAddr(bytes.subarray(mac, mac + 6)),
    });
    return CONFLICT;
  }
}

/** Carries added back (RFC 1071 §1); sums of up to 2³² − 1. */
function folded(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

/** Whether so many halves are the same at two places. */
function isSameFrom(
  halves: Uint16Array,
  one: number,
  other: number,
  count: number,
): boolean {
  for (let i = 0; i < count; i++) {
    if (halves[one + i] !== halves[other + i]) return false;
  }
  return true;
}

/** Where a frame begins in the bytes of its batch. */
function frameAt(index: number): number {
  return index * FRAME_SLOT_BYTES + FRAME_OFFSET_BYTES;
}

function codeOf(reason: DropReason): number {
  return DROP_REASONS.indexOf(reason);
}

const NONE: readonly Sighting[] = [];

// Verdicts: a drop is the index of its reason; these are none.
const ACCEPTED = -1;
const ARP_ANSWER = -2;
const NDP_ANSWER = -3;
const CONFLICT = -4;
const TRUNCATED = codeOf("truncated");
const UNSUPPORTED = codeOf("unsupported");
const MALFORMED = codeOf("malformed");
const BAD_CHECKSUM = codeOf("bad-checksum");
const HOP_LIMIT_NOT_255 = codeOf("hop-limit-not-255");
const OWN_FRAME = codeOf("own-frame");
const INVALID_SOURCE = codeOf("invalid-source");
const NOT_FOR_US = codeOf("not-for-us");
const OTHER_VLAN = codeOf("other-vlan");
const OTHER_PROTOCOL = codeOf("other-protocol");
const NOT_A_REQUEST = codeOf("not-a-request");
const NOT_OWNER = codeOf("not-owner");

// From here on as they lie in memory.
const TYPE_ARP = bigEndianHalf(ETHER_TYPE.arp);
const TYPE_IPV6 = bigEndianHalf(ETHER_TYPE.ipv6);
const TYPE_VLAN = bigEndianHalf(ETHER_TYPE.vlan);
const TYPE_SERVICE_VLAN = bigEndianHalf(ETHER_TYPE.serviceVlan);
const VLAN_ID_RESERVED = 0xfff;
const HRD_PRO = nativeWord("00010800");
const HLN_PLN = nativeHalf(6, 4);
const OP_REQUEST = bigEndianHalf(ARP_OPERATION.request);
const OP_REPLY = bigEndianHalf(ARP_OPERATION.reply);
// Places in a frame without a tag, in halves.
const SOURCE_HALF = 3;
const TYPE_HALF = 6;
const ARP_OP_HALF = 10;
const ARP_SPA_HALF = 14;
const ARP_TPA_HALF = 19;
const IPV6_SOURCE_HALF = 11;
const ICMPV6_HALF = 27;
const SOLICITATION = nativeHalf(ICMPV6_TYPE.neighborSolicitation, 0);
const ICMPV6_WORD = nativeHalf(0, IP_PROTOCOL.icmpv6);
const SOLICITED_FLAG = 0b0100_0000;
const SOLICITED_OVERRIDE = nativeWord("60000000");
const OVERRIDE = nativeWord("20000000");
const ADVERTISEMENT_MESSAGE_BYTES = NDP_MESSAGE_BYTES +
  LINK_LAYER_OPTION_BYTES;
const ADVERTISEMENT_BYTES = ETHERNET_HEADER_BYTES + IPV6_HEADER_BYTES +
  ADVERTISEMENT_MESSAGE_BYTES;
const ADVERTISEMENT_HEADER = Uint32Array.of(
  nativeWord("60000000"),
  joined(
    nativeHalf(0, ADVERTISEMENT_MESSAGE_BYTES),
    nativeHalf(IP_PROTOCOL.icmpv6, NDP_HOP_LIMIT),
  ),
);
const ADVERTISEMENT_TYPE = joined(
  nativeHalf(ICMPV6_TYPE.neighborAdvertisement, 0),
  0,
);
const LINK_LAYER_OPTION = nativeHalf(NDP_OPTION.targetLinkLayer, 1);
// ff02::1 and the group that carries it (RFC 2464 §7).
const ALL_NODES = wordsOf(
  Uint8Array.fromHex("ff020000000000000000000000000001"),
);
const ALL_NODES_MAC = halvesOf(Uint8Array.fromHex("333300000001"));
// ff02::1:ff00:0/104, the words of it that are whole (RFC 4291 §2.7.1).
const SOLICITED_NODE = wordsOf(
  Uint8Array.fromHex("ff020000000000000000000100000000"),
);
const EXTENSION_HEADERS = new Uint8Array(256);
for (
  const header of [
    IP_PROTOCOL.hopByHop,
    IP_PROTOCOL.routing,
    IP_PROTOCOL.fragment,
    IP_PROTOCOL.esp,
    IP_PROTOCOL.authentication,
    IP_PROTOCOL.destinationOptions,
    IP_PROTOCOL.mobility,
    IP_PROTOCOL.hip,
    IP_PROTOCOL.shim6,
    IP_PROTOCOL.experiment1,
    IP_PROTOCOL.experiment2,
  ]
) EXTENSION_HEADERS[header] = 1;
