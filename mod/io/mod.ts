/**
 * The ports made real: the clock, the kernel's interfaces, and the Kubernetes
 * API.
 *
 * - `ffi/`: the C library, packet sockets, netlink, epoll, timers
 * - `kube/`: credentials, lists, watches and writes
 * - `tcp/`: connections of a BGP speaker, with TCP MD5 and GTSM
 * - `bfd_port.ts`, `router_discovery.ts`: datagrams of BFD, frames of Router Discovery
 * - `clock.ts`: the machine's clocks
 * - `wire_port.ts`: what the wire loop blocks on
 *
 * Nothing here knows a protocol: bytes and objects go through as they are.
 *
 * @module
 */
export * from "./bfd_port.ts";
export * from "./clock.ts";
export * from "./router_discovery.ts";
export * from "./wire_port.ts";
