/**
 * Bounds how many requests are under way, and shares them between flows.
 *
 * A flow is a collection of the API. Flows take turns, and one flow never holds
 * every slot, so that a thousand status writes do not delay the renewal of a
 * Lease. A flow the server throttled (429) rests until it may come back.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import type { Clock, Timer } from "@/port/clock.ts";

/** Requests under way at most, watches that were answered not counted. */
export const REQUESTS_CONCURRENT_MAX = 16;

/** Of these, requests of one flow at most. */
export const REQUESTS_CONCURRENT_PER_FLOW_MAX = 12;

/** Requests waiting at most; further ones are refused. */
export const REQUESTS_QUEUED_MAX = 20_000;

/** Why a request did not get its turn. */
export class QueueFullError extends Error {
  /** The name that stack traces show. */
  override readonly name: string = "QueueFullError";
}

/** Hands out the right to send a request. */
export class RequestQueue {
  readonly #clock: Clock;
  readonly #flows = new Map<string, Flow>();
  #underWay = 0;
  #waiting = 0;
  #timer: Timer | undefined;

  /** @param clock For flows that rest. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Requests that hold a slot. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Requests that wait for one. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Waits for a slot.
   *
   * @param name The flow.
   * @param signal Ends the wait; the promise then rejects with its reason.
   * @returns Gives the slot back; to be called exactly once.
   */
  acquire(name: string, signal: AbortSignal): Promise<() => void> {
    const { promise, resolve, reject } = Promise.withResolvers<() => void>();
    if (signal.aborted) {
      reject(signal.reason);
      return promise;
    }
    if (this.#waiting >= REQUESTS_QUEUED_MAX) {
      reject(
        new QueueFullError(`${REQUESTS_QUEUED_MAX} requests wait already`),
      );
      return promise;
    }
    const flow = this.#flow(name);
    const leave = (): void => {
      flow.waiting.delete(grant);
      this.#waiting -= 1;
      this.#forget(name, flow);
      reject(signal.reason);
    };
    const grant = (): void => {
      signal.removeEventListener("abort", leave);
      resolve(this.#slotOf(name, flow));
    };
    signal.addEventListener("abort", leave, { once: true });
    flow.waiting.add(grant);
    this.#waiting += 1;
    this.#serve();
    return promise;
  }

  /**
   * Lets a flow rest: what is under way goes on, nothing new starts.
   *
   * @param name The flow.
   * @param durationMs For how long from now; at most a minute counts.
   */
  rest(name: string, durationMs: number): void {
    const flow = this.#flow(name);
    const untilMs = this.#clock.nowMs() + Math.min(durationMs, REST_MS_MAX);
    flow.restUntilMs = Math.max(flow.restUntilMs, untilMs);
    this.#serve();
  }

  /** Forgets its timer; to be called when nothing waits. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #flow(name: string): Flow {
    let flow = this.#flows.get(name);
    if (flow === undefined) {
      flow = { waiting: new Set(), underWay: 0, restUntilMs: -Infinity };
      this.#flows.set(name, flow);
    }
    return flow;
  }

  #slotOf(name: string, flow: Flow): () => void {
    let held = true;
    return () => {
      assert(held, "A slot is given back once");
      held = false;
      this.#underWay -= 1;
      flow.underWay -= 1;
      this.#forget(name, flow);
      this.#serve();
    };
  }

  #forget(name: string, flow: Flow): void {
    if (
      flow.waiting.size === 0 && flow.underWay === 0 &&
      flow.restUntilMs <= this.#clock.nowMs()
    ) this.#flows.delete(name);
  }

  #serve(): void {
    while (this.#underWay < REQUESTS_CONCURRENT_MAX && this.#serveOne());
    this.#arm();
  }

  #serveOne(): boolean {
    const nowMs = this.#clock.nowMs();
    for (const [name, flow] of this.#flows) {
      const [grant] = flow.waiting;
      if (
        grant === undefined || flow.restUntilMs > nowMs ||
        flow.underWay >= REQUESTS_CONCURRENT_PER_FLOW_MAX
      ) continue;
      flow.waiting.delete(grant);
      flow.underWay += 1;
      this.#waiting -= 1;
      this.#underWay += 1;
      // To the end of the line: the other flows come first next time.
      this.#flows.delete(name);
      this.#flows.set(name, flow);
      grant();
      return true;
    }
    return false;
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const nowMs = this.#clock.nowMs();
    let earliestMs = Infinity;
    for (const [name, flow] of this.#flows) {
      if (flow.restUntilMs <= nowMs) this.#forget(name, flow);
      else if (flow.waiting.size > 0) {
        earliestMs = Math.min(earliestMs, flow.restUntilMs);
      }
    }
    if (earliestMs === Infinity) return;
    this.#timer = this.#clock.setTimer(earliestMs, () => this.#serve());
  }
}

interface Flow {
  readonly waiting: Set<() => void>;
  underWay: number;
  restUntilMs: number;
}

const REST_MS_MAX = 60_000;
