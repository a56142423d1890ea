/**
 * Communities of all three kinds: standard (RFC 1997), extended (RFC 4360) and
 * large (RFC 8092).
 *
 * @module
 */

/** A standard community: 32 bits, the upper half mostly an AS number (RFC 1997). */
export type Community = number;

/** An extended community: its 8 bytes as an integer of 64 bits (RFC 4360 §2). */
export type ExtendedCommunity = bigint;

/** A large community (RFC 8092 §3): three integers of 32 bits. */
export interface LargeCommunity {
  /** Whose community it is, an AS number. */
  readonly globalAdministrator: number;
  /** First part of what it means to that AS. */
  readonly localData1: number;
  /** Second part. */
  readonly localData2: number;
}
