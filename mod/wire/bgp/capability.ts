/**
 * Capabilities that two speakers tell each other in OPEN (RFC 5492), as values.
 *
 * @module
 */

import type { BgpFamily } from "./family.ts";

/** A capability. Its order and repetitions in an OPEN are kept. */
export type BgpCapability =
  | MultiprotocolCapability
  | { readonly kind: "route-refresh" }
  | { readonly kind: "route-refresh-cisco" }
  | ExtendedNextHopCapability
  | { readonly kind: "extended-message" }
  | RoleCapability
  | GracefulRestartCapability
  | FourOctetAsCapability
  | AddPathCapability
  | { readonly kind: "enhanced-route-refresh" }
  | LongLivedGracefulRestartCapability
  | FqdnCapability
  | UnknownCapability;

/** Code 1: routes of one family (RFC 4760 §8). */
export interface MultiprotocolCapability {
  /** Which {@linkcode BgpCapability} it is. */
  readonly kind: "multiprotocol";
  /** The family. */
  readonly family: BgpFamily;
}

/** Code 5: next hops of another version than the routes (RFC 8950 §3). */
export interface ExtendedNextHopCapability {
  /** Which {@linkcode BgpCapability} it is. */
  readonly kind: "extended-next-hop";
  /** Families, and what their next hops may be instead. */
  readonly tuples: readonly ExtendedNextHop[];
}

/** One tuple of an {@linkcode ExtendedNextHopCapability}. */
export interface ExtendedNextHop {
  /** Family of the routes; its SAFI has two octets here, of which one is used. */
  readonly family: BgpFamily;
  /** AFI of their next hops. */
  readonly nextHopAfi: number;
}

/** What a speaker is to its peer (RFC 9234 §4.1). */
export type BgpRole = "provider" | "rs" | "rs-client" | "customer" | "peer";

/** Code 9: what the sender is to its peer (RFC 9234 §4.1). An unassigned value is an {@linkcode UnknownCapability}. */
export interface RoleCapability {
  /** Which {@linkcode BgpCapability} it is. */
  readonly kind: "role";
  /** The sender's role. */
  readonly role: BgpRole;
}

/** Code 64: the sender can restart, or helps the peer to (RFC 4724 §3). */
export interface GracefulRestartCapability {
  /** Which {@linkcode BgpCapability} it is. */
  readonly kind: "graceful-restart";
  /** It has just restarted (R). */
  readonly restartState: boolean;
  /** It keeps routes after a NOTIFICATION, too (N, RFC 8538 §2). */
  readonly notification: boolean;
  /** How long it may take to come back: 0 to 4095. */
  readonly restartTimeSeconds: number;
  /** Families whose routes are to be kept; none: it only helps. */
  readonly families: readonly {
    readonly family: BgpFamily;
    /** It kept forwarding while it restarted (F). */
    readonly forwardingPreserved: boolean;
  }[];
}

/** Code 65: the sender's whole AS number (RFC 6793 §3). */
export interface FourOctetAsCapability {
  /** Which {@linkcode BgpCapability} it is. */
  readonly kind: "four-octet-as";
  /** Its AS number, 0 to 2^32 - 1. */
  readonly as: number;
}

/** What the sender of ADD-PATH can do with several paths of a prefix (RFC 7911 §4). */
export type AddPathMode = "receive" | "send" | "both";

/** Code 69: several paths of a prefix (RFC 7911 §4). With an unassigned mode in it, it is an {@linkcode UnknownCapability}. */
export interface AddPathCapability {
  /** Which {@linkcode BgpCapability} it is. */
  readonly kind: "add-path";
  /** What the sender can do in which family. */
  readonly families: readonly {
    readonly family: BgpFamily;
    readonly mode: AddPathMode;
  }[];
}

/** Code 71: routes are kept for hours (RFC 9494 §3.1). */
export interface LongLivedGracefulRestartCapability {
  /** Which {@linkcode BgpCapability} it is. */
  readonly kind: "long-lived-graceful-restart";
  /** The families of which routes may be kept. */
  readonly families: readonly {
    readonly family: BgpFamily;
    /** The sender kept forwarding while it restarted (F). */
    readonly forwardingPreserved: boolean;
    /** How long stale routes may be kept: 0 to 2^24 - 1. */
    readonly staleTimeSeconds: number;
  }[];
}

/** Code 73: what the sender is called; shown, never used. */
export interface FqdnCapability {
  /** Which {@linkcode BgpCapability} it is. */
  readonly kind: "fqdn";
  /** Its host name; up to 255 bytes of UTF-8. */
  readonly hostname: string;
  /** Its domain; up to 255 bytes of UTF-8. */
  readonly domain: string;
}

/** A capability that is not read, or has a value that nobody assigned: ignored (RFC 5492 §4). */
export interface UnknownCapability {
  /** Which {@linkcode BgpCapability} it is. */
  readonly kind: "unknown";
  /** Its code. */
  readonly code: number;
  /** Its value; up to 255 bytes. */
  readonly value: Uint8Array;
}
