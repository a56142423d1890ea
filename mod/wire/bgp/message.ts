/**
 * The messages of BGP-4 (RFC 4271 §4, RFC 2918) as values.
 *
 * @module
 */

import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import type { BgpCapability } from "./capability.ts";
import type { BgpFamily } from "./family.ts";
import type { Nlri, PathAttribute } from "./path_attribute.ts";

/** Any message. */
export type BgpMessage =
  | OpenMessage
  | UpdateMessage
  | NotificationMessage
  | { readonly kind: "keepalive" }
  | RouteRefreshMessage;

/** OPEN of version 4 (RFC 4271 §4.2). */
export interface OpenMessage {
  /** Which {@linkcode BgpMessage} it is. */
  readonly kind: "open";
  /** My Autonomous System: 16 bits, AS_TRANS where the number is longer. */
  readonly myAs: number;
  /** Hold Time as proposed: 0, or 3 to 65535. */
  readonly holdTimeSeconds: number;
  /** BGP Identifier: any four octets but 0.0.0.0 (RFC 6286 §2.1). */
  readonly bgpIdentifier: Ipv4Addr;
  /** The capabilities of all its parameters, in their order. */
  readonly capabilities: readonly BgpCapability[];
}

/** UPDATE (RFC 4271 §4.3). */
export interface UpdateMessage {
  /** Which {@linkcode BgpMessage} it is. */
  readonly kind: "update";
  /** WITHDRAWN ROUTES: of IPv4 unicast. */
  readonly withdrawn: readonly Nlri[];
  /** Path attributes in the order of the wire. */
  readonly attributes: readonly PathAttribute[];
  /** Network Layer Reachability Information: of IPv4 unicast. */
  readonly nlri: readonly Nlri[];
}

/** NOTIFICATION (RFC 4271 §4.5): an error, after which the connection is closed. */
export interface NotificationMessage {
  /** Which {@linkcode BgpMessage} it is. */
  readonly kind: "notification";
  /** Error code, of {@linkcode BGP_ERROR}. */
  readonly code: number;
  /** Error subcode; 0 where there is none. */
  readonly subcode: number;
  /** What code and subcode define, mostly nothing. */
  readonly data: Uint8Array;
}

/** ROUTE-REFRESH (RFC 2918 §3, RFC 7313 §3.2). */
export interface RouteRefreshMessage {
  /** Which {@linkcode BgpMessage} it is. */
  readonly kind: "route-refresh";
  /** Whose routes are asked for. */
  readonly family: BgpFamily;
  /** Message subtype: 0 asks, 1 begins (BoRR), 2 ends (EoRR); others are ignored by the receiver. */
  readonly subtype: number;
}
