/**
 * The message of a Service's condition `Announced`: who answers for which of
 * its addresses, and since when. Written for people, and read back by us.
 *
 * @module
 */

import { compareIpAddr, type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { CONDITION, type Condition } from "./conditions.ts";

/** Who answers for an address. */
export interface AnnouncedOwner {
  /** The address. */
  readonly vip: IpAddr;
  /** The node. */
  readonly node: string;
  /** Since when, RFC 3339. */
  readonly since: string;
}

/**
 * Writes owners as the message of `Announced`.
 *
 * @example Usage
 * ```ts
 * import { parseIpAddr } from "@/addr/ip_addr.ts";
 * import { formatOwners, parseOwners } from "@/api/announced.ts";
 * import { deepStrictEqual, strictEqual } from "node:assert/strict";
 *
 * const vip = parseIpAddr("192.0.2.91");
 * const owners = vip ? [{ vip, node: "n2", since: "2026-01-01T00:00:00Z" }] : [];
 * const text = formatOwners(owners);
 * strictEqual(text, "owner n2 of 192.0.2.91 since 2026-01-01T00:00:00Z");
 * deepStrictEqual(parseOwners(text), owners);
 * ```
 *
 * @param owners The owners; one for each address.
 * @returns One sentence, addresses in order.
 */
export function formatOwners(owners: readonly AnnouncedOwner[]): string {
  return owners.toSorted((a, b) => compareIpAddr(a.vip, b.vip))
    .map(({ vip, node, since }) => `owner ${node} of ${vip} since ${since}`)
    .join(", ");
}

/**
 * Reads owners from the message of `Announced`.
 *
 * @param message The message.
 * @returns The owners it names; what is not of our form is passed by.
 */
export function parseOwners(message: string): readonly AnnouncedOwner[] {
  return message.split(", ").flatMap((part) => {
    const [, node, address, since] = OWNER.exec(part) ?? [];
    const vip = address === undefined ? undefined : parseIpAddr(address);
    return node === undefined || since === undefined || vip === undefined
      ? []
      : [{ vip, node, since }];
  });
}

/**
 * The owners that the conditions of a Service name.
 *
 * @param conditions The conditions.
 * @returns The owners; none where `Announced` is not True, or not there.
 */
export function announcedOwners(
  conditions: readonly Condition[],
): readonly AnnouncedOwner[] {
  const announced = announcedCondition(conditions);
  return announced?.status === "True" ? parseOwners(announced.message) : [];
}

/**
 * The condition `Announced`.
 *
 * @param conditions The conditions.
 * @returns It, or undefined.
 */
export function announcedCondition(
  conditions: readonly Condition[],
): Condition | undefined {
  return conditions.find(({ type }) => type === CONDITION.announced);
}

// A node's name is a DNS subdomain, an address has neither blanks nor commas.
const OWNER = /^owner ([a-z0-9.-]+) of ([0-9a-fA-F.:]+) since (\S+)$/;
