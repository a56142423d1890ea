/**
 * What this node answers for, as the wire core reports it, and the Events that
 * tell so.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import { EVENT_COMPONENT, EVENT_REASON } from "@/api/names.ts";
import {
  type Announcements,
  type ClusterState,
  EventLog,
  type EventText,
  type PlannedWrite,
} from "@/reconcile/mod.ts";
import type { Instant } from "./main_events.ts";
import type { FellowReport } from "@/layer2/failover/events.ts";
import type {
  LinkCounters,
  LinkStanding,
  WireReport,
} from "./wire_messages.ts";

/** A VIP that this node answers for on a link. */
export interface OwnedVip {
  /** The address. */
  readonly vip: IpAddr;
  /** The link. */
  readonly link: string;
  /** Since when, on the monotonic clock. */
  readonly sinceMs: number;
}

/** A host that claims a VIP of ours. */
export interface Conflict {
  /** The address. */
  readonly vip: IpAddr;
  /** The link it was seen on. */
  readonly link: string;
  /** The MAC address it claims. */
  readonly mac: MacAddr;
  /** When it was last seen, on the monotonic clock. */
  readonly seenMs: number;
  /** Whether nobody here answers for the address because that host does. */
  readonly held: boolean;
}

/** A link as its agents are heard on it. */
export interface HeardLink {
  /** How this node stands there. */
  readonly standing: LinkStanding;
  /** The other agents. */
  readonly fellows: readonly FellowReport[];
}

/** What is told of a VIP and not written yet. */
type News =
  | { readonly kind: "owned" }
  | { readonly kind: "withdrawn" }
  | { readonly kind: "conflict"; readonly mac: MacAddr }
  | { readonly kind: "held"; readonly mac: MacAddr };

/** Keeps what the wire core reported. */
export class OwnerLedger {
  readonly #node: string;
  readonly #events: EventLog;
  readonly #owned = new Map<string, OwnedVip>();
  readonly #conflicts = new Map<string, Conflict>();
  readonly #links = new Map<string, "exact" | "plain">();
  readonly #failures = new Map<string, string>();
  readonly #heard = new Map<string, HeardLink>();
  #counters: readonly LinkCounters[] = [];
  #conflictsVersion = 0;
  #pauses = 0;
  #wireReady = false;
  #countersMs: number | undefined;
  #news: (readonly [IpAddr, News])[] = [];

  /** The ledger of one node. */
  constructor(node: string) {
    this.#node = node;
    this.#events = new EventLog({ component: EVENT_COMPONENT.speaker, node });
  }

  /** The VIPs this node answers for. */
  get owned(): Iterable<OwnedVip> {
    return this.#owned.values();
  }

  /** Foreign claims that have not ended. */
  get conflicts(): Iterable<Conflict> {
    return this.#conflicts.values();
  }

  /** Another number after every change of the conflicts. */
  get conflictsVersion(): number {
    return this.#conflictsVersion;
  }

  /** The links that are served, and how their frames are filtered. */
  get links(): ReadonlyMap<string, "exact" | "plain"> {
    return this.#links;
  }

  /** The links that cannot be served, and why. */
  get failures(): ReadonlyMap<string, string> {
    return this.#failures;
  }

  /** Who is heard on each link that agents were looked for on. */
  get heard(): ReadonlyMap<string, HeardLink> {
    return this.#heard;
  }

  /** What was counted on each link. */
  get counters(): readonly LinkCounters[] {
    return this.#counters;
  }

  /** How often the wire isolate was stopped long enough to notice. */
  get pauses(): number {
    return this.#pauses;
  }

  /** Whether the wire isolate runs. */
  get wireReady(): boolean {
    return this.#wireReady;
  }

  /** How long the wire isolate has said nothing although it should, in milliseconds; 0 before it serves a link. */
  silentMs(at: Instant): number {
    return this.#countersMs === undefined ? 0 : at.nowMs - this.#countersMs;
  }

  /** Forgets the links that are not answered on any more. */
  keepLinks(links: readonly { readonly name: string }[]): void {
    const isKept = (link: string): boolean =>
      links.some(({ name }) => name === link);
    for (const link of this.#links.keys()) {
      if (!isKept(link)) this.#links.delete(link);
    }
    for (const link of this.#heard.keys()) {
      if (!isKept(link)) this.#heard.delete(link);
    }
    // A link that is closed tells no end of what held addresses there.
    for (const [key, { held, link }] of this.#conflicts) {
      if (!held || isKept(link)) continue;
      this.#conflicts.delete(key);
      this.#conflictsVersion++;
    }
    for (const link of this.#failures.keys()) {
      if (!isKept(link)) this.#failures.delete(link);
    }
  }

