/**
 * What an action makes of a route.
 *
 * @module
 */

import { unreachable } from "@/lang/assert.ts";
import {
  formatLargeCommunity,
  sortedCommunities,
  sortedExtendedCommunities,
  sortedLargeCommunities,
} from "@/wire/bgp/community.ts";
import type { OwnAttributes } from "../loc_rib.ts";
import { communityText, extendedCommunityText } from "./_community_patterns.ts";
import type { ListChange, PolicyAction } from "./policy.ts";

/** An action on what a route carries. */
export type AttributeAction = Exclude<
  PolicyAction,
  { readonly kind: "prepend" | "next-hop" | "origin" }
>;

/**
 * Changes what a route carries.
 *
 * @param attributes What it carries.
 * @param action The action.
 * @returns What it carries then.
 */
export function changedAttributes(
  attributes: OwnAttributes,
  action: AttributeAction,
): OwnAttributes {
  switch (action.kind) {
    case "communities": {
      const communities = changedList(
        attributes.communities,
        action.change,
        (one, pattern) => pattern.test(communityText(one)),
      );
      return { ...attributes, communities: sortedCommunities(communities) };
    }
    case "extended-communities": {
      // Deviates from GoBGP, which takes out all that are not transitive, too.
      const list = changedList(
        attributes.extendedCommunities,
        action.change,
        (one, { subtype, pattern }) => {
          const text = extendedCommunityText(one);
          return text?.subtype === subtype && pattern.test(text.text);
        },
      );
      const extendedCommunities = sortedExtendedCommunities(list);
      return { ...attributes, extendedCommunities };
    }
    case "large-communities": {
      const list = changedList(
        attributes.largeCommunities,
        action.change,
        (one, pattern) => pattern.test(formatLargeCommunity(one)),
      );
      return { ...attributes, largeCommunities: sortedLargeCommunities(list) };
    }
    case "set-med":
      return { ...attributes, multiExitDisc: action.value };
    case "add-med": {
      const multiExitDisc = (attributes.multiExitDisc ?? 0) + action.difference;
      const isMed = multiExitDisc >= 0 && multiExitDisc <= 0xffff_ffff;
      return isMed ? { ...attributes, multiExitDisc } : attributes;
    }
    case "local-pref":
      return { ...attributes, localPref: action.value };
    default:
      return unreachable(action);
  }
}

/**
 * What is put in front of an AS path.
 *
 * @param action What is to be.
 * @param asns The path.
 * @returns The AS numbers; none where the last one is asked for and there is none.
 */
export function prependedAsns(
  { as, times }: PolicyAction & { readonly kind: "prepend" },
  asns: readonly number[],
): readonly number[] {
  const number = as === "last-as" ? asns[0] : as;
  return number === undefined ? [] : Array<number>(times).fill(number);
}

function changedList<Value, Pattern>(
  list: readonly Value[],
  change: ListChange<Value, Pattern>,
  isMeant: (value: Value, pattern: Pattern) => boolean,
): readonly Value[] {
  switch (change.method) {
    case "add":
      return [...list, ...change.values];
    case "replace":
      return change.values;
    case "remove":
      return list.filter((value) =>
        !change.patterns.some((pattern) => isMeant(value, pattern))
      );
    default:
      return unreachable(change);
  }
}
