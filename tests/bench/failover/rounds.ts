/**
 * How often each fault and each move is measured.
 *
 * @module
 */

/** What the flag for it begins with. */
export const ROUNDS_FLAG = "--rounds=";

/** Rounds of each. */
export function roundsOf(args: readonly string[] = Deno.args): number {
  const flag = args.find((arg) => arg.startsWith(ROUNDS_FLAG));
  const rounds = Number(flag?.slice(ROUNDS_FLAG.length) ?? ROUNDS);
  if (Number.isInteger(rounds) && rounds >= 1) return rounds;
  throw new RangeError(`"${flag}" is no number of rounds`);
}

const ROUNDS = 20;
