/**
 * What the main core wants of the BGP speaker of its node, and what it is told
 * of it: plain data, so that it can be recorded.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { FsmState, MessageTally } from "@/bgp/mod.ts";
import type { UnicastFamily } from "@/wire/bgp/mod.ts";
import type { BfdView } from "./bfd_terms.ts";
import type { BgpPeerTerms } from "./bgp_terms.ts";

/** What is wanted of the speaker. */
export type BgpCommand =
  | {
    /** Accept connections of peers there, and nowhere else. */
    readonly kind: "listen";
    readonly port: number;
    /** Our addresses; empty for all. */
    readonly addresses: readonly IpAddr[];
  }
  /** Accept no connections. */
  | { readonly kind: "ignore" }
  | {
    /** Speak to a peer; a session stays where nothing of it is another. */
    readonly kind: "set-peer";
    readonly name: string;
    readonly terms: BgpPeerTerms;
  }
  | { readonly kind: "remove-peer"; readonly name: string }
  | {
    /** Announce addresses, each alone. */
    readonly kind: "announce";
    readonly vips: readonly IpAddr[];
    /** Their next hop; absent: this node. */
    readonly nextHop?: IpAddr;
    /** How much of their traffic it should get; absent: as much as any other. */
    readonly weight?: number;
    /** The Eip they are from, which may be another than before; absent: none. */
    readonly eip?: string;
  }
  | {
    /** Withdraw addresses by that next hop; what is marked as going, at once. */
    readonly kind: "withdraw";
    readonly vips: readonly IpAddr[];
    readonly nextHop?: IpAddr;
  }
  | {
    /** Mark addresses by that next hop as going (RFC 8326), wait a little, withdraw them, unless they are announced meanwhile. */
    readonly kind: "retire";
    readonly vips: readonly IpAddr[];
    readonly nextHop?: IpAddr;
    readonly weight?: number;
    readonly eip?: string;
  }
  | {
    /** Tell a peer, known yet or not, of these next hops besides this node; of none before that. */
    readonly kind: "set-third-parties";
    readonly name: string;
    readonly nextHops: readonly IpAddr[];
  }
  | {
    /** Mark all routes as going, wait a little, withdraw them, end all sessions; answered by `left`. */
    readonly kind: "leave";
    /** What operators of the peers read. */
    readonly text: string;
  };

/** What is told of the speaker. */
export type BgpReport =
  | {
    /** What could not be listened on, or signed for; one sentence each. */
    readonly kind: "listening";
    readonly failures: readonly string[];
  }
  | {
    /** A session is another than it was, or has counted on. */
    readonly kind: "peer";
    readonly name: string;
    readonly session: BgpSessionView;
  }
  | { readonly kind: "left" };

/** A session as its node sees it. */
export interface BgpSessionView {
  /** Its state. */
  readonly state: FsmState;
  /** Sessions with routers of a prefix, by their addresses; absent: the peer is not one. */
  readonly neighbors?: Readonly<Record<string, BgpSessionView>>;
  /** The address that was found of an unnumbered peer. */
  readonly neighbor?: string;
  /** Why it is not Established, one sentence; absent: it is, or nothing was heard yet. */
  readonly why?: string;
  /** Whether it was lost by silence, and the peer was not heard since: it may not be reached from here. */
  readonly isLost?: true;
  /** What was agreed on; absent: it is not Established. */
  readonly agreed?: {
    /** The peer's AS number. */
    readonly peerAs: number;
    /** Ours towards it. */
    readonly localAs: number;
    /** The peer's BGP Identifier. */
    readonly routerId: string;
    /** Hold Time, the smaller of both. */
    readonly holdTimeSeconds: number;
    /** The families spoken. */
    readonly families: readonly UnicastFamily[];
  };
  /** Prefixes announced to it in this session, with repetitions. */
  readonly announced: number;
  /** Prefixes withdrawn from it in this session. */
  readonly withdrawn: number;
  /** Prefixes received and discarded in this session, with repetitions. */
  readonly received: number;
  /** NOTIFICATIONs by direction. */
  readonly notifications: { readonly sent: number; readonly received: number };
  /** What else is counted; absent: nothing yet. */
  readonly counts?: {
    /** Messages sent. */
    readonly sent: MessageTally;
    /** Messages received. */
    readonly received: MessageTally;
    /** UPDATEs whose routes counted as withdrawn (RFC 7606 §2). */
    readonly treatedAsWithdraw: number;
    /** Prefixes the peer was told of and that stand. */
    readonly prefixes: number;
    /** Prefixes of which it is still to be told. */
    readonly pending: number;
  };
  /** BFD with the peer; absent: none is wanted. */
  readonly bfd?: BfdView;
}
