/**
 * BGP: a speaker that announces routes and learns none.
 *
 * RFC 4271 with collision detection (§6.8, RFC 6286), multiprotocol routes
 * (RFC 4760), ADD-PATH (RFC 7911), route refresh (RFC 2918, RFC 7313),
 * End-of-RIB and graceful restart as the restarting side (RFC 4724), graceful
 * shutdown (RFC 8326), the send hold timer (RFC 9687). What a peer's UPDATE
 * says is checked (RFC 7606) and counted, then forgotten.
 *
 * @module
 */

export * from "./adj_rib_out.ts";
export * from "./aggregated_rib.ts";
export * from "./exporter.ts";
export * from "./fsm.ts";
export * from "./fsm_table.ts";
export * from "./link_bandwidth.ts";
export * from "./loc_rib.ts";
export * from "./malformed_update.ts";
export * from "./message_tally.ts";
export * from "./peer.ts";
export * from "./policy/mod.ts";
export * from "./speaker.ts";
