/**
 * Writes that wait until others are answered.
 *
 * A write has a deadline, and it counts from the moment it is sent: of thousands
 * sent at once those at the end would have none of their time left when their
 * turn comes, be given up in the midst of it, and be sent again.
 *
 * @module
 */

import type { PlannedWrite } from "@/reconcile/mod.ts";

/** Writes in order, of which some are under way. */
export class Outbox {
  #waiting: PlannedWrite[] = [];
  readonly #underWay = new Set<string>();

  /** Adds writes at the end. */
  put(writes: readonly PlannedWrite[]): void {
    if (writes.length > 0) this.#waiting = this.#waiting.concat(writes);
  }

  /** Takes those that may be sent now; each is to be {@linkcode Outbox.answered}. */
  take(): readonly PlannedWrite[] {
    const room = Math.max(0, UNDER_WAY_MAX - this.#underWay.size);
    const taken = this.#waiting.splice(0, room);
    for (const { id } of taken) this.#underWay.add(id);
    return taken;
  }

  /** Notes that a write was answered, also one that was not taken from here. */
  answered({ id }: PlannedWrite): void {
    this.#underWay.delete(id);
  }

  /** Forgets those that wait. */
  clear(): void {
    this.#waiting = [];
  }
}

/** Writes under way at most: more than the API client sends at once, few enough for each to have its turn soon. */
export const UNDER_WAY_MAX = 64;
