/**
 * What the two cores of a node say to each other: plain data, copied between
 * isolates (or handed over with a drawn delay by the simulator).
 *
 * main tells the wire core what it may do (the view); the wire core decides
 * what it does, and tells main afterwards.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import type { BfdDownCause, BfdSessionConfig } from "@/bfd/session.ts";
import type { FellowReport } from "@/layer2/failover/events.ts";
import type {
  PresenceCounts,
  PresenceVerdict,
} from "@/layer2/presence_check.ts";
import type { BfdSessionState } from "@/wire/bfd_control.ts";
import type { ClusterId } from "@/wire/fellow_frame.ts";

/** An interface of this node that VIPs are answered on. */
export interface WireLink {
  /** Its name. */
  readonly name: string;
  /** Its kernel index; another one under the same name is another link. */
  readonly index: number;
  /** Its MAC address. */
  readonly mac: MacAddr;
  /** Whether it is up and has a carrier. */
  readonly running: boolean;
  /** The node's gateways on it, of both families: hosts that may be asked for a sign of life; absent: none. */
  readonly gateways?: readonly IpAddr[];
  /** Its IPv6 link-local address, the source of Neighbor Solicitations; absent: it has none. */
  readonly linkLocal?: Ipv6Addr;
}

/** What main knows of one VIP. */
export interface VipView {
  /** The address. */
  readonly vip: IpAddr;
  /** Names of the links of this node it is answered on; empty: not here. */
  readonly links: readonly string[];
  /** Nodes that may answer for it by their fitness, interface and endpoints, sorted. */
  readonly eligible: readonly string[];
  /** How much each of them is preferred, 0 to 63, in the same order; absent: not at all. */
  readonly preferences?: readonly number[];
}

/** An address that is vetted before it is handed out. */
export interface VettingTarget {
  /** The address. */
  readonly ip: IpAddr;
  /** Names of the links of this node it would be answered on. */
  readonly links: readonly string[];
}

/** What main knows of one node that runs an agent. */
export interface NodeView {
  /** Its name. */
  readonly node: string;
  /** Whether its Lease is live. */
  readonly live: boolean;
  /** Whether it said that it is about to stop. */
  readonly leaving: boolean;
  /** The MAC addresses of its links. */
  readonly macs: readonly MacAddr[];
}

/** By what agents know each other's frames. */
export interface WireCluster {
  /** The cluster; frames of others are ignored. */
  readonly clusterId: ClusterId;
  /** Key of the HMAC as base64, 16 bytes or more; absent: frames carry none. */
  readonly wireKey?: string;
}

/** From main to the wire core. */
export type WireCommand =
  | ({
    /** The cluster and its key; before it no frame of the protocol is sent or taken. */
    readonly kind: "cluster";
  } & WireCluster)
  | {
    /** Whether this node's own Lease was not renewed within its duration. */
    readonly kind: "frozen";
    readonly frozen: boolean;
  }
  | {
    /** The links to serve, complete. */
    readonly kind: "links";
    readonly links: readonly WireLink[];
  }
  | {
    /** The nodes that run agents, complete. */
    readonly kind: "nodes";
    readonly nodes: readonly NodeView[];
  }
  | {
    /** VIPs that are new, changed or gone. */
    readonly kind: "vips";
    readonly upserts: readonly VipView[];
    readonly removes: readonly IpAddr[];
  }
  | {
    /** Addresses to vet, complete: those that are handed out next, and those found to be held. */
    readonly kind: "vet";
    readonly targets: readonly VettingTarget[];
  }
  | {
    /** The BFD sessions, complete. */
    readonly kind: "bfd";
    readonly sessions: readonly BfdSessionConfig[];
  }
  | {
    /** Switch a BFD session off (AdminDown), or on again. */
    readonly kind: "bfd-enable";
    readonly id: string;
    readonly enabled: boolean;
  }
  | {
    /** VIPs that are to answer `ping` where this node owns them, complete: their Eips want it, and nothing on this node holds them. */
    readonly kind: "pings";
    readonly vips: readonly IpAddr[];
  }
  | {
    /** Every watched kind was listed: from here on silence means absence. */
    readonly kind: "synced";
  }
  | {
    /** Hand everything over and say `left`; go on answering until then. */
    readonly kind: "leave";
  }
  | {
    /** Stop at once. */
    readonly kind: "stop";
  };

/** What becomes of BFD sessions. */
export type BfdReport =
  | {
    /** A session has another state. */
    readonly kind: "bfd-state";
    readonly id: string;
    readonly state: BfdSessionState;
    /** Why it left Up, or that the peer switched it off; absent otherwise. */
    readonly cause?: BfdDownCause;
    /** Whether the path failed: what a peer switches off takes no BGP session down. */
    readonly pathFailed: boolean;
  }
  | {
    /** A session cannot be served: what the system said. */
    readonly kind: "bfd-failed";
    readonly id: string;
    readonly message: string;
  };

