/**
 * Which of the agents that do not own a VIP checks on the wire that it answers.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { strongestHolder } from "./claim.ts";
import {
  type FailoverState,
  type Fellow,
  isOwned,
  isPresent,
} from "./state.ts";

/**
 * The owner of a VIP, when it is for this node to check that it answers.
 *
 * The checker is the best candidate that is there, but for the owner; where the
 * owner is the only candidate, the agent with the lowest id. All present agents
 * agree on it as far as they agree on who is present.
 *
 * @param state The state.
 * @param ip The VIP.
 * @returns Name of the owner; `undefined` when another one checks, when nobody
 *   owns it, or while this node is not in good standing.
 */
export function ownerToCheck(
  state: FailoverState,
  ip: IpAddr,
): string | undefined {
  if (state.phase.kind !== "good") return undefined;
  const vip = state.vips.get(ip);
  if (vip === undefined || isOwned(vip)) return undefined;
  const owner = strongestHolder(vip)?.fellow;
  if (owner?.node === undefined) return undefined;
  const isThere = (fellow: Fellow): boolean =>
    fellow !== owner && (fellow === state.self || isPresent(fellow));
  const checker = vip.order.find(isThere) ?? lowest(state, isThere);
  return checker === state.self ? owner.node : undefined;
}

function lowest(
  { self, fellows }: FailoverState,
  isThere: (fellow: Fellow) => boolean,
): Fellow {
  let lowest = self;
  for (const fellow of fellows.values()) {
    if (isThere(fellow) && fellow.id < lowest.id) lowest = fellow;
  }
  return lowest;
}
