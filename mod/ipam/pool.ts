/**
 * Pools of addresses: what an Eip says, read once and checked.
 *
 * A pool is its range less what is never handed out: the entries of `exclude`
 * and, where `avoidBuggyIPs` is set, every IPv4 address that ends in .0 or
 * .255. Nothing is enumerated, so `::/0` is a pool like any other.
 *
 * @module
 */

import {
  type AddrRange,
  parseAddrRange,
  rangeSize,
} from "@/addr/addr_range.ts";
import { type IpAddr, ipAddrBigint, type IpFamily } from "@/addr/ip_addr.ts";
import { familyOf } from "@/addr/ip_addr.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import {
  isLabelKey,
  isLabelValue,
  type LabelSelector,
  sameSelector,
  selectorMistake,
} from "./label_selector.ts";
import { sameLabels } from "./sharing.ts";

/** Who announces the addresses of a pool; `vip` is VRRP (OpenELB's keepalived). */
export type PoolProtocol = "bgp" | "layer2" | "vip";

/** The fields of an Eip that make a pool, not yet checked. */
export interface PoolInput {
  /** Name of the Eip. */
  readonly name: string;
  /** `spec.address`: an address, a CIDR, or first-last. */
  readonly address: string;
  /** `spec.protocol`; absent or unknown means BGP. */
  readonly protocol?: string | undefined;
  /** `spec.disable`. */
  readonly disabled?: boolean | undefined;
  /** Whether the Eip has a deletionTimestamp. */
  readonly deleting?: boolean | undefined;
  /** `spec.priority`; a smaller number is preferred, 0 when absent. */
  readonly priority?: number | undefined;
  /** `spec.namespaces`. */
  readonly namespaces?: readonly string[] | undefined;
  /** `spec.namespaceSelector`; empty matches every namespace. */
  readonly namespaceSelector?: Readonly<Record<string, string>> | undefined;
  /** `spec.enforceNamespaces`. */
  readonly enforceNamespaces?: boolean | undefined;
  /** `spec.serviceSelector`. */
  readonly serviceSelector?: LabelSelector | undefined;
  /** `spec.exclude`: addresses, CIDRs and ranges never handed out, at most {@linkcode EXCLUDES_MAX}. */
  readonly exclude?: readonly string[] | undefined;
  /** `spec.avoidBuggyIPs`. */
  readonly avoidBuggyIps?: boolean | undefined;
  /** Whether the Eip is annotated as the default one. */
  readonly isDefault?: boolean | undefined;
  /** `metadata.creationTimestamp`, RFC 3339 in UTC. */
  readonly createdAt?: string | undefined;
}

/** A checked pool. */
export interface Pool {
  /** Name of the Eip. */
  readonly name: string;
  /** `spec.address` as written, for messages. */
  readonly address: string;
  /** Family of every address in it. */
  readonly family: IpFamily;
  /** First and last address, network and broadcast addresses included. */
  readonly range: AddrRange;
  /** Ranges never handed out: inside `range`, sorted, disjoint, not adjacent. */
  readonly excluded: readonly AddrRange[];
  /** Whether IPv4 addresses that end in .0 or .255 are not handed out. */
  readonly avoidBuggyIps: boolean;
  /** Whether nothing new is handed out; those who have an address keep it. */
  readonly disabled: boolean;
  /** Whether the Eip is being deleted; those who have an address keep it. */
  readonly deleting: boolean;
  /** A smaller number is preferred. */
  readonly priority: number;
  /** Namespaces bound to it by name, for automatic selection. */
  readonly namespaces: readonly string[];
  /** Labels of Namespaces bound to it; absent: none, empty: every one. */
  readonly namespaceSelector?: Readonly<Record<string, string>>;
  /** Whether the namespaces bound to it are the only ones it serves, named or not. */
  readonly enforceNamespaces: boolean;
  /** Labels of the Services it serves; absent: any. */
  readonly serviceSelector?: LabelSelector;
  /** Whether it serves namespaces that no pool is bound to. */
  readonly isDefault: boolean;
  /** Who announces its addresses. */
  readonly protocol: PoolProtocol;
  /** When its Eip was created, RFC 3339 in UTC; empty when not known. */
  readonly createdAt: string;
}

