/**
 * Whether this node forwards what comes to its VIPs: the judgement of
 * kube-proxy's health, or its replacement's, from what its health port answers.
 *
 * ```text
 * absent ──any answer──▶ healthy ──not 200, or silent 3 times──▶ unhealthy
 *                           ◀────────200 three times───────────
 * ```
 *
 * Where nothing ever answered there is no kube-proxy, or none with a health
 * port, and nothing is concluded.
 *
 * @module
 */

import type { Instant } from "./main_events.ts";

/** How the proxy of this node is judged. */
export type ProxyState = "absent" | "healthy" | "unhealthy";

/** Judges the proxy of this node. */
export class ProxyHealth {
  readonly #isAsked: boolean;
  #state: ProxyState = "absent";
  /** Answers in a row that speak against the state. */
  #against = 0;
  #status: number | undefined;
  #dueMs = 0;

  /**
   * A judgement that nothing is known for.
   *
   * @param isAsked Whether the health port is to be asked at all.
   */
  constructor(isAsked: boolean) {
    this.#isAsked = isAsked;
  }

  /** The judgement. */
  get state(): ProxyState {
    return this.#state;
  }

  /** What was answered last, for people. */
  get answer(): string {
    return this.#status === undefined
      ? "does not answer"
      : `answers ${this.#status}`;
  }

  /** Whether to ask now; the answer must come by {@linkcode ProxyHealth.take}, that there was none at the latest when it is asked again. */
  takeAsk(at: Instant): boolean {
    if (!this.#isAsked || at.nowMs < this.#dueMs) return false;
    this.#dueMs = at.nowMs + PROXY_INTERVAL_MS;
    return true;
  }

  /**
   * Takes an answer.
   *
   * @param status The HTTP status; undefined: none came.
   * @returns Whether the judgement changed.
   */
  take(status: number | undefined): boolean {
    const before = this.#state;
    if (before === "absent" && status === undefined) return false;
    this.#status = status;
    this.#state = this.#judged(status);
    if (this.#state !== before) this.#against = 0;
    return this.#state !== before;
  }

  /** When to ask next, or undefined. */
  deadlineMs(): number | undefined {
    return this.#isAsked ? this.#dueMs : undefined;
  }

  #judged(status: number | undefined): ProxyState {
    const isGood = status === STATUS_OK;
    if (this.#state === "absent") return isGood ? "healthy" : "unhealthy";
    if (isGood === (this.#state === "healthy")) {
      this.#against = 0;
      return this.#state;
    }
    // It says itself that it is not well; silence may be a restart.
    if (status !== undefined && !isGood) return "unhealthy";
    this.#against++;
    if (this.#against < PROXY_ANSWERS) return this.#state;
    return isGood ? "healthy" : "unhealthy";
  }
}

/** How often the health port is asked. */
export const PROXY_INTERVAL_MS = 2_000;
/** How many times in a row silence, or after that health, is needed to be believed. */
export const PROXY_ANSWERS = 3;
const STATUS_OK = 200;
