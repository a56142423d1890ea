/**
 * From a BgpConf and a BgpPeer to what a speaker knows of a peer on one node.
 *
 * What is wrong with either was found by the checks of `reconcile`; here a
 * field that cannot be used is a sentence, too, and never an exception.
 *
 * @module
 */

import { type IpAddr, isIpv4, isIpv6, parseIpAddr } from "@/addr/ip_addr.ts";
import {
  type Ipv4Addr,
  ipv4AddrFromNumber,
  parseIpv4Addr,
} from "@/addr/ipv4_addr.ts";
import type { Prefix } from "@/addr/prefix.ts";
import type {
  BgpAdvertisement,
  BgpAfiSafi,
  BgpConfSpec,
  BgpGracefulRestart,
  BgpPeerSpec,
} from "@/api/mod.ts";
import {
  type AddressPool,
  type AsPathTerms,
  type BgpPeerConfig,
  type ExportPolicy,
  type PathsMax,
  type PeerAttributes,
  PolicyInForce,
  type SpeakerPeer,
} from "@/bgp/mod.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import {
  type AddPathMode,
  AS_TRANS,
  type BgpCapability,
  type BgpRole,
  myAsField,
  type UnicastFamily,
} from "@/wire/bgp/mod.ts";
import { aggregationTerms } from "./aggregation_terms.ts";
import { type BfdTerms, bfdTerms } from "./bfd_terms.ts";
import { advertisedAttributes, BgpSelection } from "./bgp_selection.ts";
import { type RangeTerms, rangeTerms } from "./dynamic_terms.ts";
import { linkBandwidthTerms } from "./link_bandwidth_terms.ts";
import { type PeerPlace, placeOf } from "./peer_place.ts";

/** The node a speaker runs on. */
export interface BgpNode {
  /** Its name. */
  readonly name: string;
  /** Its labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** Its internal addresses, the first of each family counts. */
  readonly addresses: readonly IpAddr[];
}

/** A peer, and how it is reached. */
export interface BgpPeerTerms {
  /** What the speaker knows of it. */
  readonly speaker: Omit<SpeakerPeer, "transportKey">;
  /** What is dialled; absent: it is only waited for. */
  readonly target?: {
    readonly peer: {
      readonly address: IpAddr;
      readonly zone?: string;
      readonly port: number;
    };
    readonly hops: BgpHops;
    readonly md5Key?: string;
    /** The address that is dialled from. */
    readonly source?: IpAddr;
    /** The interface that is dialled over. */
    readonly device?: string;
  };
  /** From where it may connect. */
  readonly source: Prefix;
  /** The interface that it has to connect over; absent: any. */
  readonly zone?: string;
  /** The interface whose router it is, by whatever address: see `unnumbered_terms.ts`. */
  readonly unnumbered?: string;
  /** Whoever connects from `source` is a peer: see `dynamic_terms.ts`. */
  readonly dynamic?: RangeTerms;
  /** How far its packets may travel. */
  readonly hops: BgpHops;
  /** The key of TCP MD5. */
  readonly md5Key?: string;
  /** BFD with it; absent: none. */
  readonly bfd?: BfdTerms;
}

/** A BgpPeer, and what it rests on beside the BgpConf. */
export interface NamedPeer {
  /** Its name. */
  readonly name: string;
  /** Its spec, the password among it. */
  readonly spec: BgpPeerSpec;
  /** The policy in force; absent: none. */
  readonly policy?: PolicyInForce;
  /** What may be announced as a whole; absent: everything. */
  readonly pools?: readonly AddressPool[];
  /** Which Eips there are; absent: none. */
  readonly selection?: BgpSelection;
}

/** How far packets may travel. */
export type BgpHops =
  | { readonly kind: "gtsm"; readonly hopsMax: number }
  | { readonly kind: "limit"; readonly hops: number }
  | { readonly kind: "system" };

/** The label of a node that names its rack, for `asPerRack`. */
export const RACK_LABEL = "openelb.kubesphere.io/rack";

/** The port of BGP, RFC 4271 §8.2.1.4. */
export const BGP_PORT = 179;

/** Hold Time where none is configured, RFC 4271 §10. */
export const HOLD_TIME_SECONDS_DEFAULT = 90;

