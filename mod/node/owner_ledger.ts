/**
 * What this node answers for, as the wire core reports it, and the Events that
 * tell so.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import {
  API_GROUP_VERSION,
  EIP_KIND,
  EVENT_COMPONENT,
  EVENT_REASON,
} from "@/api/names.ts";
import {
  type Announcements,
  type ClusterState,
  EventLog,
  type EventText,
  type PlannedWrite,
} from "@/reconcile/mod.ts";
import type { Instant } from "./main_events.ts";
import type { FellowReport } from "@/layer2/failover/events.ts";
import type { PresenceVerdict } from "@/layer2/presence_check.ts";
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

/** An address that no Service has, and a foreign host does. */
export interface ForeignAddress {
  /** The address. */
  readonly ip: IpAddr;
  /** The link it was seen on. */
  readonly link: string;
  /** MAC address of the host. */
  readonly mac: MacAddr;
  /** When it was found, on the monotonic clock. */
  readonly seenMs: number;
}

/** A VIP of another node that does not answer as it should. */
export interface Absence {
  /** The address. */
  readonly vip: IpAddr;
  /** The link it was asked for on. */
  readonly link: string;
  /** The node that owns it. */
  readonly owner: string;
  /** What the wire says. */
  readonly verdict: PresenceVerdict;
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
  | { readonly kind: "held"; readonly mac: MacAddr }
  | { readonly kind: "absence"; readonly absence: Absence };

/** Keeps what the wire core reported. */
export class OwnerLedger {
  readonly #node: string;
  readonly #events: EventLog;
  readonly #owned = new Map<string, OwnedVip>();
  readonly #conflicts = new Map<string, Conflict>();
  readonly #foreign = new Map<string, ForeignAddress>();
  readonly #absences = new Map<string, Absence>();
  readonly #links = new Map<string, "exact" | "plain">();
  readonly #failures = new Map<string, string>();
  readonly #heard = new Map<string, HeardLink>();
  #counters: readonly LinkCounters[] = [];
  #conflictsVersion = 0;
  #pauses = 0;
  #wireReady = false;
  #countersMs: number | undefined;
  #news: (readonly [IpAddr, News])[] = [];
  /** Why each VIP is owned, by address and link. */
  readonly #reasons = new Map<string, string>();
  /** Why those were owned that this node has stopped answering for, and since when it has. */
  readonly #interrupted = new Map<
    string,
    { readonly reason: string; readonly sinceMs: number }
  >();
  /** Addresses that came here from another node, and that their Eips are not told of yet. */
  readonly #moved = new Set<IpAddr>();
  #moveDueMs: number | undefined;

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

  /** Addresses that no Service has, and foreign hosts do; the one found last comes last. */
  get foreign(): Iterable<ForeignAddress> {
    return this.#foreign.values();
  }

  /** VIPs of other nodes that do not answer as they should. */
  get absences(): Iterable<Absence> {
    return this.#absences.values();
  }

  /** Another number after every change of what others have or do not answer for. */
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
    for (const found of [this.#foreign, this.#absences]) {
      for (const [key, { link }] of found) {
        if (isKept(link)) continue;
        found.delete(key);
        this.#conflictsVersion++;
      }
    }
    for (const link of this.#failures.keys()) {
      if (isKept(link)) continue;
      this.#failures.delete(link);
      this.#conflictsVersion++;
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
      case "foreign":
        this.#takeForeign(report, at);
        break;
      case "presence":
        this.#takePresence(report);
        break;
      case "fellows": {
        const { link, standing, fellows } = report;
        this.#heard.set(link, { standing, fellows });
        break;
      }
      case "link-ready":
        this.#links.set(report.link, report.filter);
        if (this.#failures.delete(report.link)) this.#conflictsVersion++;
        break;
      case "link-failed":
        this.#links.delete(report.link);
        this.#failures.set(report.link, report.message);
        this.#conflictsVersion++;
        break;
      case "ping-failed":
        // Told in the log, where it belongs: addresses are answered for.
        break;
      case "paused":
        this.#pauses++;
        break;
      case "counters":
        this.#counters = report.links;
        this.#countersMs = at.nowMs;
        break;
      case "left":
      case "bfd-state":
      case "bfd-failed":
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
    if (this.#moveDueMs !== undefined && this.#moveDueMs <= at.nowMs) {
      this.#moveDueMs = undefined;
      this.#tellEips({ announcements, cluster }, at, writes);
    }
    return writes;
  }

  /** When Events are due although nothing was reported, or undefined. */
  deadlineMs(): number | undefined {
    return this.#moveDueMs;
  }

  /** One Event for each Eip, however many of its addresses moved. */
  #tellEips(
    { announcements, cluster }: {
      readonly announcements: Announcements;
      readonly cluster: ClusterState;
    },
    at: Instant,
    writes: PlannedWrite[],
  ): void {
    const moved = Map.groupBy(
      this.#moved,
      (vip) => announcements.plans.get(vip)?.eip ?? "",
    );
    this.#moved.clear();
    for (const [name, vips] of moved) {
      const eip = cluster.eips.get(name);
      const [first, ...others] = vips;
      if (eip === undefined) continue;
      const more = others.length === 0 ? "" : ` and ${others.length} more`;
      const write = this.#events.say({
        apiVersion: API_GROUP_VERSION,
        kind: EIP_KIND,
        name,
        namespace: "",
        uid: eip.meta.uid,
      }, {
        type: "Normal",
        reason: EVENT_REASON.ownerChanged,
        message:
          `${this.#node} answers for ${first}${more} now, in place of another node`,
        repeatMs: OWNER_REPEAT_MS,
      }, at);
      if (write !== undefined) writes.push(write);
    }
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
      case "absence":
        return {
          type: "Warning",
          reason: news.absence.verdict.kind === "stranger"
            ? EVENT_REASON.addressConflict
            : EVENT_REASON.addressUnanswered,
          message: `${absenceSentence(news.absence)}, as ${this.#node} sees it`,
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

  #takeForeign(
    report: WireReport & { readonly kind: "foreign" },
    at: Instant,
  ): void {
    const { ip, link, mac, held } = report;
    const key = `${ip} ${link} ${mac}`;
    const wasHeld = this.#foreign.delete(key);
    if (held) this.#foreign.set(key, { ip, link, mac, seenMs: at.nowMs });
    if (held || wasHeld) this.#conflictsVersion++;
  }

