/**
 * The loop of a node's main isolate, the only one there is: events go into one
 * queue, the core takes them one by one, and its effects go out through ports.
 *
 * @module
 */
export * from "./bgp_bfd.ts";
export * from "./main_host.ts";
export * from "./node_speaker.ts";
export * from "./wire_host.ts";
