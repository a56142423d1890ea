/**
 * Who claimed an address on the wire and when, and what that amounts to.
 *
 * @module
 */

/** A frame in which somebody says that an address is theirs. */
export interface Claim {
  /** When it was read, on this process's monotonic clock. */
  readonly atMs: number;
  /** The MAC address it names. */
  readonly mac: string;
  /** Whether it answers a request; an announcement otherwise. */
  readonly answers: boolean;
}

/** A span of time. */
export interface Span {
  /** When it began. */
  readonly fromMs: number;
  /** When it ended. */
  readonly toMs: number;
}

/**
 * The longest time between two answers, whoever gave them; 0 with fewer than two.
 *
 * @param claims Claims in the order of time.
 */
export function longestSilenceMs(claims: readonly Claim[]): number {
  const times = claims.filter(({ answers }) => answers).map(({ atMs }) => atMs);
  return times.slice(1).reduce(
    (longest, atMs, i) => Math.max(longest, atMs - (times[i] ?? atMs)),
    0,
  );
}

/**
 * The longest time for which two claimed an address at once.
 *
 * Whoever claims it again within {@linkcode RUN_GAP_MS} claims it in between,
 * too: the wire is asked every 10 ms.
 *
 * @param claims Claims in the order of time.
 * @returns In milliseconds; 0 when nobody claimed it while another did.
 */
export function longestDoubleMs(claims: readonly Claim[]): number {
  const runs = [...Map.groupBy(claims, ({ mac }) => mac).values()].map(runsOf);
  let longest = 0;
  for (const [i, some] of runs.entries()) {
    for (const one of some) {
      for (const other of runs.slice(i + 1).flat()) {
        const fromMs = Math.max(one.fromMs, other.fromMs);
        const toMs = Math.min(one.toMs, other.toMs);
        longest = Math.max(longest, toMs - fromMs);
      }
    }
  }
  return longest;
}

/** The spans in which somebody kept claiming. */
function runsOf(claims: readonly Claim[]): readonly Span[] {
  const runs: Span[] = [];
  for (const { atMs } of claims) {
    const last = runs.at(-1);
    if (last !== undefined && atMs - last.toMs <= RUN_GAP_MS) {
      runs[runs.length - 1] = { fromMs: last.fromMs, toMs: atMs };
    } else runs.push({ fromMs: atMs, toMs: atMs });
  }
  return runs;
}

/** Longest time between two claims of one that never stopped. */
export const RUN_GAP_MS = 100;
