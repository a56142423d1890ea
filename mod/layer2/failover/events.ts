/**
 * What the fail-over core of a link is told, and what it asks for.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import type { FellowFrame, FellowMessage } from "@/wire/fellow_frame.ts";

/** What main knows of a node that runs an agent. */
export interface CandidateNode {
  /** Its name. */
  readonly node: string;
  /** Whether its Lease is live by the last view that could tell. */
  readonly live: boolean;
  /** Whether it said that it is about to stop. */
  readonly leaving: boolean;
}

/** What main knows of a VIP. */
export interface CandidateVip {
  /** The VIP. */
  readonly vip: IpAddr;
  /** Nodes that may own it by fitness, interface and endpoints, in any order. */
  readonly eligible: readonly string[];
  /** How much each of them is preferred, 0 to 63, in the same order; absent: not at all. */
  readonly preferences?: readonly number[];
}

/** What can happen. Every event carries the monotonic time it happened. */
export type FailoverEvent =
  | {
    /** The view of main changed. */
    readonly kind: "view";
    readonly nowMs: number;
    /** The nodes that run agents, complete; absent when unchanged. */
    readonly nodes?: readonly CandidateNode[];
    /** Whether this node's own Lease was not renewed within its duration; absent when unchanged. */
    readonly frozen?: boolean;
    /** VIPs that are new or changed. */
    readonly upserts?: readonly CandidateVip[];
    /** VIPs that are gone from this link. */
    readonly removes?: readonly IpAddr[];
  }
  | {
    /** The view is whole: from here on silence means absence. */
    readonly kind: "synced";
    readonly nowMs: number;
  }
  | {
    /** Hosts that may be asked for a sign of life: the gateways of the link. */
    readonly kind: "gateways";
    readonly nowMs: number;
    readonly gateways: readonly IpAddr[];
  }
  | {
    /** The link can be used, or it can again, or its MAC address changed. */
    readonly kind: "link-up";
    readonly nowMs: number;
  }
  | {
    /** The carrier is lost, or the link is administratively down. */
    readonly kind: "link-down";
    readonly nowMs: number;
  }
  | {
    /**
     * Comes first in every turn of the loop, before what was received is
     * answered: notices a gap in which this process did not run.
     */
    readonly kind: "turn";
    readonly nowMs: number;
  }
  | {
    /** A frame of another agent of this cluster. */
    readonly kind: "frame";
    readonly nowMs: number;
    /** Where it came from. */
    readonly mac: MacAddr;
    readonly frame: FellowFrame;
  }
  | {
    /** A host that is not this one was heard; asks for one of our VIPs, or answers. */
    readonly kind: "heard";
    readonly nowMs: number;
    readonly ip: IpAddr;
    readonly mac: MacAddr;
  }
  | {
    /** Somebody answered ARP or ND for a VIP, or announced it. */
    readonly kind: "claim";
    readonly nowMs: number;
    readonly vip: IpAddr;
    readonly mac: MacAddr;
    /** The node that has this MAC address by its Lease; absent: no agent's. */
    readonly node?: string;
  }
  | {
    /** A check ahead of time found that nobody answers for an address. */
    readonly kind: "vetted";
    readonly nowMs: number;
    readonly vip: IpAddr;
  }
  | {
    /** This process is about to stop: hand everything over. */
    readonly kind: "leave";
    readonly nowMs: number;
  }
  | {
    /** Answer nothing any more. */
    readonly kind: "stop";
    readonly nowMs: number;
  }
  | {
    /** The deadline has come. */
    readonly kind: "deadline";
    readonly nowMs: number;
  };

/** What is asked of the outside. */
export type FailoverEffect =
  | {
    /** Begin or cease to answer for a VIP. */
    readonly kind: "answer";
    readonly vip: IpAddr;
    readonly on: boolean;
  }
  | {
    /** Announce a VIP: with all repetitions when just acquired, or once. */
    readonly kind: "announce";
    readonly vip: IpAddr;
    readonly once: boolean;
  }
  | {
    /** Send a frame to one agent, or to all (`to` absent). */
    readonly kind: "send";
    readonly to?: MacAddr;
    readonly message: FellowMessage;
  }
  | {
    /**
     * Ask who has an address. Without `to` an ARP Probe (RFC 5227 §2.1.1) or
     * the Neighbor Solicitation of RFC 4862 §5.4, to all; with it a request
     * to that host alone.
     */
    readonly kind: "ask";
    readonly ip: IpAddr;
    readonly to?: MacAddr;
  }
  | {
    /** Tell whether a VIP is owned, and why. */
    readonly kind: "report";
    readonly vip: IpAddr;
    readonly owned: boolean;
    readonly reason: FailoverReason;
  }
  | {
    /** A VIP is not claimed because a foreign host answers for it. */
    readonly kind: "held";
    readonly vip: IpAddr;
    readonly mac: MacAddr;
    /** False: not any more. */
    readonly held: boolean;
  }
  | {
    /** This process did not run for so long; nothing is answered until it has settled. */
    readonly kind: "paused";
    readonly gapMs: number;
  };

/**
 * Why a VIP is owned or not; a closed set.
 *
 * Owned: `claimed` when nobody had it; `took-over` from a silent owner;
 * `relieved` an owner that left or was behind in rank; `leaving` until a
 * follower is heard; `no-successor`, leaving but with nobody to hand over to.
 *
 * Not owned: `better-candidate` has it; `not-eligible`, but others are;
 * `no-candidate` at all; `handed-over` to the follower; `leave-timeout`, the
 * follower was not heard; `yielded` to a stronger owner; `cannot-be-heard` by
 * the other owner; `withdrawn` from the link; `link-down`; `suspended` until
 * settled after a gap; `stopped`; `vips-per-link-max`.
 */
export type FailoverReason =
  | "claimed"
  | "took-over"
  | "relieved"
  | "leaving"
  | "no-successor"
  | "better-candidate"
  | "not-eligible"
  | "no-candidate"
  | "handed-over"
  | "leave-timeout"
  | "yielded"
  | "cannot-be-heard"
  | "withdrawn"
  | "link-down"
  | "suspended"
  | "stopped"
  | "vips-per-link-max";

/** What is known of another agent, for metrics and conditions. */
export interface FellowReport {
  /** Its name, when a list or the view told it. */
  readonly node: string | undefined;
  /** How it stands. */
  readonly presence:
    | "unknown"
    | "up"
    | "verifying"
    | "vouched"
    | "arp-only"
    | "silent";
  /** How many VIPs its list has. */
  readonly vips: number;
}