/** From the wire core to main. */
export type WireReport =
  | BfdReport
  | {
    /** The isolate runs. */
    readonly kind: "ready";
  }
  | {
    /** This node began or ceased to answer for a VIP on a link. */
    readonly kind: "owned";
    readonly vip: IpAddr;
    readonly link: string;
    readonly owned: boolean;
    readonly reason: string;
  }
  | {
    /** A host that is no agent's claims a VIP of ours. */
    readonly kind: "conflict";
    readonly vip: IpAddr;
    readonly link: string;
    readonly mac: MacAddr;
    readonly count: number;
  }
  | {
    /** A claim has not been heard again for a long time, or is no concern of ours any more. */
    readonly kind: "conflict-ended";
    readonly vip: IpAddr;
    readonly link: string;
    readonly mac: MacAddr;
  }
  | {
    /** A VIP is not claimed because a host that is no agent's answers for it; or is held no more. */
    readonly kind: "held";
    readonly vip: IpAddr;
    readonly link: string;
    readonly mac: MacAddr;
    readonly held: boolean;
  }
  | {
    /** A host that is no agent's has an address that is vetted; or has it no more. */
    readonly kind: "foreign";
    readonly ip: IpAddr;
    readonly link: string;
    readonly mac: MacAddr;
    readonly held: boolean;
  }
  | {
    /** A VIP of another node does not answer as it should, as seen from here; or does again (`right`). */
    readonly kind: "presence";
    readonly vip: IpAddr;
    readonly link: string;
    /** The node that owns it. */
    readonly owner: string;
    readonly verdict: PresenceVerdict;
  }
  | {
    /** The other agents on a link, complete; sent at most once a second while it changes. */
    readonly kind: "fellows";
    readonly link: string;
    /** How this node stands there. */
    readonly standing: LinkStanding;
    readonly fellows: readonly FellowReport[];
  }
  | {
    /** A link cannot be served: what the system said. */
    readonly kind: "link-failed";
    readonly link: string;
    readonly message: string;
  }
  | {
    /** A link is served, but `ping` is not answered there: what the system said. */
    readonly kind: "ping-failed";
    readonly link: string;
    readonly message: string;
  }
  | {
    /** A link is served. */
    readonly kind: "link-ready";
    readonly link: string;
    readonly filter: "exact" | "plain";
  }
  | {
    /** The process was stopped for this long and has discarded what was queued. */
    readonly kind: "paused";
    readonly gapMs: number;
  }
  | {
    /** Counters since start; sent at most once a second while they change, and every 10 s when not. */
    readonly kind: "counters";
    readonly links: readonly LinkCounters[];
  }
  | {
    /** Nothing is answered any more. */
    readonly kind: "left";
  };

/**
 * How this node stands on a link: `good`, or why it claims nothing there.
 *
 * `listening` since it has just started; `suspended` after it did not run for a
 * while; `unsure` while it hears nobody; `settling` after that; `down`.
 */
export type LinkStanding =
  | "down"
  | "listening"
  | "suspended"
  | "unsure"
  | "settling"
  | "good";

/** What was counted of frames between agents on one link since start. */
export interface FellowCounters {
  /** Frames sent, by type. */
  readonly sent: Readonly<Record<string, number>>;
  /** Frames taken, by type. */
  readonly received: Readonly<Record<string, number>>;
  /** Frames not taken, by reason. */
  readonly refused: Readonly<Record<string, number>>;
}

/** What was counted of echo requests on one link since start. */
export interface EchoCounters {
  /** Answers sent, by protocol. */
  readonly answers: { readonly icmp: number; readonly icmpv6: number };
  /** Requests not answered, by reason. */
  readonly drops: Readonly<Record<string, number>>;
}

/** What was counted on one link since start. */
export interface LinkCounters {
  /** The link. */
  readonly link: string;
  /** Requests for a VIP of ours, by protocol. */
  readonly requests: { readonly arp: number; readonly ndp: number };
  /** Answers sent, by protocol. */
  readonly answers: { readonly arp: number; readonly ndp: number };
  /** Announcements sent, by protocol. */
  readonly announcements: { readonly arp: number; readonly ndp: number };
  /** Frames not answered, by reason. */
  readonly drops: Readonly<Record<string, number>>;
  /** Claims of foreign hosts seen. */
  readonly conflicts: number;
  /** Frames the kernel dropped because we read too slowly. */
  readonly overruns: number;
  /** Checks of VIPs that others own, by what came of them. */
  readonly checks?: Readonly<PresenceCounts>;
  /** Addresses probed for before they are handed out, by what came of it. */
  readonly vetted?: { readonly free: number; readonly held: number };
  /** Echo requests; absent before the first. */
  readonly echoes?: EchoCounters;
  /** Frames between agents; absent before the first. */
  readonly fellows?: FellowCounters;
  /** What was counted of each VIP, where that is asked for. */
  readonly byVip?: readonly VipCounters[];
}

/** What was counted of one VIP on one link. */
export interface VipCounters {
  /** The VIP. */
  readonly vip: IpAddr;
  /** Requests that were answered. */
  readonly answers: number;
  /** Announcements sent. */
  readonly announcements: number;
}
