/**
 * What makes a path attribute malformed and what is done about it: the list of
 * RFC 7606 §7 and of the RFCs that came after it.
 *
 * A verdict is an integer, so that a million attributes are judged without an
 * object: 0, or the action shifted by 8 and the subcode of UPDATE Message Error.
 *
 * @module
 */

import { isMalformedAsPath } from "./_as_path_check.ts";
import { u16At, u32At } from "./_bytes.ts";
import type { UpdateErrorAction } from "./bgp_error.ts";
import { ATTRIBUTE_FLAG, PATH_ATTRIBUTE, UPDATE_ERROR } from "./iana.ts";
import type { UpdateSession } from "./session.ts";

/** Actions as integers, the strongest last. */
export const ACTION = {
  accept: 0,
  attributeDiscard: 1,
  treatAsWithdraw: 2,
  disableFamily: 3,
  sessionReset: 4,
} as const;

/** Their words. */
export const ACTION_NAMES: readonly ("accept" | UpdateErrorAction)[] = [
  "accept",
  "attribute-discard",
  "treat-as-withdraw",
  "disable-family",
  "session-reset",
];

/** The action of a verdict. */
export function actionOf(verdict: number): number {
  return verdict >>> 8;
}

/** The subcode of a verdict. */
export function subcodeOf(verdict: number): number {
  return verdict & 0xff;
}

/** Whether optional and transitive are as the type wants them; true for an unknown type. */
export function flagsFit(type: number, flags: number): boolean {
  const wanted = FLAGS[type] as number;
  return wanted === UNKNOWN || (flags & OPTIONAL_TRANSITIVE) === wanted;
}

/** Optional and transitive of a known type. */
export function flagsOf(type: number): number {
  return FLAGS[type] as number;
}

/** The field's name in its RFC. */
export function attributeName(type: number): string {
  return NAMES.get(type) ?? `attribute ${type}`;
}

/** Judges any attribute but MP_REACH_NLRI and MP_UNREACH_NLRI. */
export function checkAttribute(
  type: number,
  flags: number,
  bytes: Uint8Array,
  from: number,
  to: number,
  session: UpdateSession,
): number {
  if (!flagsFit(type, flags)) {
    return withdraw(UPDATE_ERROR.attributeFlags);
  }
  const length = to - from;
  switch (type) {
    case PATH_ATTRIBUTE.origin:
      if (length !== 1) return WRONG_LENGTH;
      return (bytes[from] as number) > 2
        ? withdraw(UPDATE_ERROR.invalidOrigin)
        : 0;
    case PATH_ATTRIBUTE.asPath:
      return isMalformedAsPath(bytes, from, to, asBytesOf(session), false)
        ? withdraw(UPDATE_ERROR.malformedAsPath)
        : 0;
    case PATH_ATTRIBUTE.nextHop:
    case PATH_ATTRIBUTE.multiExitDisc:
    case PATH_ATTRIBUTE.onlyToCustomer:
      return length === 4 ? 0 : WRONG_LENGTH;
    case PATH_ATTRIBUTE.localPref:
    case PATH_ATTRIBUTE.originatorId:
      // RFC 7606 §7.5, §7.9: from another AS it is ignored, even if malformed.
      if (session.external) return FOREIGN;
      return length === 4 ? 0 : WRONG_LENGTH;
    case PATH_ATTRIBUTE.clusterList:
      return session.external ? FOREIGN : listOf(length, 4);
    case PATH_ATTRIBUTE.atomicAggregate:
      return length === 0 ? 0 : discard(UPDATE_ERROR.attributeLength);
    case PATH_ATTRIBUTE.aggregator:
      return checkAggregator(bytes, from, length, asBytesOf(session));
    case PATH_ATTRIBUTE.communities:
      return listOf(length, 4);
    case PATH_ATTRIBUTE.extendedCommunities:
      return listOf(length, 8);
    case PATH_ATTRIBUTE.largeCommunities:
      return listOf(length, 12);
    case PATH_ATTRIBUTE.as4Path:
      return session.fourOctetAs ? FOREIGN : checkAs4Path(bytes, from, to);
    case PATH_ATTRIBUTE.as4Aggregator:
      return session.fourOctetAs
        ? FOREIGN
        : checkAggregator(bytes, from, length, 4);
    default:
      return checkUnknown(flags, length);
  }
}

/** Whether a NEXT_HOP is an address that no host on the way can have (RFC 4271 §6.3). */
export function isUnusableIpv4(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at] as number;
  return first === 0 || first === 127 || first >= 224;
}

/** Bytes of an AS number in AS_PATH and AGGREGATOR. */
export function asBytesOf(
  session: Pick<UpdateSession, "fourOctetAs">,
): 2 | 4 {
  return session.fourOctetAs ? 4 : 2;
}

function checkUnknown(flags: number, length: number): number {
  if ((flags & ATTRIBUTE_FLAG.optional) === 0) {
    return ACTION.sessionReset << 8 | UPDATE_ERROR.unrecognizedWellKnown;
  }
  // RFC 7606 §4: nobody said of it that it may be empty.
  return length === 0 ? WRONG_LENGTH : 0;
}

function checkAggregator(
  bytes: Uint8Array,
  from: number,
  length: number,
  asBytes: 2 | 4,
): number {
  if (length !== asBytes + 4) return discard(UPDATE_ERROR.attributeLength);
  const as = asBytes === 4 ? u32At(bytes, from) : u16At(bytes, from);
  // RFC 7607 §2.
  return as === 0 ? discard(UPDATE_ERROR.optionalAttribute) : 0;
}

