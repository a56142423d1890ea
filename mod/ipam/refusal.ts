/**
 * Why a Service gets no address, in OpenELB's words, and what would have to
 * change for it to get one.
 *
 * @module
 */

import type { IpAddr, IpFamily } from "@/addr/ip_addr.ts";
import { bindsNamespace, selectsService } from "./_pool_table.ts";
import type { Pool } from "./pool.ts";
import type { Asker } from "./request.ts";
import type { Reservation } from "./reservation.ts";
import type { SharingConflict } from "./sharing.ts";

/** Why there is no address, as a CamelCase reason for a condition. */
export type RefusalReason =
  | "AddressConflict"
  | "AddressExcluded"
  | "AddressInUse"
  | "AddressInvalid"
  | "AddressOutsidePool"
  | "AddressReserved"
  | "FamilyMismatch"
  | "NamespaceNotBound"
  | "NoPool"
  | "PolicyConflict"
  | "PoolDeleting"
  | "PoolDisabled"
  | "PoolExhausted"
  | "PoolNotFound"
  | "PortConflict"
  | "ServiceNotSelected";

/** A change after which a refused request can succeed. */
export type WakeCause =
  /** An address of a pool became free. */
  | { readonly kind: "address-freed"; readonly pool: string }
  /** A Service that has an address left it, or changed its ports, policy or pods. */
  | { readonly kind: "sharers-changed"; readonly address: IpAddr }
  /** An address is not reserved any more, or for another reason. */
  | { readonly kind: "reservation-changed"; readonly address: IpAddr }
  /** A pool came, went or changed: enabled, extended, made default, bound. */
  | { readonly kind: "pools-changed" }
  /** The labels of a Namespace changed; the reconciler reports it. */
  | { readonly kind: "namespace-changed"; readonly namespace: string }
  /** More happened than is worth telling apart. */
  | { readonly kind: "everything-changed" };

/** Why a Service gets no address. */
export interface Refusal {
  /** CamelCase reason for the condition. */
  readonly reason: RefusalReason;
  /** OpenELB's exact text where it has one: users search for it. */
  readonly message: string;
  /** One sentence that says what would be right. */
  readonly advice: string;
  /** What failed, as OpenELB's events tell it apart: choosing a pool, or taking an address. */
  readonly stage: "construct" | "assign";
  /** The family that has no address. */
  readonly family: IpFamily;
  /** Changes that can help, besides one of the Service itself. */
  readonly retryOn: readonly WakeCause[];
}

/** A text that tells causes apart: equal causes have equal keys. */
export function wakeCauseKey(cause: WakeCause): string {
  switch (cause.kind) {
    case "address-freed":
      return `${cause.kind} ${cause.pool}`;
    case "sharers-changed":
    case "reservation-changed":
      return `${cause.kind} ${cause.address}`;
    case "namespace-changed":
      return `${cause.kind} ${cause.namespace}`;
    case "pools-changed":
    case "everything-changed":
      return cause.kind;
  }
}

/** The pool is being deleted, or disabled; `undefined` when it is neither. */
export function refusePool(
  pool: Pool,
  family: IpFamily,
  stage: Refusal["stage"],
): Refusal | undefined {
  const prefix = stage === "assign" ? ASSIGN_PREFIX : "";
  if (pool.deleting) {
    return {
      reason: "PoolDeleting",
      message: `${prefix}eip:${pool.name} is deleting`,
      advice: "Name another Eip, or create this one again once it is gone",
      stage,
      family,
      retryOn: [POOLS_CHANGED],
    };
  }
  if (pool.disabled) {
    return {
      reason: "PoolDisabled",
      message: `${prefix}eip:${pool.name} is disabled`,
      advice: `Set spec.disable of the Eip ${pool.name} to false, ` +
        "or name another Eip",
      stage,
      family,
      retryOn: [POOLS_CHANGED],
    };
  }
  return undefined;
}

/** A rule of a pool, by which it does not serve who asks; `undefined` when it may. */
export function refuseRule(
  pool: Pool,
  asker: Asker,
  stage: Refusal["stage"],
): Refusal | undefined {
  const prefix = stage === "assign" ? ASSIGN_PREFIX : "";
  const { namespace } = asker;
  const rest = {
    stage,
    family: pool.family,
    retryOn: [POOLS_CHANGED, { kind: "namespace-changed", namespace }],
  } as const;
  if (!selectsService(pool, asker)) {
    return {
      reason: "ServiceNotSelected",
      message: `${prefix}eip:${pool.name} does not serve this Service, ` +
        "its spec.serviceSelector does not match the labels",
      advice: `Label the Service as spec.serviceSelector of the Eip ` +
        `${pool.name} says, or take another Eip`,
      ...rest,
    };
  }
  if (pool.enforceNamespaces && !bindsNamespace(pool, asker)) {
    return {
      reason: "NamespaceNotBound",
      message: `${prefix}eip:${pool.name} serves the namespaces bound to it ` +
        `only, and ${namespace} is none of them`,
      advice: `Bind the namespace ${namespace} by spec.namespaces or ` +
        `spec.namespaceSelector of the Eip ${pool.name}, or take another Eip`,
      ...rest,
    };
  }
  return undefined;
}

/** A named Eip does not exist. */
export function refuseMissingPool(name: string, family: IpFamily): Refusal {
  return {
    reason: "PoolNotFound",
    message: `${ASSIGN_PREFIX}Eip.network.kubesphere.io "${name}" not found`,
    advice: `Create an Eip of the name ${name}, or name one that exists`,
    stage: "assign",
    family,
    retryOn: [POOLS_CHANGED],
  };
}

