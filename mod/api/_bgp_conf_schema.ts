/**
 * The zod schemas of BgpConf: what the CRD says and what reads the objects.
 *
 * @module
 */

import { z } from "zod";
import {
  asn,
  conditions,
  flag,
  int32,
  IPV4_PATTERN,
  mapOf,
  optional,
  requiredAsn,
  text,
  textMap,
  texts,
} from "./_fields.ts";
import type {
  BgpConfOldSpec,
  BgpConfSpec,
  BgpConfStatus,
  BgpGracefulRestart,
} from "./bgp_conf.ts";

/** Schema of graceful restart, in BgpConf and BgpPeer. */
export const GRACEFUL_RESTART_SCHEMA: z.ZodType<BgpGracefulRestart> = z.object({
  enabled: flag("Offer graceful restart."),
  restartTime: int32("Seconds the peer waits for us to come back."),
  helperOnly: flag("Only help the peer to restart."),
  deferralTime: int32(
    "Accepted for compatibility; routes are sent without waiting.",
  ),
  notificationEnabled: flag("Keep routes over a NOTIFICATION too."),
  longlivedEnabled: flag("Accepted for compatibility; without effect."),
  staleRoutesTime: int32("Accepted for compatibility; no routes are kept."),
  peerRestartTime: int32("Accepted for compatibility; without effect."),
  peerRestarting: flag("Accepted for compatibility; without effect."),
  localRestarting: flag("Accepted for compatibility; we know it ourselves."),
  mode: text("Accepted for compatibility; without effect."),
}).describe("Graceful restart.");

/** Schema of `BgpConf.spec` in v1alpha2. */
export const BGP_CONF_SPEC_SCHEMA: z.ZodType<BgpConfSpec> = z.object({
  as: asn("Local autonomous system number."),
  asPerRack: mapOf(
    "Autonomous system number by value of the node label openelb.kubesphere.io/rack.",
    requiredAsn("Autonomous system number of the rack."),
  ),
  routerId: text("BGP Identifier. Absent: the node's internal address."),
  listenPort: int32("TCP port to listen on; 0 means 179, negative means none."),
  listenAddresses: texts("Addresses to listen on. Absent: all."),
  families: optional(
    z.array(z.int().meta({ format: "int32" })).describe(
      "Address families by GoBGP's index: 0 is IPv4 unicast, 1 is IPv6 unicast; others do not count. Absent: all.",
    ),
  ),
  useMultiplePaths: flag("Accepted for compatibility; without effect."),
  gracefulRestart: optional(GRACEFUL_RESTART_SCHEMA),
  policy: text(
    "Name of a ConfigMap in the namespace of the agents whose key gobgp.conf holds the policy.",
  ),
  communityAliases: textMap(
    "Names that BgpPeers and Eips may use for communities: 65001:100, or 65001:1:2 for a large one, by name.",
  ),
}).describe(
  "How the speakers are configured. Only the object named default counts.",
);

/** Schema of `BgpConf.status` in v1alpha2. */
export const BGP_CONF_STATUS_SCHEMA: z.ZodType<BgpConfStatus> = z.object({
  nodesConfStatus: mapOf(
    "What each node's speaker runs with, by name of the node.",
    z.object({
      routerId: text("BGP Identifier."),
      as: asn("Autonomous system number."),
    }).describe("What the speaker runs with."),
  ),
  conditions: conditions(),
}).describe("What became of the configuration.");

/** Schema of `BgpConf.spec` in v1alpha1. */
export const BGP_CONF_SPEC_OLD_SCHEMA: z.ZodType<BgpConfOldSpec> = z.object({
  as: requiredAsn("Local autonomous system number."),
  port: z.int().min(1).max(65_535).meta({
    description: "TCP port to listen on.",
    format: "int32",
  }),
  routerID: z.string().regex(IPV4_PATTERN).describe("BGP Identifier."),
}).describe("How the speakers are configured.");
