/**
 * What a peer is told of a path: by policy, next hop and the kind of session.
 *
 * @module
 */

import { type IpAddr, isIpv4 } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import type { Prefix } from "@/addr/prefix.ts";
import { prependAs } from "@/wire/bgp/as_path.ts";
import type { UnicastFamily } from "@/wire/bgp/family.ts";
import { withOtcOnEgress } from "@/wire/bgp/only_to_customer.ts";
import type { PackedNlri } from "@/wire/bgp/packed_nlri.ts";
import type {
  AsSegment,
  Origin,
  PathAttribute,
} from "@/wire/bgp/path_attribute.ts";
import type { NegotiatedSession } from "@/wire/bgp/session.ts";
import {
  type AnnouncementHead,
  encodeAnnouncementHead,
  headFits,
} from "@/wire/bgp/update_packer.ts";
import { withLinkBandwidth } from "./link_bandwidth.ts";
import {
  attributesKey,
  LOCAL_PREF_DEFAULT,
  type OwnAttributes,
  type Path,
  pathsOf,
  prefixOf,
  type Route,
  type RouteKey,
} from "./loc_rib.ts";

/** What a route is exported by, besides what was negotiated. */
export interface ExportTerms {
  /** Our own addresses on the session, as next hops; a family without one is not announced by ourselves. */
  readonly nextHops: SessionNextHops;
  /** The peer's address: never a next hop towards it (RFC 4271 §5.1.3). */
  readonly peerAddress: IpAddr | undefined;
  /** How many paths of a prefix are announced under ADD-PATH. */
  readonly pathsMax: PathsMax;
  /** Next hops besides ourselves that the peer may be told of, under ADD-PATH only; absent: all, also without. */
  readonly thirdParties?: ReadonlySet<IpAddr>;
  /** What is announced, and how; everything as it is where absent. */
  readonly policy?: ExportPolicy;
  /** What becomes of AS numbers behind our own; nothing where absent. */
  readonly asPath?: AsPathTerms;
  /** Bytes per second for each unit of weight, as link bandwidth; not told where absent. */
  readonly linkBandwidth?: number;
  /** Routes are about to go: they carry GRACEFUL_SHUTDOWN, and LOCAL_PREF 0 (RFC 8326 §4). */
  readonly gracefulShutdown: boolean;
}

/** How many paths of a prefix are announced under ADD-PATH, by family; at least 1. */
export type PathsMax = Readonly<Record<UnicastFamily, number>>;

/** What becomes of the AS numbers of a route before ours goes in front of them; towards external peers only. */
export interface AsPathTerms {
  /** Private numbers (RFC 6996 §5) are left out, or replaced by ours. */
  readonly privateAs?: "remove" | "replace";
  /** The peer's own number is replaced by ours, so that it does not take the route for a loop. */
  readonly replacePeerAs?: boolean;
}

/** Next hops by family of the route. */
export interface SessionNextHops {
  /** Our IPv4 address on the session's network. */
  readonly ipv4?: Ipv4Addr;
  /** Our global IPv6 address there. */
  readonly ipv6?: Ipv6Addr;
  /** Our link-local address there (RFC 2545 §3). */
  readonly linkLocal?: Ipv6Addr;
}

/** What a policy made of a path. */
export interface PolicyResult {
  /** What it carries. */
  readonly attributes: OwnAttributes;
  /** ORIGIN; `igp` where absent. */
  readonly origin?: Origin;
  /** A next hop in place of the path's own: ourselves, or an address that is used where it can be one of the family. */
  readonly nextHop?: IpAddr | "self";
  /** AS numbers in front of our own, the first one leftmost; none where absent. */
  readonly prepended?: readonly number[];
  /** AS numbers behind our own; none where absent. */
  readonly originated?: readonly number[];
}

/** What a policy may know of the session and the prefix. */
export interface ExportContext {
  /** The family of the prefix. */
  readonly family: UnicastFamily;
  /** The prefix; only where it matters. */
  readonly prefix: Prefix | undefined;
  /** Our AS number on the session. */
  readonly localAs: number;
  /** Whether the peer is in another AS: ours is in the path then. */
  readonly external: boolean;
  /** Our own next hop there; none where we cannot be one. */
  readonly ownNextHop: IpAddr | undefined;
}