/** ConnectRetryTime where none is configured, RFC 4271 §10. */
export const CONNECT_RETRY_SECONDS_DEFAULT = 120;

/** IdleHoldTime at most: how long a peer whose sessions end again and again is left alone. */
export const IDLE_HOLD_MS_MAX = 60_000;

/** Paths of a prefix that are announced under ADD-PATH where `afiSafis` says nothing, as OpenELB has it. */
export const SEND_MAX_DEFAULT = 10;

/**
 * Our AS number and BGP Identifier on a node.
 *
 * @param conf The BgpConf's spec.
 * @param node The node.
 * @returns Both, or one sentence that says what is missing.
 */
export function bgpIdentityOf(
  conf: BgpConfSpec,
  node: BgpNode,
): Result<{ readonly as: number; readonly routerId: Ipv4Addr }, string> {
  const rack = node.labels[RACK_LABEL];
  const ofRack = rack === undefined ? undefined : conf.asPerRack?.[rack];
  const isRack = ofRack !== undefined && ofRack > 0;
  const as = isRack ? ofRack : conf.as ?? 0;
  if (as === 0 || as === AS_TRANS) {
    return err(
      `There is no AS number for ${node.name}: set spec.as of the BgpConf, 1 to 4294967295 but 23456`,
    );
  }
  // With an AS for each rack one identifier for all would be a mistake.
  const given = isRack ? "" : conf.routerId ?? "";
  const parsed = given === "" ? undefined : parseIpv4Addr(given);
  if (given !== "" && parsed === undefined) {
    return err(
      `spec.routerId of the BgpConf is "${given}": write four numbers as in 192.168.0.2`,
    );
  }
  const own = node.addresses.find(isIpv4);
  return ok({ as, routerId: parsed ?? own ?? hashedIdentifier(node.name) });
}

/**
 * What the speaker of a node knows of a peer.
 *
 * @param conf The BgpConf's spec.
 * @param peer The BgpPeer, and what it rests on.
 * @param node The node.
 * @returns The terms, or one sentence that says what cannot be used.
 */
export function bgpPeerTerms(
  conf: BgpConfSpec,
  peer: NamedPeer,
  node: BgpNode,
): Result<BgpPeerTerms, string> {
  const identity = bgpIdentityOf(conf, node);
  if (!identity.ok) return identity;
  const { spec } = peer;
  const { neighborAddress = "", authPassword = "" } = spec.conf ?? {};
  const place = placeOf(spec);
  if (place === undefined) {
    return err(
      `spec.conf.neighborAddress of the BgpPeer ${peer.name} is "${neighborAddress}": write an IPv4 or IPv6 address`,
    );
  }
  const { address, unnumbered, isRange } = place;
  const localAs = spec.conf?.localAs || identity.value.as;
  const own = unnumbered === undefined ? address : undefined;
  const families = familiesOf(spec.afiSafis, own)
    .filter(({ family }) => isInTables(conf, family));
  if (families.length === 0) {
    return err(
      `spec.afiSafis of the BgpPeer ${peer.name} has no family that is spoken: write AFI_IP or AFI_IP6 with SAFI_UNICAST, one that spec.families of the BgpConf has, too`,
    );
  }
  const attributes = peerAttributes(conf, peer.name, spec.advertisement);
  if (!attributes.ok) return attributes;
  const policyTowards = policiesOf(conf, peer, attributes.value);
  const policy = policyTowards(address);
  const external = spec.conf?.peerAs !== localAs;
  const asPath = asPathOf(spec);
  const hops = hopsOf(spec, external);
  const isPassive = spec.transport?.passiveMode === true || isRange;
  const md5 = authPassword === "" ? {} : { md5Key: authPassword };
  const bfd = bfdTerms(spec);
  return ok({
    speaker: {
      connection: connectionOf(conf, spec, {
        localAs,
        routerId: identity.value.routerId,
        families,
        isPassive,
      }),
      address,
      pathsMax: pathsMaxOf(families),
      ...(policy === undefined ? {} : { policy }),
      ...(asPath === undefined ? {} : { asPath }),
      ...aggregationTerms(peer),
      ...linkBandwidthTerms(spec),
      enabled: spec.conf?.adminDown !== true,
    },
    ...(isPassive
      ? {}
      : { target: { ...targetOf(spec, place), hops, ...md5 } }),
    ...sourceOf(place),
    ...(isRange ? { dynamic: rangeTerms(spec, policyTowards) } : {}),
    hops,
    ...md5,
    ...(bfd === undefined ? {} : { bfd }),
  });
}

