/**
 * Why a frame that was received is not answered; the labels of a metric.
 *
 * @module
 */

import { DECODE_REASONS, type DecodeReason } from "@/wire/decode_error.ts";

/**
 * Why a frame is dropped. Those of the decoders apply where a decoder refuses;
 * the others are in the order in which they are checked:
 *
 * - `own-frame`: this node sent it, or it speaks in this node's name.
 * - `invalid-source`: a group or no address is named as the sender's.
 * - `not-for-us`: it goes to the MAC address of another host.
 * - `other-vlan`: it carries the tag of a VLAN, so it belongs to another link.
 * - `other-protocol`: neither ARP nor IPv6.
 * - `not-a-request`: an answer or announcement that claims no VIP of ours.
 * - `not-owner`: it asks for an address this node does not answer for.
 */
export type DropReason =
  | DecodeReason
  | "own-frame"
  | "invalid-source"
  | "not-for-us"
  | "other-vlan"
  | "other-protocol"
  | "not-a-request"
  | "not-owner";

/** Every {@linkcode DropReason}; a closed set in a fixed order. */
export const DROP_REASONS: readonly DropReason[] = [
  ...DECODE_REASONS,
  "own-frame",
  "invalid-source",
  "not-for-us",
  "other-vlan",
  "other-protocol",
  "not-a-request",
  "not-owner",
];
