/**
 * The zod schemas of BgpPeer: what the CRD says and what reads the objects.
 *
 * @module
 */

import { z } from "zod";
import { GRACEFUL_RESTART_SCHEMA } from "./_bgp_conf_schema.ts";
import {
  asn,
  conditions,
  flag,
  int32,
  IPV4_PATTERN,
  mapOf,
  optional,
  port,
  requiredAsn,
  text,
  texts,
  uint32,
} from "./_fields.ts";
import { labelSelector } from "./_label_selector_schema.ts";
import type {
  BgpAdvertisement,
  BgpAfiSafi,
  BgpAuthSecretRef,
  BgpBfd,
  BgpDynamicNeighbors,
  BgpDynamicNeighborStatus,
  BgpEbgpMultihop,
  BgpFamily,
  BgpMessageCounts,
  BgpPeerConf,
  BgpPeerNodeStatus,
  BgpPeerOldSpec,
  BgpPeerSpec,
  BgpPeerState,
  BgpPeerStatus,
  BgpPeerTimers,
  BgpTimersState,
  BgpTransport,
  BgpTtlSecurity,
} from "./bgp_peer.ts";

const CONF_SCHEMA: z.ZodType<BgpPeerConf> = z.object({
  neighborAddress: text("Address of the peer."),
  peerAs: asn("Autonomous system number of the peer."),
  localAs: asn("Ours towards this peer. Absent: that of the BgpConf."),
  authPassword: text("Password of TCP MD5."),
  adminDown: flag("Hold the session down."),
  description: text("A note."),
  allowOwnAs: int32(
    "Accepted for compatibility; received routes are not kept.",
  ),
  replacePeerAs: flag(
    "Replace the peer's number behind ours by ours; external peers only.",
  ),
  removePrivateAs: text(
    "NONE, ALL or REPLACE: what becomes of private numbers in the AS path; external peers only.",
  ),
  neighborInterface: text(
    "Interface of an unnumbered peer: the router there, found by its router advertisements. Without neighborAddress, or with a link-local one.",
  ),
  peerGroup: text("Refused: no peer group can be defined."),
  vrf: text("Refused: no VRF can be defined."),
  routeFlapDamping: flag("Accepted for compatibility; without effect."),
  peerType: int32("Accepted for compatibility; without effect."),
  sendCommunity: int32("Accepted for compatibility; without effect."),
}).describe("Who the peer is.");

const TIMERS_FIELDS = {
  connectRetry: text("Seconds between attempts to connect."),
  holdTime: text("Seconds of silence after which the session ends."),
  keepaliveInterval: text("Seconds between KEEPALIVE messages."),
  minimumAdvertisementInterval: text(
    "Accepted for compatibility; UPDATE messages go out at once.",
  ),
};

const AFI_SAFI_SCHEMA: z.ZodType<BgpAfiSafi> = z.object({
  config: optional(
    z.object({
      family: optional<BgpFamily>(
        z.object({
          afi: text("AFI_IP or AFI_IP6."),
          safi: text("SAFI_UNICAST."),
        }).describe("The family, by GoBGP's names."),
      ),
      enabled: flag("Whether it is on."),
    }).describe("Which family."),
  ),
  addPaths: optional(
    z.object({
      config: optional(
        z.object({
          receive: flag("Take several paths of a prefix."),
          sendMax: int32("Send at most so many paths of a prefix."),
        }).describe("Which directions."),
      ),
    }).describe("ADD-PATH."),
  ),
  mpGracefulRestart: optional(
    z.object({
      config: optional(
        z.object({ enabled: flag("Whether it is on.") })
          .describe("Whether it is on."),
      ),
    }).describe("Graceful restart of this family."),
  ),
}).describe("One address family.");

const EIP_SELECTOR_SCHEMA = labelSelector(
  "Which Eips the peer is told the addresses of, by their labels. Absent or empty: all; one that names BgpPeers in spec.bgp.peers has to name this one, too.",
);

const NODE_SELECTOR_SCHEMA = labelSelector("Which nodes peer. Absent: all.");

