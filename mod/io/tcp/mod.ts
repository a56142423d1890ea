/**
 * TCP over descriptors of the C library: what Deno's own sockets cannot be told,
 * they are told before they connect.
 *
 * TCP MD5 (RFC 2385), GTSM (RFC 5082), source address, interface, zone. Not
 * done: TCP-AO (RFC 5925), VRFs by table.
 *
 * @module
 */
export * from "./kernel_tcp.ts";
export * from "./tcp_connection.ts";
export * from "./tcp_dial.ts";
export * from "./tcp_listener.ts";
