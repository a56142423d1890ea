/**
 * What the wire core was told last, and what it must be told now.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
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
  /** VIPs that are to answer `ping` where this node owns them; the same list while they are the same. */
  readonly pings: readonly IpAddr[];
}

/** Turns states into commands, each said once. */
export class WireFeed {
  #cluster: WireCluster | undefined;
  #frozen: boolean | undefined;
  #links: readonly WireLink[] | undefined;
  #nodes: readonly NodeView[] | undefined;
  #targets: readonly VettingTarget[] = [];
  #pings: readonly IpAddr[] = [];
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
    const { links } = input;
    if (this.#links === undefined || !areSameLinks(links, this.#links)) {
      this.#links = links;
      commands.push({ kind: "links", links });
    }
    const { nodes } = input;
    if (this.#nodes === undefined || !areSameNodes(nodes, this.#nodes)) {
      this.#nodes = nodes;
      commands.push({ kind: "nodes", nodes });
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
    const { pings } = input;
    if (pings !== this.#pings) {
      const isNews = pings.length + this.#pings.length > 0;
      this.#pings = pings;
      if (isNews) commands.push({ kind: "pings", vips: pings });
    }
    if (!this.#synced) {
      this.#synced = true;
      commands.push({ kind: "synced" });
    }
    return commands;
  }
}

// Compared in every turn of main, so field by field.
function areSameNodes(
  a: readonly NodeView[],
  b: readonly NodeView[],
): boolean {
  return a.length === b.length && a.every((view, at) => {
    const other = b[at];
    return other !== undefined && view.node === other.node &&
      view.live === other.live && view.leaving === other.leaving &&
      isSameList(view.macs, other.macs);
  });
}

function areSameLinks(
  a: readonly WireLink[],
  b: readonly WireLink[],
): boolean {
  return a.length === b.length && a.every((link, at) => {
    const other = b[at];
    return other !== undefined && link.name === other.name &&
      link.index === other.index && link.mac === other.mac &&
      link.running === other.running && link.linkLocal === other.linkLocal &&
      isSameList(link.gateways ?? [], other.gateways ?? []);
  });
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, at) => item === b[at]);
}

function viewOf({ vip, links, eligible, preferences }: VipPlan): VipView {
  return preferences.length === 0
    ? { vip, links, eligible }
    : { vip, links, eligible, preferences };
}
