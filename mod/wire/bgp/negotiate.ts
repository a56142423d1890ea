/**
 * What follows from two OPENs: whether the peer is the one that was meant, and
 * what the session can do.
 *
 * @module
 */

import { err, ok, type Result } from "@/lang/result.ts";
import { ByteWriter } from "./_bytes.ts";
import type { BgpError } from "./bgp_error.ts";
import type { BgpCapability, BgpRole } from "./capability.ts";
import { encodeCapability } from "./capability_codec.ts";
import { UNICAST_FAMILIES, type UnicastFamily } from "./family.ts";
import {
  AFI,
  AS_TRANS,
  BGP_CAPABILITY,
  BGP_ERROR,
  OPEN_ERROR,
} from "./iana.ts";
import type { OpenMessage } from "./message.ts";
import type { NegotiatedSession } from "./session.ts";

/** What is known of a peer before its OPEN. */
export interface PeerExpectation {
  /** Its AS number; absent: any but ours. */
  readonly peerAs?: number;
  /** It has to tell its role if we told ours (RFC 9234 §4.2). */
  readonly strictRole?: boolean;
  /** Kinds of capabilities without which there is no session (RFC 5492 §3). */
  readonly required?: readonly BgpCapability["kind"][];
}

/**
 * The AS number of the sender of an OPEN (RFC 6793 §4.1).
 *
 * @param open The OPEN.
 * @returns That of its first capability 65, else of My Autonomous System.
 */
export function asOfOpen(open: OpenMessage): number {
  return firstOf(open, "four-octet-as")?.as ?? open.myAs;
}

/**
 * My Autonomous System for an AS number (RFC 6793 §4.2.1).
 *
 * @param as The AS number.
 * @returns The same where it fits two octets, else AS_TRANS.
 */
export function myAsField(as: number): number {
  return as > 0xffff ? AS_TRANS : as;
}

/**
 * Judges a peer's OPEN by ours, and says what both agree on.
 *
 * @param sent Our OPEN.
 * @param received The peer's.
 * @param expectation What is known of the peer.
 * @returns What both agree on, or why there is no session.
 */
export function negotiateSession(
  sent: OpenMessage,
  received: OpenMessage,
  expectation: PeerExpectation,
): Result<NegotiatedSession, BgpError> {
  const localAs = asOfOpen(sent);
  const peerAs = asOfOpen(received);
  const expected = expectation.peerAs === undefined
    ? peerAs !== localAs
    : peerAs === expectation.peerAs;
  if (!expected || peerAs === AS_TRANS) {
    // No RFC says what the data are; bird sends the number that it found, too.
    const found = new ByteWriter();
    found.u32(peerAs);
    return refuse(
      OPEN_ERROR.badPeerAs,
      "My Autonomous System",
      20,
      found.take(),
    );
  }
  const external = peerAs !== localAs;
  // RFC 6286 §2.2: identifiers need to differ inside an AS only.
  if (!external && received.bgpIdentifier === sent.bgpIdentifier) {
    return refuse(OPEN_ERROR.badBgpIdentifier, "BGP Identifier", 24);
  }
  const lacking = (expectation.required ?? []).filter((kind) =>
    !has(received, kind)
  );
  const families = commonFamilies(sent, received);
  if (lacking.length > 0 || families.length === 0) {
    return refuse(
      OPEN_ERROR.unsupportedCapability,
      "Capabilities",
      OPTIONAL_PARAMETERS_AT,
      missingCapabilities(sent, lacking, families.length === 0),
    );
  }
  const role = external
    ? agreedRole(sent, received, expectation.strictRole === true)
    : ok(undefined);
  if (!role.ok) return role;
  return ok({
    ...agreement(sent, received, families),
    external,
    peerAs,
    localAs,
    peerIdentifier: received.bgpIdentifier,
    holdTimeSeconds: Math.min(sent.holdTimeSeconds, received.holdTimeSeconds),
    ...(role.value === undefined ? {} : { peerRole: role.value }),
  });
}

type Agreement = Omit<
  NegotiatedSession,
  | "external"
  | "peerAs"
  | "localAs"
  | "peerIdentifier"
  | "holdTimeSeconds"
  | "peerRole"
>;

function agreement(
  sent: OpenMessage,
  received: OpenMessage,
  families: readonly UnicastFamily[],
): Agreement {
  const both = (kind: BgpCapability["kind"]) =>
    has(sent, kind) && has(received, kind);
  const ours = lastOf(sent, "graceful-restart");
  const theirs = ours && lastOf(received, "graceful-restart");
  const longLived = theirs && has(sent, "long-lived-graceful-restart") &&
    lastOf(received, "long-lived-graceful-restart");
  const fqdn = firstOf(received, "fqdn");
  return {
    fourOctetAs: both("four-octet-as"),
    families,
    addPathReceive: families.filter((family) =>
      addPath(sent, family, "receive") && addPath(received, family, "send")
    ),
    addPathSend: families.filter((family) =>
      addPath(sent, family, "send") && addPath(received, family, "receive")
    ),
    extendedNextHop: families.filter((family) =>
      extendedNextHop(sent, family) && extendedNextHop(received, family)
    ),
    extendedMessage: both("extended-message"),
    routeRefresh: has(sent, "route-refresh") &&
      (has(received, "route-refresh") || has(received, "route-refresh-cisco")),
    enhancedRouteRefresh: both("enhanced-route-refresh"),
    gracefulNotification: ours?.notification === true &&
      theirs?.notification === true,
    ...(theirs === undefined ? {} : { gracefulRestart: theirs }),
    ...(longLived ? { longLivedGracefulRestart: longLived } : {}),
    ...(fqdn === undefined ? {} : { peerHostname: fqdn.hostname }),
  };
}

