/**
 * What must hold at every step of a link world. Events keep the books; nothing
 * is looked at that did not change.
 *
 * A node counts as answering for a VIP while its agent said so last and its
 * process runs.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { WireReport } from "@/node/mod.ts";
import { comesBefore } from "../facts.ts";
import type { LinkNode, NodePort } from "./link_node.ts";
import type { LinkWorld } from "./link_world.ts";
import type { ApiVip } from "./scripted_main.ts";

/** A rule that was broken. */
export class RuleBroken extends Error {
  override readonly name = "RuleBroken";
}

/** How a VIP came to another node. */
export type ClaimReason = "claimed" | "took-over" | "relieved";

/** A node began to own a VIP. */
export interface ClaimRecord {
  readonly atMs: number;
  readonly vip: IpAddr;
  readonly node: LinkNode;
  readonly reason: ClaimReason;
}

/** A time without any answer for a VIP. */
export interface Gap {
  readonly vip: IpAddr;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** The books of one VIP. */
interface VipBook {
  readonly api: ApiVip;
  /** Whose agents say that they answer. */
  readonly saying: Set<LinkNode>;
  /** Whose agents own it, answering or not. */
  readonly owning: Set<LinkNode>;
  /** Who answers, and since when. */
  answering: Map<LinkNode, number>;
  /** When it was claimed last. */
  claimedMs: number;
  /** Since when nobody answers. */
  silentSinceMs: number | undefined;
  /** Since when, while nobody answers, it could be claimed as far as the world is concerned. */
  freeSinceMs: number;
  /** Pairs of nodes that answer both. */
  readonly doubles: Map<number, Double>;
}

/** How two nodes hear each other. */
type Contact = "both" | "one-way" | "through-a-third" | "none";

interface Double {
  readonly a: LinkNode;
  readonly b: LinkNode;
  contact: Contact;
  sinceMs: number;
}

/** The books. */
export class LinkRules {
  /** All claims so far. */
  readonly claims: ClaimRecord[] = [];
  /** Times without any answer that are over. */
  readonly gaps: Gap[] = [];
  /** The longest time that two answered who heard each other. */
  doubleMsMax = 0;
  /** No VIP may move, as nothing but the API is down. */
  isStill = false;
  /** VIPs that a foreign host answers for, which came when they might be claimed again. */
  readonly foreign: Set<IpAddr> = new Set();
  /** Those among them that an agent had nevertheless: it does not yield, and may hand over. */
  readonly #contested = new Set<IpAddr>();
  /** Every VIP with another candidate is to be answered for at every moment. */
  isGapless = false;
  readonly #world: LinkWorld;
  readonly #books = new Map<IpAddr, VipBook>();
  readonly #dirty = new Set<VipBook>();
  readonly #doubles = new Set<VipBook>();

  /** Books without entries. */
  constructor(world: LinkWorld) {
    this.#world = world;
  }

  /** Who answers for a VIP. */
  answerers(vip: IpAddr): readonly LinkNode[] {
    return [...this.#books.get(vip)?.answering.keys() ?? []];
  }

  /** Since when nobody answers for a VIP; undefined: somebody does. */
  silentSinceMs(vip: IpAddr): number | undefined {
    const book = this.#books.get(vip);
    return book === undefined ? 0 : book.silentSinceMs;
  }

  /** A foreign host answers for a VIP, and agents may claim it. */
  foreignCame(vip: IpAddr): void {
    this.foreign.add(vip);
    const owners = this.#books.get(vip)?.owning.size ?? 0;
    if (owners > 0) this.#contested.add(vip);
  }

  /** It does not any more. */
  foreignGone(vip: IpAddr): void {
    this.foreign.delete(vip);
    this.#contested.delete(vip);
    this.freed(vip);
  }

  /** It may be claimed again: whoever could has the whole time for it. */
  freed(vip: IpAddr): void {
    const book = this.#books.get(vip);
    if (book?.silentSinceMs !== undefined) this.#awaitClaim(book);
  }

  /** Takes a report of an agent. */
  reported(node: LinkNode, report: WireReport): void {
    if (report.kind === "paused") {
      this.#world.trace(() => `${node.name} was stopped ${report.gapMs} ms`);
    }
    if (report.kind !== "owned") return;
    const { vip, owned, reason } = report;
    this.#world.trace(() =>
      `${node.name} ${owned ? "owns" : "does not own"} ${vip}: ${reason}`
    );
    const book = this.#bookOf(vip);
    this.#dirty.add(book);
    if (owned) {
      if (!book.owning.has(node)) this.#claimed(book, node, reason);
      book.owning.add(node);
      book.saying.add(node);
      return;
    }
    book.saying.delete(node);
    if (!PASSING.has(reason)) book.owning.delete(node);
  }

