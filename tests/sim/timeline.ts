/**
 * Virtual time: what is to happen, in order, and a clock that jumps from one
 * thing to the next.
 *
 * @module
 */

/** The one clock of a simulation, from 0. */
export class Timeline {
  /** A binary heap, written out: it is asked for all that happens. */
  readonly #queue: Task[] = [];
  #order = 0;
  #nowMs = 0;
  #failure: Error | undefined;

  /** Milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Does something later; what is due at one time happens in the order it was asked for. */
  after(delayMs: number, run: () => void): void {
    this.at(this.#nowMs + delayMs, run);
  }

  /** Does something at a time; at once, but not within this call, when that has passed. */
  at(atMs: number, run: () => void): void {
    const dueMs = Math.max(atMs, this.#nowMs);
    const task = { atMs: dueMs, order: this.#order++, run };
    const queue = this.#queue;
    let hole = queue.length;
    queue.push(task);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const above = queue[parent] as Task;
      // What came before goes before: no need to look at the order.
      if (above.atMs <= dueMs) break;
      queue[hole] = above;
      hole = parent;
    }
    queue[hole] = task;
  }

  /** Lets no more time pass: {@linkcode Timeline.run} throws this, whoever caught it before. */
  fail(failure: Error): void {
    this.#failure ??= failure;
  }

  /** Lets time pass. */
  run(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#takeFirst();
      this.#nowMs = next.atMs;
      next.run();
      if (this.#failure !== undefined) throw this.#failure;
    }
    this.#nowMs = untilMs;
  }

  #takeFirst(): void {
    const queue = this.#queue;
    const last = queue.pop() as Task;
    const count = queue.length;
    if (count === 0) return;
    let hole = 0;
    for (let child = 1; child < count; child = 2 * hole + 1) {
      const right = child + 1;
      if (
        right < count && isBefore(queue[right] as Task, queue[child] as Task)
      ) child = right;
      const below = queue[child] as Task;
      if (!isBefore(below, last)) break;
      queue[hole] = below;
      hole = child;
    }
    queue[hole] = last;
  }
}

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

function isBefore(a: Task, b: Task): boolean {
  return a.atMs < b.atMs || a.atMs === b.atMs && a.order < b.order;
}

/** What the wall clock of the API server says at the start. */
export const START_MS: number = Date.UTC(2026, 0, 1);
