/**
 * The bytes of BGP-4 and what two speakers agree on, without state: messages
 * (RFC 4271, RFC 2918, RFC 7313), capabilities (RFC 5492 and those that use it),
 * path attributes of IPv4 and IPv6 unicast (RFC 4760), and RFC 7606's reactions.
 *
 * - in: `message_reader.ts` cuts a stream into messages, `open.ts`, `update.ts`,
 *   `notification.ts` and `route_refresh.ts` read them; `update_scanner.ts`
 *   checks and counts UPDATEs that nobody keeps
 * - out: the same files write them; `update_packer.ts` writes many prefixes with
 *   equal attributes from a `packed_nlri.ts` into memory that is reused
 * - between: `negotiate.ts`; `as_path.ts` and `community.ts` for what routes carry
 *
 * Not done: labels, VPNs, multicast, EVPN, flow specifications, confederations
 * of our own, and next hops of the other version but IPv4 behind IPv6.
 *
 * @module
 */

export * from "./as_path.ts";
export type * from "./bgp_error.ts";
export { UPDATE_ERRORS_MAX } from "./bgp_error.ts";
export type * from "./capability.ts";
export * from "./capability_codec.ts";
export * from "./community.ts";
export * from "./family.ts";
export * from "./header.ts";
export * from "./iana.ts";
export type * from "./message.ts";
export * from "./message_reader.ts";
export * from "./negotiate.ts";
export * from "./notification.ts";
export * from "./open.ts";
export * from "./packed_nlri.ts";
export * from "./only_to_customer.ts";
export type * from "./path_attribute.ts";
export * from "./path_attribute_codec.ts";
export * from "./route_refresh.ts";
export type * from "./session.ts";
export * from "./update.ts";
export * from "./update_packer.ts";
export * from "./update_scanner.ts";
