/**
 * What no announcer can be quicker than: the API server's own two round trips, a
 * Service created and an address written into its status.
 *
 * @module
 */

import type { KubernetesLab } from "../../kubernetes/lab.ts";
import { servicePath, servicesPath } from "../../kubernetes/objects.ts";

/**
 * Creates a Service that no agent cares for, and gives it an address.
 *
 * @param lab Where.
 * @param name Its name.
 * @returns How long both took, in ms.
 */
export async function apiAlone(
  { objects }: KubernetesLab,
  name: string,
): Promise<number> {
  const startMs = performance.now();
  await objects.create(servicesPath("default"), {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: {
      type: "LoadBalancer",
      loadBalancerClass: "example.com/nobody",
      ports: [{ port: 80 }],
    },
  });
  const status = { loadBalancer: { ingress: [{ ip: VIP }] } };
  await objects.patch(`${servicePath(name)}/status`, { status });
  return performance.now() - startMs;
}

const VIP = "203.0.113.91";
