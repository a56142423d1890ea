/**
 * On which links of a node a VIP is answered, from what its agent published.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { Result } from "@/lang/result.ts";
import type { AgentRecord } from "./cluster_state.ts";
import { type SelectionRefusal, selectLinks } from "./interface_selection.ts";

/** The links chosen for a text, or why there are none. */
export type LinkChoice = Result<readonly string[], SelectionRefusal>;

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
  return selectLinks(
    { interface: text, vip },
    { links: agent.links, routes: agent.canReach },
  );
}
