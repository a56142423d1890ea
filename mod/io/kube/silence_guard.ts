/**
 * Ends a watch on which nothing arrives although something should.
 *
 * @module
 */

import type { Clock, Timer } from "@/port/clock.ts";

/** Silence over HTTP/1.1 after which a watch is started again. */
export const H1_SILENCE_MS = 20_000;

/** Silence after which a watch is started again on which a bookmark is due every minute. */
export const BOOKMARK_SILENCE_MS = 90_000;

/** A watch said nothing for too long, or outlived its time. */
export class SilenceError extends Error {
  /** The name that stack traces show. */
  override readonly name: string = "SilenceError";
  /** Whether that is how it has to be over HTTP/1.1. */
  readonly isRoutine: boolean;

  /** @param isRoutine Whether that is how it has to be over HTTP/1.1. */
  constructor(isRoutine: boolean) {
    super("the watch fell silent");
    this.isRoutine = isRoutine;
  }
}

/** What a guard goes by. */
export interface SilenceGuardOptions {
  /** For deadlines. */
  readonly clock: Clock;
  /** When the watch has to end in any case. */
  readonly endMs: number;
  /** Whether it has a TCP connection to itself. */
  readonly isH1: boolean;
  /** Whether the server sends bookmarks, and has something to mark here. */
  readonly expectsBookmarks: () => boolean;
}

/** Guards one watch. */
export class SilenceGuard {
  readonly #stream: AbortController;
  readonly #options: SilenceGuardOptions;
  #heardMs: number;
  #timer: Timer | undefined;

  /**
   * Starts at once.
   *
   * @param stream Aborted with a {@linkcode SilenceError}.
   * @param options What it goes by.
   */
  constructor(stream: AbortController, options: SilenceGuardOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#heardMs = options.clock.nowMs();
    this.#arm();
  }

  /** Says that something arrived. */
  heard(): void {
    this.#heardMs = this.#options.clock.nowMs();
  }

  /** Stops guarding. */
  stop(): void {
    this.#timer?.cancel();
  }

  #dueMs(): number {
    const { endMs, isH1, expectsBookmarks } = this.#options;
    const limitMs = isH1
      ? H1_SILENCE_MS
      : expectsBookmarks()
      ? BOOKMARK_SILENCE_MS
      // Nothing may change for hours, and then nothing is said.
      : Infinity;
    return Math.min(endMs, this.#heardMs + limitMs);
  }

  #arm(): void {
    const { clock, isH1 } = this.#options;
    // The limit may shrink under a timer that was set: look often enough.
    const lookMs = clock.nowMs() + BOOKMARK_SILENCE_MS;
    this.#timer = clock.setTimer(Math.min(this.#dueMs(), lookMs), () => {
      if (clock.nowMs() < this.#dueMs()) this.#arm();
      else this.#stream.abort(new SilenceError(isH1));
    });
  }
}