/** Schema of `BgpPeer.spec` in v1alpha2. */
export const BGP_PEER_SPEC_SCHEMA: z.ZodType<BgpPeerSpec> = z.object({
  conf: optional(CONF_SCHEMA),
  authSecretRef: optional<BgpAuthSecretRef>(
    z.object({
      name: text("Name of a Secret in the agents' namespace."),
      key: text("The key there. Absent: password."),
    }).describe(
      "The password of TCP MD5, in a Secret; instead of conf.authPassword.",
    ),
  ),
  dynamicNeighbors: optional<BgpDynamicNeighbors>(
    z.object({
      prefix: text("The prefix, as 192.168.0.0/24."),
      limit: int32("Routers at once, 1 to 1000. Absent: 100."),
    }).describe(
      "Peers by prefix, in place of neighborAddress: whoever connects from there.",
    ),
  ),
  ebgpMultihop: optional<BgpEbgpMultihop>(
    z.object({
      enabled: flag("Whether it is on."),
      multihopTtl: int32("TTL of what we send; 0 means 255."),
    }).describe("External peers more than one hop away."),
  ),
  ttlSecurity: optional<BgpTtlSecurity>(
    z.object({
      hops: int32("Hops to the peer, 1 to 254. Absent: 1, a peer on the link."),
    }).describe(
      "Takes only what came over so few hops, and sends with a TTL of 255 (GTSM, RFC 5082).",
    ),
  ),
  role: text(
    "Our role to the peer (RFC 9234): customer, provider, peer, rs or rs-client.",
  ),
  bfd: optional<BgpBfd>(
    z.object({
      minTxMs: int32(
        "Milliseconds between packets of ours, 10 to 60000. Absent: 300.",
      ),
      minRxMs: int32(
        "Milliseconds between packets that we take, 10 to 60000. Absent: 300.",
      ),
      multiplier: int32(
        "Packets that may be missing before the peer counts as lost, 1 to 255. Absent: 3.",
      ),
      multihop: flag(
        "Over several hops (RFC 5883). Absent: where ebgpMultihop is on or ttlSecurity has more than one hop.",
      ),
      passive: flag("Wait for the peer to begin."),
    }).describe(
      "BFD with the peer (RFC 5880): a path that fails ends the session within fractions of a second.",
    ),
  ),
  timers: optional(
    z.object({
      config: optional<BgpPeerTimers>(
        z.object({
          ...TIMERS_FIELDS,
          sendHoldTime: text(
            "Seconds after which a session ends whose peer reads nothing (RFC 9687); 8 minutes or twice the Hold Time when absent, whichever is longer.",
          ),
        }).describe("Timers, as decimal text."),
      ),
    }).describe("Timers."),
  ),
  transport: optional<BgpTransport>(
    z.object({
      mtuDiscovery: flag("Accepted for compatibility; without effect."),
      passiveMode: flag("Wait for the peer to connect."),
      localAddress: text(
        "Address that the peer is dialled from. Absent: the kernel chooses.",
      ),
      bindInterface: text(
        "Interface, or VRF, that the peer is dialled over whatever the routes say.",
      ),
      remoteAddress: text("Accepted for compatibility; without effect."),
      remotePort: int32("TCP port of the peer. Absent: 179."),
      tcpMss: int32("Accepted for compatibility; without effect."),
    }).describe("The TCP connection."),
  ),
  gracefulRestart: optional(GRACEFUL_RESTART_SCHEMA),
  afiSafis: optional<readonly BgpAfiSafi[]>(
    z.array(AFI_SAFI_SCHEMA).describe(
      "Address families. Absent: the family of the peer's address.",
    ),
  ),
  advertisement: optional<BgpAdvertisement>(
    z.object({
      communities: texts(
        "Communities as 65001:100 or by a well-known name such as no-export.",
      ),
      largeCommunities: texts("Large communities as 65001:1:2."),
      med: uint32("MULTI_EXIT_DISC."),
      localPref: uint32("LOCAL_PREF; internal peers only. Absent: 100."),
      aggregationLength: int32(
        "Announce the IPv4 prefix of this length, 1 to 32, instead of the addresses in it. Absent: 32, each address.",
      ),
      aggregationLengthV6: int32(
        "Announce the IPv6 prefix of this length, 1 to 128, instead of the addresses in it. Absent: 128, each address.",
      ),
      linkBandwidth: text(
        "PerEndpoint: under externalTrafficPolicy Local, tell by the link bandwidth community (RFC 10005) how many endpoints a node has. Absent: no weights.",
      ),
    }).describe(
      "How addresses are announced to the peer, and what all routes to it carry before a policy sees them.",
    ),
  ),
  eipSelector: optional(EIP_SELECTOR_SCHEMA),
  nodeSelector: optional(NODE_SELECTOR_SCHEMA),
}).describe("A router and who peers with it.");

