/**
 * Leadership and liveness over Leases, as pure cores: one event in, effects out.
 *
 * - {@linkcode stepLeader}: who is the controller, over the one Lease OpenELB's
 *   controller uses too, with client-go's semantics.
 * - {@linkcode stepNodeLease}: keeps this node's own Lease and what it carries.
 * - {@linkcode stepLiveness}: judges the other nodes' Leases.
 *
 * All three reckon on the observer's monotonic clock. Wall-clock times are
 * written for people to read and never read back. Every write carries the
 * resourceVersion it is based on; when that was old, the core asks for the
 * Lease to be read (`read-lease`), because a connection that lost an answer may
 * have lost the watch too.
 *
 * Not here: Leases as objects (`api`, `io/kube`), and who owns an address
 * (`layer2`, which finds failures on the link much faster than Leases do).
 *
 * @module
 */

export * from "./leader.ts";
export * from "./lease_fields.ts";
export * from "./liveness.ts";
export * from "./node_lease.ts";
export * from "./renewal.ts";