/** Whether the BgpConf has tables of a family, by GoBGP's indices; without a list it has all. */
function isInTables(
  { families = [] }: BgpConfSpec,
  family: UnicastFamily,
): boolean {
  return families.length === 0 ||
    families.includes(family === "ipv4-unicast" ? 0 : 1);
}

/** What is dialled, and from where. */
function targetOf(
  spec: BgpPeerSpec,
  { address, zone }: PeerPlace,
): Pick<
  NonNullable<BgpPeerTerms["target"]>,
  "peer" | "source" | "device"
> {
  const port = spec.transport?.remotePort || BGP_PORT;
  const peer = zone === undefined ? { address, port } : { address, zone, port };
  return { peer, ...originOf(spec) };
}

/** From where a peer may connect. */
function sourceOf(
  { source, zone, unnumbered }: PeerPlace,
): Pick<BgpPeerTerms, "source" | "zone" | "unnumbered"> {
  return {
    source,
    ...(zone === undefined ? {} : { zone }),
    ...(unnumbered === undefined ? {} : { unnumbered }),
  };
}

/** From where a peer is dialled, where that is configured. */
function originOf(
  { transport: { localAddress = "", bindInterface = "" } = {} }: BgpPeerSpec,
): { readonly source?: IpAddr; readonly device?: string } {
  const source = parseIpAddr(localAddress);
  return {
    ...(source === undefined ? {} : { source }),
    ...(bindInterface === "" ? {} : { device: bindInterface }),
  };
}

/** What becomes of AS numbers that import policies put there. */
function asPathOf({ conf = {} }: BgpPeerSpec): AsPathTerms | undefined {
  const privateAs = PRIVATE_AS[conf.removePrivateAs ?? ""];
  const replacePeerAs = conf.replacePeerAs === true;
  if (privateAs === undefined && !replacePeerAs) return undefined;
  return {
    ...(privateAs === undefined ? {} : { privateAs }),
    ...(replacePeerAs ? { replacePeerAs } : {}),
  };
}

const PRIVATE_AS: Readonly<Record<string, AsPathTerms["privateAs"]>> = {
  ALL: "remove",
  REPLACE: "replace",
};

/** What all routes carry towards a peer. */
function peerAttributes(
  { communityAliases = {} }: BgpConfSpec,
  name: string,
  advertisement: BgpAdvertisement = {},
): Result<PeerAttributes, string> {
  const attributes = advertisedAttributes(advertisement, communityAliases);
  return attributes === undefined
    ? err(
      `spec.advertisement of the BgpPeer ${name} has a community that is none: write 65001:100, a well-known name, 65001:1:2 for a large one, or a name that spec.communityAliases of the BgpConf has`,
    )
    : ok(attributes);
}

/** Of peers that no policy is for; it keeps what they are told, so that nothing changes by asking again. */
const NO_POLICY = new PolicyInForce();

/** A family, and what ADD-PATH does in it. */
interface SpokenFamily {
  readonly family: UnicastFamily;
  /** Paths announced; 0: without ADD-PATH. */
  readonly sendMax: number;
  readonly receive: boolean;
  /** Whether its routes last over a restart of ours. */
  readonly graceful: boolean;
}