/** Families that both can; a speaker that tells none can IPv4 unicast (RFC 4760 §8). */
function commonFamilies(
  sent: OpenMessage,
  received: OpenMessage,
): readonly UnicastFamily[] {
  const can = (open: OpenMessage, family: UnicastFamily) =>
    has(open, "multiprotocol")
      ? open.capabilities.some((item) =>
        item.kind === "multiprotocol" && item.family === family
      )
      : family === "ipv4-unicast";
  return UNICAST_FAMILIES.filter((family) =>
    can(sent, family) && can(received, family)
  );
}

function addPath(
  open: OpenMessage,
  family: UnicastFamily,
  mode: "receive" | "send",
): boolean {
  const found = firstOf(open, "add-path")?.families
    .find((item) => item.family === family);
  return found !== undefined && (found.mode === mode || found.mode === "both");
}

function extendedNextHop(open: OpenMessage, family: UnicastFamily): boolean {
  // RFC 8950 §4 is about IPv4 routes behind IPv6; the reverse is not done.
  return family === "ipv4-unicast" &&
    open.capabilities.some((item) =>
      item.kind === "extended-next-hop" &&
      item.tuples.some((tuple) =>
        tuple.family === family && tuple.nextHopAfi === AFI.ipv6
      )
    );
}

/** RFC 9234 §4.2: the peer's role has to be the counterpart of ours. */
function agreedRole(
  sent: OpenMessage,
  received: OpenMessage,
  strict: boolean,
): Result<BgpRole | undefined, BgpError> {
  const ours = firstOf(sent, "role")?.role;
  if (ours === undefined) return ok(undefined);
  const mismatch = () =>
    refuse(OPEN_ERROR.roleMismatch, "BGP Role", OPTIONAL_PARAMETERS_AT);
  const unassigned = received.capabilities.some((item) =>
    item.kind === "unknown" && item.code === BGP_CAPABILITY.role
  );
  const theirs = new Set(
    received.capabilities.flatMap((item) =>
      item.kind === "role" ? [item.role] : []
    ),
  );
  if (unassigned || theirs.size > 1) return mismatch();
  const [role] = theirs;
  // RFC 9234 §4.2: without the peer's word, it is what ours makes of it.
  if (role === undefined) return strict ? mismatch() : ok(COUNTERPARTS[ours]);
  return COUNTERPARTS[ours] === role ? ok(role) : mismatch();
}

/** RFC 5492 §5: the data of Unsupported Capability are the capabilities that lack. */
function missingCapabilities(
  sent: OpenMessage,
  lacking: readonly BgpCapability["kind"][],
  noFamily: boolean,
): Uint8Array {
  const data = new ByteWriter();
  for (const item of sent.capabilities) {
    const lacks = lacking.includes(item.kind) ||
      (noFamily && item.kind === "multiprotocol");
    if (lacks) data.bytes(encodeCapability(item));
  }
  return data.take();
}

function has(open: OpenMessage, kind: BgpCapability["kind"]): boolean {
  return open.capabilities.some((item) => item.kind === kind);
}

function firstOf<K extends BgpCapability["kind"]>(
  open: OpenMessage,
  kind: K,
): Extract<BgpCapability, { readonly kind: K }> | undefined {
  return open.capabilities.find((item) => isKind(item, kind)) as
    | Extract<BgpCapability, { readonly kind: K }>
    | undefined;
}

/** RFC 4724 §3: of several, the last one counts. */
function lastOf<K extends BgpCapability["kind"]>(
  open: OpenMessage,
  kind: K,
): Extract<BgpCapability, { readonly kind: K }> | undefined {
  return open.capabilities.findLast((item) => isKind(item, kind)) as
    | Extract<BgpCapability, { readonly kind: K }>
    | undefined;
}

function isKind(item: BgpCapability, kind: BgpCapability["kind"]): boolean {
  return item.kind === kind;
}

function refuse(
  subcode: number,
  field: string,
  offsetBytes: number,
  data: Uint8Array = new Uint8Array(0),
): Result<never, BgpError> {
  return err({
    notification: {
      kind: "notification",
      code: BGP_ERROR.openMessage,
      subcode,
      data,
    },
    field,
    offsetBytes,
  });
}

const OPTIONAL_PARAMETERS_AT = 28;

const COUNTERPARTS: Readonly<Record<BgpRole, BgpRole>> = {
  "provider": "customer",
  "customer": "provider",
  "rs": "rs-client",
  "rs-client": "rs",
  "peer": "peer",
};
