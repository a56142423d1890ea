/**
 * What the wire core was told last, and what it must be told now.
 *
 * @module
 */

import type { AnnouncementChange, VipPlan } from "@/reconcile/mod.ts";
import type {
  NodeView,
  VettingTarget,
  VipView,
  WireCluster,
  WireCommand,
  WireLink,
} from "./wire_messages.ts";

/** What the wire core should know. */
export interface WireInput {
  /** By what agents know each other; undefined: not known yet. */
  readonly cluster: WireCluster | undefined;
  /** Whether this node's own Lease has run out. */
  readonly frozen: boolean;
  /** What changed in the announcements. */
  readonly change: AnnouncementChange;
  /** The links VIPs are answered on. */
  readonly links: readonly WireLink[];
  /** The nodes that run agents. */
  readonly nodes: readonly NodeView[];
  /** Addresses to vet; the same list while they are the same. */
  readonly targets: readonly VettingTarget[];
}

/** Turns states into commands, each said once. */
export class WireFeed {
  #cluster: WireCluster | undefined;
  #frozen: boolean | undefined;
  #links = "";
  #nodes = "";
  #targets: readonly VettingTarget[] = [];
  #synced = false;

  /** The commands that bring the wire core up to date. */
  commands(input: WireInput): readonly WireCommand[] {
    const commands: WireCommand[] = [];
    const { cluster, frozen } = input;
    if (cluster !== undefined && cluster !== this.#cluster) {
      this.#cluster = cluster;
      commands.push({ kind: "cluster", ...cluster });
    }
    if (frozen !== this.#frozen) {
      this.#frozen = frozen;
      commands.push({ kind: "frozen", frozen });
    }
    const links = JSON.stringify(input.links);
    if (links !== this.#links) {
      this.#links = links;
      commands.push({ kind: "links", links: input.links });
    }
    const nodes = JSON.stringify(input.nodes);
    if (nodes !== this.#nodes) {
      this.#nodes = nodes;
      commands.push({ kind: "nodes", nodes: input.nodes });
    }
    const { upserts, removes } = input.change;
    if (upserts.length > 0 || removes.length > 0) {
      commands.push({ kind: "vips", upserts: upserts.map(viewOf), removes });
    }
    const { targets } = input;
    const isSame = targets === this.#targets ||
      targets.length + this.#targets.length === 0;
    if (!isSame) {
      this.#targets = targets;
      commands.push({ kind: "vet", targets });
    }
    if (!this.#synced) {
      this.#synced = true;
      commands.push({ kind: "synced" });
    }
    return commands;
  }
}

function viewOf({ vip, links, eligible }: VipPlan): VipView {
  return { vip, links, eligible };
}
