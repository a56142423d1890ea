/**
 * What one agent was told, and what follows from it by the rules: the referee's
 * own idea of when a node may answer for an address.
 *
 * An agent that is cut off, or behind, knows no better: it is judged by what has
 * reached it, never by what is.
 *
 * @module
 */

import type { JsonObject } from "@/lab/apiserver/json.ts";
import type { WatchedKind } from "@/reconcile/mod.ts";
import {
  type EipFacts,
  eipFacts,
  type Identity,
  identityOf,
  ipNumber,
  type LeaseFacts,
  leaseFacts,
  type NodeFacts,
  nodeFacts,
  type ServiceFacts,
  serviceFacts,
  type SliceFacts,
  sliceFacts,
} from "./facts.ts";

/** What a watch told an agent, as the server stores it. */
export type Told =
  | {
    readonly kind: WatchedKind;
    readonly what: "listed";
    readonly raws: readonly JsonObject[];
    readonly revision: number;
  }
  | {
    readonly kind: WatchedKind;
    /** `answered`: as the answer to a write, not by the watch. */
    readonly what: "changed" | "answered";
    readonly raw: JsonObject;
  }
  | {
    readonly kind: WatchedKind;
    /** What it was last. */
    readonly what: "deleted";
    readonly raw: JsonObject;
  }
  | { readonly kind: WatchedKind; readonly what: "lost" };

/** Another agent, or this one, by its Lease. */
interface Fellow {
  readonly lease: LeaseFacts;
  /** From when on its silence counts. */
  sinceMs: number;
  /** Whether its Lease has run out, as far as this agent may tell. */
  isDead: boolean;
  isDeleted: boolean;
}

/** The tables of one agent as they should be. */
export class ToldView {
  /** Another number after every change that may move an address. */
  version = 0;
  /** When that was, on the clock of the simulation. */
  changedMs = 0;
  readonly #node: string;
  readonly #identity: string;
  readonly #services = new Map<string, ServiceFacts>();
  readonly #byIp = new Map<string, Set<string>>();
  readonly #eips = new Map<string, EipFacts>();
  readonly #nodes = new Map<string, NodeFacts>();
  readonly #slices = new Map<string, SliceFacts>();
  readonly #placesOf = new Map<string, Map<string, readonly string[]>>();
  readonly #fellows = new Map<string, Fellow>();
  readonly #behind = new Map<WatchedKind, number>();
  /** Whether this agent was ever told that it holds its Lease. */
  hasHeld = false;
  /** When an own renewal last came back by the watch. */
  #echoMs: number | undefined;
  #leasesListed = false;
  readonly #entitled = new Map<string, number>();
  /** Since when this node is no candidate for an address it answers for. */
  readonly #leavingSinceMs = new Map<string, number>();
  readonly #ended = new Set<string>();
  #vanished: string[] = [];

  /** The view of an agent that was told nothing yet. */
  constructor(node: string, identity: string) {
    this.#node = node;
    this.#identity = identity;
  }

  /** Takes what reached the agent; `monoMs` is its own clock. */
  take(told: Told, monoMs: number, nowMs: number): void {
    const before = this.version;
    switch (told.what) {
      case "listed":
        this.#list(told.kind, told, monoMs);
        break;
      case "changed":
        this.#put(told.kind, told.raw, { monoMs, isSure: false });
        break;
      case "answered":
        this.#answered(told.kind, told.raw, monoMs);
        break;
      case "deleted":
        this.#end(told.kind, told.raw, monoMs);
        break;
      case "lost":
        if (told.kind === "lease") this.#lapse(monoMs);
        break;
    }
    if (this.version !== before) this.changedMs = nowMs;
  }

  /** The process was stopped so long that it must have noticed. */
  slept(): void {
    this.#echoMs = undefined;
  }

