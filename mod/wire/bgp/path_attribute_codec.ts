/**
 * Path attributes to bytes: {flags, type, length, value} (RFC 4271 §4.3).
 *
 * @module
 */

import { isIpv4 } from "@/addr/ip_addr.ts";
import { type Ipv4Addr, ipv4AddrBytes } from "@/addr/ipv4_addr.ts";
import { ipv6AddrBytes } from "@/addr/ipv6_addr.ts";
import { assert, unreachable } from "@/lang/assert.ts";
import { writeAsPath } from "./_as_path_check.ts";
import { asBytesOf, flagsOf } from "./_attribute_checks.ts";
import { ByteWriter } from "./_bytes.ts";
import { NLRI_BYTES_MAX, putNlri } from "./_nlri.ts";
import { familyCodes, type UnicastFamily } from "./family.ts";
import { AS_TRANS, ATTRIBUTE_FLAG, PATH_ATTRIBUTE } from "./iana.ts";
import type {
  AsSegment,
  MpReachAttribute,
  Nlri,
  Origin,
  PathAttribute,
} from "./path_attribute.ts";
import type { UpdateSession } from "./session.ts";

/** What the bytes of an attribute depend on. */
export type AttributeSession = Pick<
  UpdateSession,
  "fourOctetAs" | "addPathSend"
>;

/**
 * The type code of an attribute.
 *
 * @param attribute The attribute.
 * @returns A number of {@linkcode PATH_ATTRIBUTE}, or that of an unknown one.
 */
export function attributeType(attribute: PathAttribute): number {
  return attribute.kind === "unknown" ? attribute.type : TYPES[attribute.kind];
}

/**
 * The flags of an attribute without the one for its length.
 *
 * @param attribute The attribute.
 * @returns Optional, transitive and partial.
 */
export function attributeFlags(attribute: PathAttribute): number {
  return attribute.kind === "unknown"
    ? attribute.flags
    : flagsOf(TYPES[attribute.kind]);
}

/**
 * Writes attributes in the order given.
 *
 * @param attributes The attributes; AS numbers that an old speaker cannot read
 * become AS_TRANS (see {@linkcode withAs4Attributes}).
 * @param session What was negotiated.
 * @returns Their bytes.
 */
export function encodePathAttributes(
  attributes: readonly PathAttribute[],
  session: AttributeSession,
): Uint8Array<ArrayBuffer> {
  const to = new ByteWriter();
  for (const attribute of attributes) {
    const value = new ByteWriter();
    writeValue(attribute, value, session);
    const long = value.length > 0xff;
    to.u8(
      attributeFlags(attribute) | (long ? ATTRIBUTE_FLAG.extendedLength : 0),
    )
      .u8(attributeType(attribute));
    assert(value.length <= 0xffff, "An attribute has up to 65,535 bytes");
    if (long) to.u16(value.length);
    else to.u8(value.length);
    to.bytes(value.take());
  }
  return to.take();
}

/**
 * The attributes in the order in which they are sent: MP_REACH_NLRI and
 * MP_UNREACH_NLRI first (RFC 7606 §5.1), then by their types.
 *
 * @param attributes The attributes.
 * @returns A sorted copy.
 */
export function sortedAttributes(
  attributes: readonly PathAttribute[],
): readonly PathAttribute[] {
  const rank = (attribute: PathAttribute) =>
    attribute.kind === "mp-reach" || attribute.kind === "mp-unreach"
      ? 0
      : attributeType(attribute);
  return attributes.toSorted((a, b) => rank(a) - rank(b));
}

/**
 * The attributes for a speaker that knows AS numbers of two octets only
 * (RFC 6793 §4.2.2): where one does not fit, AS4_PATH and AS4_AGGREGATOR have it.
 *
 * @param attributes The attributes, with whole AS numbers.
 * @returns The same, and what is to be added.
 */
export function withAs4Attributes(
  attributes: readonly PathAttribute[],
): readonly PathAttribute[] {
  const added: PathAttribute[] = [];
  for (const attribute of attributes) {
    if (attribute.kind === "as-path") {
      // RFC 6793 §4.2.2: of a confederation nothing goes into AS4_PATH.
      const segments = attribute.segments.filter(({ kind }) =>
        kind === "set" || kind === "sequence"
      );
      const long = segments.some(({ asns }) => asns.some((as) => as > 0xffff));
      if (long) added.push({ kind: "as4-path", segments });
    } else if (attribute.kind === "aggregator" && attribute.as > 0xffff) {
      added.push({ ...attribute, kind: "as4-aggregator" });
    }
  }
  return added.length === 0 ? attributes : [...attributes, ...added];
}

/**
 * MP_REACH_NLRI up to its routes: family, next hop and the reserved byte.
 *
 * @param reach Family and next hop.
 * @returns The beginning of its value.
 */
export function encodeMpReachHead(
  reach: Pick<MpReachAttribute, "family" | "nextHop" | "linkLocalNextHop">,
): Uint8Array<ArrayBuffer> {
  const { nextHop, linkLocalNextHop } = reach;
  const { afi, safi } = familyCodes(reach.family);
  const to = new ByteWriter(40).u16(afi).u8(safi);
  if (isIpv4(nextHop)) {
    to.u8(4).bytes(ipv4AddrBytes(nextHop));
  } else {
    to.u8(linkLocalNextHop === undefined ? 16 : 32)
      .bytes(ipv6AddrBytes(nextHop));
    if (linkLocalNextHop !== undefined) {
      to.bytes(ipv6AddrBytes(linkLocalNextHop));
    }
  }
  return to.u8(0).take();
}

