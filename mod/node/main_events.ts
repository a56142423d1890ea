/**
 * What goes into the main core of a node, and what comes out of it.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import type { Prefix } from "@/addr/prefix.ts";
import type {
  AdmissionSecret,
  BgpConf,
  BgpPeer,
  Eip,
  EndpointSlice,
  Lease,
  Namespace,
  Node,
  PasswordSecret,
  PolicyMap,
  PortText,
  Service,
  WireKeySecret,
} from "@/api/mod.ts";
import type {
  PlannedWrite,
  WatchedKind,
  WriteOutcome,
} from "@/reconcile/mod.ts";
import type { CertificateOrder } from "./admission_keeper.ts";
import type { ObjectNews } from "./bgp_feed.ts";
import type { BgpCommand, BgpReport } from "./bgp_commands.ts";
import type { HostLook } from "./port_look.ts";
import type { WireCommand, WireReport } from "./wire_messages.ts";

/** The kinds that an agent can do without: `secret` has the key of the frames, `certificate` is the Secret of the webhook. */
export type SideKind = "secret" | "certificate" | "bgpconf" | "bgppeer";

/** The kinds that news come of: those that are planned from, and the others. */
export type NewsKind = WatchedKind | SideKind;

/** The object type of each watched kind. */
export interface WatchedObjects {
  /** Services. */
  readonly service: Service;
  /** Pools. */
  readonly eip: Eip;
  /** Nodes. */
  readonly node: Node;
  /** Namespaces. */
  readonly namespace: Namespace;
  /** Endpoints. */
  readonly endpointslice: EndpointSlice;
  /** Leases in our namespace. */
  readonly lease: Lease;
  /** The Secret that has the key of the agents' frames. */
  readonly secret: WireKeySecret;
  /** The Secret that has the certificate of the webhook, without its keys. */
  readonly certificate: AdmissionSecret;
  /** How the BGP speakers are configured. */
  readonly bgpconf: BgpConf;
  /** Peers of the BGP speakers. */
  readonly bgppeer: BgpPeer;
}

/** What a watch of one kind tells. */
export type WatchNews = {
  readonly [K in NewsKind]: {
    readonly watched: K;
    readonly news:
      | {
        readonly kind: "listed";
        readonly objects: readonly WatchedObjects[K][];
        /** The state of the collection that the list shows. */
        readonly resourceVersion: string;
      }
      | { readonly kind: "changed"; readonly object: WatchedObjects[K] }
      | {
        readonly kind: "deleted";
        readonly key: string;
        /** What it was last, when that can be read. */
        readonly object?: WatchedObjects[K];
      }
      | { readonly kind: "alive" }
      | {
        readonly kind: "lost";
        readonly reason: string;
        /** Whether it was told already: the server still does not let us in. */
        readonly isAgain?: true;
      }
      | {
        readonly kind: "unprojectable";
        readonly key: string;
        readonly reason: string;
      };
  };
}[NewsKind];

/** The kinds of which single objects are watched, those that others name: ConfigMaps with policies, Secrets with passwords. */
export type NamedKind = "policy" | "password";

/** What a watch of a single object tells. */
export type NamedNews =
  | {
    readonly watched: "policy";
    readonly name: string;
    readonly news: ObjectNews<PolicyMap> & NamedLoss;
  }
  | {
    readonly watched: "password";
    readonly name: string;
    readonly news: ObjectNews<PasswordSecret> & NamedLoss;
  };

/** Why a watch is lost, or an object cannot be read. */
export interface NamedLoss {
  /** One sentence. */
  readonly reason?: string;
  /** Whether it was told already. */
  readonly isAgain?: true;
}

/** An interface of this node as the kernel tells it. */
export interface LocalLink {
  /** Kernel index. */
  readonly index: number;
  /** Name. */
  readonly name: string;
  /** MAC address; absent where there is none. */
  readonly mac: MacAddr | undefined;
  /** Up and with carrier. */
  readonly running: boolean;
  /** Addresses with the lengths of their subnets. */
  readonly prefixes: readonly Prefix[];
  /** Next hops of default routes that are reached by it, sorted; absent: none. */
  readonly gateways?: readonly IpAddr[];
}

/** What can happen to the main core. */
export type MainEvent =
  | ({ readonly kind: "watch" } & WatchNews)
  | ({ readonly kind: "named" } & NamedNews)
  | { readonly kind: "links"; readonly links: readonly LocalLink[] }
  | {
    /** Answers to `resolve-routes`: targets that have a route, and by which link. */
    readonly kind: "routes";
    readonly routes: readonly (readonly [IpAddr, string])[];
  }
  | {
    /** Answers to `read-arp-ignore`. */
    readonly kind: "arp-ignore";
    readonly values: readonly (readonly [string, number])[];
  }
  | { readonly kind: "wire"; readonly report: WireReport }
  | { readonly kind: "bgp"; readonly report: BgpReport }
  | {
    /** Answer to `ask-proxy`: the HTTP status; absent: nothing answers. */
    readonly kind: "proxy";
    readonly status?: number;
  }
  | {
    /** Answer to `look-at-host`. */
    readonly kind: "host";
    readonly look: HostLook;
  }
  | {
    readonly kind: "written";
    readonly write: PlannedWrite;
    readonly outcome: WriteOutcome;
  }
  | {
    /** Answer to `make-certificate`: it is in the Secret, or why not. */
    readonly kind: "certificate";
    readonly failure?: { readonly reason: string; readonly message: string };
  }
  | { readonly kind: "shutdown" }
  | { readonly kind: "deadline" };

/** What the main core asks for. */
export type MainEffect =
  | { readonly kind: "write"; readonly write: PlannedWrite }
  | { readonly kind: "wire"; readonly command: WireCommand }
  | { readonly kind: "bgp"; readonly command: BgpCommand }
  | { readonly kind: "relist"; readonly watched: NewsKind }
  | {
    /** Watch these objects of the kind, each by itself, and no others. */
    readonly kind: "follow";
    readonly watched: NamedKind;
    readonly names: readonly string[];
  }
  | { readonly kind: "resolve-routes"; readonly targets: readonly IpAddr[] }
  | { readonly kind: "read-arp-ignore"; readonly links: readonly string[] }
  | {
    /** Ask the health port of kube-proxy; answered by `proxy`. */
    readonly kind: "ask-proxy";
  }
  | {
    /** Find out how kube-proxy forwards, and who listens on these ports; answered by `host`. */
    readonly kind: "look-at-host";
    readonly ports: readonly PortText[];
  }
  | {
    /** Make a certificate and put it into its Secret; answered by `certificate`. Its keys do not pass here. */
    readonly kind: "make-certificate";
    readonly order: CertificateOrder;
  }
  | {
    readonly kind: "log";
    readonly level: "debug" | "info" | "warning" | "error";
    readonly message: string;
    readonly fields: Readonly<Record<string, unknown>>;
  }
  | { readonly kind: "exit"; readonly code: number };

/** A point in time, given with every batch of events. */
export interface Instant {
  /** Monotonic milliseconds. */
  readonly nowMs: number;
  /** Wall clock, RFC 3339 with milliseconds, UTC. */
  readonly nowIso: string;
}
