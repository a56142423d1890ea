/**
 * Which Services are ours, and what each of them asks for.
 *
 * @module
 */

import { CONDITION_REASON } from "@/api/conditions.ts";
import type { AllocationRequest } from "@/ipam/mod.ts";
import {
  EIP_ADDRESS_ANNOTATION,
  EIP_NAME_ANNOTATION,
  EIP_NAME_LABEL,
  NODE_PROXY_EXTERNAL_IP_ANNOTATION,
  NODE_PROXY_FINALIZER,
  NODE_PROXY_INTERNAL_IP_ANNOTATION,
  NODE_PROXY_TYPE_ANNOTATION,
  OPENELB_ANNOTATION,
  OPENELB_ANNOTATION_VALUE,
  SERVICE_FINALIZER,
} from "@/api/names.ts";
import type { Namespace, Service } from "@/api/mod.ts";
import { type IpAddr, type IpFamily, parseIpAddr } from "@/addr/ip_addr.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import { keyOf } from "./cluster_state.ts";

/** How Services are chosen. */
export interface ClaimConfig {
  /** The `spec.loadBalancerClass` that is ours. */
  readonly loadBalancerClass: string;
  /** Whether Services with neither class nor annotation are ours too. */
  readonly claimUnclassed: boolean;
}

/** Why a request cannot be read. */
export interface RequestError {
  /** CamelCase reason for the condition. */
  readonly reason: string;
  /** One sentence that says what would be right. */
  readonly message: string;
}

/** How many nodes a Service in NodeProxy mode is published on: one, or all that are fit. */
export type NodeProxyType = "deployment" | "daemonset";

/**
 * Why a Service wants an address from a pool, or does not:
 *
 * - it does by `class`, by OpenELB's `annotation`, as `unclassed` where those are
 *   taken too, or `kept`: of a foreign class, with what an OpenELB gave it;
 * - it does not since it is `deleting`, of another `type`, of an `other-class`,
 *   by an `other-annotation` (without a class), or `unasked`; or since it wants
 *   the addresses of nodes, which is `node-proxy`.
 */
export type ClaimVerdict =
  | {
    readonly isOurs: true;
    readonly by: "class" | "annotation" | "unclassed" | "kept";
  }
  | {
    readonly isOurs: false;
    readonly by:
      | "deleting"
      | "type"
      | "node-proxy"
      | "other-class"
      | "other-annotation"
      | "unasked";
  };

/**
 * Whether a Service wants an address of ours, and by what.
 *
 * Opted in by class or by OpenELB's annotation. A Service of a foreign class is
 * never newly taken, but keeps what an OpenELB, which does not read the class,
 * has already given it.
 */
export function claimOf(service: Service, config: ClaimConfig): ClaimVerdict {
  const { deletionTimestamp, annotations } = service.meta;
  if (deletionTimestamp !== undefined) return NOT_OURS.deleting;
  if (service.type !== "LoadBalancer") return NOT_OURS.type;
  const wants = nodeProxyType(service) === undefined
    ? undefined
    : NOT_OURS.nodeProxy;
  const annotation = annotations[OPENELB_ANNOTATION];
  const optedIn = annotation === OPENELB_ANNOTATION_VALUE;
  const serviceClass = service.loadBalancerClass;
  if (serviceClass === config.loadBalancerClass) return wants ?? OURS.class;
  if (serviceClass !== undefined) {
    return optedIn && carriesOurMarks(service)
      ? OURS.kept
      : NOT_OURS.otherClass;
  }
  if (optedIn) return wants ?? OURS.annotation;
  if (annotation !== undefined) return NOT_OURS.otherAnnotation;
  return config.claimUnclassed ? wants ?? OURS.unclassed : NOT_OURS.unasked;
}

/** Whether a Service is ours and wants the addresses of nodes, see {@linkcode claimOf}. */
export function wantsNodeProxy(service: Service, config: ClaimConfig): boolean {
  return nodeProxyType(service) !== undefined &&
    claimOf(service, config).by === "node-proxy";
}

/** How a Service asks for NodeProxy, ours or not; undefined: it does not. */
export function nodeProxyType(service: Service): NodeProxyType | undefined {
  const type = service.meta.annotations[NODE_PROXY_TYPE_ANNOTATION];
  return type === "deployment" || type === "daemonset" ? type : undefined;
}

