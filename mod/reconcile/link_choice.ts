/**
 * On which links of a node a VIP is answered, from what its agent published.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { CONDITION_REASON } from "@/api/conditions.ts";
import type { Node } from "@/api/mod.ts";
import { LAYER2_ANNOTATION } from "@/api/names.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import type { AgentRecord } from "./cluster_state.ts";
import { selectLinks } from "./interface_selection.ts";

/** The links chosen for a text that can be used now, or why there are none. */
export type LinkChoice = Result<readonly string[], VipProblem>;

/** Why a VIP is not answered on a node. */
export interface VipProblem {
  /** CamelCase reason. */
  readonly reason: string;
  /** One sentence. */
  readonly message: string;
}

/** By what links are chosen. */
export interface LinkRequest {
  /** `Eip.spec.interface`; empty: by the subnets of the links. */
  readonly interface: string;
  /** What the Node of the agent is annotated with; empty: nothing. */
  readonly nodeAddress: string;
}

/**
 * By what the links of a node are chosen for an Eip.
 *
 * @param text `Eip.spec.interface`.
 * @param node The Node, when there is one.
 */
export function linkRequestOf(
  text: string | undefined,
  node: Node | undefined,
): LinkRequest {
  return { interface: text ?? "", nodeAddress: nodeAddressOf(node) };
}

/** The address or CIDR that a Node is annotated with for the interface to answer on; empty: none. */
export function nodeAddressOf(node: Node | undefined): string {
  return node?.meta.annotations[LAYER2_ANNOTATION] ?? "";
}

/** Chooses links, and remembers what does not depend on the address. */
export class LinkChooser {
  readonly #chosen = new WeakMap<AgentRecord, Map<string, LinkChoice>>();

  /**
   * The links of an agent's node that answer for a VIP.
   *
   * @param request By what.
   * @param vip The VIP.
   * @param agent What the agent published.
   */
  choose(request: LinkRequest, vip: IpAddr, agent: AgentRecord): LinkChoice {
    if (request.interface === "") return choose(request, vip, agent);
    let chosen = this.#chosen.get(agent);
    if (chosen === undefined) {
      chosen = new Map();
      this.#chosen.set(agent, chosen);
    }
    const key = `${request.interface}\n${request.nodeAddress}`;
    let choice = chosen.get(key);
    if (choice === undefined) {
      choice = choose(request, vip, agent);
      chosen.set(key, choice);
    }
    return choice;
  }
}

function choose(
  { interface: text, nodeAddress }: LinkRequest,
  vip: IpAddr,
  agent: AgentRecord,
): LinkChoice {
  const chosen = selectLinks(
    { interface: text, vip },
    { links: agent.links, routes: agent.canReach, nodeAddress },
  );
  if (!chosen.ok) return chosen;
  const up = chosen.value.filter((name) =>
    agent.links.some((link) => link.name === name && link.up)
  );
  return up.length > 0 ? ok(up) : err({
    reason: CONDITION_REASON.interfaceDown,
    message: `The interface ${
      chosen.value.join(", ")
    } is down or has no carrier: switch it on and look at its cable and switch port`,
  });
}
