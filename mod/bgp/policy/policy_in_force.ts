/**
 * The policy that is in force, and what each peer is told by it.
 *
 * A policy's text may be wrong when it changes: then the one before stays. As
 * long as nothing changes, a peer's policy is the same object, by which a
 * speaker knows that there is nothing to do.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import {
  type Community,
  type LargeCommunity,
  sortedCommunities,
  sortedLargeCommunities,
} from "@/wire/bgp/community.ts";
import type { ExportPolicy } from "../exporter.ts";
import { attributesKey, type OwnAttributes, type Path } from "../loc_rib.ts";
import { exportPolicy } from "./export_policy.ts";
import { parsePolicy } from "./parse_policy.ts";
import type { BgpPolicy, PolicyProblem } from "./policy.ts";

/** Policies of peers that are kept; beyond that they are made anew. */
export const PEER_POLICIES_MAX = 4_096;

/** What all routes carry towards a peer, unless they say otherwise themselves. */
export interface PeerAttributes {
  /** Standard communities, added to those of the route. */
  readonly communities: readonly Community[];
  /** Large communities, added to those of the route. */
  readonly largeCommunities: readonly LargeCommunity[];
  /** MULTI_EXIT_DISC, where the route has none. */
  readonly multiExitDisc?: number;
  /** LOCAL_PREF, where the route has none. */
  readonly localPref?: number;
}

/** The policy of all peers. */
export class PolicyInForce {
  #text: string | undefined;
  /** Whether there is to be a policy, and it cannot be had. */
  #lacks = false;
  /** None: everything is announced; broken: nothing is. */
  #policy: BgpPolicy | "none" | "broken" = "none";
  #problems: readonly PolicyProblem[] = [];
  readonly #byPeer = new Map<string, ExportPolicy>();

  /**
   * Takes another text. One that is wrong leaves the policy in force; where
   * there was none yet, nothing is announced rather than everything.
   *
   * @param text The text of `gobgp.conf`; absent: there is no policy.
   * @returns What is wrong with it; nothing when it is in force.
   */
  take(text: string | undefined): readonly PolicyProblem[] {
    if (text === this.#text && !this.#lacks) return this.#problems;
    this.#lacks = false;
    const isFirst = this.#text === undefined;
    this.#text = text;
    this.#problems = [];
    const parsed = text === undefined ? undefined : parsePolicy(text);
    if (parsed?.ok === false) {
      this.#problems = parsed.error;
      if (!isFirst) return this.#problems;
    }
    this.#byPeer.clear();
    if (parsed === undefined) this.#policy = "none";
    else this.#policy = parsed.ok ? parsed.value : "broken";
    return this.#problems;
  }

  /**
   * Notes that there is to be a policy whose text cannot be had. The one in
   * force stays; where there is none, nothing is announced rather than
   * everything.
   */
  lack(): void {
    this.#lacks = true;
    if (this.#policy !== "none") return;
    this.#policy = "broken";
    this.#byPeer.clear();
  }

  /** What of the policy in force has no effect. */
  get remarks(): readonly PolicyProblem[] {
    return typeof this.#policy === "string" ? NO_REMARKS : this.#policy.remarks;
  }

  /**
   * What a peer's routes go through.
   *
   * @param neighbor The peer's address, where it is known.
   * @param attributes What they carry besides.
   * @returns The policy; absent where routes go as they are.
   */
  towards(
    neighbor: IpAddr | undefined,
    attributes: PeerAttributes = NO_ATTRIBUTES,
  ): ExportPolicy | undefined {
    const carried = { ...attributes, extendedCommunities: [] };
    const carriedKey = attributesKey(carried);
    const carriesNothing = carriedKey === attributesKey(NOTHING_CARRIED);
    if (this.#policy === "none" && carriesNothing) return undefined;
    const key = `${neighbor ?? ""} ${carriedKey}`;
    const known = this.#byPeer.get(key);
    if (known !== undefined) return known;
    const policy = this.#make(neighbor);
    const made = carriesNothing ? policy : carrying(attributes, policy);
    if (this.#byPeer.size >= PEER_POLICIES_MAX) this.#byPeer.clear();
    this.#byPeer.set(key, made);
    return made;
  }

  #make(neighbor: IpAddr | undefined): ExportPolicy {
    if (this.#policy === "none") return EVERYTHING;
    if (this.#policy === "broken") return NOTHING;
    return exportPolicy(this.#policy, neighbor);
  }
}

/** A policy for routes that carry more than they did. */
function carrying(more: PeerAttributes, policy: ExportPolicy): ExportPolicy {
  return {
    needsPrefix: policy.needsPrefix,
    apply(path, context) {
      return policy.apply(carryingMore(path, more), context);
    },
  };
}

/**
 * A path that carries more than it did.
 *
 * @param path The path.
 * @param more Communities are added, the two numbers count where it has none.
 */
export function carryingMore(path: Path, more: PeerAttributes): Path {
  const own = path.attributes;
  const multiExitDisc = own.multiExitDisc ?? more.multiExitDisc;
  const localPref = own.localPref ?? more.localPref;
  const attributes: OwnAttributes = {
    communities: sortedCommunities([...own.communities, ...more.communities]),
    extendedCommunities: own.extendedCommunities,
    largeCommunities: sortedLargeCommunities([
      ...own.largeCommunities,
      ...more.largeCommunities,
    ]),
    ...(multiExitDisc === undefined ? {} : { multiExitDisc }),
    ...(localPref === undefined ? {} : { localPref }),
    ...(own.weight === undefined ? {} : { weight: own.weight }),
  };
  return { ...path, attributes };
}

const NO_REMARKS: readonly PolicyProblem[] = [];
const EVERYTHING: ExportPolicy = {
  needsPrefix: false,
  apply: ({ attributes }) => ({ attributes }),
};
const NOTHING: ExportPolicy = { needsPrefix: false, apply: () => undefined };
const NO_ATTRIBUTES: PeerAttributes = { communities: [], largeCommunities: [] };
const NOTHING_CARRIED: OwnAttributes = {
  communities: [],
  extendedCommunities: [],
  largeCommunities: [],
};
