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
  {
    file: "mod/bgp/peer.ts",
    what: "if (slot.connection === undefined) is",
    why: "who is told something has a connection",
  },
  {
    file: "mod/bgp/peer.ts",
    what: "connection === undefined || session === undefined",
    why: "a session that is up has both",
  },
  {
    file: "mod/wire/bgp/_mp_layout.ts",
    what: "safi !== SAFI.unicast",
    why: "saves a text; the family is judged behind it",
  },
  {
    file: "mod/wire/bgp/_mp_layout.ts",
    what: "to - from < 5",
    why: "the next hop runs over the end then",
  },
  {
    file: "mod/wire/bgp/_update_layout.ts",
    what: "this.#number === 0",
    why: "after four thousand million messages",
  },
  {
    file: "mod/wire/bgp/as_path.ts",
    what:
      "if (as4Path === undefined && as4Aggregator === undefined) is never met",
    why: "saves a copy",
  },
  {
    file: "mod/wire/bgp/message_reader.ts",
    what: "if (this.#error !== undefined) is never met",
    why: "a stream that ended gives its error, whatever comes",
  },
  {
    file: "mod/wire/bgp/open.ts",
    what: "from > message.length",
    why: "the parameters run over the end then",
  },
  {
    file: "mod/wire/bgp/message_reader.ts",
    what: "< is <= in: if (this.#heldBytes < BGP_HEADER_BYTES) {",
    why: "a header that is whole is judged once more, alike",
  },
  {
    file: "mod/wire/bgp/packed_nlri.ts",
    what: "if (limit === this.#byteLength) is never met",
    why: "saves a walk to where the list ends",
  },
  {
    file: "mod/bgp/adj_rib_out.ts",
    what: "if (old === rib) is never met",
    why: "saves a walk over prefixes that are all still there",
  },
  {
    file: "mod/wire/bgp/capability_codec.ts",
    what: "if (value.length < 2) is never met",
    why: "families do not fit into what is shorter, either",
  },
  {
    file: "mod/bgp/adj_rib_out.ts",
    what: `< is <= in: if (out.length - at < work.bytes.length)`,
    why: "what fits to the byte is written by the next call",
  },
  {
    file: "mod/wire/bgp/update_packer.ts",
    what: `< is <= in: if (out.length - at < wanted) break;`,
    why: "what fits to the byte is written by the next call",
  },
  {
    file: "mod/wire/bgp/message_reader.ts",
    what: `> is >= in: if (this.#heldBytes > 0) return this.#nextHeld();`,
    why: "saves a copy",
  },
  {
    file: "mod/wire/bgp/_update_layout.ts",
    what: `> is >= in: if (action > this.action) this.action = action;`,
    why: "it is the same then",
  },
  {
    file: "mod/wire/bgp/as_path.ts",
    what: `> is >= in: if (kind === "sequence" && asns.length > left) {`,
    why:
      "all of it is taken either way, and what counts for nothing is in front",
  },
  {
    file: "mod/bgp/loc_rib.ts",
    what: `if (before === path) is never met`,
    why: "it is among its own paths then, which is asked next",
  },
  {
    file: "mod/bgp/aggregated_rib.ts",
    what: `if (lengthBits === FULL_BITS[family]) is never met`,
    why: "each is put under itself then",
  },
  {
    file: "mod/bgp/loc_rib.ts",
    what: "paths.length === 1 && only !== undefined",
    why: "a list of one path says the same, and takes more memory",
  },
];