const MESSAGE_COUNTS_SCHEMA: z.ZodType<BgpMessageCounts> = z.object({
  notification: text("NOTIFICATION messages."),
  update: text("UPDATE messages."),
  open: text("OPEN messages."),
  keepalive: text("KEEPALIVE messages."),
  refresh: text("ROUTE-REFRESH messages."),
  discarded: text("Messages discarded."),
  total: text("All messages."),
  withdrawUpdate: text("UPDATE messages that withdrew."),
  withdrawPrefix: text("Prefixes withdrawn."),
}).describe("Messages by type.");

const PEER_STATE_SCHEMA: z.ZodType<BgpPeerState> = z.object({
  authPassword: text("Not filled."),
  description: text("Not filled."),
  localAs: asn("Local autonomous system number."),
  messages: optional(
    z.object({
      received: optional(MESSAGE_COUNTS_SCHEMA),
      sent: optional(MESSAGE_COUNTS_SCHEMA),
    }).describe("Messages by direction."),
  ),
  neighborAddress: text("Address of the peer."),
  peerAs: asn("Autonomous system number of the peer."),
  peerGroup: text("Not filled."),
  peerType: int32("0 internal, 1 external."),
  queues: optional(
    z.object({
      input: int32("Messages received and waiting."),
      output: int32("Messages waiting to be sent."),
    }).describe("Messages waiting."),
  ),
  removePrivateAs: int32("Not filled."),
  routeFlapDamping: flag("Not filled."),
  sendCommunity: int32("Not filled."),
  sessionState: text(
    "UNKNOWN, IDLE, CONNECT, ACTIVE, OPENSENT, OPENCONFIRM or ESTABLISHED.",
  ),
  adminState: text("UP, DOWN or PFX_CT."),
  outQ: int32("Not filled."),
  flops: int32("Not filled."),
  routerId: text("BGP Identifier of the peer."),
}).describe("State of the session.");

/** Schema of `BgpPeer.status` in v1alpha2. */
export const BGP_PEER_STATUS_SCHEMA: z.ZodType<BgpPeerStatus> = z.object({
  nodesPeerStatus: mapOf<BgpPeerNodeStatus>(
    "The session as each node sees it, by name of the node.",
    z.object({
      peerState: optional(PEER_STATE_SCHEMA),
      timersState: optional<BgpTimersState>(
        z.object({
          ...TIMERS_FIELDS,
          negotiatedHoldTime: text(
            "The smaller of both Hold Times, in seconds.",
          ),
          uptime: text("When the session came up."),
          downtime: text("When the session went down."),
        }).describe("Timers of the session."),
      ),
      downReason: text("Why there is no session, one sentence."),
      bfdState: text("How BFD with the peer stands, in words."),
      dynamicNeighbors: optional(
        mapOf<BgpDynamicNeighborStatus>(
          "Sessions with routers of spec.dynamicNeighbors, by their addresses.",
          z.object({
            peerState: optional(PEER_STATE_SCHEMA),
            downReason: text("Why there is no session, one sentence."),
          }).describe("The session with this router."),
        ),
      ),
    }).describe("The session as this node sees it."),
  ),
  conditions: conditions(),
}).describe("What became of the peer.");

/** Schema of `BgpPeer.spec` in v1alpha1. */
export const BGP_PEER_SPEC_OLD_SCHEMA: z.ZodType<BgpPeerOldSpec> = z.object({
  config: optional(
    z.object({
      neighborAddress: z.string().regex(IPV4_PATTERN).describe(
        "Address of the peer.",
      ),
      peerAs: requiredAsn("Autonomous system number of the peer."),
    }).describe("Who the peer is."),
  ),
  addPaths: optional(
    z.object({ sendMax: int32("Send at most so many paths of a prefix.") })
      .describe("ADD-PATH."),
  ),
  transport: optional(
    z.object({
      passiveMode: flag("Wait for the peer to connect."),
      remotePort: port("TCP port of the peer."),
    }).describe("The TCP connection."),
  ),
  usingPortForward: flag("Accepted for compatibility; without effect."),
}).describe("A router to peer with.");
