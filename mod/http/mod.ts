/**
 * The agent over HTTP: health, readiness, metrics and reports, and over HTTPS
 * the admission webhook, over read-only views.
 *
 * Everything but the reports, which are for the same machine only, can be asked
 * by anybody who reaches the port, but for metrics where they are kept for those
 * with a token (`metrics_server.ts`); nothing here changes anything. The dashboard
 * is not here yet.
 *
 * @module
 */
export * from "./admission_server.ts";
export * from "./metrics_gate.ts";
export * from "./metrics_page.ts";
export * from "./metrics_server.ts";
export * from "./openelb_samples.ts";
export * from "./report_api.ts";
export * from "./samples.ts";
export * from "./server.ts";
export * from "./tls_listener.ts";