  #takePresence(report: WireReport & { readonly kind: "presence" }): void {
    const { vip, link, owner, verdict } = report;
    this.#conflictsVersion++;
    if (verdict.kind === "right") {
      this.#absences.delete(`${vip} ${link}`);
      return;
    }
    const absence: Absence = { vip, link, owner, verdict };
    this.#absences.set(`${vip} ${link}`, absence);
    this.#news.push([vip, { kind: "absence", absence }]);
  }

  #takeOwned(
    report: WireReport & { readonly kind: "owned" },
    at: Instant,
  ): void {
    const { vip, link, owned, reason } = report;
    const key = `${vip} ${link}`;
    if (!owned) {
      const former = this.#reasons.get(key);
      const wasOwned = this.#owned.delete(key);
      this.#reasons.delete(key);
      this.#moved.delete(vip);
      if (!INTERRUPTIONS.has(reason)) this.#interrupted.delete(key);
      else if (former !== undefined) {
        this.#interrupted.set(key, { reason: former, sinceMs: at.nowMs });
      }
      // Others say it when it only moved; where nobody answered before, as for a
      // Service without an endpoint yet, nothing was withdrawn.
      if (reason === NOBODY && wasOwned) {
        this.#news.push([vip, { kind: "withdrawn" }]);
      }
      return;
    }
    // Why it is owned may change; since when does not by that.
    if (this.#owned.has(key)) return;
    this.#owned.set(key, { vip, link, sinceMs: at.nowMs });
    this.#reasons.set(key, reason);
    // Too short for another one to take it, and why it is owned is the same.
    const before = this.#interrupted.get(key);
    const isSame = before?.reason === reason &&
      at.nowMs - before.sinceMs < INTERRUPTION_MS_MAX;
    this.#interrupted.delete(key);
    if (isSame) return;
    this.#news.push([vip, { kind: "owned" }]);
    if (reason !== NOBODY_HAD_IT) {
      this.#moved.add(vip);
      this.#moveDueMs ??= at.nowMs + MOVES_GATHERED_MS;
    }
  }
}

/** What is wrong with a VIP of another node, and what to look at; without a period. */
export function absenceSentence(
  { vip, link, owner, verdict }: Absence,
): string {
  switch (verdict.kind) {
    case "nobody":
    case "right":
      return `${vip} does not answer on ${link} although ${owner} owns it: look at what filters ARP and Neighbor Discovery there`;
    case "other-agent":
      return `${verdict.node} answers for ${vip} on ${link} too, from ${verdict.mac}, although ${owner} owns it: see that its kernel does not (strictARP)`;
    case "stranger":
      return `The host with the MAC address ${verdict.mac} on ${link} answers for ${vip}, which ${owner} owns: find it and take the address from it`;
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
/** The wire core's reasons when this node cannot answer for a while, and others may not have noticed. */
const INTERRUPTIONS: ReadonlySet<string> = new Set(["suspended", "link-down"]);
/** An interruption that is longer may have had another owner. */
const INTERRUPTION_MS_MAX = 1_000;
/** The wire core's reason when no other node had an address. */
const NOBODY_HAD_IT = "claimed";
/** How long moves are gathered that an Eip is told of: with a node all its addresses move. */
const MOVES_GATHERED_MS = 1_000;
