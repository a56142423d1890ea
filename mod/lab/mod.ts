/**
 * A whole network in namespaces on one Linux host, with an embedded API server:
 * the demo, and the stage for end-to-end tests.
 *
 * - {@linkcode runSandboxed} starts a program in a sandbox that leaves nothing
 *   behind; everything else runs inside.
 * - {@linkcode LabCluster} is the lab: nodes with agents, a client, the API.
 * - {@linkcode serveApi} is the API server, also by itself.
 * - {@linkcode Capture} takes down who answers, at the ports of the switch.
 * - {@linkcode runBackend} and {@linkcode runProbe} are the programs on its hosts.
 *
 * Nothing in the agent knows that it is in a lab. Not done: kube-proxy (VIPs sit
 * on `lo` of every node instead), Pods, TLS between agent and API server.
 *
 * @module
 */

export * from "./apiserver/mod.ts";
export * from "./backend.ts";
export * from "./capture.ts";
export * from "./client.ts";
export * from "./cluster.ts";
export * from "./command.ts";
export * from "./http_get.ts";
export * from "./lab_api.ts";
export * from "./network.ts";
export * from "./node.ts";
export * from "./objects.ts";
export * from "./outage.ts";
export * from "./probe.ts";
export * from "./process.ts";
export * from "./program.ts";
export * from "./receiver.ts";
export * from "./router.ts";
export * from "./sandbox.ts";
export * from "./wire_answer.ts";
