/**
 * Route leaks told by roles and the attribute OTC (RFC 9234 §5).
 *
 * @module
 */

import type { BgpRole } from "./capability.ts";
import type { PathAttribute } from "./path_attribute.ts";

/** The peer of a session, as far as leaks go. */
export interface OtcPeer {
  /** Its role, as negotiated. */
  readonly role: BgpRole;
  /** Its AS number. */
  readonly as: number;
}

/**
 * Whether a received route is a leak and not to be used: it came up from below
 * although it was meant to go down only.
 *
 * @param attributes The route's attributes.
 * @param from Who sent it.
 * @returns True for OTC from a customer or a route server's client, and from a
 * peer for an AS number other than its own.
 */
export function isRouteLeak(
  attributes: readonly PathAttribute[],
  from: OtcPeer,
): boolean {
  const otc = otcOf(attributes);
  if (otc === undefined) return false;
  return from.role === "customer" || from.role === "rs-client" ||
    (from.role === "peer" && otc !== from.as);
}

/**
 * The attributes of a received route as they are kept: from a provider, a peer
 * or a route server with OTC.
 *
 * @param attributes As they came.
 * @param from Who sent them.
 * @returns The same, and OTC where it was missing.
 */
export function withOtcOnIngress(
  attributes: readonly PathAttribute[],
  from: OtcPeer,
): readonly PathAttribute[] {
  const marks = from.role === "provider" || from.role === "peer" ||
    from.role === "rs";
  if (!marks || otcOf(attributes) !== undefined) return attributes;
  return [...attributes, { kind: "only-to-customer", as: from.as }];
}

/**
 * The attributes of a route as they are sent: to a customer, a peer or a route
 * server's client with OTC.
 *
 * @param attributes As they are kept.
 * @param to The receiver's role and our AS number towards it.
 * @returns The same, and OTC where it was missing; `undefined` when the route
 * must not go there, because it has OTC and that way is not down.
 */
export function withOtcOnEgress(
  attributes: readonly PathAttribute[],
  to: { readonly role: BgpRole; readonly localAs: number },
): readonly PathAttribute[] | undefined {
  const { role, localAs } = to;
  if (otcOf(attributes) !== undefined) {
    const up = role === "provider" || role === "peer" || role === "rs";
    return up ? undefined : attributes;
  }
  const down = role === "customer" || role === "peer" || role === "rs-client";
  return down
    ? [...attributes, { kind: "only-to-customer", as: localAs }]
    : attributes;
}

function otcOf(attributes: readonly PathAttribute[]): number | undefined {
  for (const attribute of attributes) {
    if (attribute.kind === "only-to-customer") return attribute.as;
  }
  return undefined;
}
