/**
 * What agents say to each other on a link, as values: frames of EtherType
 * 0x88B5 (IEEE 802 local experimental 1).
 *
 * ```text
 * header, 32 bytes
 *  0  2 magic 0x4648     2  1 version 1     3  1 type     4  8 cluster
 * 12  8 node            20  8 incarnation  28  2 length of the body
 * 30  2 bit 0: a trailer of 16 bytes, HMAC-SHA-256[0..16] over header and body
 * ```
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { Brand } from "@/lang/brand.ts";

/** First 8 bytes of SHA-256 of a node's name, as 16 hex digits. */
export type NodeId = Brand<string, "NodeId">;

/** First 8 bytes of SHA-256 of the UID of the Namespace kube-system, as 16 hex digits. */
export type ClusterId = Brand<string, "ClusterId">;

/** What an agent says of itself, or what a VOUCH relays of another. */
export interface FellowState {
  /** Version of its list; grows by one or more at each change, wraps at 2³². */
  readonly listVersion: number;
  /** Its monotonic clock in milliseconds since its start, wraps at 2³². */
  readonly uptimeMs: number;
  /** Time between two beacons, in milliseconds. */
  readonly beaconIntervalMs: number;
  /** It heard nobody, or was stopped, and has not settled since. */
  readonly unsure: boolean;
  /** Its own Lease was not renewed within its duration, or it has no view. */
  readonly frozen: boolean;
  /** It has just started and claims nothing yet. */
  readonly listening: boolean;
  /** It hands everything over. */
  readonly leaving: boolean;
  /** How many VIPs are in its list. */
  readonly vips: number;
}

/** One VIP in a list. */
export interface ListEntry {
  /** The VIP. */
  readonly vip: IpAddr;
  /** Whether its owner serves it only until it is relieved. */
  readonly leaving: boolean;
  /** How much its owner is preferred for it, 1 to 63; absent: not at all. */
  readonly preference?: number;
}

/** One part of a list; the list counts when all parts of one version are there. */
export interface ListPart {
  /** The owner's state. */
  readonly state: FellowState;
  /** Which part, from 0. */
  readonly part: number;
  /** How many parts, 1 or more. */
  readonly parts: number;
  /** The owner's name. */
  readonly node: string;
  /** The VIPs of this part. */
  readonly entries: readonly ListEntry[];
}

/** What a frame says. */
export type FellowMessage =
  | { readonly kind: "beacon"; readonly state: FellowState }
  | ({ readonly kind: "list" } & ListPart)
  | { readonly kind: "query"; readonly knownVersion: number }
  | { readonly kind: "probe"; readonly nonce: bigint }
  | {
    readonly kind: "reply";
    readonly nonce: bigint;
    readonly listVersion: number;
    readonly unsure: boolean;
    readonly frozen: boolean;
    readonly listening: boolean;
    readonly leaving: boolean;
  }
  | {
    readonly kind: "suspect";
    readonly subject: NodeId;
    readonly incarnation: bigint;
    readonly silentMs: number;
  }
  | ({
    readonly kind: "vouch";
    readonly subject: NodeId;
    readonly incarnation: bigint;
  } & ListPart);

/** A frame of an agent. */
export interface FellowFrame {
  /** Who says it. */
  readonly sender: NodeId;
  /** Microseconds of the wall clock at its start; a later start has a larger one. */
  readonly incarnation: bigint;
  /** What. */
  readonly message: FellowMessage;
}
