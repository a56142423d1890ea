/**
 * Which agents live, judged by one who looks once and not for long.
 *
 * A running agent judges Leases by its own clock alone, since it watches them
 * (`election/liveness.ts`). Who has just listed them has only the times in them,
 * by clocks that may differ: what looks renewed in time is believed, and what
 * does not is in doubt until it was looked at again after the time in which a
 * live agent renews.
 *
 * @module
 */

import {
  CONTROLLER_LEASE_NAME,
  type Lease,
  LEASE_LEAVING_ANNOTATION,
  nodeOfLease,
} from "@/api/mod.ts";
import { nodeOfIdentity } from "../agent_record.ts";
import type { AgentState, ControllerState } from "./report.ts";

/** Leases as they were listed. */
export interface LeaseLook {
  /** The Leases. */
  readonly leases: readonly Lease[];
  /** The local wall-clock time, in milliseconds since 1970. */
  readonly wallMs: number;
}

/** What the Leases say. */
export interface LeaseJudgement {
  /** The agents by their nodes. */
  readonly agents: ReadonlyMap<string, AgentState>;
  /** Who gives out addresses; undefined: nobody ever did. */
  readonly holder: ControllerState | undefined;
}

/**
 * The names of the Leases that do not look renewed in time, and may be all the
 * same: of agents that are dead, or whose clocks differ.
 *
 * @param look The Leases.
 */
export function doubtfulLeases(look: LeaseLook): readonly string[] {
  return look.leases.filter((lease) => isHeld(lease) && !isYoung(lease, look))
    .map(({ meta }) => meta.name);
}

/**
 * How long to wait before a second look at doubtful Leases: a live agent has
 * renewed by then.
 *
 * @param look The Leases.
 * @returns Milliseconds; 0 when none is in doubt.
 */
export function secondLookMs(look: LeaseLook): number {
  const doubtful = new Set(doubtfulLeases(look));
  let waitMs = 0;
  for (const lease of look.leases) {
    if (!doubtful.has(lease.meta.name)) continue;
    waitMs = Math.max(waitMs, durationMs(lease) / RENEWALS + SLACK_MS);
  }
  return Math.min(waitMs, WAIT_MAX_MS);
}

/**
 * Judges Leases.
 *
 * @param look The Leases.
 * @param before How they were a while ago, if anything was in doubt then.
 */
export function judgeLeases(
  look: LeaseLook,
  before?: LeaseLook,
): LeaseJudgement {
  const agents = new Map<string, AgentState>();
  let holder: ControllerState | undefined;
  for (const lease of look.leases) {
    const { name, annotations } = lease.meta;
    const live = isHeld(lease) &&
      (isYoung(lease, look) || isRenewed(lease, before));
    const node = nodeOfLease(name);
    if (node !== undefined) {
      agents.set(node, {
        live,
        leaving: annotations[LEASE_LEAVING_ANNOTATION] === "true",
        ...(lease.renewTime === undefined
          ? {}
          : { renewed: lease.renewTime.replace(/\.\d+Z$/, "Z") }),
      });
    } else if (name === CONTROLLER_LEASE_NAME && isHeld(lease)) {
      holder = { node: nodeOfIdentity(lease.holderIdentity ?? ""), live };
    }
  }
  return { agents, holder };
}

function isHeld({ holderIdentity }: Lease): boolean {
  return holderIdentity !== undefined && holderIdentity !== "";
}

/** Whether it has not run out by our clock, nor by the clock of the agent that renewed last. */
function isYoung(lease: Lease, { leases, wallMs }: LeaseLook): boolean {
  const newestMs = Math.max(...leases.map(renewedMs));
  const dueMs = renewedMs(lease) + durationMs(lease);
  return dueMs > wallMs && dueMs > newestMs;
}

function isRenewed(lease: Lease, before: LeaseLook | undefined): boolean {
  const known = before?.leases.find(({ meta }) =>
    meta.name === lease.meta.name
  );
  return known !== undefined &&
    (known.renewTime !== lease.renewTime ||
      known.holderIdentity !== lease.holderIdentity);
}

function renewedMs({ renewTime }: Lease): number {
  return renewTime === undefined ? -Infinity : Date.parse(renewTime);
}

function durationMs({ leaseDurationSeconds }: Lease): number {
  return (leaseDurationSeconds ?? 0) * 1000;
}

/** A Lease lasts at least three times as long as it takes to renew it. */
const RENEWALS = 3;
const SLACK_MS = 1_000;
/** With hundreds of agents Leases last long; nobody waits that long for a report. */
const WAIT_MAX_MS = 15_000;
