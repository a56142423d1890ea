/**
 * Why a Service gets the address it gets, pool by pool.
 *
 * The choice itself is made by {@linkcode chooseAddress}, which tells of each
 * pool it looks at; only of pools that it never came to is said here why.
 *
 * @module
 */

import { familyOf, type IpAddr, type IpFamily } from "@/addr/ip_addr.ts";
import type { Result } from "@/lang/result.ts";
import {
  type Choice,
  chooseAddress,
  type Entry,
  namedPools,
  type Tables,
} from "./_choose.ts";
import {
  bindsNamespace,
  bindsNobody,
  givesOut,
  isBound,
} from "./_pool_table.ts";
import { comparePools, type Pool, type PoolProtocol } from "./pool.ts";
import { type Refusal, refuseRule } from "./refusal.ts";
import type { AllocationRequest } from "./request.ts";

/**
 * How a pool stands to a request, in one family:
 *
 * - `chosen`: the address is from it, or would be.
 * - `preferred`: asked anew, the address would be from it; an address stays.
 * - `later`: it could serve, but one before it does.
 * - `full`: no address of it is left.
 * - `refused`: it was looked at and cannot serve, for the reason of `refusal`.
 * - `disabled`, `deleting`: it gives out nothing.
 * - `other-family`; `not-named`, where others are; `outside`, it does not have
 *   the address that is named.
 * - `unbound`: it is neither bound to the namespace nor the default;
 *   `default-unused`: it is the default, and others are bound;
 *   `other-protocol`: there are pools of the protocol that is asked for.
 */
export type PoolStanding =
  | "chosen"
  | "preferred"
  | "later"
  | "full"
  | "refused"
  | "disabled"
  | "deleting"
  | "other-family"
  | "not-named"
  | "outside"
  | "unbound"
  | "default-unused"
  | "other-protocol";

/** How one pool stands to a request. */
export interface PoolVerdict {
  /** The pool. */
  readonly pool: Pool;
  /** How it stands. */
  readonly standing: PoolStanding;
  /** What the allocator says where it refused this pool. */
  readonly refusal?: Refusal;
}

/** How the address of one family came about. */
export interface FamilyExplanation {
  /** The family. */
  readonly family: IpFamily;
  /** The address that is kept or taken, and its pool; or why there is none. */
  readonly outcome: Result<ExplainedChoice, Refusal>;
  /** Every pool, most preferred first. */
  readonly pools: readonly PoolVerdict[];
}

/** An address that is kept or taken. */
export interface ExplainedChoice {
  /** Whether the Service has it already. */
  readonly kind: "keep" | "take";
  /** The address. */
  readonly address: IpAddr;
  /** The Eip it is from. */
  readonly pool: string;
}

/**
 * Explains the choice in one family.
 *
 * @param tables What the choice rests on.
 * @param request The request.
 * @param place The family, all families asked for, and what the Service holds.
 */
export function explainChoice(
  tables: Tables,
  request: AllocationRequest,
  place: {
    readonly family: IpFamily;
    readonly families: readonly IpFamily[];
    readonly held: readonly Entry[];
  },
): FamilyExplanation {
  const chosen = chooseAddress(tables, request, place);
  const outcome = outcomeOf(chosen);
  const found = new Map<string, Omit<PoolVerdict, "pool">>();
  // As if it had nothing: who keeps an address is not asked about pools.
  chooseAddress(tables, request, { ...place, held: [] }, (pool, finding) => {
    found.set(
      pool.name,
      finding.kind === "refused"
        ? { standing: "refused", refusal: finding.refusal }
        : { standing: finding.kind },
    );
  });
  const from = outcome.ok ? outcome.value.pool : undefined;
  const pools = [...tables.pools.values()].map(({ pool }) => pool)
    .sort(comparePools);
  const isAnyBound = pools.some((pool) => isCandidate(pool, request, place));
  const named = namedPools(tables.pools, request, place);
  const isByName = !named.ok || named.value !== undefined;
  const looked = pools.filter(({ name }) => found.has(name));
  const protocol = looked.some((pool) => pool.protocol === request.protocol)
    ? request.protocol
    : undefined;
  const isUnboundUsed = !isByName && looked.some(bindsNobody);
  return {
    family: place.family,
    outcome,
    pools: pools.map((pool): PoolVerdict => {
      if (pool.name === from) return { pool, standing: "chosen" };
      const finding = found.get(pool.name);
      if (finding?.standing === "chosen") {
        return { pool, standing: "preferred" };
      }
      return {
        pool,
        ...finding ?? standingOf(pool, request, {
          family: place.family,
          isByName,
          isAnyBound,
          isUnboundUsed,
          protocol,
        }),
      };
    }),
  };
}

function outcomeOf(
  chosen: Result<Choice, Refusal>,
): FamilyExplanation["outcome"] {
  if (!chosen.ok) return chosen;
  const { value } = chosen;
  return {
    ok: true,
    value: value.kind === "keep"
      ? {
        kind: "keep",
        address: value.entry.address,
        pool: value.entry.home ?? "",
      }
      : {
        kind: "take",
        address: value.address,
        pool: value.space.pool.name,
      },
  };
}

/** Why a pool was not even looked at. */
function standingOf(
  pool: Pool,
  request: AllocationRequest,
  place: {
    readonly family: IpFamily;
    readonly isByName: boolean;
    readonly isAnyBound: boolean;
    /** Whether pools that are bound to nobody were looked at. */
    readonly isUnboundUsed: boolean;
    /** The protocol by which pools were chosen. */
    readonly protocol: PoolProtocol | undefined;
  },
): Omit<PoolVerdict, "pool"> {
  const standing = plainStanding(pool, request, place);
  const isRuled = standing === "later" || standing === "unbound" ||
    standing === "default-unused";
  if (!isRuled) return { standing };
  const isMeant = standing !== "unbound" || bindsNamespace(pool, request);
  const refusal = isMeant ? refuseRule(pool, request, "construct") : undefined;
  if (refusal !== undefined) return { standing: "refused", refusal };
  const { protocol, isByName, isUnboundUsed } = place;
  if (protocol !== undefined && !isByName && protocol !== pool.protocol) {
    return { standing: "other-protocol" };
  }
  return standing === "unbound" && isUnboundUsed && bindsNobody(pool)
    ? { standing: "later" }
    : { standing };
}

function plainStanding(
  pool: Pool,
  request: AllocationRequest,
  { family, isByName, isAnyBound }: {
    readonly family: IpFamily;
    readonly isByName: boolean;
    readonly isAnyBound: boolean;
  },
): PoolStanding {
  if (pool.family !== family) return "other-family";
  const { wantedEips, wantedIps } = request;
  const isNamed = wantedEips.includes(pool.name);
  if (isByName && !isNamed) return "not-named";
  if (wantedIps.some((ip) => familyOf(ip) === family)) return "outside";
  if (pool.deleting) return "deleting";
  if (pool.disabled) return "disabled";
  if (isNamed) return "later";
  if (isBound(pool, request)) return "later";
  if (!pool.isDefault) return "unbound";
  return isAnyBound ? "default-unused" : "later";
}

/** Whether a pool is bound to who asks and gives out addresses. */
function isCandidate(
  pool: Pool,
  request: AllocationRequest,
  { family }: { readonly family: IpFamily },
): boolean {
  return pool.family === family && givesOut(pool) && isBound(pool, request);
}
