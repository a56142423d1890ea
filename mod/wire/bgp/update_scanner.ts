/**
 * UPDATEs checked and counted, and not kept: a router may send a million routes
 * to a speaker that only announces.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import { ACTION_NAMES } from "./_attribute_checks.ts";
import { UpdateLayout } from "./_update_layout.ts";
import type { BgpError, UpdateError, UpdateErrorAction } from "./bgp_error.ts";
import { UNICAST_FAMILIES, type UnicastFamily } from "./family.ts";
import type { UpdateSession } from "./session.ts";

/** What one session's UPDATEs held. */
export interface UpdateTally {
  /** Routes announced, those treated as withdrawn not among them. */
  announced: number;
  /** Routes withdrawn, those treated so among them. */
  withdrawn: number;
}

/**
 * Checks and counts UPDATEs by the same rules as {@linkcode decodeUpdate}; for a
 * message without errors it makes no object.
 *
 * @example Usage
 * ```ts
 * import { UpdateScanner } from "@/wire/bgp/update_scanner.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const scanner = new UpdateScanner({
 *   external: true,
 *   fourOctetAs: true,
 *   families: ["ipv4-unicast"],
 *   addPathReceive: [],
 *   addPathSend: [],
 *   extendedNextHop: [],
 *   extendedMessage: false,
 * });
 * const action = scanner.scan(Uint8Array.fromHex(
 *   "ffffffffffffffffffffffffffffffff003002000000144001010040020602010000fde9" +
 *     "4003040a00000120c0000201",
 * ));
 * strictEqual(action, "accept");
 * strictEqual(scanner.tallies["ipv4-unicast"].announced, 1);
 * ```
 */
export class UpdateScanner {
  /** What was counted since the session began, by family. */
  readonly tallies: Readonly<Record<UnicastFamily, UpdateTally>> = {
    "ipv4-unicast": { announced: 0, withdrawn: 0 },
    "ipv6-unicast": { announced: 0, withdrawn: 0 },
  };
  /** UPDATEs whose routes counted as withdrawn. */
  treatedAsWithdraw = 0;
  /** UPDATEs of which an attribute was discarded. */
  attributesDiscarded = 0;
  readonly #session: UpdateSession;
  readonly #layout = new UpdateLayout();

  /** A scanner for the UPDATEs of one session. */
  constructor(session: UpdateSession) {
    this.#session = session;
  }

  /** The error that ends the session, after `session-reset`. */
  get reset(): BgpError | undefined {
    return this.#layout.reset;
  }

  /** The errors of the last message. */
  get errors(): readonly UpdateError[] {
    return this.#layout.errors;
  }

  /** The family to disable, after `disable-family`. */
  get disabledFamily(): UnicastFamily | undefined {
    return this.#layout.disabledFamily;
  }

  /** Whose End-of-RIB marker the last message was. */
  get endOfRib(): UnicastFamily | undefined {
    return this.#layout.endOfRib();
  }

  /**
   * Checks a message and counts its routes.
   *
   * @param message A whole UPDATE from {@linkcode BgpMessageReader}.
   * @returns The strongest action of RFC 7606 that it asks for.
   */
  scan(message: Uint8Array): "accept" | UpdateErrorAction {
    assert(message.length >= 23, "An UPDATE has 23 bytes or more");
    const layout = this.#layout;
    const action = layout.read(message, this.#session);
    if (layout.reset !== undefined) return "session-reset";
    if (layout.withdrawn) this.treatedAsWithdraw++;
    else if (layout.errors.length > 0) this.attributesDiscarded++;
    for (const family of UNICAST_FAMILIES) {
      let announced = 0;
      let withdrawn = 0;
      if (layout.mpReach.family === family) announced += layout.mpReach.count;
      if (layout.mpUnreach.family === family) {
        withdrawn += layout.mpUnreach.count;
      }
      if (family === "ipv4-unicast") {
        announced += layout.nlriCount;
        withdrawn += layout.withdrawnCount;
      }
      const tally = this.tallies[family];
      tally.announced += layout.withdrawn ? 0 : announced;
      tally.withdrawn += layout.withdrawn ? withdrawn + announced : withdrawn;
    }
    return ACTION_NAMES[action] as "accept" | UpdateErrorAction;
  }
}
