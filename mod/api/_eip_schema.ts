/**
 * The zod schemas of Eip: what the CRD says and what reads the spec.
 *
 * @module
 */

import { z } from "zod";
import {
  conditions,
  flag,
  integer,
  IPV4,
  optional,
  text,
  textMap,
  texts,
  uint32,
} from "./_fields.ts";
import { labelSelector, SELECTOR_OPERATOR } from "./_label_selector_schema.ts";
import type {
  EipBgp,
  EipSpecFields,
  EipStatusFields,
  PreferredNodes,
} from "./eip.ts";
import {
  BGP_PROTOCOL,
  KEEPALIVED_PROTOCOL,
  LAYER2_PROTOCOL,
  PREFERRED_NODES_MAX,
  WEIGHT_MAX,
} from "./names.ts";

const ADDRESS_DESCRIPTION =
  "The pool: one IPv4 or IPv6 address, a CIDR such as 192.168.0.0/24, or a range such as 192.168.0.91-192.168.0.100.";

const ADDRESS_FIELD = { address: z.string().describe(ADDRESS_DESCRIPTION) };

/** `Eip.spec.bgp`. */
const BGP_SCHEMA: z.ZodType<EipBgp> = z.object({
  peers: texts(
    "Names of the BgpPeers that are told of the addresses. Absent or empty: all.",
  ),
  communities: texts(
    "Communities that the routes carry beside those of the BgpPeer, as 65001:100 or by a well-known name such as no-export.",
  ),
  largeCommunities: texts(
    "Large communities that the routes carry beside those of the BgpPeer, as 65001:1:2.",
  ),
  med: uint32("MULTI_EXIT_DISC. Absent: that of the BgpPeer."),
  localPref: uint32(
    "LOCAL_PREF; internal peers only. Absent: that of the BgpPeer.",
  ),
}).describe(
  "Which routers are told of the addresses, and what the routes carry before a policy sees them.",
);

const SPEC_FIELDS = {
  interface: text(
    "Where addresses are answered for: an interface name, can_reach:<IP>, or a comma-separated list of names and shell-style patterns. Absent: the interface whose subnet holds the address.",
  ),
  disable: flag("Hand out no new addresses; Services keep those they have."),
  usingKnownIPs: flag("Accepted for compatibility; without effect."),
  priority: integer(
    "Order among the pools bound to a namespace: the smaller is preferred.",
  ),
  namespaces: texts(
    "Names of the namespaces whose Services take addresses from this pool without naming it.",
  ),
  namespaceSelector: textMap(
    "Labels, all of which a namespace must carry for its Services to take addresses from this pool without naming it.",
  ),
  exclude: texts(
    "Addresses, CIDRs and ranges of the pool that are never handed out.",
  ),
  avoidBuggyIPs: flag(
    "Never hand out IPv4 addresses that end in .0 or .255.",
  ),
  answerPing: flag(
    "Answer ICMP and ICMPv6 echo requests for the addresses, where no interface of the node holds them.",
  ),
  bgp: optional(BGP_SCHEMA),
};

/** The fields with selectors, by what their parts may be. */
function selection(
  operator: z.ZodType<string>,
  weight: z.ZodType<number>,
  terms: (list: z.ZodArray<z.ZodType<PreferredNodes>>) => z.ZodType<
    readonly PreferredNodes[]
  >,
) {
  return {
    enforceNamespaces: flag(
      "Serve only the namespaces of namespaces and namespaceSelector, also Services that name this pool or an address of it.",
    ),
    serviceSelector: optional(
      labelSelector(
        "Labels of the Services that this pool serves. Absent: any. Where neither namespaces nor namespaceSelector is set, they take addresses from this pool without naming it, in every namespace.",
        operator,
      ),
    ),
    nodeSelector: optional(
      labelSelector(
        "Labels of the nodes that may answer for the addresses. Absent: any.",
        operator,
      ),
    ),
    preferredNodes: optional<readonly PreferredNodes[]>(
      terms(z.array(
        z.object({
          weight: weight.describe("How much such a node is preferred."),
          preference: labelSelector("Labels of such a node.", operator),
        }).describe("Some nodes and a weight."),
      )).describe(
        "Nodes that answer for the addresses rather than others: the weights of all entries that match a node are added, and the highest sum goes first.",
      ),
    ),
  };
}

/** Schema of `Eip.spec` in v1alpha2; what the CRD says. */
export const EIP_SPEC_SCHEMA: z.ZodType<EipSpecFields> = z.object({
  ...ADDRESS_FIELD,
  protocol: optional<string>(
    z.enum([BGP_PROTOCOL, LAYER2_PROTOCOL, KEEPALIVED_PROTOCOL]).describe(
      "Who announces the addresses. Absent means bgp.",
    ),
  ),
  ...SPEC_FIELDS,
  ...selection(
    SELECTOR_OPERATOR,
    z.int().min(1).max(WEIGHT_MAX),
    (list) => list.max(PREFERRED_NODES_MAX),
  ),
}).describe("The pool and who may use it.");

/** Schema that reads `Eip.spec`: OpenELB takes every unknown protocol for bgp, so none is refused. */
export const EIP_SPEC_READ: z.ZodType<EipSpecFields> = z.object({
  ...ADDRESS_FIELD,
  ...SPEC_FIELDS,
  ...selection(z.string(), z.int(), (list) => list),
  protocol: text("Who announces the addresses."),
});

/** Schema of `Eip.status` in v1alpha2. */
export const EIP_STATUS_SCHEMA: z.ZodType<EipStatusFields> = z.object({
  poolSize: integer("Number of addresses; capped at 2^53-1."),
  usage: integer("Number of addresses in use."),
  occupied: flag("Whether no address is free."),
  ready: flag("Accepted for compatibility; not written."),
  v4: flag("Whether the pool is IPv4."),
  firstIP: text("First address of the pool."),
  lastIP: text("Last address of the pool."),
  used: textMap(
    "Addresses in use, each with its Service as namespace/name; several are joined by a semicolon.",
  ),
  conditions: conditions(),
}).describe("What became of the pool.");

const OLD_ADDRESS_PATTERN = new RegExp(
  `^${IPV4}((/([0-9]|[1-2][0-9]|3[0-2]))|(-${IPV4}))?$`,
);

/** Schema of `Eip.spec` in v1alpha1. */
export const EIP_SPEC_OLD_SCHEMA: z.ZodType<EipSpecFields> = z.object({
  address: z.string().regex(OLD_ADDRESS_PATTERN).describe(
    "The pool: one IPv4 address, a CIDR, or a range.",
  ),
  protocol: optional<string>(
    z.enum([BGP_PROTOCOL, LAYER2_PROTOCOL]).describe(
      "Who announces the addresses. Absent means bgp.",
    ),
  ),
  disable: flag("Hand out no new addresses."),
  usingKnownIPs: flag("Accepted for compatibility; without effect."),
}).describe("The pool.");

/** Schema of `Eip.status` in v1alpha1. */
export const EIP_STATUS_OLD_SCHEMA: z.ZodType<EipStatusFields> = z.object({
  occupied: flag("Whether no address is free."),
  usage: integer("Number of addresses in use."),
  poolSize: integer("Number of addresses."),
}).describe("What became of the pool.");
