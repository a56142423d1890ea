/**
 * On which links of a node a VIP is answered, from what its agent published.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { CONDITION_REASON } from "@/api/conditions.ts";
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

/** Chooses links, and remembers what does not depend on the address. */
export class LinkChooser {
  readonly #chosen = new WeakMap<AgentRecord, Map<string, LinkChoice>>();

  /**
   * The links of an agent's node that answer for a VIP.
   *
   * @param text `Eip.spec.interface`; empty: by the subnets of the links.
   * @param vip The VIP.
   * @param agent What the agent published.
   */
  choose(text: string, vip: IpAddr, agent: AgentRecord): LinkChoice {
    if (text === "") return choose(text, vip, agent);
    let chosen = this.#chosen.get(agent);
    if (chosen === undefined) {
      chosen = new Map();
      this.#chosen.set(agent, chosen);
    }
    let choice = chosen.get(text);
    if (choice === undefined) {
      choice = choose(text, vip, agent);
      chosen.set(text, choice);
    }
    return choice;
  }
}

function choose(text: string, vip: IpAddr, agent: AgentRecord): LinkChoice {
  const chosen = selectLinks(
    { interface: text, vip },
    { links: agent.links, routes: agent.canReach },
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
