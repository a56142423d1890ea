/**
 * Bytes of the wire as values, and back, without state: Ethernet II with one
 * VLAN tag, ARP (RFC 826), IPv6 without extension headers (RFC 8200), Neighbor
 * and Router Solicitation and Advertisement (RFC 4861) with the checksum of
 * ICMPv6 (RFC 4443), control packets of BFD (RFC 5880), and the layout of a batch
 * of frames in memory. BGP has a folder and a title page of its own,
 * `bgp/mod.ts`.
 *
 * Decoders never throw: what they refuse comes back with a reason, a field and
 * an offset. Encoders take only what a decoder accepts; anything else is a
 * defect of the caller. Not done: QinQ, LLC, IPv4, fragments.
 *
 * @module
 */

export * from "./arp.ts";
export * from "./bfd_control.ts";
export * from "./checksum.ts";
export * from "./decode_error.ts";
export * from "./ethernet.ts";
export * from "./fellow.ts";
export type * from "./fellow_frame.ts";
export * from "./frame_batch.ts";
export * from "./iana.ts";
export * from "./ipv6.ts";
export * from "./ndp.ts";
export * from "./router_discovery.ts";