/** What is wrong with an Eip. */
export interface PoolError {
  /** CamelCase reason for the condition. */
  readonly reason: "AddressInvalid" | "ExcludeInvalid" | "SelectorInvalid";
  /** OpenELB's text where it has one, then what would be right. */
  readonly message: string;
  /**
   * The pool without the faulty part and disabled, where its range is known:
   * with it the Services that have an address keep it, and no other is given.
   */
  readonly fallback?: Pool;
}

/**
 * Reads a pool.
 *
 * @example Usage
 * ```ts
 * import { parsePool, poolUsableSize } from "@/ipam/pool.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const pool = parsePool({
 *   name: "office",
 *   address: "192.168.0.0/24",
 *   exclude: ["192.168.0.1", "192.168.0.128/25"],
 *   avoidBuggyIps: true,
 * });
 * strictEqual(pool.ok && poolUsableSize(pool.value), 126n);
 * ```
 *
 * @param input What the Eip says.
 * @returns The pool, or what is wrong with it.
 */
export function parsePool(input: PoolInput): Result<Pool, PoolError> {
  const range = parseAddrRange(input.address);
  if (range === undefined) {
    return err({
      reason: "AddressInvalid",
      message: `invalid eip address format: "${input.address}" is none of ` +
        "an address (192.168.0.91), a CIDR (192.168.0.0/24) and " +
        "a range whose last address is not below its first " +
        "(192.168.0.91-192.168.0.100)",
    });
  }
  const pool: Pool = {
    name: input.name,
    address: input.address,
    family: range.family,
    range,
    excluded: [],
    avoidBuggyIps: range.family === 4 && (input.avoidBuggyIps ?? false),
    disabled: input.disabled ?? false,
    deleting: input.deleting ?? false,
    priority: input.priority ?? 0,
    namespaces: input.namespaces ?? [],
    enforceNamespaces: input.enforceNamespaces ?? false,
    isDefault: input.isDefault ?? false,
    protocol: protocolOf(input.protocol),
    createdAt: input.createdAt ?? "",
  };
  const excluded = parseExcludes(input.exclude ?? [], range);
  if (!excluded.ok) {
    const fallback = { ...pool, disabled: true };
    return err({
      reason: "ExcludeInvalid",
      message: excluded.error,
      fallback,
    });
  }
  const { namespaceSelector, serviceSelector } = input;
  const invalid = selectorsProblem(input);
  if (invalid !== undefined) {
    return err({
      reason: "SelectorInvalid",
      message: invalid,
      fallback: { ...pool, excluded: excluded.value, disabled: true },
    });
  }
  return ok({
    ...pool,
    excluded: excluded.value,
    ...(namespaceSelector === undefined ? {} : { namespaceSelector }),
    ...(serviceSelector === undefined ? {} : { serviceSelector }),
  });
}

/** What is wrong with the selectors of a pool. */
function selectorsProblem(
  { name, namespaceSelector, serviceSelector }: PoolInput,
): string | undefined {
  const label = invalidLabel(namespaceSelector ?? {});
  if (namespaceSelector !== undefined && label !== undefined) {
    return `eip:[${name}] invalid namespace label selector ${
      formatLabels(namespaceSelector)
    }: ${label}`;
  }
  const mistake = selectorMistake(serviceSelector);
  return mistake &&
    `spec.serviceSelector.${mistake.field} cannot be ${mistake.found}: ${mistake.advice}`;
}

/**
 * How many addresses the range of a pool has, excluded ones too: OpenELB's `poolSize`.
 *
 * @param pool The pool.
 * @returns 1 to 2¹²⁸.
 */
