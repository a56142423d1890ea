/**
 * What two speakers agreed on, as far as it changes what bytes mean.
 *
 * @module
 */

import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import type {
  BgpRole,
  GracefulRestartCapability,
  LongLivedGracefulRestartCapability,
} from "./capability.ts";
import type { UnicastFamily } from "./family.ts";

/** What the bytes of UPDATEs depend on. */
export interface UpdateSession {
  /** The peer is in another AS (eBGP). */
  readonly external: boolean;
  /** AS numbers have four octets in AS_PATH and AGGREGATOR: both sent capability 65. */
  readonly fourOctetAs: boolean;
  /** Families that both sent; routes of others are ignored. */
  readonly families: readonly UnicastFamily[];
  /** Families in which the peer's routes carry path identifiers. */
  readonly addPathReceive: readonly UnicastFamily[];
  /** Families in which our routes carry path identifiers. */
  readonly addPathSend: readonly UnicastFamily[];
  /** Families of which our routes and the peer's may have next hops of the other IP version (RFC 8950 §4). */
  readonly extendedNextHop: readonly UnicastFamily[];
  /** Messages of up to 65,535 bytes: both sent capability 6 (RFC 8654 §4). */
  readonly extendedMessage: boolean;
  /** An error in MP_REACH_NLRI or MP_UNREACH_NLRI ends its family, not the session (RFC 4760 §7); absent: the session. */
  readonly disableFamilyOnError?: boolean;
}

/** All that two OPENs agree on. */
export interface NegotiatedSession extends UpdateSession {
  /** The peer's AS number, from capability 65 where it is there. */
  readonly peerAs: number;
  /** Our AS number towards this peer. */
  readonly localAs: number;
  /** The peer's BGP Identifier. */
  readonly peerIdentifier: Ipv4Addr;
  /** Hold Time, the smaller of both; 0: no KEEPALIVEs (RFC 4271 §4.2). */
  readonly holdTimeSeconds: number;
  /** ROUTE-REFRESH may be sent and is answered: both sent capability 2 or 128. */
  readonly routeRefresh: boolean;
  /** BoRR and EoRR bracket an answer: both sent capability 70. */
  readonly enhancedRouteRefresh: boolean;
  /** The peer's capability 64, where we sent it, too. */
  readonly gracefulRestart?: GracefulRestartCapability;
  /** Both keep routes after a NOTIFICATION (RFC 8538 §4). */
  readonly gracefulNotification: boolean;
  /** The peer's capability 71, where we sent it, too, and both sent 64. */
  readonly longLivedGracefulRestart?: LongLivedGracefulRestartCapability;
  /** The peer's role, where we told ours: as it says, else the counterpart of ours (RFC 9234 §4.2). */
  readonly peerRole?: BgpRole;
  /** What the peer says it is called. */
  readonly peerHostname?: string;
}