/** The named Eips, or the named address, are of another family than the Service. */
export function refuseFamily(family: IpFamily): Refusal {
  return {
    reason: "FamilyMismatch",
    message: "service can't use different family eip",
    advice: `Name an Eip and an address of IPv${family}, ` +
      "or add the other family to spec.ipFamilies",
    stage: "assign",
    family,
    retryOn: [POOLS_CHANGED],
  };
}

/** Two addresses of one family are named. */
export function refuseTwoAddresses(
  addresses: readonly IpAddr[],
  family: IpFamily,
): Refusal {
  return {
    reason: "AddressInvalid",
    message: `${ASSIGN_PREFIX}the ips:[${addresses.join(" ")}] ` +
      "are not one per IP family",
    advice: "Name at most one IPv4 and one IPv6 address",
    stage: "assign",
    family,
    retryOn: [],
  };
}

/** A named address is in none of the named Eips; `pool` is the first of them. */
export function refuseOutside(address: IpAddr, pool: Pool): Refusal {
  return {
    reason: "AddressOutsidePool",
    message: `${ASSIGN_PREFIX}the specified ip:${address} ` +
      `is beyond the range of eip[${pool.name}:${pool.address}]`,
    advice: "Name an address inside the Eip, or leave one of the two out",
    stage: "assign",
    family: pool.family,
    retryOn: [POOLS_CHANGED],
  };
}

/** A named address is in no Eip at all. */
export function refuseNowhere(address: IpAddr, family: IpFamily): Refusal {
  return {
    reason: "AddressOutsidePool",
    message: `no available eip was found containing the ip:[${address}]`,
    advice: "Name an address inside an Eip, or create an Eip with it",
    stage: "construct",
    family,
    retryOn: [POOLS_CHANGED],
  };
}

/** A named address is never handed out. */
export function refuseExcluded(address: IpAddr, pool: Pool): Refusal {
  return {
    reason: "AddressExcluded",
    message: `${ASSIGN_PREFIX}the specified ip:${address} ` +
      `is excluded from eip[${pool.name}:${pool.address}]`,
    advice: `Name another address, or change spec.exclude and ` +
      `spec.avoidBuggyIPs of the Eip ${pool.name}`,
    stage: "assign",
    family: pool.family,
    retryOn: [POOLS_CHANGED],
  };
}

/** A named address is reserved. */
export function refuseReserved(
  address: IpAddr,
  family: IpFamily,
  { reason, what }: Reservation,
): Refusal {
  return {
    reason,
    message: `${ASSIGN_PREFIX}the specified ip:${address} is ${what}`,
    advice: reason === "AddressReserved"
      ? "Name another address"
      : "Name another address, or take this one from that host",
    stage: "assign",
    family,
    retryOn: [{ kind: "reservation-changed", address }, POOLS_CHANGED],
  };
}

/** A named address cannot be shared with one that has it. */
export function refuseSharing(
  conflict: SharingConflict,
  family: IpFamily,
): Refusal {
  return {
    reason: conflict.reason,
    message: `${ASSIGN_PREFIX}${conflict.message}`,
    advice: conflict.reason === "PortConflict"
      ? "Give the Services different ports, or different addresses"
      : "Set externalTrafficPolicy of both to Cluster, give both the same " +
        "selector, or give them different addresses",
    stage: "assign",
    family,
    retryOn: [{ kind: "sharers-changed", address: conflict.address }],
  };
}

/** A named address is shared by as many Services as can be. */
export function refuseCrowd(
  address: IpAddr,
  family: IpFamily,
  sharers: number,
): Refusal {
  return {
    reason: "AddressInUse",
    message: `${ASSIGN_PREFIX}the ip:${address} ` +
      `is shared by ${sharers} services`,
    advice: "Name another address",
    stage: "assign",
    family,
    retryOn: [{ kind: "sharers-changed", address }],
  };
}

/** Every pool that may serve the request is full. */
export function refuseExhausted(
  pools: readonly Pool[],
  family: IpFamily,
  more: readonly WakeCause[],
): Refusal {
  const names = pools.map(({ name }) => name);
  return {
    reason: "PoolExhausted",
    message: `${ASSIGN_PREFIX}no suitable ip to allocate`,
    advice: `Release an address of the ${names.length === 1 ? "Eip" : "Eips"} ${
      names.join(", ")
    }, or create another Eip`,
    stage: "assign",
    family,
    retryOn: [
      ...names.map((pool): WakeCause => ({ kind: "address-freed", pool })),
      POOLS_CHANGED,
      ...more,
    ],
  };
}

/** No pool is bound to the namespace, and none is the default. */
export function refuseNoPool(namespace: string, family: IpFamily): Refusal {
  return {
    reason: "NoPool",
    message: "no available default eip found",
    advice: `Bind an IPv${family} Eip to the namespace ${namespace}, ` +
      `make one the default, or name one in the Service`,
    stage: "construct",
    family,
    retryOn: [POOLS_CHANGED, { kind: "namespace-changed", namespace }],
  };
}

/**
 * A refusal for people who do not search for OpenELB's words: what is the
 * matter, then what would be right.
 *
 * @param refusal The refusal.
 */
export function plainRefusal({ message, advice }: Refusal): string {
  const text = message.startsWith(ASSIGN_PREFIX)
    ? message.slice(ASSIGN_PREFIX.length)
    : message;
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}: ${
    advice.slice(0, 1).toLowerCase()
  }${advice.slice(1)}`;
}

/** OpenELB's spelling. */
const ASSIGN_PREFIX = "no avliable eip, err:";
const POOLS_CHANGED: WakeCause = { kind: "pools-changed" };