export function poolSize(pool: Pool): bigint {
  return rangeSize(pool.range);
}

/**
 * How many addresses of a pool can be handed out.
 *
 * @param pool The pool.
 * @returns 0 to 2¹²⁸: its size less what is excluded.
 */
export function poolUsableSize(pool: Pool): bigint {
  let excluded = 0n;
  let buggyExcluded = 0n;
  for (const range of pool.excluded) {
    excluded += rangeSize(range);
    buggyExcluded += buggyCount(range);
  }
  const usable = poolSize(pool) - excluded;
  if (!pool.avoidBuggyIps) return usable;
  return usable - (buggyCount(pool.range) - buggyExcluded);
}

/**
 * A number of addresses as a Kubernetes status can carry it.
 *
 * @param count How many, 0 to 2¹²⁸.
 * @returns The number, or 2⁵³ − 1 where it is larger.
 */
export function statusCount(count: bigint): number {
  return count > STATUS_COUNT_MAX ? Number.MAX_SAFE_INTEGER : Number(count);
}

/**
 * Whether an address is in the range of a pool, excluded or not.
 *
 * @param pool The pool.
 * @param addr The address; one of the other family never is.
 * @returns True when it is.
 */
export function poolContains(pool: Pool, addr: IpAddr): boolean {
  return familyOf(addr) === pool.family &&
    poolContainsValue(pool, ipAddrBigint(addr));
}

/**
 * Whether an address may be handed out by a pool: in its range and not excluded.
 *
 * @param pool The pool.
 * @param addr The address.
 * @returns True when it may.
 */
export function poolAddressAllowed(pool: Pool, addr: IpAddr): boolean {
  return familyOf(addr) === pool.family &&
    poolValueAllowed(pool, ipAddrBigint(addr));
}

/** As {@linkcode poolContains}, for an address of the pool's family as a number. */
export function poolContainsValue(pool: Pool, value: bigint): boolean {
  return pool.range.first <= value && value <= pool.range.last;
}

/** As {@linkcode poolAddressAllowed}, for an address of the pool's family as a number. */
export function poolValueAllowed(pool: Pool, value: bigint): boolean {
  return poolContainsValue(pool, value) &&
    !(pool.avoidBuggyIps && isBuggy(value)) &&
    excludedAt(pool.excluded, value) === undefined;
}

/**
 * The lowest address of a pool, not below a given one, that may be handed out,
 * used or not.
 *
 * Takes one binary search per excluded range that lies in the way.
 *
 * @param pool The pool.
 * @param from Where to begin, as a number.
 * @returns The address as a number, or `undefined` when there is none.
 */
export function nextAllowedValue(pool: Pool, from: bigint): bigint | undefined {
  const { first, last } = pool.range;
  let value = from < first ? first : from;
  while (value <= last) {
    const excluded = excludedAt(pool.excluded, value);
    if (excluded !== undefined) value = excluded.last + 1n;
    else if (pool.avoidBuggyIps && isBuggy(value)) value++;
    else return value;
  }
  return undefined;
}

/**
 * Whether a selector of a pool matches the labels of a Namespace.
 *
 * @param selector Labels that must all be there; absent matches nothing, empty everything.
 * @param labels The labels.
 * @returns True when it does.
 */
