/**
 * What can be wrong with an Eip. The webhook refuses by these checks, and the
 * controller shows by the same ones what got past it: a webhook is not always
 * reached, and what stood before it was there stays.
 *
 * @module
 */

import { rangeContains, rangesOverlap } from "@/addr/addr_range.ts";
import { CONDITION_REASON } from "@/api/conditions.ts";
import type { Eip } from "@/api/mod.ts";
import {
  DEFAULT_EIP_ANNOTATION,
  PREFERRED_NODES_MAX,
  WEIGHT_MAX,
} from "@/api/names.ts";
import {
  parsePool,
  type Pool,
  type PoolError,
  selectorMistake,
  type UsedAddress,
} from "@/ipam/mod.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import { eipBgpProblem } from "./eip_selection.ts";

/** Something wrong with an object of ours. */
export interface Problem {
  /** CamelCase reason. */
  readonly reason: string;
  /** One sentence that says what would be right. */
  readonly message: string;
}

/** What is wrong with an Eip, and the pool that is left of it, if any. */
export interface EipProblem extends Problem {
  /** As {@linkcode PoolError} has it. */
  readonly fallback?: Pool;
}

/**
 * The pool of an Eip, or what is wrong with the Eip by itself.
 *
 * @param eip The Eip.
 */
export function eipPool(eip: Eip): Result<Pool, EipProblem> {
  if (eip.meta.name.length > LABEL_VALUE_MAX) return err(NAME_TOO_LONG);
  const parsed: Result<Pool, PoolError> = parsePool(poolInput(eip));
  if (!parsed.ok) return err(parsed.error);
  const problem = nodesProblem(eip) ?? eipBgpProblem(eip);
  if (problem === undefined) return ok(parsed.value);
  return err({ ...problem, fallback: { ...parsed.value, disabled: true } });
}

/** What is wrong with `spec.nodeSelector` and `spec.preferredNodes`. */
function nodesProblem({ spec }: Eip): Problem | undefined {
  const { nodeSelector, preferredNodes = [] } = spec;
  if (preferredNodes.length > PREFERRED_NODES_MAX) {
    return {
      reason: CONDITION_REASON.selectorInvalid,
      message:
        `spec.preferredNodes cannot have ${preferredNodes.length} entries: write at most ${PREFERRED_NODES_MAX}`,
    };
  }
  const rows = preferredNodes.map(({ weight, preference }, at) => ({
    at: `spec.preferredNodes[${at}]`,
    weight,
    selector: preference,
    below: ".preference",
  }));
  const whole = { weight: 1, selector: nodeSelector, below: "" };
  for (
    const { at, weight, selector, below } of [
      { at: "spec.nodeSelector", ...whole },
      ...rows,
    ]
  ) {
    if (weight < 1 || weight > WEIGHT_MAX) {
      return {
        reason: CONDITION_REASON.selectorInvalid,
        message: `${at}.weight cannot be ${weight}: write 1 to ${WEIGHT_MAX}`,
      };
    }
    const mistake = selectorMistake(selector);
    if (mistake === undefined) continue;
    const { field, found, advice } = mistake;
    return {
      reason: CONDITION_REASON.selectorInvalid,
      message: `${at}${below}.${field} cannot be ${found}: ${advice}`,
    };
  }
  return undefined;
}

/**
 * What of an Eip has a consequence that hardly anybody wants.
 *
 * @param pool Its pool.
 */
export function poolNote(pool: Pool): Problem | undefined {
  const { enforceNamespaces, namespaces, namespaceSelector } = pool;
  const isBound = namespaces.length > 0 || namespaceSelector !== undefined ||
    pool.serviceSelector !== undefined;
  return !enforceNamespaces || isBound ? undefined : {
    reason: CONDITION_REASON.noEip,
    message:
      "spec.enforceNamespaces is true and no namespace is bound: no Service gets an address of this Eip, name some in spec.namespaces or spec.namespaceSelector",
  };
}

/**
 * What some pools forbid another one.
 *
 * @param pool The pool.
 * @param others The pools that were there before it, the one most entitled first.
 * @returns OpenELB's text, then what would be right; undefined: nothing.
 */
export function jointProblem(
  pool: Pool,
  others: readonly Pool[],
): Problem | undefined {
  return overlapProblem(pool, others) ?? defaultProblem(pool, others);
}

/** The first of some pools that shares an address with another one. */
export function overlapProblem(
  pool: Pool,
  others: readonly Pool[],
): Problem | undefined {
  const other = others.find(({ range }) => rangesOverlap(pool.range, range));
  return other === undefined ? undefined : {
    reason: CONDITION_REASON.addressOverlap,
    message:
      `eip address overlap with ${other.name}: give the younger of the two other addresses`,
  };
}

/** The first of some pools that is the default of the same family already. */
export function defaultProblem(
  pool: Pool,
  others: readonly Pool[],
): Problem | undefined {
  if (!pool.isDefault) return undefined;
  const other = others.find((one) =>
    one.isDefault && !one.deleting && one.family === pool.family
  );
  return other === undefined ? undefined : {
    reason: CONDITION_REASON.severalDefaults,
    message:
      `already exists a default EIP: ${other.name} is the default for IPv${pool.family}, remove the annotation from one of the two`,
  };
}

/**
 * Addresses in use that are not in the range of their pool: it may grow, move
 * and shrink, but not away from under a Service.
 *
 * @param pool The pool.
 * @param uses Addresses in use that count for it.
 */
export function strandedProblem(
  pool: Pool,
  uses: Iterable<UsedAddress>,
): Problem | undefined {
  const stranded: string[] = [];
  let count = 0;
  for (const { address, services } of uses) {
    if (rangeContains(pool.range, address)) continue;
    count++;
    if (stranded.length < STRANDED_NAMED_MAX) {
      stranded.push(`${address} (${services.join(", ")})`);
    }
  }
  if (count === 0) return undefined;
  const more = count > stranded.length
    ? ` and ${count - stranded.length} more`
    : "";
  return {
    reason: CONDITION_REASON.usedAddressOutside,
    message:
      `the address field is not allowed to be modified: ${pool.address} leaves out addresses in use, ${
        stranded.join(", ")
      }${more}; keep them in spec.address, or give these Services other addresses first`,
  };
}

/** The fields of an Eip that make a pool. */
export function poolInput(eip: Eip): Parameters<typeof parsePool>[0] {
  const { meta, spec } = eip;
  return {
    name: meta.name,
    address: spec.address,
    protocol: spec.protocol,
    disabled: spec.disable,
    deleting: meta.deletionTimestamp !== undefined,
    priority: spec.priority,
    namespaces: spec.namespaces,
    namespaceSelector: spec.namespaceSelector,
    enforceNamespaces: spec.enforceNamespaces,
    serviceSelector: spec.serviceSelector,
    exclude: spec.exclude,
    avoidBuggyIps: spec.avoidBuggyIPs,
    isDefault: meta.annotations[DEFAULT_EIP_ANNOTATION]?.toLowerCase() ===
      "true",
    createdAt: meta.creationTimestamp,
  };
}

/** The order in which pools are entitled to their addresses: the older first. */
export function byAge(a: Pool, b: Pool): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

/** Addresses named in one sentence. */
const STRANDED_NAMED_MAX = 5;

/** Kubernetes takes no longer value of a label, and Services are labelled with the names of their Eips. */
const LABEL_VALUE_MAX = 63;
const NAME_TOO_LONG: Problem = {
  reason: CONDITION_REASON.nameTooLong,
  message:
    `The name has more than ${LABEL_VALUE_MAX} characters, which no label of a Service can carry: create the Eip under a shorter one`,
};
