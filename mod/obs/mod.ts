/**
 * What can be observed of an agent: names, help and labels of its metrics, and
 * the form of its recording.
 *
 * Pure data: `http` shows it, `node` and `io` fill it in.
 *
 * @module
 */
export * from "./metrics.ts";
export * from "./openelb_metrics.ts";
export * from "./recording.ts";
