/**
 * The agent over HTTP: health, readiness and metrics, over read-only views.
 *
 * Everything here can be asked by anybody who reaches the port; nothing here
 * changes anything. The JSON API, the admission webhook and the dashboard are
 * not here yet.
 *
 * @module
 */
export * from "./metrics_page.ts";
export * from "./samples.ts";
export * from "./server.ts";
