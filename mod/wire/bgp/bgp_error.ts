/**
 * Why a message of a peer, or a part of it, was refused.
 *
 * @module
 */

import type { UnicastFamily } from "./family.ts";
import type { NotificationMessage, UpdateMessage } from "./message.ts";

/** An error that ends the session: what is sent to the peer before it is closed, and where it lies. */
export interface BgpError {
  /** What to send. */
  readonly notification: NotificationMessage;
  /** The field as its RFC names it. */
  readonly field: string;
  /** Where the field begins in the message, its header included. */
  readonly offsetBytes: number;
}

/**
 * What is done about an error in an UPDATE, the mildest first (RFC 7606 §2):
 * the attribute is ignored; its routes count as withdrawn; all routes of the
 * family do, and further ones are ignored; or the session ends.
 */
export type UpdateErrorAction =
  | "attribute-discard"
  | "treat-as-withdraw"
  | "disable-family"
  | "session-reset";

/** An error in an UPDATE. */
export interface UpdateError {
  /** What is done about it. */
  readonly action: UpdateErrorAction;
  /** The attribute as its RFC names it, or another field. */
  readonly field: string;
  /** Type code of the attribute; 0 where it is none. */
  readonly attributeType: number;
  /** What is wrong, as the subcode of UPDATE Message Error that RFC 4271 §6.3 has for it. */
  readonly subcode: number;
  /** Where the field begins in the message, its header included. */
  readonly offsetBytes: number;
}

/** An UPDATE that does not end the session, after RFC 7606. */
export interface UpdateReading {
  /**
   * What is to be used: without discarded attributes, without families that
   * are not negotiated; under treat-as-withdraw with all its routes withdrawn
   * and no attributes.
   */
  readonly update: UpdateMessage;
  /** The strongest of the errors' actions, `accept` without any. */
  readonly action: "accept" | Exclude<UpdateErrorAction, "session-reset">;
  /** The errors in the order they were found; at most {@linkcode UPDATE_ERRORS_MAX}. */
  readonly errors: readonly UpdateError[];
  /** The family to disable, under `disable-family`. */
  readonly disabledFamily?: UnicastFamily;
  /** Whose End-of-RIB marker it is (RFC 4724 §2). */
  readonly endOfRib?: UnicastFamily;
}

/** How many errors of one UPDATE are told. */
export const UPDATE_ERRORS_MAX = 16;