function familiesOf(
  afiSafis: readonly BgpAfiSafi[] | undefined,
  address: IpAddr | undefined,
): readonly SpokenFamily[] {
  const isSix = address === undefined || isIpv6(address);
  const own: UnicastFamily = isSix ? "ipv6-unicast" : "ipv4-unicast";
  if (afiSafis === undefined || afiSafis.length === 0) {
    if (address === undefined) return BOTH_FAMILIES;
    return [{
      family: own,
      sendMax: SEND_MAX_DEFAULT,
      receive: false,
      graceful: true,
    }];
  }
  const spoken = new Map<UnicastFamily, SpokenFamily>();
  for (const { config, addPaths, mpGracefulRestart } of afiSafis) {
    if (config?.enabled === false) continue;
    const { afi = "", safi = "" } = config?.family ?? {};
    if (safi !== "" && safi !== "SAFI_UNICAST") continue;
    const family = afi === "" ? own : FAMILIES[afi];
    if (family === undefined || spoken.has(family)) continue;
    spoken.set(family, {
      family,
      sendMax: addPaths?.config?.sendMax ?? 0,
      receive: addPaths?.config?.receive === true,
      graceful: mpGracefulRestart?.config?.enabled !== false,
    });
  }
  return [...spoken.values()];
}

/** What OpenELB speaks with an unnumbered peer where `afiSafis` says nothing. */
const BOTH_FAMILIES: readonly SpokenFamily[] = ["ipv4-unicast", "ipv6-unicast"]
  .map((family) => ({
    family: family as UnicastFamily,
    sendMax: SEND_MAX_DEFAULT,
    receive: false,
    graceful: true,
  }));

const FAMILIES: Readonly<Record<string, UnicastFamily>> = {
  AFI_IP: "ipv4-unicast",
  AFI_IP6: "ipv6-unicast",
};

/** What routes go through, by the router that is told of them. */
function policiesOf(
  { communityAliases: aliases = {} }: BgpConfSpec,
  { name, spec: { eipSelector }, ...rest }: NamedPeer,
  attributes: PeerAttributes,
): (neighbor: IpAddr) => ExportPolicy | undefined {
  const { policy = NO_POLICY, selection = new BgpSelection() } = rest;
  return (neighbor) =>
    selection.towards(
      { name, eipSelector, aliases, neighbor },
      policy.towards(neighbor, attributes),
    );
}

/** Paths of a prefix by family; one where ADD-PATH is not wanted. */
function pathsMaxOf(families: readonly SpokenFamily[]): PathsMax {
  const of = (family: UnicastFamily) =>
    families.find((one) => one.family === family)?.sendMax || 1;
  return {
    "ipv4-unicast": of("ipv4-unicast"),
    "ipv6-unicast": of("ipv6-unicast"),
  };
}

function connectionOf(
  conf: BgpConfSpec,
  spec: BgpPeerSpec,
  us: {
    readonly localAs: number;
    readonly routerId: Ipv4Addr;
    readonly families: readonly SpokenFamily[];
    readonly isPassive: boolean;
  },
): BgpPeerConfig {
  const {
    holdTime = "",
    connectRetry = "",
    keepaliveInterval = "",
    sendHoldTime = "",
  } = spec.timers?.config ?? {};
  const holdTimeSeconds = holdTime === ""
    ? HOLD_TIME_SECONDS_DEFAULT
    : Number(holdTime);
  const retrySeconds = Number(connectRetry) || CONNECT_RETRY_SECONDS_DEFAULT;
  const keepaliveSeconds = Number(keepaliveInterval);
  const peerAs = spec.conf?.peerAs;
  return {
    open: {
      kind: "open",
      myAs: myAsField(us.localAs),
      holdTimeSeconds,
      bgpIdentifier: us.routerId,
      capabilities: capabilitiesOf(us.localAs, us.families, {
        graceful: spec.gracefulRestart ?? conf.gracefulRestart,
        holdTimeSeconds,
        role: roleOf(spec),
      }),
    },
    expectation: peerAs === undefined || peerAs === 0 ? {} : { peerAs },
    times: {
      connectRetryTimeMs: us.isPassive ? 0 : retrySeconds * 1_000,
      ...(keepaliveSeconds > 0
        ? {
          keepaliveTimeMs: keepaliveSeconds * 1_000,
          holdTimeMs: holdTimeSeconds * 1_000,
        }
        : {}),
      delayOpenTimeMs: 0,
      idleHoldTimeMs: IDLE_HOLD_MS_MAX,
      sendHoldTimeMs: Number(sendHoldTime) * 1_000,
    },
  };
}

