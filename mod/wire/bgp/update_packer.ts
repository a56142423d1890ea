/**
 * UPDATEs for many prefixes with equal attributes, written whole into memory
 * that is reused: as few messages as the longest allowed one permits.
 *
 * Each message has one list of routes only, and MP_REACH_NLRI or
 * MP_UNREACH_NLRI comes first (RFC 7606 §5.1).
 *
 * @module
 */

import { type IpAddr, isIpv4 } from "@/addr/ip_addr.ts";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import { assert } from "@/lang/assert.ts";
import { putU16 } from "./_bytes.ts";
import { NLRI_BYTES_MAX } from "./_nlri.ts";
import { familyCodes, type UnicastFamily } from "./family.ts";
import { bytesMax, putHeader } from "./header.ts";
import { ATTRIBUTE_FLAG, BGP_MESSAGE_TYPE, PATH_ATTRIBUTE } from "./iana.ts";
import type { PackedNlri } from "./packed_nlri.ts";
import type { PathAttribute } from "./path_attribute.ts";
import {
  encodeMpReachHead,
  encodePathAttributes,
  sortedAttributes,
  withAs4Attributes,
} from "./path_attribute_codec.ts";
import type { UpdateSession } from "./session.ts";

/** All of an announcement but its prefixes, as bytes, for the sessions that agreed on the same. */
export interface AnnouncementHead {
  /** The family of its prefixes. */
  readonly family: UnicastFamily;
  /** The value of MP_REACH_NLRI up to its prefixes; empty where these are in NLRI. */
  readonly mpReach: Uint8Array;
  /** All other attributes. */
  readonly attributes: Uint8Array;
}

/** What a head depends on. */
export type HeadSession = Pick<
  UpdateSession,
  "fourOctetAs" | "extendedNextHop"
>;

/** How far a list was written. */
export interface PackProgress {
  /** Where the next message goes. */
  readonly at: number;
  /** Where the first prefix begins that was not written; the list's length at its end. */
  readonly from: number;
}

/**
 * Writes the head of an announcement.
 *
 * @param family The family of the prefixes.
 * @param nextHop Their next hop; IPv6 for IPv4 prefixes only under RFC 8950.
 * @param attributes All attributes but NEXT_HOP and MP_REACH_NLRI, in any order.
 * @param session What was negotiated.
 * @returns The head.
 */
export function encodeAnnouncementHead(
  family: UnicastFamily,
  nextHop: {
    readonly address: IpAddr;
    readonly linkLocal?: Ipv6Addr | undefined;
  },
  attributes: readonly PathAttribute[],
  session: HeadSession,
): AnnouncementHead {
  const { address, linkLocal } = nextHop;
  const plain = family === "ipv4-unicast" && isIpv4(address);
  assert(
    plain || !isIpv4(address),
    "An IPv6 prefix has an IPv6 next hop",
  );
  assert(
    plain || family === "ipv6-unicast" ||
      session.extendedNextHop.includes(family),
    "An IPv4 prefix has an IPv6 next hop where RFC 8950 was negotiated",
  );
  const own = session.fourOctetAs ? attributes : withAs4Attributes(attributes);
  const all: readonly PathAttribute[] = plain
    ? [...own, { kind: "next-hop", nextHop: address }]
    : own;
  return {
    family,
    mpReach: plain ? NO_BYTES : encodeMpReachHead({
      family,
      nextHop: address,
      ...(linkLocal === undefined ? {} : { linkLocalNextHop: linkLocal }),
    }),
    attributes: encodePathAttributes(sortedAttributes(all), {
      fourOctetAs: session.fourOctetAs,
      addPathSend: [],
    }),
  };
}

/**
 * Whether any prefix can be announced with a head: there is room for it in the
 * longest message (RFC 8654 §4 leaves the route out otherwise).
 *
 * @param head The head.
 * @param session What was negotiated.
 * @returns True when there is.
 */
export function headFits(
  head: AnnouncementHead,
  session: Pick<UpdateSession, "extendedMessage">,
): boolean {
  return announcementBytes(head) + NLRI_BYTES_MAX <= bytesMax(session);
}

/**
 * Announces prefixes of a list until it or the room is at its end.
 *
 * @example Usage
 * ```ts
 * import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
 * import { PackedNlri } from "@/wire/bgp/packed_nlri.ts";
 * import {
 *   encodeAnnouncementHead,
 *   packAnnouncements,
 * } from "@/wire/bgp/update_packer.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const address = parseIpv4Addr("10.0.0.1");
 * if (address === undefined) throw new Error("It is one");
 * const session = { fourOctetAs: true, extendedNextHop: [], extendedMessage: false };
 * const head = encodeAnnouncementHead("ipv4-unicast", { address }, [
 *   { kind: "origin", origin: "igp" },
 *   { kind: "as-path", segments: [{ kind: "sequence", asns: [65001] }] },
 * ], session);
 * const nlri = new PackedNlri("ipv4-unicast");
 * for (let i = 0; i < 1_000; i++) nlri.pushIpv4(0xc000_0200 + i, 32);
 * const out = new Uint8Array(64 * 1_024);
 * const { at, from } = packAnnouncements(head, nlri, { out, session });
 * strictEqual(from, nlri.byteLength);
 * strictEqual(at, 1_000 * 5 + 2 * 43);
 * ```
 *
 * @param head What they have in common.
 * @param nlri The prefixes.
 * @param to Where to write: `out` from `at` on, prefixes from `from` on; both 0
 * at first, and what the last call gave afterwards.
 * @returns How far it came; the same `from` again means that `out` is full.
 */
