/**
 * The BGP speaker of this node as its main core keeps it: the routes of the
 * cluster, what the speaker is told of them, and what its sessions have come to.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { bgpRouterName, type Eip, type Node } from "@/api/mod.ts";
import {
  API_GROUP_VERSION,
  BGP_PEER_KIND,
  EVENT_COMPONENT,
  EVENT_REASON,
} from "@/api/names.ts";
import {
  aggregationPools,
  type BgpTables,
  type ClusterState,
  EventLog,
  type EventText,
  type PlannedWrite,
  type RouteChange,
  type RoutePlan,
  Routes,
  type VipIndex,
  type WriteOutcome,
} from "@/reconcile/mod.ts";
import type { BgpCommand, BgpReport, BgpSessionView } from "./bgp_commands.ts";
import type { Instant } from "./main_events.ts";
import {
  type FellowAgent,
  SpeakerFeed,
  type SpeakerReferences,
  type SpeakerRefusal,
} from "./speaker_feed.ts";
import { type DatedSession, SpeakerStatus } from "./speaker_status.ts";
import type { NodeView } from "./wire_messages.ts";

/** A line for the log. */
export interface SpeakerNews {
  /** How bad it is. */
  readonly level: "info" | "warning";
  /** What happened. */
  readonly message: string;
  /** To what. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** What is told of it to who describes the BgpPeer. */
  readonly event?: PlannedWrite;
}

/** The speaker of one node. */
export class SpeakerKeeper {
  readonly #node: string;
  readonly #tables: BgpTables;
  readonly #routes: Routes;
  readonly #feed: SpeakerFeed;
  readonly #named: SpeakerReferences | undefined;
  readonly #sessions = new Map<string, DatedSession>();
  readonly #status: SpeakerStatus;
  readonly #events: EventLog;
  /** What routers said of themselves last, by name of the BgpPeer. */
  readonly #routerNames = new Map<string, string>();
  #agents: readonly FellowAgent[] = [];
  #failures: readonly string[] = [];
  #toldRefusals = "[]";
  #isAdmitted = false;
  /** Whether a status may have to be written. */
  #isUnwritten = false;
  #state: "idle" | "speaking" | "leaving" | "left" = "idle";

  /**
   * A speaker that was told nothing.
   *
   * @param node Name of the Node.
   * @param options `index`: the addresses of Services, `tables`: BgpConfs and
   * BgpPeers, `seed`: where its chance starts, `named`: what the objects name.
   */
  constructor(
    node: string,
    { index, tables, seed, named }: {
      readonly index: VipIndex;
      readonly tables: BgpTables;
      readonly seed: number;
      readonly named?: SpeakerReferences;
    },
  ) {
    this.#node = node;
    this.#events = new EventLog({ component: EVENT_COMPONENT.bgp, node });
    this.#tables = tables;
    this.#named = named;
    this.#routes = new Routes(index);
    this.#feed = new SpeakerFeed(node);
    this.#status = new SpeakerStatus(node, seed);
  }

  /** Notes that a BgpConf, a BgpPeer or a Node changed. */
  note(): void {
    this.#feed.note();
    this.#isUnwritten = true;
  }

  /** Takes all Eips: by them peers are told of addresses, and prefixes are announced within them. */
  setEips(eips: Iterable<Eip>): void {
    const all = [...eips];
    this.#feed.setEips(all);
    this.#feed.setPools(aggregationPools(all));
  }

  /** AS number and BGP Identifier; undefined: there is no speaker. */
  get identity(): SpeakerFeed["identity"] {
    return this.#feed.identity;
  }

  /** Sessions of the peers that it speaks to, by name of the BgpPeer. */
  get sessions(): ReadonlyMap<string, DatedSession> {
    return this.#sessions;
  }

  /** The addresses that this node announces. */
  get announced(): ReadonlySet<IpAddr> {
    return this.#feed.announced;
  }

  /** Which nodes may be the next hop of each address. */
  get routes(): ReadonlyMap<IpAddr, RoutePlan> {
    return this.#routes.plans;
  }

