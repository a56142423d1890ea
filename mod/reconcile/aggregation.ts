/**
 * Addresses announced together (`aggregationLength` of a BgpPeer): which ranges
 * a prefix has to be within, and what of it an operator should know.
 *
 * @module
 */

import { type AddrRange, rangeContains } from "@/addr/addr_range.ts";
import { addrBits, type IpAddr, ipAddrOf } from "@/addr/ip_addr.ts";
import { CONDITION_REASON } from "@/api/conditions.ts";
import type { BgpPeer, Eip, Service } from "@/api/mod.ts";
import { HOST_BITS_IPV4, HOST_BITS_IPV6 } from "./bgp_advertisement_checks.ts";
import { carriesOurMarks, ingressAddresses } from "./claim.ts";
import { type ClusterState, keyOf } from "./cluster_state.ts";
import { eipPool, type Problem } from "./eip_checks.ts";
import { selectingPeer, whyUntold } from "./eip_selection.ts";
import { isRouted } from "./routes.ts";

/** From one address to another, both included. */
export interface AddressSpan {
  /** The lowest address. */
  readonly first: IpAddr;
  /** The highest one. */
  readonly last: IpAddr;
}

/**
 * Whether a BgpPeer has addresses announced together.
 *
 * @param peer The BgpPeer.
 */
export function isAggregating({ spec: { advertisement } }: BgpPeer): boolean {
  const { aggregationLength, aggregationLengthV6 } = advertisement ?? {};
  return (aggregationLength ?? HOST_BITS_IPV4) < HOST_BITS_IPV4 ||
    (aggregationLengthV6 ?? HOST_BITS_IPV6) < HOST_BITS_IPV6;
}

/**
 * What may be announced as a whole: the addresses of Eips that are announced to
 * routers, without those that an Eip excludes, which may be somebody else's. No
 * range is of two Eips.
 *
 * @param eips The Eips.
 * @returns The ranges, in order of the Eips' names.
 */
export function aggregationPools(eips: Iterable<Eip>): readonly AddressSpan[] {
  return [...eips].filter(isRouted)
    .sort((a, b) => a.meta.name < b.meta.name ? -1 : 1)
    .flatMap((eip) =>
      rangesOf(eip).map(({ family, first, last }) => ({
        first: ipAddrOf(family, first),
        last: ipAddrOf(family, last),
      }))
    );
}

/**
 * What an operator should know of addresses that are announced together.
 *
 * @param peer The BgpPeer.
 * @param cluster Eips and Services.
 * @returns The sentences; none where each address is announced by itself.
 */
export function aggregationRemarks(
  peer: BgpPeer,
  { eips, services }: Pick<ClusterState, "eips" | "services">,
): readonly Problem[] {
  if (!isAggregating(peer)) return [];
  const remarks: Problem[] = [];
  const routed = [...eips.values()].filter(isRouted)
    .sort((a, b) => a.meta.name < b.meta.name ? -1 : 1);
  for (const eip of routed) {
    const remark = misfitRemark(peer, eip);
    if (remark !== undefined) remarks.push(remark);
    if (remarks.length === MISFITS_TOLD_MAX) break;
  }
  const local = localServices(peer, routed, services.values());
  if (local.length > 0) {
    const names = namesOf(local);
    const are = local.length === 1 ? "is" : "are";
    remarks.push({
      reason: CONDITION_REASON.ready,
      message:
        `${names} ${are} of externalTrafficPolicy Local and announced as part of a shorter prefix: ` +
        "a node with an endpoint of one Service gets traffic of all others in the prefix, and drops what it has no endpoint for",
    });
  }
  return remarks;
}

/**
 * That addresses of an Eip are announced each by itself although a BgpPeer has
 * a shorter prefix for them.
 *
 * @param peer The BgpPeer.
 * @param eip The Eip.
 * @returns The sentence; undefined: there is no such address.
 */
