/**
 * Checks without which nothing is wrong: they save work or memory.
 *
 * @module
 */

/** A check that `deno task bgp:mutations` leaves alone, and why. */
export interface HarmlessCheck {
  /** The end of its file's path. */
  readonly file: string;
  /** A part of what is told of it. */
  readonly what: string;
  readonly why: string;
}

/** All of them. */
export const HARMLESS: readonly HarmlessCheck[] = [
  {
    file: "mod/bgp/adj_rib_out.ts",
    what: "CHANGES_PER_WORK",
    why: "how much is put together at once",
  },
  {
    file: "mod/bgp/adj_rib_out.ts",
    what: "at > 0 && out.length - at < OUT_BYTES_MIN",
    why: "a message that does not fit any more is written by the next call",
  },
  {
    file: "mod/bgp/adj_rib_out.ts",
    what: "withdrawn.count > 0",
    why: "an empty list writes nothing",
  },
  {
    file: "mod/bgp/exporter.ts",
    what: "known !== undefined",
    why: "what was made before is made again, and is equal",
  },
  {
    file: "mod/bgp/peer.ts",
    what: "loser === slot",
    why: "a machine that lost is Idle, where an OPEN does nothing",
  },
];
