/**
 * The status of a Service as it should read, and the one PATCH that gets it there.
 *
 * @module
 */

import {
  EIP_NAME_LABEL,
  SECOND_EIP_LABEL,
  SERVICE_FINALIZER,
} from "@/api/names.ts";
import { type Condition, sameConditions } from "@/api/conditions.ts";
import { sameIngress } from "@/api/ingress.ts";
import type { Service } from "@/api/mod.ts";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { HeldAddress } from "@/ipam/mod.ts";
import type { PlannedWrite } from "./planned_write.ts";

/** What a Service should carry. */
export interface DesiredService {
  /** `status.loadBalancer.ingress`. */
  readonly ingress: Service["ingress"];
  /** The Eip its first address is from; undefined: no label and no finalizer. */
  readonly eip: string | undefined;
  /** The Eip its second address is from, where that is another one. */
  readonly secondEip: string | undefined;
  /** Conditions, complete. */
  readonly conditions: readonly Condition[];
}

/** What the labels of a Service should say of where its addresses are from; of an Eip that is gone, what they say. */
export function eipLabels(
  { meta: { labels } }: Service,
  [first, second]: readonly HeldAddress[],
): Pick<DesiredService, "eip" | "secondEip"> {
  if (first === undefined) return { eip: undefined, secondEip: undefined };
  const eip = first.pool ?? labels[EIP_NAME_LABEL] ?? "";
  const secondEip = second && (second.pool ?? labels[SECOND_EIP_LABEL]);
  return { eip, secondEip: secondEip === eip ? undefined : secondEip };
}

/** What the ingress of a released Service keeps: what is not ours. */
export function foreignIngress(
  service: Service,
  ours: ReadonlySet<IpAddr>,
): Service["ingress"] {
  return service.ingress.filter(({ ip }) => {
    const address = ip === undefined ? undefined : parseIpAddr(ip);
    return address === undefined || !ours.has(address);
  });
}

/** Whether a Service already reads as desired. */
export function readsAs(service: Service, desired: DesiredService): boolean {
  const finalizer = service.meta.finalizers.includes(SERVICE_FINALIZER);
  return service.meta.labels[EIP_NAME_LABEL] === desired.eip &&
    service.meta.labels[SECOND_EIP_LABEL] === desired.secondEip &&
    finalizer === (desired.eip !== undefined) &&
    sameIngress(desired.ingress, service.ingress) &&
    sameConditions(service.conditions, desired.conditions);
}

/**
 * The write that gives a Service its addresses, labels and finalizer at once,
 * or takes all of them.
 *
 * It carries the resourceVersion that the decision rests on: a Service that
 * changed in the meantime is looked at again instead.
 */
export function serviceStatusPatch(
  service: Service,
  desired: DesiredService,
): PlannedWrite {
  const { namespace, name, resourceVersion, labels, finalizers } = service.meta;
  const others = finalizers.filter((one) => one !== SERVICE_FINALIZER);
  const conditionsChanged = !sameConditions(
    service.conditions,
    desired.conditions,
  );
  return {
    id: `service/${namespace}/${name}`,
    method: "PATCH",
    path: `/api/v1/namespaces/${namespace}/services/${name}/status`,
    contentType: "application/merge-patch+json",
    body: {
      metadata: {
        resourceVersion,
        labels: {
          [EIP_NAME_LABEL]: desired.eip ?? null,
          ...(labels[SECOND_EIP_LABEL] === desired.secondEip
            ? {}
            : { [SECOND_EIP_LABEL]: desired.secondEip ?? null }),
        },
        finalizers: desired.eip === undefined
          ? others
          : [...others, SERVICE_FINALIZER],
      },
      status: {
        loadBalancer: { ingress: desired.ingress },
        ...(conditionsChanged ? { conditions: desired.conditions } : {}),
      },
    },
  };
}

/** The ingress entries for addresses of ours. */
export function ingressOf(
  addresses: readonly IpAddr[],
): readonly { readonly ip: IpAddr; readonly ipMode: "VIP" }[] {
  return addresses.map((ip) => ({ ip, ipMode: "VIP" }));
}
