/**
 * BGP policies as GoBGP has them, read from its TOML and applied to what peers
 * are told.
 *
 * @module
 */

export * from "./export_policy.ts";
export * from "./parse_policy.ts";
export * from "./policy.ts";
export * from "./policy_in_force.ts";
