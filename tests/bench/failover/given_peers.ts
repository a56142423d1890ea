/**
 * The peers that this program was started with.
 *
 * @module
 */

import { parsePeers, type Peer } from "./peers.ts";

/**
 * Reads them.
 *
 * @throws {RangeError} With one sentence that says what would be right.
 */
export function givenPeers(): readonly Peer[] {
  const peers = parsePeers(Deno.args, canRun);
  if (peers.ok) return peers.value;
  throw new RangeError(peers.error);
}

/** Whether a path is that of a program that can be run. */
function canRun(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    if (error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}
