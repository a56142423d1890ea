/**
 * One whole node, pure: two cores that talk in plain data.
 *
 * {@linkcode MainCore} keeps what is known of the cluster, judges Leases and
 * plans; {@linkcode WireCore} answers ARP and NDP and decides, per VIP, whether
 * this node does. A host runs each in an isolate of its own; a simulator runs
 * both in one thread, with any delay between them.
 *
 * @module
 */
export * from "./agent_record.ts";
export * from "./admission_keeper.ts";
export * from "./bfd_terms.ts";
export * from "./bgp_commands.ts";
export * from "./bgp_feed.ts";
export * from "./bgp_selection.ts";
export * from "./bgp_terms.ts";
export type { RangeTerms } from "./dynamic_terms.ts";
export * from "./cluster_feed.ts";
export * from "./install_hold.ts";
export * from "./local_view.ts";
export * from "./main.ts";
export * from "./main_events.ts";
export * from "./membership.ts";
export * from "./missing_rights.ts";
export * from "./owner_ledger.ts";
export * from "./peer_bfd.ts";
export * from "./port_look.ts";
export * from "./proxy_health.ts";
export * from "./report/mod.ts";
export * from "./session_next_hops.ts";
export * from "./speaker_feed.ts";
export * from "./speaker_keeper.ts";
export * from "./speaker_status.ts";
export * from "./third_parties.ts";
export * from "./unheard.ts";
export * from "./unreadable.ts";
export * from "./watches.ts";
export * from "./wire.ts";
export * from "./wire_bfd.ts";
export * from "./wire_feed.ts";
export * from "./wire_identity.ts";
export * from "./wire_messages.ts";