export function selectorMatches(
  selector: Readonly<Record<string, string>> | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  return selector !== undefined &&
    Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** Whether two pools serve the same namespaces and Services. */
export function sameRules(a: Pool, b: Pool): boolean {
  return a.namespaces.length === b.namespaces.length &&
    a.namespaces.every((namespace, i) => namespace === b.namespaces[i]) &&
    a.enforceNamespaces === b.enforceNamespaces &&
    sameLabels(a.namespaceSelector, b.namespaceSelector) &&
    sameSelector(a.serviceSelector, b.serviceSelector);
}

/** The order in which pools are preferred: smaller priority, then older, then by name. */
export function comparePools(a: Pool, b: Pool): number {
  if (a.priority !== b.priority) return a.priority - b.priority;
  return compareText(a.createdAt, b.createdAt) || compareText(a.name, b.name);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function protocolOf(text: string | undefined): PoolProtocol {
  return text === "layer2" || text === "vip" ? text : "bgp";
}

/** Reads, clips, sorts and merges the entries of `exclude`. */
function parseExcludes(
  entries: readonly string[],
  within: AddrRange,
): Result<readonly AddrRange[], string> {
  if (entries.length > EXCLUDES_MAX) {
    return err(
      `Cannot exclude by ${entries.length} entries: ` +
        `write at most ${EXCLUDES_MAX}, neighbors joined to ranges`,
    );
  }
  const clipped: AddrRange[] = [];
  for (const entry of entries) {
    const range = parseAddrRange(entry);
    if (range === undefined) {
      return err(
        `Cannot exclude "${entry}": write an address (192.168.0.91), ` +
          "a CIDR (192.168.0.0/28) or a range (192.168.0.91-192.168.0.95)",
      );
    }
    if (range.family !== within.family) {
      return err(
        `Cannot exclude "${entry}": it is IPv${range.family} and ` +
          `the pool is IPv${within.family}, exclude addresses of the pool`,
      );
    }
    const first = range.first < within.first ? within.first : range.first;
    const last = range.last > within.last ? within.last : range.last;
    if (first <= last) clipped.push({ family: range.family, first, last });
  }
  return ok(mergeRanges(clipped));
}

function mergeRanges(ranges: AddrRange[]): readonly AddrRange[] {
  ranges.sort((a, b) => a.first < b.first ? -1 : a.first > b.first ? 1 : 0);
  const merged: AddrRange[] = [];
  for (const range of ranges) {
    const before = merged.at(-1);
    if (before === undefined || before.last + 1n < range.first) {
      merged.push(range);
    } else if (before.last < range.last) {
      merged[merged.length - 1] = { ...before, last: range.last };
    }
  }
  return merged;
}

/** The excluded range that holds a value, by binary search. */
function excludedAt(
  excluded: readonly AddrRange[],
  value: bigint,
): AddrRange | undefined {
  let low = 0;
  let high = excluded.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const range = excluded[middle];
    if (range === undefined || range.first > value) high = middle;
    else low = middle + 1;
  }
  const candidate = excluded[low - 1];
  return candidate !== undefined && value <= candidate.last
    ? candidate
    : undefined;
}

/** Whether an IPv4 address ends in .0 or .255, which some clients cannot reach. */
function isBuggy(value: bigint): boolean {
  const lowest = value & 0xffn;
  return lowest === 0n || lowest === 0xffn;
}

/** How many addresses of a range end in .0 or .255. */
function buggyCount(range: AddrRange): bigint {
  return buggyBelow(range.last + 1n) - buggyBelow(range.first);
}

function buggyBelow(value: bigint): bigint {
  return (value + 0xffn) / 0x100n + value / 0x100n;
}

function invalidLabel(
  labels: Readonly<Record<string, string>>,
): string | undefined {
  for (const [key, value] of Object.entries(labels)) {
    if (!isLabelKey(key)) return `"${key}" is not the key of a label`;
    if (!isLabelValue(value)) {
      return `"${value}" is not the value of a label, ` +
        "write at most 63 letters, digits, dashes, underscores and dots";
    }
  }
  return undefined;
}

/** Labels as Go prints a map: sorted by key. */
function formatLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.keys(labels).sort().map((key) =>
    `${key}:${labels[key]}`
  );
  return `map[${pairs.join(" ")}]`;
}

/** Entries of `exclude` in one pool. */
export const EXCLUDES_MAX = 1024;
const STATUS_COUNT_MAX = BigInt(Number.MAX_SAFE_INTEGER);