  /**
   * Why this node may not answer for an address; undefined: it may. Which of
   * the candidates does is settled on the link; one that is none any more goes
   * on until it is relieved, for a while.
   */
  whyNot(ip: string, monoMs: number): string | undefined {
    if (this.#entitled.get(ip) === this.version) return undefined;
    this.#settle(monoMs);
    const gone = this.#whyGone(ip);
    if (gone !== undefined) return gone;
    const candidates = this.candidates(ip);
    if (candidates.includes(this.#node)) {
      this.#entitled.set(ip, this.version);
      this.#leavingSinceMs.delete(ip);
      return undefined;
    }
    const sinceMs = this.#leavingSinceMs.get(ip) ?? monoMs;
    this.#leavingSinceMs.set(ip, sinceMs);
    if (monoMs - sinceMs <= LEAVING_MS) return undefined;
    return `it is none of the candidates ${
      candidates.toSorted().join(" ")
    }, for ${monoMs - sinceMs} ms`;
  }

  /** Whether this agent could tell that the Lease of another has run out, or was given back. */
  knowsDead(node: string, monoMs: number): boolean {
    this.#settle(monoMs);
    return this.#fellows.get(node)?.isDead ?? true;
  }

  /** It does not answer for an address any more. */
  released(ip: string): void {
    this.#leavingSinceMs.delete(ip);
  }

  /** Takes the addresses that no Service has any more, by this view. */
  takeVanished(): readonly string[] {
    const taken = this.#vanished;
    this.#vanished = [];
    return taken;
  }

  /** The nodes that may answer for an address, whether or not their Leases are live. */
  candidates(ip: string): readonly string[] {
    const able = new Set<string>();
    const leftOut = new Set(
      [...this.#eips.values()].flatMap((eip) => eip.leftOut),
    );
    for (const key of this.#byIp.get(ip) ?? []) {
      const service = this.#services.get(key);
      if (service === undefined) continue;
      const places = new Set<string>();
      for (const nodes of this.#placesOf.get(key)?.values() ?? []) {
        for (const node of nodes) places.add(node);
      }
      if (places.size === 0) continue;
      for (const [node, { lease }] of this.#fellows) {
        if (!lease.isLinkUp || !this.#isFit(node)) continue;
        if (leftOut.has(node)) continue;
        if (!service.isLocal || places.has(node)) able.add(node);
      }
    }
    return [...able];
  }

  /** The addresses Services have, by this view. */
  get ips(): Iterable<string> {
    return this.#byIp.keys();
  }

  /** Why nobody may answer for an address. */
  #whyGone(ip: string): string | undefined {
    const users = this.#byIp.get(ip);
    if (users === undefined) return "no Service has it";
    const labels = [...users].flatMap((key) =>
      this.#services.get(key)?.labels ?? []
    );
    const number = ipNumber(ip);
    const family = ip.includes(":") ? 6 : 4;
    const pooled = [...this.#eips.values()].some((eip) =>
      labels.includes(eip.key) ||
      eip.family === family && eip.first <= number && number <= eip.last
    );
    return pooled ? undefined : "no Eip has it";
  }

  /** When not one node is fit, those that nobody excluded count as fit. */
  #isFit(node: string): boolean {
    const facts = this.#nodes.get(node);
    if (facts === undefined || facts.isExcluded) return false;
    if (facts.isFit) return true;
    for (const one of this.#nodes.values()) if (one.isFit) return false;
    return true;
  }

  #list(
    kind: WatchedKind,
    { raws, revision }: {
      readonly raws: readonly JsonObject[];
      readonly revision: number;
    },
    monoMs: number,
  ): void {
    const known = this.#table(kind);
    if (kind !== "lease" && this.#isBehind(kind, known, revision)) return;
    const gone = new Set(known.keys());
    if (kind === "lease") this.#lapse(monoMs);
    for (const raw of raws) {
      gone.delete(this.#put(kind, raw, { monoMs, isSure: true }));
    }
    for (const key of gone) this.#remove(kind, key, monoMs);
    if (kind === "lease") {
      this.#leasesListed = true;
      this.#echoMs = undefined;
    }
  }

  /** A list older than what is known is from an old cache; the fourth in a row is believed. */
  #isBehind(
    kind: WatchedKind,
    known: ReadonlyMap<string, Identity>,
    revision: number,
  ): boolean {
    const count = this.#behind.get(kind) ?? 0;
    let isBehind = false;
    for (const { version } of known.values()) {
      if (revision < version) isBehind = true;
    }
    if (!isBehind || count === BEHIND_MAX) {
      this.#behind.delete(kind);
      return false;
    }
    this.#behind.set(kind, count + 1);
    return true;
  }

  #answered(kind: WatchedKind, raw: JsonObject, monoMs: number): void {
    if (kind !== "service" && kind !== "eip") return;
    const { key, uid } = kind === "service" ? serviceFacts(raw) : eipFacts(raw);
    if (this.#table(kind).get(key)?.uid !== uid) return;
    this.#put(kind, raw, { monoMs, isSure: false });
  }

  /** What has ended stays so, whatever a watch repeats; only a list can bring it back. */
  #end(kind: WatchedKind, raw: JsonObject, monoMs: number): void {
    const { key, uid, version } = identityOf(raw);
    this.#ended.add(uid);
    const known = this.#table(kind).get(key);
    const isSuccessor = known !== undefined && known.uid !== uid &&
      version < known.version;
    if (!isSuccessor) this.#remove(kind, key, monoMs);
  }

  /** Takes an object unless it is older than the known one; its key. */
  #put(
    kind: WatchedKind,
    raw: JsonObject,
    how: { readonly monoMs: number; readonly isSure: boolean },
  ): string {
    const { key, uid } = identityOf(raw);
    if (how.isSure) this.#ended.delete(uid);
    else if (this.#ended.has(uid) && kind !== "lease") return key;
    switch (kind) {
      case "service":
        return this.#putService(serviceFacts(raw), how.isSure);
      case "eip":
        return this.#putIn(this.#eips, eipFacts(raw), how.isSure);
      case "node":
        return this.#putIn(this.#nodes, nodeFacts(raw), how.isSure);
      case "endpointslice":
        return this.#putSlice(sliceFacts(raw), how.isSure);
      case "lease":
        return this.#putLease(leaseFacts(raw), how);
      case "namespace":
        return "";
    }
  }

  #putIn<T extends Identity>(
    table: Map<string, T>,
    facts: T,
    isSure: boolean,
  ): string {
    if (isSure || !isOld(facts, table.get(facts.key))) {
      table.set(facts.key, facts);
      this.version++;
    }
    return facts.key;
  }

  #putService(facts: ServiceFacts, isSure: boolean): string {
    const { key } = facts;
    const before = this.#services.get(key);
    if (!isSure && isOld(facts, before)) return key;
    this.#forgetIps(before);
    this.#putIn(this.#services, facts, true);
    for (const ip of facts.isServed ? facts.ips : []) {
      const users = this.#byIp.get(ip);
      if (users === undefined) this.#byIp.set(ip, new Set([key]));
      else users.add(key);
    }
    this.#noteVanished(before);
    return key;
  }

