/**
 * The objects of an installation, as typed values: what `foghorn manifests`
 * prints, what `deploy/` holds, and what the chart is compared with.
 *
 * - `install.ts`: all of them, in order
 * - `rbac.ts`, `daemon_set.ts`, `admission.ts`, `opt_in.ts`: each kind
 * - `options.ts`: what can be told, and common names and ports
 *
 * @module
 */
export * from "./daemon_set.ts";
export * from "./install.ts";
export type * from "./kube_objects.ts";
export * from "./opt_in.ts";
export * from "./options.ts";
export * from "./rbac.ts";