  /** An answer was sent to a question that had waited. */
  answered(node: LinkNode, waitedMs: number): void {
    if (waitedMs <= OLD_MS) return;
    this.broken(
      `${node.name} answers a question ${waitedMs.toFixed(0)} ms old`,
    );
  }

  /** A process ended. */
  gone(node: LinkNode): void {
    for (const book of this.#books.values()) {
      book.owning.delete(node);
      if (book.saying.delete(node)) this.#dirty.add(book);
    }
    this.settle();
  }

  /** A process stopped, or goes on. */
  changed(node: LinkNode): void {
    for (const book of this.#books.values()) {
      if (book.saying.has(node)) this.#dirty.add(book);
    }
    this.settle();
  }

  /** Who hears whom has changed. */
  rewired(): void {
    for (const book of this.#doubles) this.#dirty.add(book);
    this.settle();
  }

  /** Looks at what changed since. */
  settle(): void {
    for (const book of this.#dirty) this.#look(book);
    this.#dirty.clear();
  }

  /** Ends the world. */
  broken(what: string): void {
    const { timeline } = this.#world;
    const failure = new RuleBroken(
      `at ${timeline.nowMs.toFixed(1)} ms ${what}`,
    );
    timeline.fail(failure);
    throw failure;
  }

  #bookOf(vip: IpAddr): VipBook {
    const known = this.#books.get(vip);
    if (known !== undefined) return known;
    const api = this.#world.api.vips.find((at) => at.vip === vip);
    if (api === undefined) throw new RangeError(`${vip} is no VIP`);
    const book: VipBook = {
      api,
      saying: new Set(),
      owning: new Set(),
      answering: new Map(),
      claimedMs: -Infinity,
      silentSinceMs: 0,
      freeSinceMs: 0,
      doubles: new Map(),
    };
    this.#books.set(vip, book);
    return book;
  }

  #claimed(book: VipBook, node: LinkNode, reason: string): void {
    if (!isClaim(reason)) return;
    const { nowMs } = this.#world.timeline;
    const { vip } = book.api;
    const claim = `${node.name} ${reason} ${vip}`;
    if (!node.mayClaim(vip)) this.broken(`${claim} without a right (rule 5)`);
    if (this.isStill) {
      this.broken(`${claim} while only the API is down (rule 6)`);
    }
    const { main } = node;
    if (
      node.monoMs - node.lastFrameMs > PROOF_MS &&
      this.#world.nodes.length > 1 &&
      // Who is silent and has no Lease any more is gone for sure.
      main?.wasAlone(TOLD_MS, node.monoMs) !== true
    ) this.broken(`${claim} having heard nobody (rule 3)`);
    for (const [owner, sinceMs] of book.answering) {
      if (owner === node) continue;
      if (reason === "relieved") this.#checkMove(book, owner, node);
      else if (
        // Two probes are all there is where agents do not hear each other, and
        // both get lost once in 2,500 times at 1 %: rule 2 says for how long.
        !(reason === "claimed" && this.#isFilteredAndLossy) &&
        this.#isSound(owner, node, Math.max(sinceMs, 0), book.api.link)
      ) {
        this.broken(`${claim} from ${owner.name}, which answers (rule 4)`);
      }
    }
    this.#checkForeign(vip, node, claim);
    book.claimedMs = nowMs;
    this.claims.push({ atMs: nowMs, vip, node, reason });
  }

  get #isFilteredAndLossy(): boolean {
    const { isFiltered, cabling } = this.#world.plan;
    return isFiltered && cabling.lossShare > 0;
  }

  /** What a foreign host answers for is claimed from no one but an agent that has it. */
  #checkForeign(vip: IpAddr, node: LinkNode, claim: string): void {
    if (!this.foreign.has(vip) || this.#contested.has(vip)) return;
    const { nowMs, plan } = this.#world;
    const isHearing = faultlessSinceMs(node) < nowMs - SOUND_MS &&
      plan.cabling.lossShare === 0;
    if (isHearing) this.broken(`${claim} while a foreign host answers for it`);
    this.#contested.add(vip);
  }

  /** Whether an owner answers, and both are in contact and without fault, long enough. */
  #isSound(
    owner: LinkNode,
    taker: LinkNode,
    answersSinceMs: number,
    link: string,
  ): boolean {
    const [a, b] = [portOf(owner, link), portOf(taker, link)];
    const soundSinceMs = Math.max(
      answersSinceMs,
      faultlessSinceMs(owner),
      faultlessSinceMs(taker),
      a.segment.carriesSinceMs(a.port, b.port),
      a.segment.carriesSinceMs(b.port, a.port),
    );
    return this.#world.nowMs - soundSinceMs > SOUND_MS;
  }

