/**
 * From what the cluster is to what should be written and announced.
 *
 * {@linkcode ClusterState} holds the watched objects. {@linkcode Controller}
 * plans the writes of the elected agent: addresses and statuses.
 * {@linkcode Announcements} plans, on every node alike, which VIPs are answered
 * for, by which nodes and on which links. Both look only at what changed, and
 * come to the same as if they looked at everything.
 *
 * {@linkcode Routes} plans likewise which VIPs of `bgp` Eips are announced to
 * routers. Eips of `vip` are announced by nobody; addresses are given out from
 * all. Services
 * in NodeProxy mode get the addresses of nodes instead: {@linkcode NodeProxyPlanner}.
 *
 * @module
 */
export * from "./admission.ts";
export * from "./adoption.ts";
export * from "./aggregation.ts";
export * from "./announcements.ts";
export * from "./bgp_advertisement_checks.ts";
export * from "./bgp_checks.ts";
export * from "./bgp_notes.ts";
export * from "./bgp_planner.ts";
export * from "./bgp_sessions.ts";
export * from "./claim.ts";
export * from "./cluster_state.ts";
export * from "./community_aliases.ts";
export * from "./controller.ts";
export * from "./echo_watch.ts";
export * from "./eip_checks.ts";
export * from "./eip_planner.ts";
export * from "./eip_selection.ts";
export * from "./eip_status.ts";
export * from "./eligibility.ts";
export * from "./endpoint_weights.ts";
export * from "./event_log.ts";
export * from "./interface_selection.ts";
export * from "./link_choice.ts";
export * from "./node_preferences.ts";
export * from "./node_proxy_demand.ts";
export * from "./node_proxy_nodes.ts";
export * from "./node_proxy_occupied.ts";
export * from "./node_proxy_plan.ts";
export * from "./node_proxy_planner.ts";
export * from "./node_proxy_status.ts";
export * from "./planned_write.ts";
export * from "./pool_book.ts";
export * from "./reservations.ts";
export * from "./retirement.ts";
export * from "./rewrite_watch.ts";
export * from "./routes.ts";
export * from "./service_planner.ts";
export * from "./service_status.ts";
export * from "./vip_index.ts";
export * from "./write_queue.ts";