function checkAs4Path(bytes: Uint8Array, from: number, to: number): number {
  if (from === to) return discard(UPDATE_ERROR.malformedAsPath);
  if (!isMalformedAsPath(bytes, from, to, 4, true)) return 0;
  // RFC 7607 §2 withdraws for AS 0, RFC 6793 §6 discards what is malformed.
  return hasOnlyZeroAsWrong(bytes, from, to)
    ? withdraw(UPDATE_ERROR.malformedAsPath)
    : discard(UPDATE_ERROR.malformedAsPath);
}

/** Of a malformed AS4_PATH: its segments are right, so AS 0 is in one. */
function hasOnlyZeroAsWrong(
  bytes: Uint8Array,
  from: number,
  to: number,
): boolean {
  let at = from;
  while (at + 2 <= to) {
    const type = bytes[at] as number;
    const count = bytes[at + 1] as number;
    if (type < 1 || type > 4 || count === 0) return false;
    at += 2 + 4 * count;
  }
  return at === to;
}

function listOf(length: number, sizeBytes: number): number {
  return length === 0 || length % sizeBytes !== 0 ? WRONG_LENGTH : 0;
}

function withdraw(subcode: number): number {
  return ACTION.treatAsWithdraw << 8 | subcode;
}

function discard(subcode: number): number {
  return ACTION.attributeDiscard << 8 | subcode;
}

const WRONG_LENGTH = withdraw(UPDATE_ERROR.attributeLength);
/** From a peer that should not send it. */
const FOREIGN = discard(UPDATE_ERROR.optionalAttribute);

const OPTIONAL_TRANSITIVE = ATTRIBUTE_FLAG.optional |
  ATTRIBUTE_FLAG.transitive;
const UNKNOWN = 0xff;

/** Optional and transitive by type, as the RFC of each has them. */
const FLAGS: Uint8Array = new Uint8Array(256).fill(UNKNOWN);
FLAGS[PATH_ATTRIBUTE.origin] = ATTRIBUTE_FLAG.transitive;
FLAGS[PATH_ATTRIBUTE.asPath] = ATTRIBUTE_FLAG.transitive;
FLAGS[PATH_ATTRIBUTE.nextHop] = ATTRIBUTE_FLAG.transitive;
FLAGS[PATH_ATTRIBUTE.multiExitDisc] = ATTRIBUTE_FLAG.optional;
FLAGS[PATH_ATTRIBUTE.localPref] = ATTRIBUTE_FLAG.transitive;
FLAGS[PATH_ATTRIBUTE.atomicAggregate] = ATTRIBUTE_FLAG.transitive;
FLAGS[PATH_ATTRIBUTE.aggregator] = OPTIONAL_TRANSITIVE;
FLAGS[PATH_ATTRIBUTE.communities] = OPTIONAL_TRANSITIVE;
FLAGS[PATH_ATTRIBUTE.originatorId] = ATTRIBUTE_FLAG.optional;
FLAGS[PATH_ATTRIBUTE.clusterList] = ATTRIBUTE_FLAG.optional;
FLAGS[PATH_ATTRIBUTE.mpReach] = ATTRIBUTE_FLAG.optional;
FLAGS[PATH_ATTRIBUTE.mpUnreach] = ATTRIBUTE_FLAG.optional;
FLAGS[PATH_ATTRIBUTE.extendedCommunities] = OPTIONAL_TRANSITIVE;
FLAGS[PATH_ATTRIBUTE.as4Path] = OPTIONAL_TRANSITIVE;
FLAGS[PATH_ATTRIBUTE.as4Aggregator] = OPTIONAL_TRANSITIVE;
FLAGS[PATH_ATTRIBUTE.largeCommunities] = OPTIONAL_TRANSITIVE;
FLAGS[PATH_ATTRIBUTE.onlyToCustomer] = OPTIONAL_TRANSITIVE;

const NAMES: ReadonlyMap<number, string> = new Map([
  [PATH_ATTRIBUTE.origin, "ORIGIN"],
  [PATH_ATTRIBUTE.asPath, "AS_PATH"],
  [PATH_ATTRIBUTE.nextHop, "NEXT_HOP"],
  [PATH_ATTRIBUTE.multiExitDisc, "MULTI_EXIT_DISC"],
  [PATH_ATTRIBUTE.localPref, "LOCAL_PREF"],
  [PATH_ATTRIBUTE.atomicAggregate, "ATOMIC_AGGREGATE"],
  [PATH_ATTRIBUTE.aggregator, "AGGREGATOR"],
  [PATH_ATTRIBUTE.communities, "COMMUNITIES"],
  [PATH_ATTRIBUTE.originatorId, "ORIGINATOR_ID"],
  [PATH_ATTRIBUTE.clusterList, "CLUSTER_LIST"],
  [PATH_ATTRIBUTE.mpReach, "MP_REACH_NLRI"],
  [PATH_ATTRIBUTE.mpUnreach, "MP_UNREACH_NLRI"],
  [PATH_ATTRIBUTE.extendedCommunities, "EXTENDED COMMUNITIES"],
  [PATH_ATTRIBUTE.as4Path, "AS4_PATH"],
  [PATH_ATTRIBUTE.as4Aggregator, "AS4_AGGREGATOR"],
  [PATH_ATTRIBUTE.largeCommunities, "LARGE_COMMUNITY"],
  [PATH_ATTRIBUTE.onlyToCustomer, "OTC"],
]);
