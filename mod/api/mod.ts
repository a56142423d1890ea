/**
 * The Kubernetes kinds we read and write: as plain readonly values, checked at
 * the door.
 *
 * - `project…` reads an object as the API server sends it: what we use is kept,
 *   what we do not know is dropped, defaults are applied, and a broken object
 *   gives one sentence. None of them throws. What thousands of objects go
 *   through is narrowed by hand; the specs of our own kinds go through zod.
 * - {@linkcode crdDocuments} gives the CustomResourceDefinitions, made from the
 *   same zod schemas.
 * - {@linkcode setCondition} and {@linkcode sameIngress} keep us from writing
 *   what already reads so.
 * - {@linkcode encodeLinks} and its fellows are what agents tell each other in
 *   the annotations of their Leases.
 * - {@linkcode projectAdmissionReview} and {@linkcode admissionReview} are what
 *   the API server asks the webhook, and its answer.
 * - `names.ts` holds every fixed name.
 *
 * Not here: how names and texts of OpenELB are used (`reconcile`), talking to
 * the API server (`io/kube`), parsing of pool addresses (`addr`, `ipam`).
 *
 * @module
 */

export * from "./announced.ts";
export * from "./admission_review.ts";
export * from "./admission_secret.ts";
export * from "./bgp_conf.ts";
export * from "./bgp_peer.ts";
export * from "./bgp_references.ts";
export * from "./cluster_role_binding.ts";
export * from "./conditions.ts";
export * from "./crds.ts";
export * from "./eip.ts";
export * from "./endpoint_slice.ts";
export * from "./ingress.ts";
export * from "./lease.ts";
export * from "./links_annotation.ts";
export * from "./names.ts";
export * from "./namespace.ts";
export * from "./node.ts";
export * from "./bgp_routers_annotation.ts";
export * from "./node_proxy.ts";
export type { ObjectMeta } from "./object_meta.ts";
export * from "./service.ts";
export * from "./webhook_configuration.ts";
export * from "./wire_key_secret.ts";