  /** Takes a report. */
  take(report: WireReport, at: Instant): void {
    switch (report.kind) {
      case "ready":
        this.#wireReady = true;
        break;
      case "owned":
        this.#takeOwned(report, at);
        break;
      case "conflict": {
        const { vip, link, mac } = report;
        this.#conflictsVersion++;
        this.#conflicts.set(conflictKey(report), {
          vip,
          link,
          mac,
          seenMs: at.nowMs,
          held: false,
        });
        this.#news.push([vip, { kind: "conflict", mac }]);
        break;
      }
      case "conflict-ended":
        this.#conflicts.delete(conflictKey(report));
        this.#conflictsVersion++;
        break;
      case "held":
        this.#takeHeld(report, at);
        break;
      case "fellows": {
        const { link, standing, fellows } = report;
        this.#heard.set(link, { standing, fellows });
        break;
      }
      case "link-ready":
        this.#links.set(report.link, report.filter);
        this.#failures.delete(report.link);
        break;
      case "link-failed":
        this.#links.delete(report.link);
        this.#failures.set(report.link, report.message);
        break;
      case "paused":
        this.#pauses++;
        break;
      case "counters":
        this.#counters = report.links;
        this.#countersMs = at.nowMs;
        break;
      case "left":
        break;
    }
  }

  /** The Events owed for what was reported since the last call. */
  events(
    announcements: Announcements,
    cluster: ClusterState,
    at: Instant,
  ): readonly PlannedWrite[] {
    const writes: PlannedWrite[] = [];
    for (const [vip, news] of this.#news) {
      const keys = announcements.plans.get(vip)?.services ?? [];
      for (const key of keys) {
        const service = cluster.services.get(key);
        if (service === undefined) continue;
        const { name, namespace, uid } = service.meta;
        const write = this.#events.say(
          { apiVersion: "v1", kind: "Service", name, namespace, uid },
          this.#textOf(vip, news),
          at,
        );
        if (write !== undefined) writes.push(write);
      }
    }
    this.#news = [];
    return writes;
  }

  #textOf(vip: IpAddr, news: News): EventText {
    switch (news.kind) {
      case "owned":
        return {
          type: "Normal",
          reason: EVENT_REASON.setBalancer,
          message: `success to add nexthops [${this.#node}]`,
          repeatMs: OWNER_REPEAT_MS,
        };
      case "withdrawn":
        return {
          type: "Normal",
          reason: EVENT_REASON.delBalancer,
          message:
            `success to withdraw announcement for service: no node is left that may answer for ${vip}`,
          repeatMs: OWNER_REPEAT_MS,
        };
      case "held":
        return {
          type: "Warning",
          reason: EVENT_REASON.addressConflict,
          message:
            `Another host answers for ${vip}, so no node takes it: its MAC address is ${news.mac}, find it and take the address from it`,
        };
      case "conflict":
        return {
          type: "Warning",
          reason: EVENT_REASON.addressConflict,
          message:
            `Another host claims ${vip}: its MAC address is ${news.mac}, find it and take the address from it`,
        };
    }
  }

  #takeHeld(
    report: WireReport & { readonly kind: "held" },
    at: Instant,
  ): void {
    const { vip, link, mac, held } = report;
    const key = `held ${conflictKey(report)}`;
    const wasHeld = this.#conflicts.has(key);
    if (!held) this.#conflicts.delete(key);
    else {
      this.#conflicts.set(key, { vip, link, mac, seenMs: at.nowMs, held });
      this.#news.push([vip, { kind: "held", mac }]);
    }
    if (held || wasHeld) this.#conflictsVersion++;
  }

  #takeOwned(
    report: WireReport & { readonly kind: "owned" },
    at: Instant,
  ): void {
    const { vip, link, owned, reason } = report;
    const key = `${vip} ${link}`;
    if (!owned) {
      this.#owned.delete(key);
      // Others say it when it only moved.
      if (reason === NOBODY) this.#news.push([vip, { kind: "withdrawn" }]);
      return;
    }
    this.#owned.set(key, { vip, link, sinceMs: at.nowMs });
    this.#news.push([vip, { kind: "owned" }]);
  }
}

function conflictKey(
  claim: { readonly vip: IpAddr; readonly link: string; readonly mac: MacAddr },
): string {
  return `${claim.vip} ${claim.link} ${claim.mac}`;
}

/** An address that comes back is told again, once for all links it is on. */
const OWNER_REPEAT_MS = 1_000;
/** The wire core's reason when no node is left that may answer. */
const NOBODY = "no-candidate";
