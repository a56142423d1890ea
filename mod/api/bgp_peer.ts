/**
 * BgpPeer: a router that the speakers of some nodes peer with.
 *
 * @module
 */

import type { Result } from "@/lang/result.ts";
import {
  BGP_PEER_SPEC_SCHEMA,
  BGP_PEER_STATUS_SCHEMA,
} from "./_bgp_peer_schema.ts";
import { Reader } from "./_reader.ts";
import { readWith } from "./_spec_reader.ts";
import type { BgpGracefulRestart } from "./bgp_conf.ts";
import type { Condition } from "./conditions.ts";
import { type ObjectMeta, readMeta } from "./object_meta.ts";

/** Who the peer is. */
export interface BgpPeerConf {
  /** Its address. */
  readonly neighborAddress?: string;
  /** Its autonomous system number. */
  readonly peerAs?: number;
  /** Ours towards it; that of the BgpConf when absent. */
  readonly localAs?: number;
  /** Password of TCP MD5, RFC 2385. */
  readonly authPassword?: string;
  /** Whether the session is held down. */
  readonly adminDown?: boolean;
  /** A note. */
  readonly description?: string;
  /** How often our own number may be in a received AS path. */
  readonly allowOwnAs?: number;
  /** Whether the peer's number is replaced by ours; external peers only. */
  readonly replacePeerAs?: boolean;
  /** `NONE`, `ALL` or `REPLACE`; external peers only. */
  readonly removePrivateAs?: string;
  /** Interface of an unnumbered peer. */
  readonly neighborInterface?: string;
  /** Name of a peer group; none can be defined. */
  readonly peerGroup?: string;
  /** Name of a VRF; none can be defined. */
  readonly vrf?: string;
  /** Without effect. */
  readonly routeFlapDamping?: boolean;
  /** Without effect. */
  readonly peerType?: number;
  /** Without effect. */
  readonly sendCommunity?: number;
}

/** A key of a Secret in the agents' namespace. */
export interface BgpAuthSecretRef {
  /** Name of the Secret. */
  readonly name?: string;
  /** The key; `password` when absent. */
  readonly key?: string;
}

/** Multihop for external peers. */
export interface BgpEbgpMultihop {
  /** Whether it is on. */
  readonly enabled?: boolean;
  /** TTL of what we send, 1 to 255; 255 when 0. */
  readonly multihopTtl?: number;
}

/** Peers by prefix: whoever connects from there. */
export interface BgpDynamicNeighbors {
  /** The prefix. */
  readonly prefix?: string;
  /** Routers at once, 1 to 1000; 100 when absent. */
  readonly limit?: number;
}

/** The Generalized TTL Security Mechanism (GTSM, RFC 5082). */
export interface BgpTtlSecurity {
  /** Hops to the peer, 1 to 254; 1 when absent. */
  readonly hops?: number;
}

/** Timers, in seconds, as decimal text. */
export interface BgpTimersConfig {
  /** ConnectRetryTimer, RFC 4271 §8. */
  readonly connectRetry?: string;
  /** Hold Time, RFC 4271 §4.2. */
  readonly holdTime?: string;
  /** KeepaliveTimer; a third of the Hold Time when absent. */
  readonly keepaliveInterval?: string;
  /** MinRouteAdvertisementIntervalTimer, RFC 4271 §9.2.1.1. */
  readonly minimumAdvertisementInterval?: string;
}

/** Timers of a BgpPeer: those of OpenELB, and one that it does not have. */
export interface BgpPeerTimers extends BgpTimersConfig {
  /** SendHoldTimer, RFC 9687 §4; 8 minutes or twice the Hold Time when absent, whichever is longer. */
  readonly sendHoldTime?: string;
}

/** The TCP connection. */
export interface BgpTransport {
  /** Without effect. */
  readonly mtuDiscovery?: boolean;
  /** Whether we wait for the peer to connect. */
  readonly passiveMode?: boolean;
  /** The address that is dialled from; the kernel chooses when absent. */
  readonly localAddress?: string;
  /** The interface, or VRF, that is dialled over whatever the routes say. */
  readonly bindInterface?: string;
  /** Without effect. */
  readonly remoteAddress?: string;
  /** TCP port of the peer; 179 when absent. */
  readonly remotePort?: number;
  /** Without effect. */
  readonly tcpMss?: number;
}

/** An address family, by GoBGP's names. */
export interface BgpFamily {
  /** `AFI_IP`, `AFI_IP6` and so on. */
  readonly afi?: string;
  /** `SAFI_UNICAST` and so on. */
  readonly safi?: string;
}

