/**
 * What an agent tells the others in its Lease, read.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import {
  decodeBgpRouters,
  decodeCanReach,
  decodeHeld,
  decodeLinks,
  decodeNodeProxy,
  decodeProblems,
  LEASE_BGP_ROUTERS_ANNOTATION,
  LEASE_CAN_REACH_ANNOTATION,
  LEASE_HELD_ANNOTATION,
  LEASE_LINKS_ANNOTATION,
  LEASE_NODE_PROXY_ANNOTATION,
  LEASE_PROBLEMS_ANNOTATION,
  LEASE_UNFIT_ANNOTATION,
} from "@/api/mod.ts";
import type { AgentRecord } from "@/reconcile/mod.ts";

/**
 * What an agent published in the annotations of its Lease; what cannot be read
 * counts as not said.
 *
 * @param node Its node.
 * @param annotations The annotations.
 */
export function agentRecordOf(
  node: string,
  annotations: Readonly<Record<string, string>>,
): AgentRecord {
  const textOf = (name: string): string => {
    const text = annotations[name] ?? "";
    return text === "" ? "[]" : text;
  };
  const unfit = annotations[LEASE_UNFIT_ANNOTATION] ?? "";
  const links = decodeLinks(textOf(LEASE_LINKS_ANNOTATION));
  const canReach = decodeCanReach(textOf(LEASE_CAN_REACH_ANNOTATION));
  const problems = decodeProblems(textOf(LEASE_PROBLEMS_ANNOTATION));
  const held = decodeHeld(textOf(LEASE_HELD_ANNOTATION));
  const routers = decodeBgpRouters(textOf(LEASE_BGP_ROUTERS_ANNOTATION));
  const nodeProxy = decodeNodeProxy(
    annotations[LEASE_NODE_PROXY_ANNOTATION] ?? "",
  );
  return {
    node,
    ...(unfit === "" ? {} : { unfit }),
    links: links.ok ? links.value : [],
    canReach: canReach.ok ? canReach.value : new Map<IpAddr, string>(),
    problems: problems.ok ? problems.value : [],
    ...(held.ok && held.value.length > 0 ? { held: held.value } : {}),
    ...(routers.ok && routers.value.length > 0
      ? { bgpRouters: routers.value }
      : {}),
    ...(nodeProxy.ok ? { nodeProxy: nodeProxy.value } : {}),
  };
}

/** The node in the identity of a controller: what is before the first `_`, here as in OpenELB. */
export function nodeOfIdentity(identity: string): string {
  return identity.split("_", 1)[0] ?? identity;
}