function capabilitiesOf(
  localAs: number,
  families: readonly SpokenFamily[],
  restart: {
    readonly graceful: BgpGracefulRestart | undefined;
    readonly holdTimeSeconds: number;
    readonly role: BgpRole | undefined;
  },
): readonly BgpCapability[] {
  const list: BgpCapability[] = families.map(({ family }) => ({
    kind: "multiprotocol",
    family,
  }));
  list.push({ kind: "route-refresh" });
  if (families.some(({ family }) => family === "ipv4-unicast")) {
    list.push({
      kind: "extended-next-hop",
      tuples: [{ family: "ipv4-unicast", nextHopAfi: 2 }],
    });
  }
  list.push({ kind: "extended-message" });
  const { graceful, holdTimeSeconds, role } = restart;
  if (role !== undefined) list.push({ kind: "role", role });
  if (graceful?.enabled === true) {
    list.push({
      kind: "graceful-restart",
      restartState: false,
      notification: graceful.notificationEnabled === true,
      restartTimeSeconds: Math.min(
        graceful.restartTime || holdTimeSeconds,
        RESTART_TIME_SECONDS_MAX,
      ),
      families: graceful.helperOnly === true
        ? []
        : families.filter((one) => one.graceful)
          .map(({ family }) => ({ family, forwardingPreserved: true })),
    });
  }
  // RFC 9494 §4.2: without the other capability this one counts for nothing.
  if (graceful?.enabled === true && graceful.longlivedEnabled === true) {
    list.push({
      kind: "long-lived-graceful-restart",
      families: graceful.helperOnly === true
        ? []
        : families.map(({ family }) => ({
          family,
          forwardingPreserved: true,
          staleTimeSeconds: Math.min(
            graceful.staleRoutesTime || STALE_TIME_SECONDS_DEFAULT,
            STALE_TIME_SECONDS_MAX,
          ),
        })),
    });
  }
  list.push({ kind: "four-octet-as", as: localAs });
  const paths = families.flatMap(({ family, sendMax, receive }) => {
    const mode = addPathMode(sendMax > 0, receive);
    return mode === undefined ? [] : [{ family, mode }];
  });
  if (paths.length > 0) list.push({ kind: "add-path", families: paths });
  list.push({ kind: "enhanced-route-refresh" });
  return list;
}

function addPathMode(send: boolean, receive: boolean): AddPathMode | undefined {
  if (send) return receive ? "both" : "send";
  return receive ? "receive" : undefined;
}

/** RFC 9234 §4.2: roles are told between ASes only; of an iBGP peer it is ignored. */
function roleOf({ role = "" }: BgpPeerSpec): BgpRole | undefined {
  return ROLES.find((known) => known === role);
}

function hopsOf(
  { ebgpMultihop, ttlSecurity }: BgpPeerSpec,
  external: boolean,
): BgpHops {
  if (ttlSecurity !== undefined) {
    return { kind: "gtsm", hopsMax: ttlSecurity.hops ?? 1 };
  }
  if (!external) return { kind: "system" };
  if (ebgpMultihop?.enabled !== true) return { kind: "limit", hops: 1 };
  return { kind: "limit", hops: ebgpMultihop.multihopTtl || TTL_MAX };
}

/** An identifier for a node without IPv4 address (RFC 6286 §2.1: any four octets but zero). */
function hashedIdentifier(name: string): Ipv4Addr {
  let hash = 0x811c_9dc5;
  for (const byte of new TextEncoder().encode(name)) {
    hash = Math.imul(hash ^ byte, 0x0100_0193) >>> 0;
  }
  return ipv4AddrFromNumber(hash === 0 ? 1 : hash);
}

const ROLES: readonly BgpRole[] = [
  "customer",
  "provider",
  "peer",
  "rs",
  "rs-client",
];
/** Where nothing else is said, long-lived stale routes are kept for an hour. */
const STALE_TIME_SECONDS_DEFAULT = 3_600;
/** RFC 9494 §4.1: 24 bits. */
const STALE_TIME_SECONDS_MAX = 2 ** 24 - 1;
/** Restart Time has 12 bits (RFC 4724 §3). */
const RESTART_TIME_SECONDS_MAX = 0xfff;
const TTL_MAX = 255;