  /** What of the objects cannot be used on this node. */
  get refusals(): readonly SpeakerRefusal[] {
    return this.#feed.refusals;
  }

  /** What could not be listened on, or signed for. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** Computes again which routes there are. */
  plan(cluster: ClusterState): RouteChange {
    return this.#routes.plan(cluster);
  }

  /**
   * What the speaker is to do now.
   *
   * @param cluster The tables.
   * @param change What is new of the routes.
   * @param agents The agents by their Leases, and whether no other one runs
   * under this node's name.
   */
  commands(
    cluster: ClusterState,
    change: RouteChange,
    { isAdmitted, views }: {
      readonly isAdmitted: boolean;
      readonly views: readonly NodeView[];
    },
  ): readonly BgpCommand[] {
    if (isAdmitted !== this.#isAdmitted) this.#feed.note();
    this.#isAdmitted = isAdmitted;
    const node: Node | undefined = cluster.nodes.get(this.#node);
    const commands = this.#feed.commands({
      tables: this.#tables,
      node: isAdmitted ? node : undefined,
      routes: this.#routes.plans,
      change,
      ...(this.#named === undefined ? {} : { named: this.#named }),
      nodes: cluster.nodes,
      agents: this.#agentsOf(cluster, views),
      routerNames: this.#routerNames,
    });
    for (const command of commands) {
      if (command.kind === "remove-peer") {
        this.#sessions.delete(command.name);
        this.#routerNames.delete(command.name);
      }
      if (command.kind === "listen") this.#failures = [];
    }
    if (commands.length > 0) {
      this.#state = "speaking";
      this.#isUnwritten = true;
    }
    return commands;
  }

  /**
   * Names of the routers that this node has sessions with, sorted. One that was
   * lost by silence still counts: the way from it to this node may be broken, and
   * then nobody else is to send it here.
   */
  get routers(): readonly string[] {
    const names = new Set<string>();
    for (const [name, { view, upAt }] of this.#sessions) {
      for (const [address, one] of Object.entries(view.neighbors ?? {})) {
        if (one.agreed === undefined) continue;
        names.add(address);
        names.add(bgpRouterName(one.agreed.peerAs, one.agreed.routerId));
      }
      if (view.neighbors !== undefined) continue;
      const isOurs = view.state === "Established" ||
        (upAt !== undefined && view.isLost === true);
      if (!isOurs) continue;
      const address = this.#feed.addressOf(name);
      const told = this.#routerNames.get(name);
      if (address !== undefined) names.add(address);
      if (told !== undefined) names.add(told);
    }
    return [...names].sort();
  }

  /** The other agents; the same list while nothing of them changed. */
  #agentsOf(
    { agents }: ClusterState,
    views: readonly NodeView[],
  ): readonly FellowAgent[] {
    const found = views.filter(({ node }) => node !== this.#node).map((
      { node, live, leaving },
    ) => ({
      node,
      live,
      leaving,
      routers: agents.get(node)?.bgpRouters ?? NO_ROUTERS,
    }));
    const isSame = found.length === this.#agents.length &&
      found.every(({ node, live, leaving, routers }, i) => {
        const before = this.#agents[i];
        return before?.node === node && before.live === live &&
          before.leaving === leaving && before.routers === routers;
      });
    if (!isSame) this.#agents = found;
    return this.#agents;
  }

  /** What of the objects newly cannot be used. */
  takeRefusals(): readonly SpeakerRefusal[] {
    const { refusals } = this.#feed;
    const text = JSON.stringify(refusals);
    if (text === this.#toldRefusals) return [];
    this.#toldRefusals = text;
    return refusals;
  }

  /** What is to be written of it into statuses. */
  writes(at: Instant): readonly PlannedWrite[] {
    const isDue = (this.deadlineMs() ?? Infinity) <= at.nowMs;
    if (!this.#isUnwritten && !isDue) return [];
    this.#isUnwritten = false;
    const isLast = this.#state === "left";
    return this.#status.plan({
      tables: this.#tables,
      identity: isLast ? undefined : this.identity,
      sessions: this.#sessions,
      isLast,
    }, at);
  }

  /** Takes the answer to such a write. */
  written(write: PlannedWrite, outcome: WriteOutcome, at: Instant): void {
    this.#status.written(write, outcome, at);
  }

  /** When there is something to write again, or undefined. */
  deadlineMs(): number | undefined {
    return this.#status.deadlineMs();
  }

  /** Takes a report; what of it belongs into the log. */
  take(report: BgpReport, at: Instant): SpeakerNews | undefined {
    this.#isUnwritten = true;
    if (this.#state === "left") return undefined;
    switch (report.kind) {
      case "left":
        this.#state = "left";
        this.#sessions.clear();
        return undefined;
      case "listening":
        this.#failures = report.failures;
        return {
          level: "warning",
          message: "Connections of BGP peers are not accepted everywhere",
          fields: { failures: report.failures },
        };
      case "peer":
        return this.#takeSession(report.name, report.session, at);
    }
  }

  /** What ends the speaker; undefined: there is none, or it is ending. */
  leave(): BgpCommand | undefined {
    if (this.#state !== "speaking") return undefined;
    this.#state = "leaving";
    return { kind: "leave", text: `The agent of ${this.#node} ends` };
  }

  /** Whether nothing is announced any more that was. */
  get isLeft(): boolean {
    return this.#state === "left" || this.#state === "idle";
  }

  #takeSession(
    name: string,
    session: BgpSessionView,
    at: Instant,
  ): SpeakerNews | undefined {
    const isKnown = [...this.#feed.peers].includes(name);
    if (!isKnown) return undefined;
    const dated = this.#sessions.get(name);
    const before = dated?.view;
    const { state, why, agreed } = session;
    if (agreed !== undefined) {
      const { peerAs, routerId } = agreed;
      this.#routerNames.set(name, bgpRouterName(peerAs, routerId));
    }
    const wasUp = before?.state === "Established";
    const isUp = state === "Established";
    const now = at.nowIso.replace(/\.\d+Z$/, "Z");
    this.#sessions.set(name, {
      view: session,
      upAt: isUp && !wasUp ? now : dated?.upAt,
      downAt: wasUp && !isUp ? now : dated?.downAt,
    });
    const fields = { peer: name, state };
    if (isUp && !wasUp) {
      const { peerAs, routerId } = agreedOf(session) ?? {};
      const message = "BGP session is up";
      return {
        level: "info",
        message,
        fields: { ...fields, peerAs, routerId },
        ...this.#eventOn(name, {
          type: "Normal",
          reason: EVENT_REASON.sessionUp,
          message:
            `${this.#node} has a session, with ${routerId} in AS ${peerAs}`,
        }, at),
      };
    }
    if (isUp || why === undefined || (!wasUp && why === before?.why)) {
      return undefined;
    }
    const message = "BGP session is down";
    const event = this.#eventOn(name, {
      type: "Warning",
      reason: EVENT_REASON.sessionDown,
      message: `${this.#node} has no session: ${why}`,
    }, at);
    return { level: "warning", message, fields: { ...fields, why }, ...event };
  }

  #eventOn(
    name: string,
    text: EventText,
    at: Instant,
  ): { readonly event?: PlannedWrite } {
    const uid = this.#tables.bgppeer.get(name)?.meta.uid;
    if (uid === undefined) return {};
    const event = this.#events.say(
      {
        apiVersion: API_GROUP_VERSION,
        kind: BGP_PEER_KIND,
        name,
        namespace: "",
        uid,
      },
      { ...text, repeatMs: SESSION_REPEAT_MS },
      at,
    );
    return event === undefined ? {} : { event };
  }
}

/** What was agreed on; of a prefix with its first router. */
function agreedOf({ agreed, neighbors = {} }: BgpSessionView) {
  return agreed ??
    Object.values(neighbors).find((one) => one.agreed !== undefined)?.agreed;
}

/** A session that comes and goes is told of so often. */
const SESSION_REPEAT_MS = 60_000;
const NO_ROUTERS: readonly string[] = [];
