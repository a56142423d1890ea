/**
 * An embedded Kubernetes API server for the demo and for tests.
 *
 * It serves what the agent, the demo and the tests use (Services, Nodes,
 * Namespaces, Events, Secrets, ConfigMaps, Pods as plain objects,
 * EndpointSlices, Leases, CustomResourceDefinitions and what they define) as a
 * kube-apiserver would, and refuses the rest with 501 and its name. It holds
 * everything in memory, and fails on purpose when told to.
 *
 * There are no controllers: no garbage collector, no endpoints, no node
 * lifecycle. Namespaces and CustomResourceDefinitions do take their objects
 * along. Differences from a kube-apiserver are listed beside the contract
 * suite, which runs against both.
 *
 * @module
 */

export * from "./faults.ts";
export * from "./json.ts";
export * from "./request_log.ts";
export type { Verb } from "./resource_request.ts";
export * from "./server.ts";
export * from "./store.ts";
export * from "./watch_cache.ts";
export type { CutKind } from "./watch_session.ts";
