/**
 * What is told of a malformed UPDATE, so that the peer's operator can find the
 * cause (RFC 7606 §6).
 *
 * @module
 */

import type { Prefix } from "@/addr/prefix.ts";
import type {
  BgpError,
  UpdateError,
  UpdateErrorAction,
} from "@/wire/bgp/bgp_error.ts";
import type { UpdateSession } from "@/wire/bgp/session.ts";
import { decodeUpdate } from "@/wire/bgp/update.ts";

/** An UPDATE whose routes were lost, or the session with them. */
export interface MalformedUpdate {
  /** What was done about it. */
  readonly action: UpdateErrorAction;
  /** What is wrong in it; nothing where the session ends for it. */
  readonly errors: readonly UpdateError[];
  /** Why the session ends, where it does. */
  readonly reset: BgpError | undefined;
  /** The prefixes that were affected, as far as they could be read. */
  readonly prefixes: readonly Prefix[];
  /** The whole message. */
  readonly message: Uint8Array;
}

/** So many are told of a session; a peer that sends more tells nothing new. */
export const MALFORMED_UPDATES_TOLD_MAX = 16;

/**
 * Reads once more what was found malformed.
 *
 * @param action What is done about it.
 * @param message The message; it is copied.
 * @param session What was negotiated.
 * @returns All that is worth a line in a log.
 */
export function describeMalformedUpdate(
  action: UpdateErrorAction,
  message: Uint8Array,
  session: UpdateSession,
): MalformedUpdate {
  const reading = decodeUpdate(message, session);
  const common = { action, message: message.slice() };
  if (!reading.ok) {
    return { ...common, errors: [], reset: reading.error, prefixes: [] };
  }
  const { update, errors } = reading.value;
  const prefixes = [
    ...update.withdrawn,
    ...update.attributes.flatMap((attribute) =>
      attribute.kind === "mp-unreach" ? attribute.withdrawn : []
    ),
  ];
  return { ...common, errors, reset: undefined, prefixes };
}
