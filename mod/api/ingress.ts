/**
 * `status.loadBalancer.ingress` of a Service: its entries and when two lists of
 * them are the same.
 *
 * @module
 */

import { parseIpAddr } from "@/addr/ip_addr.ts";

/** One entry of `status.loadBalancer.ingress`. */
export interface LoadBalancerIngress {
  /** The address, as written by whoever wrote it. */
  readonly ip?: string;
  /** A name instead of an address; never written by us. */
  readonly hostname?: string;
  /** `VIP` or `Proxy`; servers before Kubernetes 1.29 drop it. */
  readonly ipMode?: string;
}

/**
 * Whether two ingress lists mean the same.
 *
 * `ipMode` is not compared, because a server that drops it would be written to
 * for ever. Addresses are compared as addresses: OpenELB and older servers kept
 * the text they were given. The order counts, it is what `kubectl` shows.
 *
 * @example Usage
 * ```ts
 * import { sameIngress } from "@/api/ingress.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * strictEqual(sameIngress([{ ip: "192.0.2.1", ipMode: "VIP" }], [{ ip: "192.0.2.1" }]), true);
 * ```
 *
 * @param desired What should stand.
 * @param actual What stands.
 * @returns Whether nothing needs writing.
 */
export function sameIngress(
  desired: readonly LoadBalancerIngress[],
  actual: readonly LoadBalancerIngress[],
): boolean {
  return desired.length === actual.length && desired.every((entry, i) => {
    const other = actual[i];
    return other !== undefined && canonical(entry.ip) === canonical(other.ip) &&
      (entry.hostname ?? "") === (other.hostname ?? "");
  });
}

function canonical(ip: string | undefined): string {
  return ip === undefined ? "" : parseIpAddr(ip) ?? ip;
}
