/**
 * Path attributes from bytes that {@linkcode UpdateLayout} found right.
 *
 * @module
 */

import { ipv4AddrAt } from "@/addr/ipv4_addr.ts";
import { type Ipv6Addr, ipv6Addr } from "@/addr/ipv6_addr.ts";
import type { IpAddr } from "@/addr/ip_addr.ts";
import { readAsPath } from "./_as_path_check.ts";
import { asBytesOf } from "./_attribute_checks.ts";
import { u16At, u32At } from "./_bytes.ts";
import { readNlri } from "./_nlri.ts";
import type { MpLayout } from "./_mp_layout.ts";
import type { UpdateLayout } from "./_update_layout.ts";
import type { LargeCommunity } from "./community.ts";
import type { UnicastFamily } from "./family.ts";
import { ATTRIBUTE_FLAG, PATH_ATTRIBUTE } from "./iana.ts";
import type { Origin, PathAttribute } from "./path_attribute.ts";
import type { UpdateSession } from "./session.ts";

/** Reads an attribute; `undefined` for one that nobody passes on. */
export function readAttribute(
  type: number,
  bytes: Uint8Array,
  layout: UpdateLayout,
  session: UpdateSession,
): PathAttribute | undefined {
  const from = layout.valueFrom[type] as number;
  const to = layout.valueTo[type] as number;
  switch (type) {
    case PATH_ATTRIBUTE.origin:
      return {
        kind: "origin",
        origin: ORIGINS[bytes[from] as number] as Origin,
      };
    case PATH_ATTRIBUTE.asPath:
      return {
        kind: "as-path",
        segments: readAsPath(bytes, from, to, asBytesOf(session)),
      };
    case PATH_ATTRIBUTE.as4Path:
      return { kind: "as4-path", segments: readAsPath(bytes, from, to, 4) };
    case PATH_ATTRIBUTE.nextHop:
      return { kind: "next-hop", nextHop: ipv4AddrAt(bytes, from) };
    case PATH_ATTRIBUTE.multiExitDisc:
      return { kind: "multi-exit-disc", multiExitDisc: u32At(bytes, from) };
    case PATH_ATTRIBUTE.localPref:
      return { kind: "local-pref", localPref: u32At(bytes, from) };
    case PATH_ATTRIBUTE.atomicAggregate:
      return { kind: "atomic-aggregate" };
    case PATH_ATTRIBUTE.aggregator:
      return readAggregator("aggregator", bytes, from, asBytesOf(session));
    case PATH_ATTRIBUTE.as4Aggregator:
      return readAggregator("as4-aggregator", bytes, from, 4);
    case PATH_ATTRIBUTE.originatorId:
      return { kind: "originator-id", originatorId: ipv4AddrAt(bytes, from) };
    case PATH_ATTRIBUTE.clusterList:
      return {
        kind: "cluster-list",
        clusterIds: list(from, to, 4, (at) => ipv4AddrAt(bytes, at)),
      };
    case PATH_ATTRIBUTE.mpReach:
      return readMpReach(bytes, layout.mpReach, session);
    case PATH_ATTRIBUTE.mpUnreach:
      return readMpUnreach(bytes, layout.mpUnreach, session);
    case PATH_ATTRIBUTE.onlyToCustomer:
      return { kind: "only-to-customer", as: u32At(bytes, from) };
    default:
      return readCommunities(type, bytes, from, to) ??
        readUnknown(type, layout.flags[type] as number, bytes, from, to);
  }
}

function readCommunities(
  type: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): PathAttribute | undefined {
  switch (type) {
    case PATH_ATTRIBUTE.communities:
      return {
        kind: "communities",
        communities: list(from, to, 4, (at) => u32At(bytes, at)),
      };
    case PATH_ATTRIBUTE.extendedCommunities:
      return {
        kind: "extended-communities",
        communities: list(
          from,
          to,
          8,
          (at) =>
            BigInt(u32At(bytes, at)) << 32n | BigInt(u32At(bytes, at + 4)),
        ),
      };
    case PATH_ATTRIBUTE.largeCommunities:
      return {
        kind: "large-communities",
        communities: list(from, to, 12, (at): LargeCommunity => ({
          globalAdministrator: u32At(bytes, at),
          localData1: u32At(bytes, at + 4),
          localData2: u32At(bytes, at + 8),
        })),
      };
    default:
      return undefined;
  }
}

/** RFC 4271 §5: an unknown attribute that is not transitive is dropped silently. */
function readUnknown(
  type: number,
  flags: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): PathAttribute | undefined {
  if ((flags & ATTRIBUTE_FLAG.transitive) === 0) return undefined;
  return {
    kind: "unknown",
    type,
    flags: flags & MEANINGFUL_FLAGS,
    value: bytes.slice(from, to),
  };
}

function readAggregator(
  kind: "aggregator" | "as4-aggregator",
  bytes: Uint8Array,
  from: number,
  asBytes: 2 | 4,
): PathAttribute {
  return {
    kind,
    as: asBytes === 4 ? u32At(bytes, from) : u16At(bytes, from),
    address: ipv4AddrAt(bytes, from + asBytes),
  };
}

function readMpReach(
  bytes: Uint8Array,
  mp: MpLayout,
  session: UpdateSession,
): PathAttribute {
  const family = mp.family as UnicastFamily;
  const { nextHopAt, nextHopBytes } = mp;
  const ipv6 = (at: number) => ipv6Addr(bytes.subarray(at, at + 16));
  const nextHop: IpAddr = nextHopBytes === 4
    ? ipv4AddrAt(bytes, nextHopAt)
    : ipv6(nextHopAt);
  const linkLocal: { readonly linkLocalNextHop?: Ipv6Addr } =
    nextHopBytes === 32 ? { linkLocalNextHop: ipv6(nextHopAt + 16) } : {};
  return {
    kind: "mp-reach",
    family,
    nextHop,
    ...linkLocal,
    nlri: readNlri(
      bytes,
      mp.nlriFrom,
      mp.nlriTo,
      family,
      session.addPathReceive.includes(family),
    ),
  };
}

function readMpUnreach(
  bytes: Uint8Array,
  mp: MpLayout,
  session: UpdateSession,
): PathAttribute {
  const family = mp.family as UnicastFamily;
  return {
    kind: "mp-unreach",
    family,
    withdrawn: readNlri(
      bytes,
      mp.nlriFrom,
      mp.nlriTo,
      family,
      session.addPathReceive.includes(family),
    ),
  };
}

function list<T>(
  from: number,
  to: number,
  sizeBytes: number,
  read: (at: number) => T,
): T[] {
  const items: T[] = [];
  for (let at = from; at < to; at += sizeBytes) items.push(read(at));
  return items;
}

const MEANINGFUL_FLAGS = ATTRIBUTE_FLAG.optional | ATTRIBUTE_FLAG.transitive |
  ATTRIBUTE_FLAG.partial;
/** By their values, RFC 4271 §4.3. */
const ORIGINS: readonly Origin[] = ["igp", "egp", "incomplete"];
