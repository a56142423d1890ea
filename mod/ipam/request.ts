/**
 * What a Service asks the allocator for, and what it gets.
 *
 * @module
 */

import type { IpAddr, IpFamily } from "@/addr/ip_addr.ts";
import type { PoolProtocol } from "./pool.ts";
import type { Refusal } from "./refusal.ts";
import type { SharingConflict, SharingFacts } from "./sharing.ts";

/** What a Service asks for. */
export interface AllocationRequest extends SharingFacts {
  /** The Service, as `namespace/name`. */
  readonly service: string;
  /** Its IP families in order, one or two; `single` looks at the first only. */
  readonly families: readonly IpFamily[];
  /** Whether a second address is not wanted, welcome, or indispensable. */
  readonly familyPolicy: "single" | "prefer" | "require";
  /** Eips it names, in order; empty: any it may have. */
  readonly wantedEips: readonly string[];
  /** Addresses it names, at most one per family; naming one is the wish to share it. */
  readonly wantedIps: readonly IpAddr[];
  /** Its namespace. */
  readonly namespace: string;
  /** Labels of that Namespace. */
  readonly namespaceLabels: Readonly<Record<string, string>>;
  /** Labels of the Service; absent: none. */
  readonly serviceLabels?: Readonly<Record<string, string>>;
  /** Where it names no Eip: of which protocol one is to be chosen; absent: any. */
  readonly protocol?: PoolProtocol;
}

/** Who asks: what the rules of pools look at. */
export type Asker = Pick<
  AllocationRequest,
  "namespace" | "namespaceLabels" | "serviceLabels"
>;

/** An address that a Service has. */
export interface HeldAddress {
  /** The address. */
  readonly address: IpAddr;
  /** The pool it counts for; `undefined` when its pool is gone. */
  readonly pool: string | undefined;
}

/** What a Service got. */
export interface Allocation {
  /** All it has, in the order of its families. */
  readonly addresses: readonly HeldAddress[];
  /** Whether it had other addresses before. */
  readonly changed: boolean;
  /** Under `prefer`: why the address of the other family is not there. */
  readonly missing: Refusal | undefined;
  /** Collisions with Services that share an address of it already. */
  readonly conflicts: readonly SharingConflict[];
}

/** The report that a Service has an address, see `Allocator.adopt`. */
export interface Holding extends SharingFacts {
  /** The Service, as `namespace/name`. */
  readonly service: string;
  /** The address. */
  readonly address: IpAddr;
  /** The pool it is said to be from. */
  readonly pool?: string | undefined;
}

/** An address in use. */
export interface UsedAddress {
  /** The address. */
  readonly address: IpAddr;
  /** The Services that have it, sorted, at least one. */
  readonly services: readonly string[];
}

/** How much of a pool is in use. */
export interface PoolUsage {
  /** Distinct addresses in use, exact. */
  readonly used: number;
  /** Addresses in its range. */
  readonly size: bigint;
  /** Addresses of it that can be handed out, used or not. */
  readonly usableSize: bigint;
  /** Whether no address of it is left to hand out. */
  readonly full: boolean;
}
