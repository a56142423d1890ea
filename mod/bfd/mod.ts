/**
 * Bidirectional Forwarding Detection: whether a peer is reached, found out in
 * fractions of a second (RFC 5880 in asynchronous mode, RFC 5881 over one hop,
 * RFC 5883 over several; RFC 5882 for what BGP makes of it).
 *
 * Not done: authentication (packets that carry it are dropped, and counted),
 * Demand mode of our own, echoes.
 *
 * @module
 */
export * from "./session.ts";
export * from "./speaker.ts";
export * from "./transitions.ts";
