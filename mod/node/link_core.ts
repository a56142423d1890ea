/**
 * One link of the wire core: its responder, who owns what on it, announcements,
 * foreign claims, and the filters that keep everything else out.
 *
 * @module
 */

import { type IpAddr, isIpv4, isIpv6 } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import { type Ipv6Addr, solicitedNodeMulticast } from "@/addr/ipv6_addr.ts";
import {
  announcerDeadlineMs,
  type AnnouncerEffect,
  type AnnouncerState,
  arpFilter,
  type CandidateVip,
  conflictDeadlineMs,
  type ConflictEffect,
  type ConflictState,
  dropsOf,
  FastResponder,
  gratuitousArpReply,
  gratuitousArpRequest,
  initialAnnouncer,
  initialConflicts,
  initialOwnership,
  ndpFilter,
  ownershipDeadlineMs,
  type OwnershipEffect,
  type OwnershipEvent,
  type OwnershipState,
  pendingHandOvers,
  plainArpFilter,
  plainNdpFilter,
  RESPONDER_COUNTER,
  stepAnnouncer,
  stepConflicts,
  stepOwnership,
  unsolicitedNaFrame,
  VipTable,
} from "@/layer2/mod.ts";
import type { FrameBatch } from "@/wire/frame_batch.ts";
import type { WireEffect, WireShared } from "./wire.ts";
import type { LinkCounters, WireLink } from "./wire_messages.ts";

/** The core of one link. */
export class LinkCore {
  readonly #tag: number;
  readonly #shared: WireShared;
  readonly #table = new VipTable();
  readonly #announced = { arp: 0, ndp: 0 };
  #link: WireLink;
  #responder: FastResponder | undefined;
  #ownership: OwnershipState;
  #announcer: AnnouncerState = initialAnnouncer();
  #conflicts: ConflictState;
  /** VIPs that main has told of on this link. */
  readonly #known = new Set<IpAddr>();
  #nodesSeen: unknown;
  #synced = false;
  #leaving = false;
  #filterDueMs: number | undefined;
  #filteredMs = -Infinity;
  /** VIPs to announce when the kernel lets requests for them through. */
  readonly #unannounced = new Set<IpAddr>();
  #overruns = 0;

  /** The core of a link that is not open yet. */
  constructor(tag: number, link: WireLink, shared: WireShared) {
    this.#tag = tag;
    this.#link = link;
    this.#shared = shared;
    this.#ownership = initialOwnership(shared.node);
    this.#conflicts = initialConflicts(shared.node);
  }

  /** The interface. */
  get link(): WireLink {
    return this.#link;
  }