/** An address family spoken with the peer. */
export interface BgpAfiSafi {
  /** Which one, and whether it is on. */
  readonly config?: {
    readonly family?: BgpFamily;
    readonly enabled?: boolean;
  };
  /** ADD-PATH, RFC 7911. */
  readonly addPaths?: {
    readonly config?: {
      readonly receive?: boolean;
      readonly sendMax?: number;
    };
  };
  /** Graceful restart of this family. */
  readonly mpGracefulRestart?: {
    readonly config?: { readonly enabled?: boolean };
  };
}

/** A label selector, `metav1.LabelSelector`. */
export interface LabelSelector {
  /** Labels that must be equal. */
  readonly matchLabels?: Readonly<Record<string, string>>;
  /** Further requirements. */
  readonly matchExpressions?: readonly LabelSelectorRequirement[];
}

/** One requirement of a label selector. */
export interface LabelSelectorRequirement {
  /** The label. */
  readonly key: string;
  /** `In`, `NotIn`, `Exists` or `DoesNotExist`. */
  readonly operator: string;
  /** Values for `In` and `NotIn`. */
  readonly values?: readonly string[];
}

/** What all routes carry towards a peer, besides what they carry themselves. */
export interface BgpAdvertisement {
  /** Communities (RFC 1997), as `65001:100` or by a well-known name. */
  readonly communities?: readonly string[];
  /** Large communities (RFC 8092), as `65001:1:2`. */
  readonly largeCommunities?: readonly string[];
  /** MULTI_EXIT_DISC (RFC 4271 §5.1.4). */
  readonly med?: number;
  /** LOCAL_PREF (RFC 4271 §5.1.5); told to iBGP peers only. */
  readonly localPref?: number;
  /** Prefix length that IPv4 addresses are announced by, 1 to 32; 32 when absent, each by itself. */
  readonly aggregationLength?: number;
  /** Prefix length that IPv6 addresses are announced by, 1 to 128; 128 when absent. */
  readonly aggregationLengthV6?: number;
  /** `PerEndpoint`: link bandwidth in proportion to endpoints under `Local`; none when absent. */
  readonly linkBandwidth?: string;
}

/** BFD with the peer (RFC 5880 to 5883). */
export interface BgpBfd {
  /** Desired Min TX Interval, 10 to 60000; 300 when absent. */
  readonly minTxMs?: number;
  /** Required Min RX Interval, 10 to 60000; 300 when absent. */
  readonly minRxMs?: number;
  /** Packets that may be missing, 1 to 255; 3 when absent. */
  readonly multiplier?: number;
  /** Over several hops (RFC 5883); when absent: as `ebgpMultihop` and `ttlSecurity` say. */
  readonly multihop?: boolean;
  /** Whether the peer has to begin. */
  readonly passive?: boolean;
}

/** The spec of a BgpPeer. */
export interface BgpPeerSpec {
  /** Who the peer is; without it there is no session, and a condition says so. */
  readonly conf?: BgpPeerConf;
  /** Where the password is; takes the place of `conf.authPassword`. */
  readonly authSecretRef?: BgpAuthSecretRef;
  /** Peers by prefix, in place of one. */
  readonly dynamicNeighbors?: BgpDynamicNeighbors;
  /** Multihop for external peers. */
  readonly ebgpMultihop?: BgpEbgpMultihop;
  /** GTSM; takes the place of `ebgpMultihop`. */
  readonly ttlSecurity?: BgpTtlSecurity;
  /** What we are to the peer, by RFC 9234 §4.1: `customer`, `provider`, `peer`, `rs` or `rs-client`. */
  readonly role?: string;
  /** BFD; none when absent. */
  readonly bfd?: BgpBfd;
  /** Timers. */
  readonly timers?: { readonly config?: BgpPeerTimers };
  /** The TCP connection. */
  readonly transport?: BgpTransport;
  /** Graceful restart. */
  readonly gracefulRestart?: BgpGracefulRestart;
  /** Address families. */
  readonly afiSafis?: readonly BgpAfiSafi[];
  /** What all routes carry towards it. */
  readonly advertisement?: BgpAdvertisement;
  /** Which Eips it is told the addresses of; all when absent or empty. */
  readonly eipSelector?: LabelSelector;
  /** Which nodes peer; all when absent. */
  readonly nodeSelector?: LabelSelector;
}

/** Messages counted by type, as decimal text. */
export interface BgpMessageCounts {
  /** NOTIFICATION messages. */
  readonly notification?: string;
  /** UPDATE messages. */
  readonly update?: string;
  /** OPEN messages. */
  readonly open?: string;
  /** KEEPALIVE messages. */
  readonly keepalive?: string;
  /** ROUTE-REFRESH messages. */
  readonly refresh?: string;
  /** Messages discarded. */
  readonly discarded?: string;
  /** All messages. */
  readonly total?: string;
  /** UPDATE messages that withdrew. */
  readonly withdrawUpdate?: string;
  /** Prefixes withdrawn. */
  readonly withdrawPrefix?: string;
}