function writeValue(
  attribute: PathAttribute,
  to: ByteWriter,
  session: AttributeSession,
): void {
  switch (attribute.kind) {
    case "origin":
      to.u8(ORIGINS.indexOf(attribute.origin));
      return;
    case "as-path":
      writeSegments(attribute.segments, asBytesOf(session), to);
      return;
    case "as4-path":
      writeSegments(attribute.segments, 4, to);
      return;
    case "next-hop":
      to.bytes(ipv4AddrBytes(attribute.nextHop));
      return;
    case "multi-exit-disc":
      to.u32(attribute.multiExitDisc);
      return;
    case "local-pref":
      to.u32(attribute.localPref);
      return;
    case "atomic-aggregate":
      return;
    case "aggregator":
    case "as4-aggregator":
      writeAggregator(attribute, session, to);
      return;
    case "originator-id":
      to.bytes(ipv4AddrBytes(attribute.originatorId));
      return;
    case "cluster-list":
      for (const id of attribute.clusterIds) to.bytes(ipv4AddrBytes(id));
      return;
    case "mp-reach":
      to.bytes(encodeMpReachHead(attribute));
      to.bytes(encodeNlri(attribute.nlri, attribute.family, session));
      return;
    case "mp-unreach": {
      const { afi, safi } = familyCodes(attribute.family);
      to.u16(afi).u8(safi);
      to.bytes(encodeNlri(attribute.withdrawn, attribute.family, session));
      return;
    }
    case "only-to-customer":
      to.u32(attribute.as);
      return;
    case "unknown":
      to.bytes(attribute.value);
      return;
    default:
      writeCommunities(attribute, to);
  }
}

function writeCommunities(
  attribute: Extract<
    PathAttribute,
    {
      readonly kind:
        | "communities"
        | "extended-communities"
        | "large-communities";
    }
  >,
  to: ByteWriter,
): void {
  switch (attribute.kind) {
    case "communities":
      for (const community of attribute.communities) to.u32(community);
      return;
    case "extended-communities":
      for (const community of attribute.communities) {
        to.u32(Number(community >> 32n)).u32(Number(community & 0xffff_ffffn));
      }
      return;
    case "large-communities":
      for (const item of attribute.communities) {
        to.u32(item.globalAdministrator).u32(item.localData1)
          .u32(item.localData2);
      }
      return;
    default:
      unreachable(attribute);
  }
}

/**
 * Writes prefixes one after the other.
 *
 * @param nlri The prefixes.
 * @param family Their family.
 * @param session Whether they carry path identifiers.
 * @returns Their bytes.
 */
export function encodeNlri(
  nlri: readonly Nlri[],
  family: UnicastFamily,
  session: Pick<UpdateSession, "addPathSend">,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(nlri.length * NLRI_BYTES_MAX);
  const addPath = session.addPathSend.includes(family);
  let at = 0;
  for (const item of nlri) {
    assert(
      isIpv4(item.addr) === (family === "ipv4-unicast"),
      "A prefix is of the family it is sent in",
    );
    at = putNlri(bytes, at, item, addPath);
  }
  return bytes.slice(0, at);
}

function writeSegments(
  segments: readonly AsSegment[],
  asBytes: 2 | 4,
  to: ByteWriter,
): void {
  assert(
    segments.every(({ asns }) => asns.length > 0 && asns.length <= 0xff),
    "A segment has 1 to 255 AS numbers",
  );
  writeAsPath(segments, asBytes, to);
}

function writeAggregator(
  attribute: {
    readonly kind: string;
    readonly as: number;
    readonly address: Ipv4Addr;
  },
  session: AttributeSession,
  to: ByteWriter,
): void {
  const { kind, as, address } = attribute;
  if (kind === "as4-aggregator" || session.fourOctetAs) to.u32(as);
  else to.u16(as > 0xffff ? AS_TRANS : as);
  to.bytes(ipv4AddrBytes(address));
}

/** By their values, RFC 4271 §4.3. */
const ORIGINS: readonly Origin[] = ["igp", "egp", "incomplete"];

const TYPES: Readonly<
  Record<Exclude<PathAttribute["kind"], "unknown">, number>
> = {
  "origin": PATH_ATTRIBUTE.origin,
  "as-path": PATH_ATTRIBUTE.asPath,
  "next-hop": PATH_ATTRIBUTE.nextHop,
  "multi-exit-disc": PATH_ATTRIBUTE.multiExitDisc,
  "local-pref": PATH_ATTRIBUTE.localPref,
  "atomic-aggregate": PATH_ATTRIBUTE.atomicAggregate,
  "aggregator": PATH_ATTRIBUTE.aggregator,
  "communities": PATH_ATTRIBUTE.communities,
  "originator-id": PATH_ATTRIBUTE.originatorId,
  "cluster-list": PATH_ATTRIBUTE.clusterList,
  "mp-reach": PATH_ATTRIBUTE.mpReach,
  "mp-unreach": PATH_ATTRIBUTE.mpUnreach,
  "extended-communities": PATH_ATTRIBUTE.extendedCommunities,
  "as4-path": PATH_ATTRIBUTE.as4Path,
  "as4-aggregator": PATH_ATTRIBUTE.as4Aggregator,
  "large-communities": PATH_ATTRIBUTE.largeCommunities,
  "only-to-customer": PATH_ATTRIBUTE.onlyToCustomer,
};
