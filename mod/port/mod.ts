/**
 * What a host stands on, as types: time, the Kubernetes API, interfaces, frames,
 * logs. `io` makes them real; tests and the simulator have their own.
 *
 * @module
 */
export type * from "./bfd.ts";
export type * from "./bgp.ts";
export type * from "./clock.ts";
export type * from "./cluster_api.ts";
export type * from "./link.ts";
export type * from "./log_sink.ts";
export type * from "./node_ports.ts";
export type * from "./packet_link.ts";
export type * from "./router_discovery.ts";
export type * from "./tcp.ts";