/** State of a session, as GoBGP's API shows it. */
export interface BgpPeerState {
  /** Not filled. */
  readonly authPassword?: string;
  /** Not filled. */
  readonly description?: string;
  /** Local autonomous system number. */
  readonly localAs?: number;
  /** Messages by direction. */
  readonly messages?: {
    readonly received?: BgpMessageCounts;
    readonly sent?: BgpMessageCounts;
  };
  /** The peer's address. */
  readonly neighborAddress?: string;
  /** The peer's autonomous system number. */
  readonly peerAs?: number;
  /** Not filled. */
  readonly peerGroup?: string;
  /** 0 internal, 1 external. */
  readonly peerType?: number;
  /** Messages waiting. */
  readonly queues?: { readonly input?: number; readonly output?: number };
  /** Not filled. */
  readonly removePrivateAs?: number;
  /** Not filled. */
  readonly routeFlapDamping?: boolean;
  /** Not filled. */
  readonly sendCommunity?: number;
  /** `IDLE` to `ESTABLISHED`. */
  readonly sessionState?: string;
  /** `UP`, `DOWN` or `PFX_CT`. */
  readonly adminState?: string;
  /** Not filled. */
  readonly outQ?: number;
  /** Not filled. */
  readonly flops?: number;
  /** The peer's BGP Identifier. */
  readonly routerId?: string;
}

/** Timers of a session, as text. */
export interface BgpTimersState extends BgpTimersConfig {
  /** The smaller of both Hold Times, in seconds. */
  readonly negotiatedHoldTime?: string;
  /** When the session came up, RFC 3339. */
  readonly uptime?: string;
  /** When the session went down, RFC 3339. */
  readonly downtime?: string;
}

/** A session with a router of a prefix, as one node sees it. */
export interface BgpDynamicNeighborStatus {
  /** Its state. */
  readonly peerState?: BgpPeerState;
  /** Why it is down, one sentence. */
  readonly downReason?: string;
}

/** A session as one node sees it. */
export interface BgpPeerNodeStatus {
  /** Sessions with routers of `dynamicNeighbors`, by their addresses; ours. */
  readonly dynamicNeighbors?: Readonly<
    Record<string, BgpDynamicNeighborStatus>
  >;
  /** Its state. */
  readonly peerState?: BgpPeerState;
  /** Its timers. */
  readonly timersState?: BgpTimersState;
  /** Why it is down, one sentence; ours, OpenELB has no such field. */
  readonly downReason?: string;
  /** How BFD with the peer stands, in words; ours. */
  readonly bfdState?: string;
}

/** The status of a BgpPeer. */
export interface BgpPeerStatus {
  /** By name of the node. */
  readonly nodesPeerStatus?: Readonly<Record<string, BgpPeerNodeStatus>>;
  /** Conditions. */
  readonly conditions?: readonly Condition[];
}

/** A BgpPeer. */
export interface BgpPeer {
  /** Its metadata. */
  readonly meta: ObjectMeta;
  /** Its spec. */
  readonly spec: BgpPeerSpec;
  /** Its status. */
  readonly status: BgpPeerStatus;
}

/** The spec of a v1alpha1 BgpPeer, whose names v1alpha2 does not know. */
export interface BgpPeerOldSpec {
  /** Who the peer is. */
  readonly config?: {
    readonly neighborAddress: string;
    readonly peerAs: number;
  };
  /** ADD-PATH. */
  readonly addPaths?: { readonly sendMax?: number };
  /** The TCP connection. */
  readonly transport?: {
    readonly passiveMode?: boolean;
    readonly remotePort?: number;
  };
  /** Without effect. */
  readonly usingPortForward?: boolean;
}

/**
 * Reads a BgpPeer as the API server sends it.
 *
 * @param raw The object, in v1alpha2.
 * @returns What we use of it, or one sentence that says what is wrong.
 */
export function projectBgpPeer(raw: unknown): Result<BgpPeer, string> {
  const reader = new Reader();
  const root = reader.root(raw);
  const peer: BgpPeer = {
    meta: readMeta(reader, root),
    spec:
      readWith(reader, root, { key: "spec", schema: BGP_PEER_SPEC_SCHEMA }) ??
        {},
    status: readWith(reader, root, {
      key: "status",
      schema: BGP_PEER_STATUS_SCHEMA,
    }) ?? {},
  };
  return reader.finish("BgpPeer", raw, peer);
}
