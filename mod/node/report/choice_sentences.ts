/**
 * Why a Service is ours, and how each pool stands to it, in sentences.
 *
 * @module
 */

import type { Service } from "@/api/mod.ts";
import {
  NODE_PROXY_TYPE_ANNOTATION,
  OPENELB_ANNOTATION,
  OPENELB_ANNOTATION_VALUE,
} from "@/api/names.ts";
import {
  type FamilyExplanation,
  plainRefusal,
  type PoolVerdict,
} from "@/ipam/mod.ts";
import type { ClaimConfig, ClaimVerdict } from "@/reconcile/mod.ts";

/**
 * Why a Service is ours, or what would make it so.
 *
 * @param verdict The verdict.
 * @param service The Service.
 * @param config How Services are chosen.
 */
export function claimSentence(
  { by }: ClaimVerdict,
  service: Service,
  config: ClaimConfig,
): string {
  const ours = config.loadBalancerClass;
  switch (by) {
    case "class":
      return `by spec.loadBalancerClass ${ours}`;
    case "annotation":
      return `by the annotation ${OPENELB_ANNOTATION}: ${OPENELB_ANNOTATION_VALUE}`;
    case "unclassed":
      return "by --claim-unclassed: it has neither class nor annotation";
    case "kept":
      return `it is of the class ${service.loadBalancerClass}, and keeps what it had before`;
    case "deleting":
      return "It is being deleted, and what it had is released";
    case "type":
      return `It is of type ${service.type}: set spec.type to LoadBalancer`;
    case "node-proxy":
      return `by the annotation ${NODE_PROXY_TYPE_ANNOTATION}: ${
        service.meta.annotations[NODE_PROXY_TYPE_ANNOTATION] ?? ""
      }, with the addresses of nodes instead of one from an Eip`;
    case "other-class":
      return `It is of the class ${service.loadBalancerClass}, which another load balancer serves: create it again with spec.loadBalancerClass ${ours}`;
    case "other-annotation":
      return `Its annotation ${OPENELB_ANNOTATION} is "${
        service.meta.annotations[OPENELB_ANNOTATION] ?? ""
      }": write ${OPENELB_ANNOTATION_VALUE}`;
    case "unasked":
      return `It does not ask for us: add the annotation ${OPENELB_ANNOTATION}: ${OPENELB_ANNOTATION_VALUE}, or create it with spec.loadBalancerClass ${ours}`;
  }
}

/**
 * How a pool stands to a Service.
 *
 * @param verdict The verdict of the allocator.
 * @param service The Service.
 * @param family The decision it is part of.
 */
export function poolSentence(
  { pool, standing, refusal }: PoolVerdict,
  service: Service,
  { family }: FamilyExplanation,
): string {
  const { namespace } = service.meta;
  switch (standing) {
    case "chosen":
      return pool.address;
    case "preferred":
      return "would be chosen now, but an address is not moved for that";
    case "later":
      return "could serve it too, and comes later by priority, age or name";
    case "full":
      return "all addresses are in use or reserved";
    case "refused":
      return refusal === undefined ? "refused" : plainRefusal(refusal);
    case "disabled":
      return "gives out nothing: spec.disable is true, or its condition Ready says what is wrong";
    case "deleting":
      return "is being deleted";
    case "other-family":
      return `is of IPv${pool.family}, not IPv${family}`;
    case "not-named":
      return "is not the Eip that the Service names";
    case "outside":
      return "does not have the address that the Service names";
    case "unbound":
      return `is neither bound to the namespace ${namespace} nor the default`;
    case "default-unused":
      return `is the default, which is used only where no Eip is bound to the namespace; ${namespace} has one`;
  }
}