export function packAnnouncements(
  head: AnnouncementHead,
  nlri: PackedNlri,
  to: PackRoom,
): PackProgress {
  assert(head.family === nlri.family, "Head and prefixes are of one family");
  const fixed = announcementBytes(head);
  const longest = bytesMax(to.session);
  assert(
    fixed + NLRI_BYTES_MAX <= longest,
    "A head that does not fit is not announced",
  );
  const { out } = to;
  let at = to.at ?? 0;
  let from = to.from ?? 0;
  while (from < nlri.byteLength) {
    // A message that would be shorter only because the room ends is not written.
    const wanted = Math.min(longest, fixed + nlri.byteLength - from);
    if (out.length - at < wanted) break;
    const end = nlri.pieceEnd(from, longest - fixed);
    at = head.mpReach.length === 0
      ? putPlain(head, nlri, from, end, out, at)
      : putMpReach(head, nlri, from, end, out, at);
    from = end;
  }
  return { at, from };
}

/**
 * Withdraws prefixes of a list until it or the room is at its end.
 *
 * @param nlri The prefixes.
 * @param to As for {@linkcode packAnnouncements}; `viaMpUnreach` withdraws IPv4
 * prefixes that MP_REACH_NLRI announced.
 * @returns How far it came; the same `from` again means that `out` is full.
 */
export function packWithdrawals(
  nlri: PackedNlri,
  to: PackRoom & { readonly viaMpUnreach?: boolean },
): PackProgress {
  const mp = nlri.family !== "ipv4-unicast" || to.viaMpUnreach === true;
  const fixed = UPDATE_BYTES_MIN + (mp ? LONG_ATTRIBUTE_BYTES + 3 : 0);
  const longest = bytesMax(to.session);
  const { out } = to;
  let at = to.at ?? 0;
  let from = to.from ?? 0;
  while (from < nlri.byteLength) {
    const wanted = Math.min(longest, fixed + nlri.byteLength - from);
    if (out.length - at < wanted) break;
    const end = nlri.pieceEnd(from, longest - fixed);
    const length = fixed + end - from;
    putHeader(out, at, length, BGP_MESSAGE_TYPE.update);
    const routes = nlri.bytes.subarray(from, end);
    if (mp) {
      const { afi, safi } = familyCodes(nlri.family);
      putU16(out, at + 19, 0);
      putU16(out, at + 21, length - UPDATE_BYTES_MIN);
      putLongHead(out, at + 23, PATH_ATTRIBUTE.mpUnreach, 3 + routes.length);
      putU16(out, at + 27, afi);
      out[at + 29] = safi;
      out.set(routes, at + 30);
    } else {
      putU16(out, at + 19, routes.length);
      out.set(routes, at + 21);
      putU16(out, at + 21 + routes.length, 0);
    }
    at += length;
    from = end;
  }
  return { at, from };
}

/** Where messages are written to. */
export interface PackRoom {
  /** The memory; shorter than the longest message only where the list is short. */
  readonly out: Uint8Array;
  /** Where the first message goes; 0 when absent. */
  readonly at?: number;
  /** Where the first prefix begins; 0 when absent. */
  readonly from?: number;
  /** What was negotiated. */
  readonly session: Pick<UpdateSession, "extendedMessage">;
}

/** Prefixes in NLRI, behind the attributes. */
function putPlain(
  head: AnnouncementHead,
  nlri: PackedNlri,
  from: number,
  end: number,
  out: Uint8Array,
  at: number,
): number {
  const { attributes } = head;
  const length = UPDATE_BYTES_MIN + attributes.length + end - from;
  putHeader(out, at, length, BGP_MESSAGE_TYPE.update);
  putU16(out, at + 19, 0);
  putU16(out, at + 21, attributes.length);
  out.set(attributes, at + UPDATE_BYTES_MIN);
  out.set(
    nlri.bytes.subarray(from, end),
    at + UPDATE_BYTES_MIN + attributes.length,
  );
  return at + length;
}

/** Prefixes in MP_REACH_NLRI, before the other attributes. */
function putMpReach(
  head: AnnouncementHead,
  nlri: PackedNlri,
  from: number,
  end: number,
  out: Uint8Array,
  at: number,
): number {
  const { mpReach, attributes } = head;
  const valueBytes = mpReach.length + end - from;
  const attributesBytes = LONG_ATTRIBUTE_BYTES + valueBytes +
    attributes.length;
  const length = UPDATE_BYTES_MIN + attributesBytes;
  putHeader(out, at, length, BGP_MESSAGE_TYPE.update);
  putU16(out, at + 19, 0);
  putU16(out, at + 21, attributesBytes);
  let next = at + UPDATE_BYTES_MIN;
  putLongHead(out, next, PATH_ATTRIBUTE.mpReach, valueBytes);
  next += LONG_ATTRIBUTE_BYTES;
  out.set(mpReach, next);
  next += mpReach.length;
  out.set(nlri.bytes.subarray(from, end), next);
  out.set(attributes, next + end - from);
  return at + length;
}

function putLongHead(
  out: Uint8Array,
  at: number,
  type: number,
  valueBytes: number,
): void {
  out[at] = ATTRIBUTE_FLAG.optional | ATTRIBUTE_FLAG.extendedLength;
  out[at + 1] = type;
  putU16(out, at + 2, valueBytes);
}

/** Bytes of a message without its prefixes. */
function announcementBytes(head: AnnouncementHead): number {
  const { mpReach, attributes } = head;
  return UPDATE_BYTES_MIN + attributes.length +
    (mpReach.length === 0 ? 0 : LONG_ATTRIBUTE_BYTES + mpReach.length);
}

const NO_BYTES = new Uint8Array(0);
const UPDATE_BYTES_MIN = 23;
/** Flags, type and a length of two bytes. */
const LONG_ATTRIBUTE_BYTES = 4;