/** Decides what is announced to a peer. */
export interface ExportPolicy {
  /** Whether the prefix matters; if not, each path is asked about once. */
  readonly needsPrefix: boolean;
  /**
   * What is announced of a path.
   *
   * @param path The path.
   * @param context Of what prefix, to whom.
   * @returns What goes out, or `undefined` when nothing does.
   */
  apply(path: Path, context: ExportContext): PolicyResult | undefined;
}

/** A path as it goes to a peer; one object for each different head. */
export interface Variant {
  /** Its Path Identifier. */
  readonly pathId: number;
  /** Tells it from others, also from those of other terms. */
  readonly key: string;
  /** All of the announcement but prefixes. */
  readonly head: AnnouncementHead;
  /** Collects prefixes while messages are made. */
  batch: PackedNlri | undefined;
}

/** Exports the paths of routes to one session, by unchanging terms. */
export class Exporter {
  /** Paths that are not announced because their attributes fit into no message (RFC 8654 §4). */
  tooLong = 0;
  readonly #session: NegotiatedSession;
  readonly #terms: ExportTerms;
  /** By the number of a path, per family: their next hops may differ. */
  readonly #variants: Readonly<Record<UnicastFamily, (Variant | null)[]>> = {
    "ipv4-unicast": [],
    "ipv6-unicast": [],
  };
  readonly #interned = new Map<string, Variant>();

  /**
   * Exports nothing yet.
   *
   * @param session What was negotiated.
   * @param terms What is exported, and how.
   */
  constructor(session: NegotiatedSession, terms: ExportTerms) {
    this.#session = session;
    this.#terms = terms;
  }

  /**
   * What the peer is told of a route: one path, several under ADD-PATH.
   *
   * @param family Its family.
   * @param key The key of its prefix.
   * @param route The route, or none.
   * @returns A variant for each path.
   */
  variantsOf(
    family: UnicastFamily,
    key: RouteKey,
    route: Route | undefined,
  ): readonly Variant[] {
    if (route === undefined) return NO_VARIANTS;
    const isAddPath = this.#session.addPathSend.includes(family);
    const pathsMax = isAddPath ? this.#terms.pathsMax[family] : 1;
    const { thirdParties } = this.#terms;
    const variants: Variant[] = [];
    for (const path of pathsOf(route)) {
      if (
        path.nextHop !== undefined && thirdParties !== undefined &&
        !(isAddPath && thirdParties.has(path.nextHop))
      ) continue;
      const variant = this.#variantOf(family, key, path);
      if (variant === undefined) continue;
      variants.push(variant);
      if (variants.length === pathsMax) break;
    }
    return variants;
  }

  #variantOf(
    family: UnicastFamily,
    key: RouteKey,
    path: Path,
  ): Variant | undefined {
    if (this.#terms.policy?.needsPrefix === true) {
      return this.#makeVariant(family, path, prefixOf(family, key));
    }
    const known = this.#variants[family][path.number];
    if (known !== undefined) return known ?? undefined;
    const made = this.#makeVariant(family, path, undefined);
    this.#variants[family][path.number] = made ?? null;
    return made;
  }

  #makeVariant(
    family: UnicastFamily,
    path: Path,
    prefix: Prefix | undefined,
  ): Variant | undefined {
    const { policy, peerAddress } = this.#terms;
    const { localAs, external } = this.#session;
    const ownNextHop = this.#ownNextHop(family);
    const judged: PolicyResult | undefined = policy === undefined
      ? { attributes: path.attributes }
      : policy.apply(path, { family, prefix, localAs, external, ownNextHop });
    if (judged === undefined) return undefined;
    const bytesPerSecond = this.#terms.linkBandwidth;
    const terms = { bytesPerSecond, localAs, external };
    const attributes = withLinkBandwidth(judged.attributes, terms);
    const result = { ...judged, attributes };
    const nextHop = this.#nextHop(family, path, result);
    const address = nextHop ?? ownNextHop;
    // RFC 4271 §5.1.3: a peer is not told that the way is itself.
    if (address === undefined || address === peerAddress) return undefined;
    if (!this.#isUsable(family, address)) return undefined;
    const key = `${family} ${path.pathId} ${address} ${
      attributesKey(result.attributes)
    } ${result.prepended?.join() ?? ""} ${result.originated?.join() ?? ""} ${
      result.origin ?? ""
    }${nextHop === undefined ? " self" : ""}${
      this.#terms.gracefulShutdown ? " leaving" : ""
    }`;
    const known = this.#interned.get(key);
    if (known !== undefined) return known;
    const linkLocal = nextHop === undefined && !isIpv4(address)
      ? this.#terms.nextHops.linkLocal
      : undefined;
    const head = encodeAnnouncementHead(
      family,
      { address, linkLocal },
      this.#attributes(result),
      this.#session,
    );
    if (!headFits(head, this.#session)) {
      this.tooLong++;
      return undefined;
    }
    const variant = { pathId: path.pathId, key, head, batch: undefined };
    this.#interned.set(key, variant);
    return variant;
  }

  /** The next hop that is not ourselves; of the policy's, if it can be one here. */
  #nextHop(
    family: UnicastFamily,
    path: Path,
    { nextHop }: PolicyResult,
  ): IpAddr | undefined {
    if (nextHop === "self") return undefined;
    return nextHop !== undefined && this.#isUsable(family, nextHop)
      ? nextHop
      : path.nextHop;
  }

  #ownNextHop(family: UnicastFamily): IpAddr | undefined {
    const { ipv4, ipv6, linkLocal } = this.#terms.nextHops;
    if (family === "ipv6-unicast") return ipv6 ?? linkLocal;
    if (ipv4 !== undefined) return ipv4;
    return this.#session.extendedNextHop.includes(family)
      ? ipv6 ?? linkLocal
      : undefined;
  }

  #isUsable(family: UnicastFamily, nextHop: IpAddr): boolean {
    if (family === "ipv6-unicast") return !isIpv4(nextHop);
    return isIpv4(nextHop) || this.#session.extendedNextHop.includes(family);
  }

  /** The attributes of a path as they go to this peer (RFC 4271 §5.1). */
  #attributes(result: PolicyResult): readonly PathAttribute[] {
    const { external, localAs, peerRole } = this.#session;
    const { gracefulShutdown, asPath } = this.#terms;
    const { attributes, prepended = [] } = result;
    const originated = asPath === undefined || !external
      ? result.originated ?? []
      : fittedAsns(result.originated ?? [], asPath, this.#session);
    const { multiExitDisc, extendedCommunities, largeCommunities } = attributes;
    const own = external ? [localAs] : [];
    const segments = [...prepended, ...own, ...originated]
      .reduceRight<readonly AsSegment[]>((path, as) => prependAs(path, as), []);
    const communities = gracefulShutdown
      ? withCommunity(attributes.communities, GRACEFUL_SHUTDOWN)
      : attributes.communities;
    const all: PathAttribute[] = [
      { kind: "origin", origin: result.origin ?? "igp" },
      { kind: "as-path", segments },
    ];
    if (multiExitDisc !== undefined) {
      all.push({ kind: "multi-exit-disc", multiExitDisc });
    }
    if (!external) {
      const localPref = gracefulShutdown
        ? 0
        : attributes.localPref ?? LOCAL_PREF_DEFAULT;
      all.push({ kind: "local-pref", localPref });
    }
    if (communities.length > 0) all.push({ kind: "communities", communities });
    if (extendedCommunities.length > 0) {
      all.push({
        kind: "extended-communities",
        communities: extendedCommunities,
      });
    }
    if (largeCommunities.length > 0) {
      all.push({ kind: "large-communities", communities: largeCommunities });
    }
    // Routes of our own have no OTC, so there is no way they must not go.
    return peerRole === undefined
      ? all
      : withOtcOnEgress(all, { role: peerRole, localAs }) ?? all;
  }
}

/** As GoBGP does it: before our own number is put in front, and before export policies put theirs there. */
function fittedAsns(
  asns: readonly number[],
  { privateAs, replacePeerAs }: AsPathTerms,
  { localAs, peerAs }: NegotiatedSession,
): readonly number[] {
  return asns.flatMap((as) => {
    if (replacePeerAs === true && as === peerAs) return localAs;
    if (privateAs === undefined || !isPrivateAs(as)) return as;
    return privateAs === "remove" ? [] : localAs;
  });
}

/** RFC 6996 §5. */
function isPrivateAs(as: number): boolean {
  return (as >= 64_512 && as <= 65_534) ||
    (as >= 4_200_000_000 && as <= 4_294_967_294);
}

/** The well-known community GRACEFUL_SHUTDOWN (RFC 8326 §5). */
export const GRACEFUL_SHUTDOWN = 0xffff_0000;

function withCommunity(
  communities: readonly number[],
  community: number,
): readonly number[] {
  return communities.includes(community)
    ? communities
    : [...communities, community].toSorted((a, b) => a - b);
}

const NO_VARIANTS: readonly Variant[] = [];
