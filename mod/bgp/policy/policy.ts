/**
 * A BGP policy: statements that change, accept or reject our routes on their
 * way to a peer, as GoBGP has them.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { Prefix } from "@/addr/prefix.ts";
import type {
  Community,
  ExtendedCommunity,
  LargeCommunity,
} from "@/wire/bgp/community.ts";
import type { UnicastFamily } from "@/wire/bgp/family.ts";
import type { Origin } from "@/wire/bgp/path_attribute.ts";

/** A policy that was read. */
export interface BgpPolicy {
  /** What routes meet before they are in the table; there they have no AS path and no neighbor. */
  readonly importing: PolicyChain;
  /** What routes meet on the way to each peer. */
  readonly exporting: PolicyChain;
  /** What was read although it has no effect. */
  readonly remarks: readonly PolicyProblem[];
}

/** Statements in their order, and what becomes of a route that none of them decides on. */
export interface PolicyChain {
  /** The statements of all applied policies, one after the other. */
  readonly statements: readonly PolicyStatement[];
  /** `default-import-policy` or `default-export-policy`. */
  readonly otherwise: "accept" | "reject";
}

/** What is done to routes that meet all conditions. */
export interface PolicyStatement {
  /** Its name. */
  readonly name: string;
  /** All have to hold; none: every route. */
  readonly conditions: readonly PolicyCondition[];
  /** Done one after the other. */
  readonly actions: readonly PolicyAction[];
  /** Whether that is the end of it; `none`: the next statement follows. */
  readonly disposition: "accept" | "reject" | "none";
}

/** How members of a set are combined. */
export type MatchOption = "any" | "all" | "invert";

/** How a number is compared: equal, at least, at most. */
export type Comparison = "eq" | "ge" | "le";

/** A condition. */
export type PolicyCondition =
  | {
    readonly kind: "prefix-set";
    readonly set: PrefixSet;
    readonly option: "any" | "invert";
  }
  | {
    readonly kind: "neighbor-set";
    readonly networks: readonly Prefix[];
    readonly option: "any" | "invert";
  }
  | { readonly kind: "next-hop-in"; readonly networks: readonly Prefix[] }
  | { readonly kind: "family-in"; readonly families: readonly UnicastFamily[] }
  | {
    readonly kind: "communities" | "large-communities" | "as-path";
    readonly patterns: readonly RegExp[];
    readonly option: MatchOption;
  }
  | {
    readonly kind: "extended-communities";
    readonly patterns: readonly ExtendedCommunityPattern[];
    readonly option: MatchOption;
  }
  | {
    readonly kind: "community-count" | "as-path-length";
    readonly comparison: Comparison;
    readonly value: number;
  }
  | { readonly kind: "origin"; readonly origin: Origin }
  | { readonly kind: "med" | "local-pref"; readonly value: number }
  /** All our routes are local: false where another type is asked for. */
  | { readonly kind: "route-type"; readonly local: boolean };

/** Prefixes of one family. */
export interface PrefixSet {
  /** The family; absent in an empty set. */
  readonly family: UnicastFamily | undefined;
  /** The entries, longest prefix first. */
  readonly entries: readonly PrefixSetEntry[];
}

/** An entry of a prefix set. */
export interface PrefixSetEntry {
  /** The network a route has to be in. */
  readonly network: Prefix;
  /** The shortest length that is meant. */
  readonly lengthMin: number;
  /** The longest one. */
  readonly lengthMax: number;
}

/** What an extended community has to look like. */
export interface ExtendedCommunityPattern {
  /** Its Sub-Type (RFC 4360 §2). */
  readonly subtype: number;
  /** Its text behind the name of the type, as `65001:100`. */
  readonly pattern: RegExp;
}

/** Something done to a route. */
export type PolicyAction =
  | {
    readonly kind: "communities";
    readonly change: ListChange<Community, RegExp>;
  }
  | {
    readonly kind: "extended-communities";
    readonly change: ListChange<ExtendedCommunity, ExtendedCommunityPattern>;
  }
  | {
    readonly kind: "large-communities";
    readonly change: ListChange<LargeCommunity, RegExp>;
  }
  | { readonly kind: "set-med"; readonly value: number }
  /** More than there is, or less; nothing where that is no MED. */
  | { readonly kind: "add-med"; readonly difference: number }
  | { readonly kind: "local-pref"; readonly value: number }
  /** `last-as` is the leftmost number there is; nothing where there is none. */
  | {
    readonly kind: "prepend";
    readonly as: number | "last-as";
    readonly times: number;
  }
  | {
    readonly kind: "next-hop";
    readonly nextHop: IpAddr | "self" | "unchanged";
  }
  | { readonly kind: "origin"; readonly origin: Origin };

/** What becomes of a list of communities. */
export type ListChange<Value, Pattern> =
  | { readonly method: "add" | "replace"; readonly values: readonly Value[] }
  | { readonly method: "remove"; readonly patterns: readonly Pattern[] };

/** Something wrong in a policy's text. */
export interface PolicyProblem {
  /** The line, from 1. */
  readonly line: number;
  /** The path of the key, as `policy-definitions[0].name`; empty before the first one. */
  readonly key: string;
  /** What is wrong, and what to write instead; the key is its subject. */
  readonly message: string;
}

/**
 * A sentence on a problem.
 *
 * @param problem The problem.
 * @returns Line, key and what to do.
 */
export function formatPolicyProblem(problem: PolicyProblem): string {
  const { line, key, message } = problem;
  return `line ${line}: ${key === "" ? "" : `${key} `}${message}`;
}
