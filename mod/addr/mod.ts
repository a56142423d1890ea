/**
 * Addresses as values: Ethernet, IPv4, IPv6, prefixes and ranges.
 *
 * Every address is a branded string in its one canonical form (IPv6 by
 * RFC 5952), so `===` compares and maps may be keyed by them. Zones, netmasks
 * and host names are not done.
 *
 * @module
 */

export * from "./addr_range.ts";
export * from "./ip_addr.ts";
export * from "./ipv4_addr.ts";
export * from "./ipv6_addr.ts";
export * from "./mac_addr.ts";
export * from "./prefix.ts";
