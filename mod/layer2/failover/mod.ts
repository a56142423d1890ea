/**
 * Fail-over on one link, within half a second and without the API server:
 * agents hear each other's beacons, verify whom they do not hear, and the first
 * candidate that is present claims what a silent one owned.
 *
 * - `failover.ts`: one event in, effects out, and the order of work in a step
 * - `standing.ts`: how this node stands on its link
 * - `fellows.ts`, `verification.ts`: how other agents are known
 * - `vips.ts`, `plan.ts`: who answers for a VIP, and when this node does
 * - `claim.ts`: who has the better right
 * - `foreign.ts`, `witness.ts`: hosts that are no agents
 * - `constants.ts`: the times and limits; `state.ts`: what is remembered
 *
 * Not done: keeping apart which side of a cut link the clients are on.
 *
 * @module
 */

export * from "./agenda.ts";
export * from "./checker.ts";
export * from "./claim.ts";
export * from "./constants.ts";
export * from "./events.ts";
export * from "./failover.ts";
export * from "./state.ts";
