/**
 * Which Services can have one address together.
 *
 * Two Services collide when they have a protocol and port in common, or when
 * they are backed by different pods and one of them has
 * `externalTrafficPolicy: Local`: the nodes that may answer for the address
 * would then be other ones for each.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";

/** What of a Service decides with whom it can share an address. */
export interface SharingFacts {
  /** Its ports. */
  readonly ports: readonly ServicePort[];
  /** Whether only nodes with an endpoint of it take its traffic. */
  readonly externalTrafficPolicy: "Cluster" | "Local";
  /** Its pods. */
  readonly selector: Readonly<Record<string, string>>;
}

/** A port of a Service. */
export interface ServicePort {
  /** `TCP`, `UDP` or `SCTP`. */
  readonly protocol: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** Two Services that cannot have one address together. */
export interface SharingConflict {
  /** The address. */
  readonly address: IpAddr;
  /** The other Service, as `namespace/name`. */
  readonly service: string;
  /** CamelCase reason. */
  readonly reason: "PortConflict" | "PolicyConflict";
  /** One sentence. */
  readonly message: string;
}

/** A Service among those that have an address. */
export interface Sharer {
  /** The Service, as `namespace/name`. */
  readonly service: string;
  /** What decides. */
  readonly facts: SharingFacts;
}

/**
 * Whether two Services collide on an address.
 *
 * @example Usage
 * ```ts
 * import { sharingConflict } from "@/ipam/sharing.ts";
 * import { parseIpAddr } from "@/addr/ip_addr.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const address = parseIpAddr("192.0.2.1");
 * const web = {
 *   ports: [{ protocol: "TCP", port: 80 }],
 *   externalTrafficPolicy: "Cluster",
 *   selector: { app: "web" },
 * } as const;
 * const other = { service: "shop/web", facts: web };
 * strictEqual(address && sharingConflict(address, web, other)?.reason, "PortConflict");
 * ```
 *
 * @param address The address.
 * @param facts One Service.
 * @param other The other.
 * @returns The collision, or `undefined` when they can share.
 */
export function sharingConflict(
  address: IpAddr,
  facts: SharingFacts,
  other: Sharer,
): SharingConflict | undefined {
  const { service } = other;
  for (const { protocol, port } of facts.ports) {
    const collides = other.facts.ports.some((its) =>
      its.port === port && its.protocol === protocol
    );
    if (!collides) continue;
    return {
      address,
      service,
      reason: "PortConflict",
      message:
        `the ip:${address} already serves ${protocol} ${port} for the service ${service}`,
    };
  }
  const anyLocal = facts.externalTrafficPolicy === "Local" ||
    other.facts.externalTrafficPolicy === "Local";
  if (!anyLocal || sameLabels(facts.selector, other.facts.selector)) {
    return undefined;
  }
  return {
    address,
    service,
    reason: "PolicyConflict",
    message:
      `the ip:${address} is used by the service ${service}, which has other pods, ` +
      "and externalTrafficPolicy of one of the two is Local",
  };
}

/** Whether two Services are the same to those they share with. */
export function sameSharingFacts(a: SharingFacts, b: SharingFacts): boolean {
  return a.externalTrafficPolicy === b.externalTrafficPolicy &&
    a.ports.length === b.ports.length &&
    a.ports.every((one, i) =>
      one.port === b.ports[i]?.port && one.protocol === b.ports[i].protocol
    ) &&
    sameLabels(a.selector, b.selector);
}

/** Whether two maps of labels, or none, have the same entries. */
export function sameLabels(
  a: Readonly<Record<string, string>> | undefined,
  b: Readonly<Record<string, string>> | undefined,
): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length &&
    keys.every((key) => a[key] === b[key]);
}

/** Services that can have one address together. */
export const SHARERS_MAX = 1024;
/** Collisions reported to one Service. */
export const CONFLICTS_REPORTED_MAX = 16;
