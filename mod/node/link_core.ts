/**
 * One link of the wire core: its responder, who owns what on it, announcements,
 * foreign claims, and the filters that keep everything else out.
 *
 * @module
 */

import { type IpAddr, isIpv4, isIpv6 } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import { type Ipv6Addr, solicitedNodeMulticast } from "@/addr/ipv6_addr.ts";
import { type MacAddr, macAddr } from "@/addr/mac_addr.ts";
import {
  announcerDeadlineMs,
  type AnnouncerEffect,
  type AnnouncerState,
  arpFilter,
  arpProbe,
  arpQuestion,
  conflictDeadlineMs,
  type ConflictEffect,
  type ConflictState,
  dadSolicitation,
  dropsOf,
  FastResponder,
  fellowFilter,
  gratuitousArpReply,
  gratuitousArpRequest,
  initialAnnouncer,
  initialConflicts,
  initialPresence,
  initialVetting,
  ndpFilter,
  neighborQuestion,
  neighborSearch,
  plainArpFilter,
  plainNdpFilter,
  presenceDeadlineMs,
  type PresenceEffect,
  type PresenceEvent,
  type PresenceState,
  RESPONDER_COUNTER,
  stepAnnouncer,
  stepConflicts,
  stepPresence,
  stepVetting,
  unsolicitedNaFrame,
  vettingDeadlineMs,
  type VettingEffect,
  type VettingEvent,
  type VettingState,
  VipTable,
  VipTally,
} from "@/layer2/mod.ts";
import {
  type CandidateVip,
  failoverDeadlineMs,
  type FailoverEffect,
  type FailoverEvent,
  type FailoverState,
  fellowReports,
  initialFailover,
  ownerToCheck,
  pendingHandOvers,
  stepFailover,
} from "@/layer2/failover/mod.ts";
import { ETHERNET_HEADER_BYTES } from "@/wire/ethernet.ts";
import {
  decodeFellow,
  encodeFellow,
  FELLOW_GROUP,
  fellowKindOf,
  nodeIdOf,
} from "@/wire/fellow.ts";
import type {
  FellowFrame,
  FellowMessage,
  NodeId,
} from "@/wire/fellow_frame.ts";
import type { FrameBatch } from "@/wire/frame_batch.ts";
import { LinkEcho } from "./link_echo.ts";
import type { WireEffect, WireShared } from "./wire.ts";
import type {
  LinkCounters,
  VipCounters,
  VipView,
  WireLink,
} from "./wire_messages.ts";

