/**
 * The state machine of a BFD session as a table, RFC 5880 §6.2 and §6.8.6.
 *
 * ```text
 *                     +--+
 *                     |  | AdminDown, expired
 *                     v  |
 *             Down  +------+  Init
 *         +---------|      |----------+
 *         |         | Down |          |
 *         v   +---->|      |<-----+   v
 *      +------+  AD +------+  AD  +----+
 *      | Init |  expired  Down,   | Up |
 *      |      |--------expired--->|    |
 *      +------+    Init, Up       +----+
 * ```
 *
 * @module
 */

import type { BfdSessionState } from "@/wire/bfd_control.ts";
import { BFD_DIAGNOSTIC } from "@/wire/iana.ts";

/** What moves a session: the peer's state, told by a packet, or its silence. */
export type BfdInput = BfdSessionState | "expired";

/** Where an input leads. */
export interface BfdTransition {
  /** The next state. */
  readonly state: BfdSessionState;
  /** The diagnostic to tell from now on; absent: the one from before. */
  readonly diagnostic?: number;
}

const { detectionTimeExpired, neighborSignaledDown } = BFD_DIAGNOSTIC;
const SIGNALED: BfdTransition = {
  state: "down",
  diagnostic: neighborSignaledDown,
};
const EXPIRED: BfdTransition = {
  state: "down",
  diagnostic: detectionTimeExpired,
};
const ADMIN_DOWN: BfdTransition = { state: "admin-down" };
const DOWN: BfdTransition = { state: "down" };
const INIT: BfdTransition = { state: "init" };
const UP: BfdTransition = { state: "up" };

/** Every cell: our state, then what comes. */
export const BFD_TRANSITIONS: Readonly<
  Record<BfdSessionState, Readonly<Record<BfdInput, BfdTransition>>>
> = {
  // RFC 5880 §6.8.6: what comes is discarded.
  "admin-down": {
    "admin-down": ADMIN_DOWN,
    down: ADMIN_DOWN,
    init: ADMIN_DOWN,
    up: ADMIN_DOWN,
    expired: ADMIN_DOWN,
  },
  down: {
    "admin-down": DOWN,
    down: INIT,
    init: UP,
    // It believes us up from before: it hears from us that we are not.
    up: DOWN,
    expired: DOWN,
  },
  init: {
    "admin-down": SIGNALED,
    down: INIT,
    init: UP,
    up: UP,
    expired: EXPIRED,
  },
  up: {
    "admin-down": SIGNALED,
    down: SIGNALED,
    init: UP,
    up: UP,
    expired: EXPIRED,
  },
};
