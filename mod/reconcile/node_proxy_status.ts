/**
 * What a Service in NodeProxy mode should carry, and the one PATCH that gets it
 * there.
 *
 * OpenELB's two annotations tell, with the next agent that leads as with people,
 * which addresses in the status are there by NodeProxy.
 *
 * @module
 */

import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { type Condition, sameConditions } from "@/api/conditions.ts";
import { sameIngress } from "@/api/ingress.ts";
import type { Service } from "@/api/mod.ts";
import {
  NODE_PROXY_EXTERNAL_IP_ANNOTATION,
  NODE_PROXY_FINALIZER,
  NODE_PROXY_INTERNAL_IP_ANNOTATION,
} from "@/api/names.ts";
import { carriesNodeProxyMarks } from "./claim.ts";
import type { PlannedWrite } from "./planned_write.ts";
import { foreignIngress } from "./service_status.ts";

/** What a Service should carry by NodeProxy. */
export interface DesiredNodeProxy {
  /** `status.loadBalancer.ingress`. */
  readonly ingress: Service["ingress"];
  /** External addresses; none: no annotation. */
  readonly external: readonly IpAddr[];
  /** Internal addresses, likewise. */
  readonly internal: readonly IpAddr[];
  /** Conditions, complete. */
  readonly conditions: readonly Condition[];
}

/** What the ingress of a Service keeps that leaves NodeProxy: what the annotations do not name. */
export function ingressWithoutNodes(service: Service): Service["ingress"] {
  const { annotations } = service.meta;
  const named = new Set(
    [NODE_PROXY_EXTERNAL_IP_ANNOTATION, NODE_PROXY_INTERNAL_IP_ANNOTATION]
      .flatMap((name) => (annotations[name] ?? "").split(","))
      .flatMap((text) => parseIpAddr(text.trim()) ?? []),
  );
  return foreignIngress(service, named);
}

/** Whether a Service already reads as desired. */
export function nodeProxyReadsAs(
  service: Service,
  desired: DesiredNodeProxy,
): boolean {
  const { annotations, finalizers } = service.meta;
  return annotations[NODE_PROXY_EXTERNAL_IP_ANNOTATION] ===
      textOf(desired.external) &&
    annotations[NODE_PROXY_INTERNAL_IP_ANNOTATION] ===
      textOf(desired.internal) &&
    !finalizers.includes(NODE_PROXY_FINALIZER) &&
    sameIngress(desired.ingress, service.ingress) &&
    sameConditions(service.conditions, desired.conditions);
}

/**
 * The write that gives a Service addresses, annotations and conditions at once,
 * or takes all of them, OpenELB's finalizer too. It carries the resourceVersion
 * that the decision rests on.
 */
export function nodeProxyPatch(
  service: Service,
  desired: DesiredNodeProxy,
): PlannedWrite {
  const { namespace, name, resourceVersion, finalizers } = service.meta;
  const others = finalizers.filter((one) => one !== NODE_PROXY_FINALIZER);
  const hasMarks = carriesNodeProxyMarks(service);
  const annotations = {
    [NODE_PROXY_EXTERNAL_IP_ANNOTATION]: textOf(desired.external) ?? null,
    [NODE_PROXY_INTERNAL_IP_ANNOTATION]: textOf(desired.internal) ?? null,
  };
  const told = Object.values(annotations).some((text) => text !== null);
  return {
    id: `service/${namespace}/${name}`,
    method: "PATCH",
    path: `/api/v1/namespaces/${namespace}/services/${name}/status`,
    contentType: "application/merge-patch+json",
    body: {
      metadata: {
        resourceVersion,
        ...(hasMarks || told ? { annotations } : {}),
        ...(others.length === finalizers.length ? {} : { finalizers: others }),
      },
      status: {
        loadBalancer: { ingress: desired.ingress },
        ...(sameConditions(service.conditions, desired.conditions)
          ? {}
          : { conditions: desired.conditions }),
      },
    },
  };
}

/** Comma-joined, as OpenELB writes it; undefined when there is none. */
function textOf(addresses: readonly IpAddr[]): string | undefined {
  return addresses.length === 0 ? undefined : addresses.join(",");
}