  /** A move for no other reason than rank is rare, and to a better one. */
  #checkMove(book: VipBook, owner: LinkNode, taker: LinkNode): void {
    const { nowMs, plan } = this.#world;
    const { vip } = book.api;
    const { main } = owner;
    if (plan.isFiltered || main === undefined || main.isLeaving) return;
    if (!owner.mayClaim(vip) || faultlessSinceMs(owner) > nowMs - 20_000) {
      return;
    }
    if (main.wasFrozen(FROZEN_RECENTLY_MS, owner.monoMs)) return;
    const move = `${taker.name} takes ${vip} from ${owner.name}`;
    const preferMs = plan.preferAtMs ?? -Infinity;
    // For a minute after a change of what is wanted nothing has to rest.
    const isWanted = nowMs > preferMs && nowMs - preferMs < WANTED_MS;
    if (nowMs - book.claimedMs < DWELL_MS && !isWanted) {
      const sinceMs = (nowMs - book.claimedMs).toFixed(0);
      this.broken(`${move} ${sinceMs} ms after it moved last (rule 6)`);
    }
    // An agent without the API server has not heard of it, until it is frozen.
    if (nowMs > preferMs && nowMs - preferMs < UNHEARD_MS) return;
    const order = this.#world.order(book.api);
    const isWorse = order.includes(taker)
      ? order.indexOf(owner) < order.indexOf(taker)
      : comesBefore(vip, owner.name, taker.name);
    if (isWorse) this.broken(`${move}, which is better (rule 6)`);
  }

  #look(book: VipBook): void {
    const { nowMs } = this.#world.timeline;
    const before = book.answering;
    const after = new Map<LinkNode, number>();
    for (const node of book.saying) {
      if (node.isRunning) after.set(node, before.get(node) ?? nowMs);
    }
    book.answering = after;
    if (after.size === 0) this.#fellSilent(book);
    else if (book.silentSinceMs !== undefined) {
      const { vip } = book.api;
      this.gaps.push({ vip, sinceMs: book.silentSinceMs, untilMs: nowMs });
      book.silentSinceMs = undefined;
    }
    if (after.size > 1 || book.doubles.size > 0) this.#lookAtDoubles(book);
  }

  #fellSilent(book: VipBook): void {
    if (book.silentSinceMs !== undefined) return;
    book.silentSinceMs = this.#world.nowMs;
    this.#awaitClaim(book);
    const { vip, eligible, isGone } = book.api;
    if (!this.isGapless || isGone || eligible.length < 2) return;
    this.broken(`nobody answers for ${vip} during a planned move (rule 6)`);
  }

  #awaitClaim(book: VipBook): void {
    const sinceMs = this.#world.nowMs;
    book.freeSinceMs = sinceMs;
    this.#world.timeline.after(SILENT_MS_MAX, () => {
      const isStill = book.silentSinceMs !== undefined &&
        book.freeSinceMs === sinceMs;
      if (isStill) this.#tooSilent(book, sinceMs);
    });
  }

  /** Somebody could have claimed it for a long time. */
  #tooSilent(book: VipBook, sinceMs: number): void {
    const { plan, nodes } = this.#world;
    const { vip, isGone, link } = book.api;
    if (isGone || plan.isFiltered || this.foreign.has(vip)) return;
    const idle = nodes.find((node) =>
      node.isRunning && faultlessSinceMs(node) < sinceMs &&
      node.soundSinceMs < sinceMs && node.mayClaim(vip) &&
      node.main?.isLeaving === false &&
      nodes.some((other) =>
        other !== node && other.isRunning && hears(node, other, link)
      )
    );
    if (idle === undefined) return;
    this.broken(
      `nobody owns ${vip} for ${SILENT_MS_MAX} ms, though ${idle.name} could (rule 7)`,
    );
  }

  #lookAtDoubles(book: VipBook): void {
    const { nowMs } = this.#world.timeline;
    const nodes = [...book.answering.keys()];
    for (const [key, double] of book.doubles) {
      if (book.answering.has(double.a) && book.answering.has(double.b)) {
        continue;
      }
      this.#ended(double);
      book.doubles.delete(key);
    }
    for (let i = 0; i < nodes.length; i++) {
      for (let j = i + 1; j < nodes.length; j++) {
        const [a, b] = [nodes[i] as LinkNode, nodes[j] as LinkNode];
        const key = Math.min(a.index, b.index) * 1_000 +
          Math.max(a.index, b.index);
        const contact = this.#contactOf(a, b, book.api.link);
        const known = book.doubles.get(key);
        if (known?.contact === contact) continue;
        if (known !== undefined) this.#ended(known);
        const double: Double = { a, b, contact, sinceMs: nowMs };
        book.doubles.set(key, double);
        this.#began(book, double);
      }
    }
    if (book.doubles.size > 0) this.#doubles.add(book);
    else this.#doubles.delete(book);
  }

  #began(book: VipBook, double: Double): void {
    const { timeline, plan } = this.#world;
    const { a, b, contact } = double;
    const who = `${a.name} and ${b.name} both answer for ${book.api.vip}`;
    if (contact === "both") {
      for (const node of [a, b]) {
        const { resumed } = node;
        if (resumed === undefined || resumed.gapMs < LONG_STOP_MS) continue;
        if (timeline.nowMs - resumed.atMs > AFTER_STOP_MS) continue;
        this.broken(`${who} after ${node.name} was stopped (rule 1)`);
      }
    }
    if (contact === "none") return;
    const limitMs = plan.isFiltered
      ? FILTERED_LIMIT_MS
      : contact === "both" && plan.cabling.lossShare === 0
      ? LOSSLESS_LIMIT_MS
      : LIMIT_MS[contact];
    timeline.after(limitMs, () => {
      const now = [...book.doubles.values()];
      if (!now.includes(double)) return;
      const rule = contact === "both" ? 1 : 2;
      this.broken(`${who} for ${limitMs} ms, ${contact} (rule ${rule})`);
    });
  }

  #ended({ contact, sinceMs }: Double): void {
    if (contact !== "both") return;
    const tookMs = this.#world.nowMs - sinceMs;
    this.doubleMsMax = Math.max(this.doubleMsMax, tookMs);
  }

  /** Whether a node that does not hear one other has nobody else to hear. */
  #isDeaf(node: LinkNode, link: string): boolean {
    return !this.#world.plan.hasGateway &&
      !this.#world.nodes.some((other) =>
        other !== node && other.isRunning && hears(node, other, link)
      );
  }

  #contactOf(a: LinkNode, b: LinkNode, link: string): Contact {
    // Where Leases are all there is, a view that is old has nothing to correct it.
    const isBlind = this.#world.plan.isFiltered &&
      !(a.isInformed && b.isInformed);
    if (isBlind) return "none";
    const there = hears(b, a, link);
    const back = hears(a, b, link);
    if (there && back) return "both";
    if (a.isCutOneWay || b.isCutOneWay) return "none";
    if (there !== back && this.#isDeaf(there ? a : b, link)) return "none";
    if (there || back) return "one-way";
    const third = this.#world.nodes.some((node) =>
      node !== a && node !== b && node.isRunning && node.faults === 0 &&
      hears(node, a, link) && hears(a, node, link) &&
      hears(node, b, link) && hears(b, node, link)
    );
    return third ? "through-a-third" : "none";
  }
}

