/**
 * The status of an Eip as it should read, and the write that gets it there.
 *
 * @module
 */

import { EIP_FINALIZER } from "@/api/names.ts";
import { type Condition, sameConditions } from "@/api/conditions.ts";
import type { Eip } from "@/api/mod.ts";
import type { PlannedWrite } from "./planned_write.ts";

/** What the status of an Eip should say. */
export interface DesiredEip {
  /** Addresses in the range; capped at the largest exact integer. */
  readonly poolSize: number;
  /** First address, canonical. */
  readonly firstIP: string;
  /** Last address, canonical. */
  readonly lastIP: string;
  /** Whether the pool is IPv4. */
  readonly v4: boolean;
  /** Addresses in use, exact. */
  readonly usage: number;
  /** Whether no address is left. */
  readonly occupied: boolean;
  /** Address to Services, bounded. */
  readonly used: Readonly<Record<string, string>>;
  /** Conditions, complete. */
  readonly conditions: readonly Condition[];
}

/**
 * The status as a merge patch against what is known, or undefined when it
 * already reads so.
 *
 * It carries the resourceVersion, since `used` is patched key by key.
 */
export function eipStatusPatch(
  eip: Eip,
  desired: DesiredEip,
): PlannedWrite | undefined {
  const { meta, status } = eip;
  const patch: Record<string, unknown> = {};
  for (
    const field of ["poolSize", "firstIP", "lastIP", "usage"] as const
  ) {
    if (status[field] !== desired[field]) patch[field] = desired[field];
  }
  // OpenELB leaves both out instead of writing false.
  if ((status.v4 ?? false) !== desired.v4) patch["v4"] = desired.v4;
  if ((status.occupied ?? false) !== desired.occupied) {
    patch["occupied"] = desired.occupied;
  }
  const used: Record<string, string | null> = {};
  for (const [ip, services] of Object.entries(desired.used)) {
    if (status.used[ip] !== services) used[ip] = services;
  }
  for (const ip of Object.keys(status.used)) {
    if (desired.used[ip] === undefined) used[ip] = null;
  }
  if (Object.keys(used).length > 0) patch["used"] = used;
  if (!sameConditions(status.conditions, desired.conditions)) {
    patch["conditions"] = desired.conditions;
  }
  if (Object.keys(patch).length === 0) return undefined;
  return {
    id: eipStatusId(meta.name),
    method: "PATCH",
    path: `${EIP_PATH}/${meta.name}/status`,
    contentType: "application/merge-patch+json",
    body: {
      metadata: { resourceVersion: meta.resourceVersion },
      status: patch,
    },
  };
}

/** The id of the write of an Eip's status. */
export function eipStatusId(name: string): string {
  return `eip-status/${name}`;
}

/**
 * The write that adds or removes our finalizer, or undefined when it is as it
 * should be: an Eip carries it while it is in use.
 */
export function eipFinalizerPatch(
  eip: Eip,
  inUse: boolean,
): PlannedWrite | undefined {
  const { meta } = eip;
  const has = meta.finalizers.includes(EIP_FINALIZER);
  if (has === inUse) return undefined;
  // A finalizer cannot be added to an object that is being deleted.
  if (inUse && meta.deletionTimestamp !== undefined) return undefined;
  const others = meta.finalizers.filter((one) => one !== EIP_FINALIZER);
  return {
    id: `eip/${meta.name}`,
    method: "PATCH",
    path: `${EIP_PATH}/${meta.name}`,
    contentType: "application/merge-patch+json",
    body: {
      metadata: {
        resourceVersion: meta.resourceVersion,
        finalizers: inUse ? [...others, EIP_FINALIZER] : others,
      },
    },
  };
}

/**
 * How long to wait between two status writes of one Eip, in milliseconds: a
 * large `used` map is written seldom, so that etcd is not filled with copies.
 */
export function statusIntervalMs(
  used: Readonly<Record<string, string>>,
): number {
  const bytes = Object.keys(used).length * BYTES_PER_USED_ENTRY;
  return Math.min(
    STATUS_INTERVAL_MIN_MS * (1 + bytes / BYTES_PER_INTERVAL),
    STATUS_INTERVAL_MAX_MS,
  );
}

const EIP_PATH = "/apis/network.kubesphere.io/v1alpha2/eips";
/** Shortest time between two status writes of one Eip. */
const STATUS_INTERVAL_MIN_MS = 500;
/** Longest time between two status writes of one Eip. */
const STATUS_INTERVAL_MAX_MS = 15_000;
/** A typical entry, `192.168.0.91: namespace/name`, with quotes. */
const BYTES_PER_USED_ENTRY = 40;
/** The interval grows by its minimum for each of these. */
const BYTES_PER_INTERVAL = 8192;
