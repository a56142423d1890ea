/**
 * What `foghorn status` and `foghorn why` tell, made from the plans of a node
 * by the code that plans.
 *
 * @module
 */
export * from "./candidates.ts";
export * from "./lease_judgement.ts";
export * from "./on_the_wire.ts";
export * from "./owner.ts";
export * from "./report.ts";
export * from "./source.ts";
export * from "./status.ts";
export * from "./why.ts";