/** The port of a node on a link. */
export function portOf(node: LinkNode, link: string): NodePort {
  const port = node.ports.find((at) => at.link === link);
  if (port === undefined) throw new RangeError(`No ${link} at ${node.name}`);
  return port;
}

function hears(node: LinkNode, other: LinkNode, link: string): boolean {
  const to = portOf(node, link);
  const from = portOf(other, link);
  return !to.segment.isBursting && to.segment.carries(from.port, to.port);
}

function faultlessSinceMs(node: LinkNode): number {
  return node.faults > 0 ? Infinity : node.faultlessSinceMs;
}

function isClaim(reason: string): reason is ClaimReason {
  return reason === "claimed" || reason === "took-over" ||
    reason === "relieved";
}

/** Reasons not to answer for what one owns. */
const PASSING: ReadonlySet<string> = new Set(["suspended", "link-down"]);
/** A question that waited longer is not to be answered: others may own the address by now. */
const OLD_MS = 250;
const PROOF_MS = 500;
/** How long what main told may be under way to the wire isolate. */
const TOLD_MS = 500;
const SOUND_MS = 1_500;
const FROZEN_RECENTLY_MS = 20_000;
const DWELL_MS = 59_000;
/** As the dwell, and until every main has heard of it. */
const WANTED_MS = 62_000;
/** A Lease, and what clocks differ. */
const UNHEARD_MS = 12_000;
/** A process that was stopped so long comes back when others have claimed. */
const LONG_STOP_MS = 1_500;
const AFTER_STOP_MS = 100;
const LOSSLESS_LIMIT_MS = 200;
const LIMIT_MS: Readonly<Record<Contact, number>> = {
  both: 600,
  "one-way": 3_000,
  "through-a-third": 3_000,
  none: Infinity,
};
/** Longest time without an owner while a candidate is well; a foreign host is looked for every 5 s. */
const SILENT_MS_MAX = 7_000;
const FILTERED_LIMIT_MS = 15_000;