export function misfitRemark(peer: BgpPeer, eip: Eip): Problem | undefined {
  const isTold = isRouted(eip) &&
    whyUntold(selectingPeer(peer), eip) === undefined;
  const ranges = isTold ? rangesOf(eip) : [];
  const isWhole = ranges.every((range) => {
    const { first, last } = wholeOf(range, lengthOf(peer, range));
    return first === range.first && last === range.last;
  });
  const [range] = ranges;
  if (isWhole || range === undefined) return undefined;
  const isNone = ranges.every((one) => {
    const { first, last } = wholeOf(one, lengthOf(peer, one));
    return first > last;
  });
  const field = range.family === 4
    ? "aggregationLength"
    : "aggregationLengthV6";
  const why = isNone
    ? "has no whole prefix of that length: its addresses"
    : "does not consist of whole prefixes of that length: addresses beyond those";
  return {
    reason: CONDITION_REASON.ready,
    message:
      `spec.advertisement.${field} of the BgpPeer ${peer.meta.name} is ${
        lengthOf(peer, range)
      }, and the Eip ${eip.meta.name} (${eip.spec.address}) ${why} ` +
      "are announced each by itself, since a prefix would take in addresses that are not the Eip's",
  };
}

/** The addresses of an Eip that are not excluded. */
function rangesOf(eip: Eip): readonly AddrRange[] {
  const parsed = eipPool(eip);
  const pool = parsed.ok ? parsed.value : parsed.error.fallback;
  if (pool === undefined) return [];
  const { family, excluded, range } = pool;
  const ranges: AddrRange[] = [];
  let { first } = range;
  // They are sorted and disjoint.
  for (const hole of excluded) {
    if (first < hole.first) {
      ranges.push({ family, first, last: hole.first - 1n });
    }
    first = hole.last + 1n;
  }
  if (first <= range.last) ranges.push({ family, first, last: range.last });
  return ranges;
}

function lengthOf({ spec }: BgpPeer, { family }: AddrRange): number {
  const { aggregationLength, aggregationLengthV6 } = spec.advertisement ?? {};
  return family === 4
    ? aggregationLength ?? HOST_BITS_IPV4
    : aggregationLengthV6 ?? HOST_BITS_IPV6;
}

/** The whole prefixes in a range; `first` is above `last` where there is none. */
function wholeOf(range: AddrRange, lengthBits: number): AddrRange {
  const { family, first, last } = range;
  const size = 1n << BigInt(addrBits(family) - lengthBits);
  return {
    family,
    first: (first + size - 1n) / size * size,
    last: (last + 1n) / size * size - 1n,
  };
}

/** The Services under `Local` that have an address in such a prefix, sorted. */
function localServices(
  peer: BgpPeer,
  eips: readonly Eip[],
  services: Iterable<Service>,
): readonly string[] {
  const whole = eips.flatMap(rangesOf).flatMap((range) => {
    const lengthBits = lengthOf(peer, range);
    return lengthBits < addrBits(range.family)
      ? wholeOf(range, lengthBits)
      : [];
  });
  const found: string[] = [];
  for (const service of services) {
    if (service.externalTrafficPolicy !== "Local") continue;
    if (!carriesOurMarks(service)) continue;
    const isIn = ingressAddresses(service).some((address) =>
      whole.some((range) => rangeContains(range, address))
    );
    if (isIn) found.push(keyOf(service.meta));
  }
  return found.sort();
}

/** At most three, and how many more there are. */
function namesOf(list: readonly string[]): string {
  const told = list.slice(0, NAMES_TOLD_MAX);
  const rest = list.length - told.length;
  return rest > 0 ? `${told.join(", ")} and ${rest} more` : told.join(", ");
}

/** Names that a sentence has room for. */
const NAMES_TOLD_MAX = 3;

/** Eips that a condition tells of, so that it stays readable. */
const MISFITS_TOLD_MAX = 5;
