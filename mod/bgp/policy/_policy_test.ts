/**
 * What the tests of policies share: routes, sessions and policies of one statement.
 *
 * @module
 */

import { parseIpAddr } from "@/addr/ip_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import {
  parseCommunity,
  parseExtendedCommunity,
  parseLargeCommunity,
} from "@/wire/bgp/community.ts";
import type { ExportContext, PolicyResult } from "../exporter.ts";
import type { OwnAttributes, Path } from "../loc_rib.ts";
import { exportPolicy } from "./export_policy.ts";
import { parsePolicy } from "./parse_policy.ts";
import { type BgpPolicy, formatPolicyProblem } from "./policy.ts";

/** A route before it meets a policy. */
export interface TestRoute {
  /** Its prefix; 192.0.2.1/32 when absent. */
  readonly prefix?: string;
  /** Its next hop; ourselves when absent. */
  readonly nextHop?: string;
  /** What it carries, as text. */
  readonly communities?: readonly string[];
  readonly extended?: readonly string[];
  readonly large?: readonly string[];
  readonly med?: number;
  readonly localPref?: number;
  /** The peer: 10.0.0.2 when absent. */
  readonly peer?: string | "unknown";
  /** An iBGP session; eBGP when absent. */
  readonly internal?: boolean;
}

/** The policy of a text that has to be right. */
export function policyOf(text: string): BgpPolicy {
  const policy = parsePolicy(text);
  assert(
    policy.ok,
    policy.ok ? "" : policy.error.map(formatPolicyProblem).join("\n"),
  );
  return policy.value;
}

/** What a policy makes of a route. */
export function applied(
  policy: BgpPolicy,
  route: TestRoute,
): PolicyResult | undefined {
  const peer = route.peer ?? "10.0.0.2";
  const towards = exportPolicy(
    policy,
    peer === "unknown" ? undefined : addr(peer),
  );
  const context = contextOf(route);
  return towards.apply(pathOf(route), {
    ...context,
    prefix: towards.needsPrefix ? context.prefix : undefined,
  });
}

/** An applied policy of one statement, with sets in front. */
export function oneStatement(sets: string, statement: string): string {
  return `${sets}
[global.apply-policy.config]
export-policy-list = ["p"]
[[policy-definitions]]
name = "p"
[[policy-definitions.statements]]
${statement}
`;
}

/** A route's path in the table. */
export function pathOf(route: TestRoute): Path {
  const attributes: OwnAttributes = {
    communities: parsed(route.communities, parseCommunity),
    extendedCommunities: parsed(route.extended, parseExtendedCommunity),
    largeCommunities: parsed(route.large, parseLargeCommunity),
    ...(route.med === undefined ? {} : { multiExitDisc: route.med }),
    ...(route.localPref === undefined ? {} : { localPref: route.localPref }),
  };
  const nextHop = route.nextHop === undefined ? undefined : addr(route.nextHop);
  return { number: 0, pathId: 1, nextHop, attributes };
}

/** The session and the prefix of a route. */
export function contextOf(route: TestRoute): ExportContext {
  const prefix = parsePrefix(route.prefix ?? "192.0.2.1/32");
  assert(prefix !== undefined, "The test's prefix is one");
  const isV6 = prefix.addr.includes(":");
  return {
    family: isV6 ? "ipv6-unicast" : "ipv4-unicast",
    prefix,
    localAs: 65_001,
    external: route.internal !== true,
    ownNextHop: addr(isV6 ? "2001:db8:f::1" : "10.0.0.1"),
  };
}

function parsed<Value>(
  texts: readonly string[] | undefined,
  parse: (text: string) => Value | undefined,
): readonly Value[] {
  return (texts ?? []).map((text) => {
    const value = parse(text);
    assert(value !== undefined, `${text} can be read`);
    return value;
  });
}

function addr(text: string): NonNullable<ReturnType<typeof parseIpAddr>> {
  const parsedAddr = parseIpAddr(text);
  assert(parsedAddr !== undefined, `${text} is an address`);
  return parsedAddr;
}