/** Whether NodeProxy has left anything on a Service, ours or OpenELB's. */
export function carriesNodeProxyMarks({ meta }: Service): boolean {
  return meta.annotations[NODE_PROXY_EXTERNAL_IP_ANNOTATION] !== undefined ||
    meta.annotations[NODE_PROXY_INTERNAL_IP_ANNOTATION] !== undefined ||
    meta.finalizers.includes(NODE_PROXY_FINALIZER);
}

/** Whether a Service wants an address of ours, see {@linkcode claimOf}. */
export function wantsAddress(service: Service, config: ClaimConfig): boolean {
  return claimOf(service, config).isOurs;
}

// Asked of every Service at every change: made once.
const OURS = {
  class: { isOurs: true, by: "class" },
  annotation: { isOurs: true, by: "annotation" },
  unclassed: { isOurs: true, by: "unclassed" },
  kept: { isOurs: true, by: "kept" },
} as const;
const NOT_OURS = {
  deleting: { isOurs: false, by: "deleting" },
  type: { isOurs: false, by: "type" },
  nodeProxy: { isOurs: false, by: "node-proxy" },
  otherClass: { isOurs: false, by: "other-class" },
  otherAnnotation: { isOurs: false, by: "other-annotation" },
  unasked: { isOurs: false, by: "unasked" },
} as const;

/** Whether a Service carries the label or the finalizer of an allocation. */
export function carriesOurMarks(service: Service): boolean {
  return service.meta.labels[EIP_NAME_LABEL] !== undefined ||
    service.meta.finalizers.includes(SERVICE_FINALIZER);
}

/** The addresses in a Service's status, in order, without those that do not parse. */
export function ingressAddresses(service: Service): readonly IpAddr[] {
  const addresses: IpAddr[] = [];
  for (const { ip } of service.ingress) {
    const address = ip === undefined ? undefined : parseIpAddr(ip);
    if (address !== undefined) addresses.push(address);
  }
  return addresses;
}

/**
 * What a Service asks the allocator for.
 *
 * The address annotation overrides `spec.loadBalancerIP` when it is present,
 * even when it is empty. Both hold one address, or one per family separated by
 * a comma; so does the annotation that names the Eip.
 *
 * @param service The Service.
 * @param namespace Its Namespace, for the namespace selectors of pools.
 * @returns The request, or the operator's mistake.
 */
export function allocationRequest(
  service: Service,
  namespace: Namespace | undefined,
): Result<AllocationRequest, RequestError> {
  const { annotations } = service.meta;
  const text = annotations[EIP_ADDRESS_ANNOTATION] ??
    service.loadBalancerIP ?? "";
  const wantedIps: IpAddr[] = [];
  for (const part of listOf(text)) {
    const address = parseIpAddr(part);
    if (address === undefined) {
      return err({
        reason: CONDITION_REASON.addressInvalid,
        message:
          `Cannot allocate "${part}": it is not an IP address, write one like 192.168.0.91 or 2001:db8::91`,
      });
    }
    wantedIps.push(address);
  }
  if (wantedIps.length > ADDRESSES_PER_SERVICE_MAX) {
    return err({
      reason: "TooManyAddresses",
      message:
        `Cannot allocate ${wantedIps.length} addresses to one Service: ask for at most one per IP family`,
    });
  }
  return ok({
    service: keyOf(service.meta),
    families: familiesOf(service),
    familyPolicy: policyOf(service),
    wantedEips: listOf(annotations[EIP_NAME_ANNOTATION] ?? ""),
    wantedIps,
    namespace: service.meta.namespace,
    namespaceLabels: namespace?.meta.labels ?? {},
    ports: service.ports.map(({ protocol, port }) => ({ protocol, port })),
    externalTrafficPolicy: service.externalTrafficPolicy,
    selector: service.selector,
  });
}

function listOf(text: string): readonly string[] {
  return text.split(",").map((part) => part.trim()).filter((part) =>
    part !== ""
  );
}

/** The IP families of a Service, in its order. */
export function familiesOf(service: Service): readonly IpFamily[] {
  const families = service.ipFamilies.map((family): IpFamily =>
    family === "IPv6" ? 6 : 4
  );
  return families.length === 0 ? [4] : families;
}

function policyOf(service: Service): AllocationRequest["familyPolicy"] {
  switch (service.ipFamilyPolicy) {
    case "PreferDualStack":
      return "prefer";
    case "RequireDualStack":
      return "require";
    default:
      return "single";
  }
}

const ADDRESSES_PER_SERVICE_MAX = 2;
