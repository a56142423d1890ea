/**
 * Who answers for a VIP, by the best that is known of it here.
 *
 * The wire decides, and tells the API server afterwards (ADR 0007, 0010). So
 * the agent that answers knows it itself; the others have the condition
 * `Announced`, written when an owner changed, the Event of the last hour, or
 * else the order of the candidates, which nothing has contradicted then.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { announcedOwners } from "@/api/announced.ts";
import type { OwnerView, ReportSource } from "./report.ts";

/**
 * The owner of a VIP.
 *
 * @param source What is known.
 * @param vip The VIP.
 * @param known The Services that have it, and the nodes in line.
 * @returns The owner; undefined when nobody may answer.
 */
export function ownerOf(
  source: ReportSource,
  vip: IpAddr,
  known: {
    readonly services: readonly string[];
    readonly inLine: readonly string[];
  },
): OwnerView | undefined {
  const own = ownView(source, vip);
  if (own !== undefined) return own;
  const [first] = known.inLine;
  // An owner that may not answer any more has been followed by another one.
  const isPossible = ({ node }: OwnerView): boolean =>
    known.inLine.includes(node) && node !== source.own?.node;
  for (const key of known.services) {
    const { conditions = [] } = source.cluster.services.get(key) ?? {};
    const told = announcedOwners(conditions).find((one) => one.vip === vip);
    if (told === undefined) continue;
    const { node, since } = told;
    const view: OwnerView = { node, since, by: "condition" };
    if (isPossible(view)) return view;
  }
  for (const key of known.services) {
    const told = source.told.get(key);
    const ingress = source.cluster.services.get(key)?.ingress ?? [];
    // The Event does not say of which of several addresses.
    if (told === undefined || ingress.length !== 1) continue;
    const view: OwnerView = { node: told.node, since: told.at, by: "event" };
    if (isPossible(view)) return view;
  }
  return first === undefined ? undefined : { node: first, by: "order" };
}

/** What the agent that is asked says of itself. */
function ownView(
  { own, now }: ReportSource,
  vip: IpAddr,
): OwnerView | undefined {
  if (own === undefined) return undefined;
  const sinceMs = own.owned.get(vip);
  if (sinceMs === undefined) return undefined;
  const since = isoBefore(now, own.nowMs - sinceMs);
  return { node: own.node, since, by: "agent" };
}

/** A time some milliseconds before another, both RFC 3339 without fractions. */
export function isoBefore(iso: string, durationMs: number): string {
  const at = new Date(Date.parse(iso) - durationMs).toISOString();
  return at.replace(/\.\d+Z$/, "Z");
}