  #forgetIps(facts: ServiceFacts | undefined): void {
    for (const ip of facts?.ips ?? []) {
      const users = this.#byIp.get(ip);
      users?.delete(facts?.key ?? "");
      if (users?.size === 0) this.#byIp.delete(ip);
    }
  }

  #noteVanished(facts: ServiceFacts | undefined): void {
    for (const ip of facts?.ips ?? []) {
      if (!this.#byIp.has(ip)) this.#vanished.push(ip);
    }
  }

  #putSlice(facts: SliceFacts, isSure: boolean): string {
    const { key, service, places } = facts;
    if (!isSure && isOld(facts, this.#slices.get(key))) return key;
    this.#putIn(this.#slices, facts, true);
    const slices = this.#placesOf.get(service) ?? new Map();
    slices.set(key, places);
    this.#placesOf.set(service, slices);
    return key;
  }

  #putLease(
    lease: LeaseFacts,
    { monoMs, isSure }: { readonly monoMs: number; readonly isSure: boolean },
  ): string {
    const { node, key, holder } = lease;
    if (node === "") return key;
    const before = this.#fellows.get(node);
    if (isOld(lease, before?.lease)) return key;
    this.#settle(monoMs);
    const isRenewed = before === undefined ||
      before.lease.holder !== holder || before.lease.renewed !== lease.renewed;
    const isDead = holder === "" || !isRenewed && before.isDead;
    this.#fellows.set(node, {
      lease,
      isDead,
      isDeleted: false,
      sinceMs: isRenewed ? monoMs : before.sinceMs,
    });
    if (
      before === undefined || before.isDead !== isDead ||
      before.lease.isLeaving !== lease.isLeaving ||
      before.lease.isLinkUp !== lease.isLinkUp
    ) this.version++;
    if (holder === this.#identity) this.hasHeld = true;
    const isEcho = !isSure && isRenewed && node === this.#node &&
      holder === this.#identity;
    if (isEcho) this.#echo(monoMs);
    return key;
  }

  /** An own renewal came back: from here on the silence of others means something. */
  #echo(monoMs: number): void {
    const hasLapsed = this.#echoMs === undefined ||
      monoMs - this.#echoMs >= this.#ownDurationMs() / 2;
    if (hasLapsed) {
      for (const fellow of this.#fellows.values()) {
        if (!fellow.isDead) fellow.sinceMs = monoMs;
      }
    }
    this.#echoMs = monoMs;
  }

  #lapse(monoMs: number): void {
    this.#settle(monoMs);
    this.#echoMs = undefined;
  }

  /** Lets Leases run out, as far as this agent could have judged them. */
  #settle(monoMs: number): void {
    if (this.#echoMs === undefined || !this.#leasesListed) return;
    const ownMs = this.#ownDurationMs();
    for (const [node, fellow] of this.#fellows) {
      if (fellow.isDead || node === this.#node) continue;
      const { durationMs } = fellow.lease;
      const untilMs = this.#echoMs + Math.min(ownMs, durationMs) / 2;
      if (fellow.sinceMs + durationMs > Math.min(monoMs, untilMs)) continue;
      fellow.isDead = true;
      this.version++;
      if (fellow.isDeleted) this.#fellows.delete(node);
    }
  }

  #ownDurationMs(): number {
    return this.#fellows.get(this.#node)?.lease.durationMs ?? OWN_DURATION_MS;
  }

  #remove(kind: WatchedKind, key: string, monoMs: number): void {
    if (kind === "lease") {
      for (const fellow of this.#fellows.values()) {
        if (fellow.lease.key !== key || fellow.isDeleted) continue;
        this.#settle(monoMs);
        fellow.isDeleted = true;
        fellow.sinceMs = monoMs;
      }
      return;
    }
    const slice = kind === "endpointslice" ? this.#slices.get(key) : undefined;
    if (slice !== undefined) this.#placesOf.get(slice.service)?.delete(key);
    const service = kind === "service" ? this.#services.get(key) : undefined;
    this.#forgetIps(service);
    this.#noteVanished(service);
    if (this.#table(kind).delete(key)) this.version++;
  }

  #table(kind: WatchedKind): Map<string, Identity> {
    switch (kind) {
      case "service":
        return this.#services;
      case "eip":
        return this.#eips;
      case "node":
        return this.#nodes;
      case "endpointslice":
        return this.#slices;
      case "lease":
        return new Map(
          [...this.#fellows.values()].map(({ lease }) => [lease.key, lease]),
        );
      case "namespace":
        return new Map();
    }
  }
}

function isOld(facts: Identity, known: Identity | undefined): boolean {
  return known?.uid === facts.uid && facts.version < known.version;
}

/** Lists in a row that may be older than what is known before one is believed. */
const BEHIND_MAX = 3;
const OWN_DURATION_MS = 10_000;
/** How long an address is answered for that should leave, when nobody relieves its owner; and the way there. */
const LEAVING_MS = 12_000;