  /** Takes the memory frames are received into and sent from. */
  opened(memory: { readonly rx: FrameBatch; readonly tx: FrameBatch }): void {
    this.#responder = new FastResponder({
      ...memory,
      vips: this.#table,
      mac: this.#link.mac,
    });
    // Nobody was heard yet, so that there is nothing to do about anybody.
    this.setFellows(0);
  }

  /** Follows a change of the interface. */
  change(link: WireLink, nowMs: number): readonly WireEffect[] {
    const before = this.#link;
    this.#link = link;
    const effects: WireEffect[] = [];
    const otherMac = before.mac !== link.mac;
    if (otherMac) this.#responder?.setMac(link.mac);
    if (this.#responder === undefined) return effects;
    if (link.running && (otherMac || !before.running)) {
      this.#stepOwnership({ kind: "link-up", nowMs }, effects);
    } else if (!link.running && before.running) {
      this.#stepOwnership({ kind: "link-down", nowMs }, effects);
    }
    return effects;
  }

  /** Gives everything up: the interface is gone, or not used any more. */
  closing(nowMs: number): readonly WireEffect[] {
    const effects: WireEffect[] = [];
    this.#stepOwnership({ kind: "stop", nowMs }, effects);
    return effects.filter(({ kind }) => kind === "report");
  }

  /** Takes the agents' MAC addresses; who was taken for a stranger may be one of them. */
  setFellows(nowMs: number): readonly WireEffect[] {
    const [next, asked] = stepConflicts(this.#conflicts, {
      kind: "fellows",
      nowMs,
      self: this.#shared.node,
      macs: this.#shared.fellows,
    });
    this.#conflicts = next;
    const effects: WireEffect[] = [];
    this.#heedConflicts(asked, nowMs, effects);
    return effects;
  }

  /** Looks again at VIPs, and at everything that all links share. */
  evaluate(vips: Iterable<IpAddr>, nowMs: number): readonly WireEffect[] {
    const effects: WireEffect[] = [];
    if (this.#responder === undefined) return effects;
    const upserts: CandidateVip[] = [];
    const removes: IpAddr[] = [];
    for (const vip of vips) {
      const view = this.#shared.vips.get(vip);
      if (view?.links.includes(this.#link.name) === true) {
        this.#known.add(vip);
        upserts.push({ vip, eligible: view.eligible });
      } else if (this.#known.delete(vip)) removes.push(vip);
    }
    const { nodes } = this.#shared;
    const others = nodes === this.#nodesSeen
      ? {}
      : { nodes: [...nodes.values()] };
    this.#nodesSeen = nodes;
    this.#stepOwnership(
      { kind: "view", nowMs, upserts, removes, ...others },
      effects,
    );
    if (this.#link.running && !this.#ownership.up) {
      this.#stepOwnership({ kind: "link-up", nowMs }, effects);
    }
    if (this.#shared.synced && !this.#synced) {
      this.#synced = true;
      this.#stepOwnership({ kind: "synced", nowMs }, effects);
    }
    if (this.#shared.leaving && !this.#leaving) {
      this.#leaving = true;
      this.#stepOwnership({ kind: "leave", nowMs }, effects);
    }
    if (this.#filteredMs === -Infinity) this.#refilter(nowMs, effects);
    return effects;
  }

  /** Answers the first frames received; how many answers there are. */
  answer(count: number): number {
    return this.#responder?.answer(count) ?? 0;
  }

  /** Whether there is anything to answer for. */
  answersAny(): boolean {
    return this.#table.size > 0;
  }

  /** Whether nobody is waited for any more: handed over, or without a successor. */
  hasLeft(): boolean {
    return pendingHandOvers(this.#ownership) === 0;
  }

  /** Takes the claims of others that were in the last batch. */
  takeClaims(nowMs: number): readonly WireEffect[] {
    const claims = this.#responder?.conflicts ?? [];
    if (claims.length === 0) return NOTHING;
    const effects: WireEffect[] = [];
    for (const { vip, mac } of claims) {
      const [next, asked] = stepConflicts(this.#conflicts, {
        kind: "claim",
        nowMs,
        vip,
        mac,
      });
      this.#conflicts = next;
      this.#heedConflicts(asked, nowMs, effects);
    }
    return effects;
  }

  /** Takes how many frames the kernel dropped. */
  setOverruns(overruns: number): void {
    this.#overruns = overruns;
  }

  /** When something is due, or undefined. */
  deadlineMs(): number | undefined {
    let earliest = Infinity;
    for (
      const dueMs of [
        ownershipDeadlineMs(this.#ownership),
        announcerDeadlineMs(this.#announcer),
        conflictDeadlineMs(this.#conflicts),
        this.#filterDueMs,
      ]
    ) earliest = Math.min(earliest, dueMs ?? Infinity);
    return earliest === Infinity ? undefined : earliest;
  }

  /** Does what is due. */
  deadline(nowMs: number): readonly WireEffect[] {
    const effects: WireEffect[] = [];
    this.#stepOwnership({ kind: "deadline", nowMs }, effects);
    const [announcer, sends] = stepAnnouncer(this.#announcer, {
      kind: "deadline",
      nowMs,
    });
    this.#announcer = announcer;
    this.#send(sends, effects);
    const [conflicts, asked] = stepConflicts(this.#conflicts, {
      kind: "deadline",
      nowMs,
    });
    this.#conflicts = conflicts;
    this.#heedConflicts(asked, nowMs, effects);
    if (this.#filterDueMs !== undefined && this.#filterDueMs <= nowMs) {
      this.#refilter(nowMs, effects);
    }
    return effects;
  }

  /** What was counted since the link was opened. */
  counters(): LinkCounters {
    const counters = this.#responder?.counters ?? NO_COUNTERS;
    const at = (index: number): number => counters[index] ?? 0;
    return {
      link: this.#link.name,
      requests: {
        arp: at(RESPONDER_COUNTER.arpRequests),
        ndp: at(RESPONDER_COUNTER.ndpRequests),
      },
      answers: {
        arp: at(RESPONDER_COUNTER.arpAnswers),
        ndp: at(RESPONDER_COUNTER.ndpAnswers),
      },
      announcements: { ...this.#announced },
      drops: dropsOf(counters),
      conflicts: at(RESPONDER_COUNTER.conflicts),
      overruns: this.#overruns,
    };
  }

  #stepOwnership(event: OwnershipEvent, effects: WireEffect[]): void {
    const [next, asked] = stepOwnership(this.#ownership, event);
    this.#ownership = next;
    for (const effect of asked) {
      this.#heedOwnership(effect, event.nowMs, effects);
    }
  }

  #heedOwnership(
    effect: OwnershipEffect,
    nowMs: number,
    effects: WireEffect[],
  ): void {
    const { vip } = effect;
    switch (effect.kind) {
      case "answer":
        this.#answerFor(vip, effect.on, nowMs, effects);
        break;
      case "announce":
        // Whoever hears it asks here from then on: what keeps requests for it
        // out has to go first.
        if (this.#filterDueMs === undefined) {
          this.#announce(vip, nowMs, effects);
        } else this.#unannounced.add(vip);
        break;
      case "report":
        effects.push({
          kind: "report",
          report: {
            kind: "owned",
            vip,
            link: this.#link.name,
            owned: effect.owned,
            reason: effect.reason,
          },
        });
        break;
    }
  }

  #answerFor(
    vip: IpAddr,
    on: boolean,
    nowMs: number,
    effects: WireEffect[],
  ): void {
    if (on) this.#table.add(vip);
    else {
      this.#table.remove(vip);
      this.#unannounced.delete(vip);
      [this.#announcer] = stepAnnouncer(this.#announcer, {
        kind: "vip-released",
        nowMs,
        vip,
      });
      const [conflicts, asked] = stepConflicts(this.#conflicts, {
        kind: "vip-released",
        nowMs,
        vip,
      });
      this.#conflicts = conflicts;
      this.#heedConflicts(asked, nowMs, effects);
    }
    if (isIpv6(vip)) {
      effects.push({
        kind: "group",
        tag: this.#tag,
        group: solicitedNodeMulticast(vip),
        wanted: on,
      });
    }
    // Filters of many VIPs are long: a burst of changes makes one, not thousands.
    this.#filterDueMs ??= Math.max(
      nowMs,
      this.#filteredMs + FILTER_INTERVAL_MS,
    );
  }

  #announce(vip: IpAddr, nowMs: number, effects: WireEffect[]): void {
    const [next, sends] = stepAnnouncer(this.#announcer, {
      kind: "vip-acquired",
      nowMs,
      vip,
    });
    this.#announcer = next;
    this.#send(sends, effects);
  }

  #refilter(nowMs: number, effects: WireEffect[]): void {
    this.#filterDueMs = undefined;
    this.#filteredMs = nowMs;
    effects.push(this.#filter());
    for (const vip of this.#unannounced) this.#announce(vip, nowMs, effects);
    this.#unannounced.clear();
  }

  #filter(): WireEffect {
    const four: Ipv4Addr[] = [];
    const six: Ipv6Addr[] = [];
    for (const vip of this.#ownership.answering) {
      if (isIpv4(vip)) four.push(vip);
      else if (isIpv6(vip)) six.push(vip);
    }
    const arp = arpFilter(four);
    const ndp = ndpFilter(six);
    return {
      kind: "filter",
      tag: this.#tag,
      link: this.#link.name,
      exact: arp.mode === "exact" && ndp.mode === "exact",
      programs: { arp: arp.program, ndp: ndp.program },
      fallbacks: {
        arp: plainArpFilter().program,
        ndp: plainNdpFilter().program,
      },
    };
  }

  #send(sends: readonly AnnouncerEffect[], effects: WireEffect[]): void {
    const { mac } = this.#link;
    const send = (frame: Uint8Array): void => {
      effects.push({
        kind: "send",
        tag: this.#tag,
        frame: new Uint8Array(frame),
      });
    };
    for (const effect of sends) {
      if (effect.kind === "send-gratuitous-arp") {
        send(gratuitousArpRequest(effect.vip, mac));
        send(gratuitousArpReply(effect.vip, mac));
        this.#announced.arp += 2;
      } else {
        send(unsolicitedNaFrame(effect.vip, mac));
        this.#announced.ndp++;
      }
    }
  }

  #heedConflicts(
    asked: readonly ConflictEffect[],
    nowMs: number,
    effects: WireEffect[],
  ): void {
    for (const effect of asked) {
      const { vip } = effect;
      switch (effect.kind) {
        case "defend":
          this.#send(
            [
              isIpv4(vip)
                ? { kind: "send-gratuitous-arp", vip }
                : { kind: "send-unsolicited-na", vip: vip as Ipv6Addr },
            ],
            effects,
          );
          break;
        case "report-conflict":
          effects.push({
            kind: "report",
            report: {
              kind: "conflict",
              vip,
              link: this.#link.name,
              mac: effect.mac,
              count: effect.count,
            },
          });
          break;
        case "fellow-claim":
          this.#stepOwnership(
            { kind: "fellow-claim", nowMs, vip, node: effect.node },
            effects,
          );
          break;
        case "conflict-ended":
          effects.push({
            kind: "report",
            report: {
              kind: "conflict-ended",
              vip,
              link: this.#link.name,
              mac: effect.mac,
            },
          });
          break;
      }
    }
  }
}

const NOTHING: readonly WireEffect[] = [];
const NO_COUNTERS = new Float64Array(0);
/** Shortest time between two filters of one link. */
const FILTER_INTERVAL_MS = 10;