/** The core of one link. */
export class LinkCore {
  readonly #tag: number;
  readonly #shared: WireShared;
  readonly #table = new VipTable();
  readonly #echo: LinkEcho;
  readonly #announced = { arp: 0, ndp: 0 };
  /** What is counted by VIP; undefined: nobody wants to know. */
  readonly #tally: VipTally | undefined;
  readonly #announcedByVip = new Map<IpAddr, number>();
  #link: WireLink;
  #responder: FastResponder | undefined;
  readonly #incarnation: bigint;
  readonly #failover: FailoverState;
  #announcer: AnnouncerState = initialAnnouncer();
  #conflicts: ConflictState;
  readonly #vetting: VettingState = initialVetting();
  readonly #presence: PresenceState;
  readonly #vetted = { free: 0, held: 0 };
  /** Where fellows were heard, besides what their Leases say. */
  readonly #heard = new Map<MacAddr, string>();
  /** MAC addresses of frames as text, by their 48 bits. */
  readonly #macs = new Map<number, MacAddr>();
  /** VIPs that main has told of on this link. */
  readonly #known = new Set<IpAddr>();
  #nodesSeen: unknown;
  #frozenSeen = false;
  #gatewaysSeen = "";
  #identitySeen: unknown;
  #isUp = false;
  #synced = false;
  #leaving = false;
  #isStale = false;
  #fellowsReported = "";
  readonly #frames = {
    received: emptyFrameCounts(),
    sent: emptyFrameCounts(),
    refused: new Map<string, number>(),
  };
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
    this.#echo = new LinkEcho({ tag, link: link.name, vips: this.#table });
    if (shared.countsVips) this.#tally = new VipTally();
    // A link that is opened anew begins its list anew: fellows must not take
    // that for an old one.
    this.#incarnation = shared.incarnation + BigInt(tag);
    this.#failover = initialFailover({
      node: shared.node,
      nodeId: nodeIdOf(shared.node),
      nodeIdOf,
      incarnation: this.#incarnation,
      patienceMs: shared.patienceMs,
    });
    this.#conflicts = initialConflicts(shared.node);
    this.#presence = initialPresence({
      // Without an address of its own on the link it cannot ask by IPv6.
      ownerOf: (vip) =>
        isIpv4(vip) || this.#link.linkLocal !== undefined
          ? ownerToCheck(this.#failover, vip)
          : undefined,
    });
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
      tally: this.#tally,
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
    if (otherMac && this.#isUp) this.#goUp(nowMs, effects);
    this.#follow(nowMs, effects);
    if (before.linkLocal !== link.linkLocal) effects.push(...this.vet(nowMs));
    return effects;
  }

  /** Gives everything up: the interface is gone, or not used any more. */
  closing(nowMs: number): readonly WireEffect[] {
    const effects: WireEffect[] = [];
    this.#step({ kind: "stop", nowMs }, effects);
    return effects.filter(({ kind }) => kind === "report" || kind === "send");
  }

  /** Takes the agents' MAC addresses; who was taken for a stranger may be one of them. */
  setFellows(nowMs: number): readonly WireEffect[] {
    const effects: WireEffect[] = [];
    this.#tellFellows(nowMs, effects);
    return effects;
  }

  /** Looks again at VIPs, and at everything that all links share. */
  evaluate(vips: Iterable<IpAddr>, nowMs: number): readonly WireEffect[] {
    const effects: WireEffect[] = [];
    if (this.#responder === undefined) return effects;
    const upserts: CandidateVip[] = [];
    const removes: IpAddr[] = [];
    const added: IpAddr[] = [];
    for (const vip of vips) {
      const view = this.#shared.vips.get(vip);
      if (view?.links.includes(this.#link.name) === true) {
        if (!this.#known.has(vip)) {
          this.#known.add(vip);
          added.push(vip);
        }
        upserts.push(candidatesIn(view));
      } else if (view?.links.length === 0 && this.#known.has(vip)) {
        // Chosen nowhere on this node: it is handed over, not dropped.
        upserts.push(candidatesIn(view));
      } else if (this.#known.delete(vip)) {
        removes.push(vip);
        this.#tally?.forget(vip);
        this.#announcedByVip.delete(vip);
      }
    }
    if (added.length > 0 || removes.length > 0) {
      this.#refilterSoon(nowMs);
      const removed = removes;
      this.#stepPresence({ kind: "vips", nowMs, added, removed }, effects);
      effects.push(...this.ping());
    }
    const { nodes, frozen } = this.#shared;
    const others = {
      ...(nodes === this.#nodesSeen ? {} : { nodes: [...nodes.values()] }),
      ...(frozen === this.#frozenSeen ? {} : { frozen }),
    };
    this.#nodesSeen = nodes;
    this.#frozenSeen = frozen;
    this.#step({ kind: "view", nowMs, upserts, removes, ...others }, effects);
    this.#follow(nowMs, effects);
    if (this.#shared.synced && !this.#synced) {
      this.#synced = true;
      this.#step({ kind: "synced", nowMs }, effects);
    }
    if (this.#shared.leaving && !this.#leaving) {
      this.#leaving = true;
      this.#step({ kind: "leave", nowMs }, effects);
    }
    if (this.#filteredMs === -Infinity) this.#refilter(nowMs, effects);
    return effects;
  }

  /** Looks again at which VIPs of the link are to answer `ping`. */
  ping(): readonly WireEffect[] {
    if (this.#responder === undefined) return NOTHING;
    const { pings } = this.#shared;
    return this.#echo.setPings(
      new Set([...this.#known].filter((vip) => pings.has(vip))),
    );
  }

  /** Takes frames that may be echo requests. */
  takeEchoes(
    frames: readonly Uint8Array[],
    nowMs: number,
  ): readonly WireEffect[] {
    return this.#echo.take(frames, { mac: this.#link.mac, nowMs });
  }

  /** Takes the addresses to vet. */
  vet(nowMs: number): readonly WireEffect[] {
    const effects: WireEffect[] = [];
    const { name, linkLocal } = this.#link;
    const ips = this.#shared.targets
      .filter(({ ip, links }) =>
        links.includes(name) && (isIpv4(ip) || linkLocal !== undefined)
      )
      .map(({ ip }) => ip);
    this.#stepVetting({ kind: "targets", nowMs, ips }, effects);
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
    return pendingHandOvers(this.#failover) === 0;
  }

  /** Comes first in every turn: notices that this process did not run. */
  turn(nowMs: number): readonly WireEffect[] {
    if (!this.#isUp) return NOTHING;
    const effects: WireEffect[] = [];
    this.#step({ kind: "turn", nowMs }, effects);
    return effects;
  }

  /** Whether the questions that are queued are older than a gap, said once. */
  takeStale(): boolean {
    const isStale = this.#isStale;
    this.#isStale = false;
    return isStale;
  }

  /** Whether the list of a fellow is held in this version; it is sent again every few seconds. */
  readonly #isListHeld = (
    sender: NodeId,
    incarnation: bigint,
    version: number,
  ): boolean => {
    const fellow = this.#failover.fellows.get(sender);
    // Versions begin with 0, as what is held of one that was never heard.
    return fellow?.node !== undefined && version !== 0 &&
      fellow.incarnation === incarnation && fellow.heldVersion === version;
  };

  /** Takes frames of the protocol between agents. */
  takeFrames(
    frames: readonly Uint8Array[],
    nowMs: number,
  ): readonly WireEffect[] {
    const { identity } = this.#shared;
    if (identity === undefined) return NOTHING;
    const effects: WireEffect[] = [];
    for (const bytes of frames) {
      const decoded = decodeFellow(
        bytes,
        identity,
        ETHERNET_HEADER_BYTES,
        this.#isListHeld,
      );
      if (!decoded.ok) {
        const { refused } = this.#frames;
        const { reason } = decoded.error;
        refused.set(reason, (refused.get(reason) ?? 0) + 1);
        continue;
      }
      const kind = fellowKindOf(bytes, ETHERNET_HEADER_BYTES);
      if (kind !== undefined) this.#frames.received[kind]++;
      this.#takeFrame(bytes, decoded.value, { nowMs, effects });
    }
    return effects;
  }

  /** Takes what the last batch said of others: claims of VIPs, and who was heard. */
  takeSightings(nowMs: number): readonly WireEffect[] {
    const claims = this.#responder?.conflicts ?? [];
    const sightings = this.#responder?.sightings() ?? [];
    if (claims.length === 0 && sightings.length === 0) return NOTHING;
    const effects: WireEffect[] = [];
    for (const { vip, mac } of claims) {
      const [next, asked] = stepConflicts(this.#conflicts, {
        kind: "claim",
        nowMs,
        vip,
        mac,
      });
      this.#conflicts = next;
      this.#heedConflicts(asked, effects);
      this.#claimed(vip, mac, { nowMs, effects });
    }
    for (const { kind, ip, mac } of sightings) {
      if (kind === "claim" && this.#known.has(ip)) {
        this.#claimed(ip, mac, { nowMs, effects });
      } else this.#step({ kind: "heard", nowMs, ip, mac }, effects);
      if (kind === "claim") this.#answered(ip, mac, { nowMs, effects });
    }
    return effects;
  }

  /** Takes how many frames the kernel dropped. */
  setOverruns(overruns: number): void {
    this.#overruns = overruns;
  }

  /** When something is to be done with whatever wakes next, at the latest at {@linkcode LinkCore.deadlineMs}. */
  lazyDueMs(): number {
    return this.#isUp
      ? presenceDeadlineMs(this.#presence) ?? Infinity
      : Infinity;
  }

  /** When to come back although nothing happened, or undefined. */
  deadlineMs(): number | undefined {
    const earliest = Math.min(
      failoverDeadlineMs(this.#failover) ?? Infinity,
      announcerDeadlineMs(this.#announcer) ?? Infinity,
      conflictDeadlineMs(this.#conflicts) ?? Infinity,
      vettingDeadlineMs(this.#vetting) ?? Infinity,
      this.lazyDueMs() + PRESENCE_SLACK_MS,
      this.#filterDueMs ?? Infinity,
    );
    return earliest === Infinity ? undefined : earliest;
  }

  /** Does what is due. */
  deadline(nowMs: number): readonly WireEffect[] {
    const effects: WireEffect[] = [];
    this.#step({ kind: "deadline", nowMs }, effects);
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
    this.#heedConflicts(asked, effects);
    this.#stepVetting({ kind: "deadline", nowMs }, effects);
    if (this.#isUp) this.#stepPresence({ kind: "deadline", nowMs }, effects);
    if (this.#filterDueMs !== undefined && this.#filterDueMs <= nowMs) {
      this.#refilter(nowMs, effects);
    }
    return effects;
  }

  /** What was counted since the link was opened. */
  counters(): LinkCounters {
    const counters = this.#responder?.counters ?? NO_COUNTERS;
    const at = (index: number): number => counters[index] ?? 0;
    const echoes = this.#echo.counters();
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
      checks: { ...this.#presence.counts },
      vetted: { ...this.#vetted },
      ...(echoes === undefined ? {} : { echoes }),
      fellows: {
        received: { ...this.#frames.received },
        sent: { ...this.#frames.sent },
        refused: Object.fromEntries(this.#frames.refused),
      },
      ...(this.#tally === undefined ? {} : {
        byVip: this.#countersByVip(this.#tally),
      }),
    };
  }

  #countersByVip(tally: VipTally): readonly VipCounters[] {
    const answers = tally.counts();
    const vips = new Set([...answers.keys(), ...this.#announcedByVip.keys()]);
    return [...vips].sort().map((vip) => ({
      vip,
      answers: answers.get(vip) ?? 0,
      announcements: this.#announcedByVip.get(vip) ?? 0,
    }));
  }

  /** The sum of all that is counted but frames of agents and answers that were right: as nothing is ever counted down, it changes when any of it does. */
  countersSum(): number {
    const { nobody, "other-agent": other, stranger } = this.#presence.counts;
    let sum = nobody + other + stranger + this.#announced.arp +
      this.#announced.ndp + this.#overruns + this.#vetted.free +
      this.#vetted.held + this.#echo.sum();
    for (const count of this.#responder?.counters ?? NO_COUNTERS) sum += count;
    return sum;
  }

  /** Tells of the other agents, when that changed. */
  fellows(): readonly WireEffect[] {
    const { phase, fellowsVersion } = this.#failover;
    // Nothing stands on a link whose core was stopped: it is closed.
    const standing = phase.kind === "stopped" ? "down" : phase.kind;
    const news = `${fellowsVersion} ${standing}`;
    if (news === this.#fellowsReported) return NOTHING;
    this.#fellowsReported = news;
    return [{
      kind: "report",
      report: {
        kind: "fellows",
        link: this.#link.name,
        standing,
        fellows: fellowReports(this.#failover),
      },
    }];
  }

  /** Begins, goes on or pauses, by the state of the interface and what is known. */
  #follow(nowMs: number, effects: WireEffect[]): void {
    const { identity, isAlone } = this.#shared;
    if (identity !== this.#identitySeen) {
      this.#identitySeen = identity;
      this.#refilterSoon(nowMs);
    }
    const { gateways = [] } = this.#link;
    const text = gateways.join(" ");
    if (text !== this.#gatewaysSeen) {
      this.#gatewaysSeen = text;
      this.#step({ kind: "gateways", nowMs, gateways }, effects);
    }
    const isWanted = this.#link.running &&
      (isAlone || identity !== undefined);
    if (isWanted && !this.#isUp) this.#goUp(nowMs, effects);
    else if (!isWanted && this.#isUp) {
      this.#isUp = false;
      this.#step({ kind: "link-down", nowMs }, effects);
      this.#stepVetting({ kind: "link", nowMs, isUp: false }, effects);
    }
  }

  #goUp(nowMs: number, effects: WireEffect[]): void {
    this.#isUp = true;
    this.#step({ kind: "link-up", nowMs }, effects);
    this.#stepVetting({ kind: "link", nowMs, isUp: true }, effects);
  }

  #takeFrame(
    bytes: Uint8Array,
    frame: FellowFrame,
    { nowMs, effects }: At,
  ): void {
    const mac = this.#macOf(bytes);
    this.#step({ kind: "frame", nowMs, mac, frame }, effects);
    const fellow = this.#failover.fellows.get(frame.sender);
    const node = fellow?.node ?? frame.sender;
    if (this.#heard.get(mac) === node) return;
    this.#heard.set(mac, node);
    if (this.#heard.size > HEARD_MAX) {
      for (const oldest of this.#heard.keys()) {
        this.#heard.delete(oldest);
        break;
      }
    }
    this.#tellFellows(nowMs, effects);
  }

  /** Where a frame came from; the same few are read again and again. */
  #macOf(bytes: Uint8Array): MacAddr {
    let number = 0;
    for (let i = 6; i < 12; i++) number = number * 256 + (bytes[i] ?? 0);
    const known = this.#macs.get(number);
    if (known !== undefined) return known;
    const mac = macAddr(bytes.subarray(6, 12));
    if (this.#macs.size >= HEARD_MAX) this.#macs.clear();
    this.#macs.set(number, mac);
    return mac;
  }

  #tellFellows(nowMs: number, effects: WireEffect[]): void {
    const [next, asked] = stepConflicts(this.#conflicts, {
      kind: "fellows",
      nowMs,
      self: this.#shared.node,
      macs: new Map([...this.#heard, ...this.#shared.fellows]),
    });
    this.#conflicts = next;
    this.#heedConflicts(asked, effects);
  }

  #claimed(vip: IpAddr, mac: MacAddr, { nowMs, effects }: At): void {
    const node = this.#shared.fellows.get(mac);
    // Another link of this node on the same segment claims nothing.
    if (node === this.#shared.node) return;
    const by = node === undefined ? {} : { node };
    this.#step({ kind: "claim", nowMs, vip, mac, ...by }, effects);
  }

  /** An answer to a question of ours, perhaps. */
  #answered(ip: IpAddr, mac: MacAddr, { nowMs, effects }: At): void {
    const node = this.#shared.fellows.get(mac) ?? this.#heard.get(mac);
    if (this.#known.has(ip)) {
      const by = node === undefined ? {} : { node };
      this.#stepPresence(
        { kind: "claim", nowMs, vip: ip, mac, ...by },
        effects,
      );
      return;
    }
    if (!this.#vetting.targets.has(ip)) return;
    // Handed out meanwhile, and owned by an agent that knew it before us.
    for (const fellow of this.#failover.fellows.values()) {
      if (fellow.list.has(ip)) return;
    }
    this.#stepVetting({ kind: "answer", nowMs, ip, mac }, effects);
  }

  #stepVetting(event: VettingEvent, effects: WireEffect[]): void {
    for (const effect of stepVetting(this.#vetting, event)) {
      this.#heedVetting(effect, event.nowMs, effects);
    }
  }

  #heedVetting(
    effect: VettingEffect,
    nowMs: number,
    effects: WireEffect[],
  ): void {
    const { ip } = effect;
    switch (effect.kind) {
      case "ask":
        this.#search(ip, effects);
        break;
      case "vetted":
        this.#vetted.free++;
        this.#step({ kind: "vetted", nowMs, vip: ip }, effects);
        break;
      case "foreign": {
        const { mac, held } = effect;
        if (held) this.#vetted.held++;
        const link = this.#link.name;
        const report = { kind: "foreign", ip, link, mac, held } as const;
        effects.push({ kind: "report", report });
        break;
      }
    }
  }

  #stepPresence(event: PresenceEvent, effects: WireEffect[]): void {
    for (const effect of stepPresence(this.#presence, event)) {
      this.#heedPresence(effect, effects);
    }
  }

  #heedPresence(effect: PresenceEffect, effects: WireEffect[]): void {
    if (effect.kind === "ask") {
      this.#search(effect.vip, effects);
      return;
    }
    const { vip, owner, verdict } = effect;
    const link = this.#link.name;
    const report = { kind: "presence", vip, link, owner, verdict } as const;
    effects.push({ kind: "report", report });
  }

  /** Asks all who have an address, as a host that wants to reach it. */
  #search(ip: IpAddr, effects: WireEffect[]): void {
    const { mac, linkLocal } = this.#link;
    if (isIpv4(ip)) this.#ask(ip, undefined, effects);
    else if (isIpv6(ip) && linkLocal !== undefined) {
      const frame = neighborSearch(ip, { mac, linkLocal });
      effects.push({ kind: "send", tag: this.#tag, frame });
    }
  }

  #step(event: FailoverEvent, effects: WireEffect[]): void {
    const [, asked] = stepFailover(this.#failover, event);
    for (const effect of asked) {
      this.#heedFailover(effect, event.nowMs, effects);
    }
  }

  #heedFailover(
    effect: FailoverEffect,
    nowMs: number,
    effects: WireEffect[],
  ): void {
    const link = this.#link.name;
    switch (effect.kind) {
      case "answer":
        this.#answerFor(effect.vip, effect.on, nowMs, effects);
        break;
      case "announce":
        // Whoever hears it asks here from then on: what keeps requests for it
        // out has to go first.
        if (effect.once) this.#announceOnce(effect.vip, effects);
        else if (this.#filterDueMs === undefined) {
          this.#announce(effect.vip, nowMs, effects);
        } else this.#unannounced.add(effect.vip);
        break;
      case "send":
        this.#say(effect.message, effect.to, effects);
        break;
      case "ask":
        this.#ask(effect.ip, effect.to, effects);
        break;
      case "report": {
        const { vip, owned, reason } = effect;
        const report = { kind: "owned", vip, link, owned, reason } as const;
        effects.push({ kind: "report", report });
        break;
      }
      case "held": {
        const { vip, mac, held } = effect;
        const report = { kind: "held", vip, link, mac, held } as const;
        effects.push({ kind: "report", report });
        break;
      }
      case "paused": {
        this.#isStale = true;
        const { gapMs } = effect;
        effects.push({ kind: "report", report: { kind: "paused", gapMs } });
        break;
      }
    }
  }

  /** Says something to one fellow, or to all. */
  #say(
    message: FellowMessage,
    to: MacAddr | undefined,
    effects: WireEffect[],
  ): void {
    const { identity } = this.#shared;
    if (identity === undefined) return;
    const incarnation = this.#incarnation;
    this.#frames.sent[message.kind]++;
    const sender = identity.node;
    const frame = encodeFellow({ sender, incarnation, message }, {
      identity,
      source: this.#link.mac,
      destination: to ?? FELLOW_GROUP,
    });
    effects.push({ kind: "send", tag: this.#tag, frame });
  }

  /** Asks who has an address. */
  #ask(ip: IpAddr, to: MacAddr | undefined, effects: WireEffect[]): void {
    const { mac, linkLocal } = this.#link;
    let frame: Uint8Array<ArrayBuffer> | undefined;
    if (isIpv4(ip)) {
      frame = to ? arpQuestion(ip, { mac, to }) : arpProbe(ip, mac);
    } else if (isIpv6(ip)) {
      if (to === undefined) frame = dadSolicitation(ip, mac);
      else if (linkLocal !== undefined) {
        frame = neighborQuestion(ip, { mac, linkLocal, to });
      }
    }
    if (frame !== undefined) {
      effects.push({ kind: "send", tag: this.#tag, frame });
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
      this.#heedConflicts(asked, effects);
    }
    if (isIpv6(vip)) {
      effects.push({
        kind: "group",
        tag: this.#tag,
        group: solicitedNodeMulticast(vip),
        wanted: on,
      });
    }
  }

  /** Filters of many VIPs are long: a burst of changes makes one, not thousands. */
  #refilterSoon(nowMs: number): void {
    this.#filterDueMs ??= Math.max(
      nowMs,
      this.#filteredMs + FILTER_INTERVAL_MS,
    );
  }

  #announceOnce(vip: IpAddr, effects: WireEffect[]): void {
    const send: AnnouncerEffect = isIpv4(vip)
      ? { kind: "send-gratuitous-arp", vip }
      : { kind: "send-unsolicited-na", vip: vip as Ipv6Addr };
    this.#send([send], effects);
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
    // The first one has nothing in it yet, and is no reason to wait.
    this.#filteredMs = this.#known.size === 0 ? 0 : nowMs;
    effects.push(this.#filter());
    for (const vip of this.#unannounced) this.#announce(vip, nowMs, effects);
    this.#unannounced.clear();
  }

  #filter(): WireEffect {
    const four: Ipv4Addr[] = [];
    const six: Ipv6Addr[] = [];
    for (const vip of this.#known) {
      if (isIpv4(vip)) four.push(vip);
      else if (isIpv6(vip)) six.push(vip);
    }
    const arp = arpFilter(four);
    const ndp = ndpFilter(six);
    const { identity } = this.#shared;
    return {
      kind: "filter",
      tag: this.#tag,
      link: this.#link.name,
      exact: arp.mode === "exact" && ndp.mode === "exact",
      programs: {
        arp: arp.program,
        ndp: ndp.program,
        ...(identity === undefined
          ? {}
          : { fellow: fellowFilter(identity).program }),
      },
      fallbacks: {
        arp: plainArpFilter().program,
        ndp: plainNdpFilter().program,
      },
    };
  }

  #send(sends: readonly AnnouncerEffect[], effects: WireEffect[]): void {
    const { mac } = this.#link;
    const send = (frame: Uint8Array<ArrayBuffer>): void => {
      effects.push({ kind: "send", tag: this.#tag, frame });
    };
    for (const effect of sends) {
      if (effect.kind === "send-gratuitous-arp") {
        send(gratuitousArpRequest(effect.vip, mac));
        send(gratuitousArpReply(effect.vip, mac));
        this.#announced.arp += 2;
        this.#countAnnounced(effect.vip, 2);
      } else {
        send(unsolicitedNaFrame(effect.vip, mac));
        this.#announced.ndp++;
        this.#countAnnounced(effect.vip, 1);
      }
    }
  }

  #countAnnounced(vip: IpAddr, frames: number): void {
    if (this.#tally === undefined) return;
    const before = this.#announcedByVip.get(vip) ?? 0;
    this.#announcedByVip.set(vip, before + frames);
  }

  #heedConflicts(
    asked: readonly ConflictEffect[],
    effects: WireEffect[],
  ): void {
    const link = this.#link.name;
    for (const effect of asked) {
      const { vip } = effect;
      switch (effect.kind) {
        case "defend":
          this.#announceOnce(vip, effects);
          break;
        case "report-conflict": {
          const { mac, count } = effect;
          const report = { kind: "conflict", vip, link, mac, count } as const;
          effects.push({ kind: "report", report });
          break;
        }
        case "fellow-claim":
          // The core of fail-over was told of every claim.
          break;
        case "conflict-ended": {
          const { mac } = effect;
          const report = { kind: "conflict-ended", vip, link, mac } as const;
          effects.push({ kind: "report", report });
          break;
        }
      }
    }
  }
}

/** When, and where what is asked of the host goes. */
interface At {
  readonly nowMs: number;
  readonly effects: WireEffect[];
}

function emptyFrameCounts(): Record<FellowMessage["kind"], number> {
  return {
    beacon: 0,
    list: 0,
    query: 0,
    probe: 0,
    reply: 0,
    suspect: 0,
    vouch: 0,
  };
}

const NOTHING: readonly WireEffect[] = [];
const NO_COUNTERS = new Float64Array(0);
/** How much later a VIP of another node is asked for, with what wakes next: at the latest the beacon. */
const PRESENCE_SLACK_MS = 110;
/** Shortest time between two filters of one link. */
const FILTER_INTERVAL_MS = 10;
/** MAC addresses of fellows remembered besides those of Leases. */
const HEARD_MAX = 512;

function candidatesIn({ vip, eligible, preferences }: VipView): CandidateVip {
  return preferences === undefined
    ? { vip, eligible }
    : { vip, eligible, preferences };
}
