/**
 * The agent over HTTP: health, readiness, metrics and reports, over read-only
 * views.
 *
 * Everything but the reports, which are for the same machine only, can be asked
 * by anybody who reaches the port; nothing here changes anything. The admission
 * webhook and the dashboard are not here yet.
 *
 * @module
 */
export * from "./metrics_page.ts";
export * from "./report_api.ts";
export * from "./samples.ts";
export * from "./server.ts";
