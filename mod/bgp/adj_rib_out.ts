/**
 * What a peer is told of our routes (Adj-RIB-Out, RFC 4271 §3.2), as messages
 * that are written when there is room for them.
 *
 * At first, and at each refresh, comes the whole table, grouped by attributes,
 * then End-of-RIB (RFC 4724 §2); after that what changed since it was written.
 * Nothing is kept per route: what a peer was told follows from the routes
 * themselves, so of a change only what was told before is remembered until it
 * is written. A slow peer costs no more than that, and gets
 * the last of many changes.
 *
 * New paths of a prefix are announced before old ones are withdrawn.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import type { UnicastFamily } from "@/wire/bgp/family.ts";
import { ROUTE_REFRESH_SUBTYPE } from "@/wire/bgp/iana.ts";
import { PackedNlri } from "@/wire/bgp/packed_nlri.ts";
import { encodeRouteRefresh } from "@/wire/bgp/route_refresh.ts";
import type { NegotiatedSession } from "@/wire/bgp/session.ts";
import { encodeEndOfRib } from "@/wire/bgp/update.ts";
import {
  type AnnouncementHead,
  packAnnouncements,
  packWithdrawals,
} from "@/wire/bgp/update_packer.ts";
import { Exporter, type ExportTerms, type Variant } from "./exporter.ts";
import {
  ipv4OfKey,
  type LocRib,
  prefixOf,
  type RouteChange,
  type RouteKey,
} from "./loc_rib.ts";

/** What has been written to a peer. */
export interface AdjRibOutTally {
  /** Prefixes announced, with repetitions. */
  announced: number;
  /** Prefixes withdrawn. */
  withdrawn: number;
}

/** Something to write. */
type Work =
  | {
    readonly kind: "announce";
    readonly head: AnnouncementHead;
    readonly nlri: PackedNlri;
    from: number;
  }
  | { readonly kind: "withdraw"; readonly nlri: PackedNlri; from: number }
  | { readonly kind: "message"; readonly bytes: Uint8Array };

/** The routes for one session. */
export class AdjRibOut {
  /** What was written. */
  readonly tally: AdjRibOutTally = { announced: 0, withdrawn: 0 };
  /** Prefixes that have been put into announcements and not into withdrawals. */
  prefixes = 0;
  #rib: LocRib;
  readonly #session: NegotiatedSession;
  #exporter: Exporter;
  #work: Work[] = [];
  /** Changed prefixes, and what the peer was last told of each. */
  readonly #dirty: Readonly<
    Record<UnicastFamily, Map<RouteKey, readonly Variant[]>>
  > = {
    "ipv4-unicast": new Map(),
    "ipv6-unicast": new Map(),
  };
  /** Families whose whole table is due, and how it is framed. */
  readonly #due = new Map<UnicastFamily, "initial" | "plain" | "enhanced">();

  /**
   * Begins with the whole table to tell.
   *
   * @param rib The table, which others change.
   * @param session What was negotiated.
   * @param terms What is exported, and how.
   */
  constructor(rib: LocRib, session: NegotiatedSession, terms: ExportTerms) {
    this.#rib = rib;
    this.#session = session;
    this.#exporter = new Exporter(session, terms);
    for (const family of session.families) this.#due.set(family, "initial");
  }

  /** Whether there is something to write. */
  get isPending(): boolean {
    return this.#work.length > 0 || this.#due.size > 0 ||
      this.#dirty["ipv4-unicast"].size > 0 ||
      this.#dirty["ipv6-unicast"].size > 0;
  }

  /** How many prefixes are to be told of. */
  get pending(): number {
    let count = 0;
    for (const family of this.#session.families) {
      count += this.#due.get(family) === "initial"
        ? this.#rib.routes(family).size
        : this.#dirty[family].size;
    }
    return count;
  }

  /** How many different paths are not announced since their attributes fit into no message. */
  get tooLong(): number {
    return this.#exporter.tooLong;
  }

  /** Takes note of what became of a prefix, once it is in the table. */
  note(change: RouteChange): void {
    const { family, key, before } = change;
    if (!this.#session.families.includes(family)) return;
    const dirty = this.#dirty[family];
    if (dirty.has(key)) return;
    dirty.set(key, this.#exporter.variantsOf(family, key, before));
  }

  /** The peer wants the table of a family anew (RFC 2918 §4, RFC 7313 §4). */
  refresh(family: UnicastFamily): void {
    if (this.#due.has(family)) return;
    const enhanced = this.#session.enhancedRouteRefresh;
    this.#due.set(family, enhanced ? "enhanced" : "plain");
  }

  /** The table it tells of. */
  get rib(): LocRib {
    return this.#rib;
  }

  /**
   * Announces by other terms, or another table, from now on: what comes out
   * differently is told anew, what no longer comes out is withdrawn. What only
   * the other table has is told before what only the first one had goes.
   *
   * @param terms The terms.
   * @param rib The table; absent: as it was.
   */
  change(terms: ExportTerms, rib: LocRib = this.#rib): void {
    const before = this.#exporter;
    const old = this.#rib;
    const after = new Exporter(this.#session, terms);
    this.#exporter = after;
    this.#rib = rib;
    for (const family of this.#session.families) {
      const dirty = this.#dirty[family];
      for (const [key, route] of rib.routes(family)) {
        if (dirty.has(key)) continue;
        const had = old === rib ? route : old.routeAt(family, key);
        const told = before.variantsOf(family, key, had);
        const now = after.variantsOf(family, key, route);
        if (!isSame(told, now)) dirty.set(key, told);
      }
      if (old === rib) continue;
      for (const [key, route] of old.routes(family)) {
        if (rib.routeAt(family, key) !== undefined) continue;
        const told = dirty.get(key) ?? before.variantsOf(family, key, route);
        // Behind all that comes.
        dirty.delete(key);
        dirty.set(key, told);
      }
    }
  }

  /**
   * The paths of a prefix as this peer is told them.
   *
   * @param prefix Its family and key.
   * @returns Their identifiers and heads.
   */
  pathIds(prefix: {
    readonly family: UnicastFamily;
    readonly key: RouteKey;
  }): readonly number[] {
    const { family, key } = prefix;
    const route = this.#rib.routeAt(family, key);
    const variants = this.#exporter.variantsOf(family, key, route);
    return variants.map(({ pathId }) => pathId);
  }

  /**
   * Writes messages.
   *
   * @param out Where to, from its beginning; at least {@linkcode OUT_BYTES_MIN}.
   * @returns How many bytes were written: whole messages only, 0 when there is nothing.
   */
  take(out: Uint8Array): number {
    assert(out.length >= OUT_BYTES_MIN, "There is room for any message");
    let at = 0;
    for (;;) {
      const [work] = this.#work;
      if (work === undefined) {
        if (at > 0 && out.length - at < OUT_BYTES_MIN) return at;
        if (!this.#makeWork()) return at;
        continue;
      }
      const next = this.#write(work, out, at);
      if (next.done) this.#work.shift();
      at = next.at;
      if (!next.done) return at;
    }
  }

  #write(
    work: Work,
    out: Uint8Array,
    at: number,
  ): { readonly at: number; readonly done: boolean } {
    if (work.kind === "message") {
      if (out.length - at < work.bytes.length) return { at, done: false };
      out.set(work.bytes, at);
      return { at: at + work.bytes.length, done: true };
    }
    const { nlri, from } = work;
    const room = { out, at, from, session: this.#session };
    const progress = work.kind === "announce"
      ? packAnnouncements(work.head, nlri, room)
      : packWithdrawals(nlri, room);
    work.from = progress.from;
    return { at: progress.at, done: progress.from >= nlri.byteLength };
  }

  /** Makes work of what is due; false when nothing is. */
  #makeWork(): boolean {
    for (const [family, framing] of this.#due) {
      this.#due.delete(family);
      this.#makeTable(family, framing);
      return true;
    }
    for (const family of this.#session.families) {
      if (this.#dirty[family].size === 0) continue;
      this.#makeChanges(family);
      return true;
    }
    return false;
  }

  #makeTable(
    family: UnicastFamily,
    framing: "initial" | "plain" | "enhanced",
  ): void {
    if (framing === "enhanced") this.#mark(family, ROUTE_REFRESH_SUBTYPE.begin);
    const batches: Variant[] = [];
    for (const [key, route] of this.#rib.routes(family)) {
      const variants = this.#exporter.variantsOf(family, key, route);
      if (framing === "initial" && variants.length > 0) this.prefixes++;
      for (const variant of variants) this.#collect(key, variant, batches);
    }
    this.#announce(batches);
    if (framing === "enhanced") this.#mark(family, ROUTE_REFRESH_SUBTYPE.end);
    if (framing === "initial") {
      this.#work.push({ kind: "message", bytes: encodeEndOfRib(family) });
      // Changes of before are in the table; nothing was announced that could be withdrawn.
      this.#dirty[family].clear();
    }
  }

  #mark(family: UnicastFamily, subtype: number): void {
    const bytes = encodeRouteRefresh({
      kind: "route-refresh",
      family,
      subtype,
    });
    this.#work.push({ kind: "message", bytes });
  }

  #makeChanges(family: UnicastFamily): void {
    const dirty = this.#dirty[family];
    const batches: Variant[] = [];
    const withdrawn = this.#newBatch(family);
    let count = 0;
    for (const [key, told] of dirty) {
      dirty.delete(key);
      const route = this.#rib.routeAt(family, key);
      const now = this.#exporter.variantsOf(family, key, route);
      this.prefixes += Math.sign(now.length) - Math.sign(told.length);
      for (const variant of now) {
        if (!told.some((one) => one.key === variant.key)) {
          this.#collect(key, variant, batches);
        }
      }
      // Without ADD-PATH a path takes the place of the one before.
      const gone = withdrawn.addPath || now.length === 0 ? told : NO_VARIANTS;
      for (const { pathId } of gone) {
        if (!now.some((one) => one.pathId === pathId)) {
          push(withdrawn, key, pathId);
        }
      }
      if (++count >= CHANGES_PER_WORK) break;
    }
    this.#announce(batches);
    if (withdrawn.count > 0) {
      this.tally.withdrawn += withdrawn.count;
      this.#work.push({ kind: "withdraw", nlri: withdrawn, from: 0 });
    }
  }

  /** Puts a prefix into the batch of what is announced of it. */
  #collect(key: RouteKey, variant: Variant, batches: Variant[]): void {
    if (variant.batch === undefined) {
      variant.batch = this.#newBatch(variant.head.family);
      batches.push(variant);
    }
    push(variant.batch, key, variant.pathId);
  }

  #announce(batches: readonly Variant[]): void {
    for (const variant of batches) {
      const nlri = variant.batch;
      variant.batch = undefined;
      if (nlri === undefined) continue;
      this.tally.announced += nlri.count;
      this.#work.push({ kind: "announce", head: variant.head, nlri, from: 0 });
    }
  }

  #newBatch(family: UnicastFamily): PackedNlri {
    const addPath = this.#session.addPathSend.includes(family);
    return new PackedNlri(family, { addPath });
  }
}

/** The least room for messages: the longest one under RFC 8654. */
export const OUT_BYTES_MIN = 65_535;

/** So many changed prefixes are put together at once; the rest waits until these are written. */
export const CHANGES_PER_WORK = 20_000;

function isSame(a: readonly Variant[], b: readonly Variant[]): boolean {
  return a.length === b.length && a.every((one, i) => one.key === b[i]?.key);
}

function push(nlri: PackedNlri, key: RouteKey, pathId: number): void {
  if (nlri.family === "ipv4-unicast") {
    const { address, lengthBits } = ipv4OfKey(key as number);
    nlri.pushIpv4(address, lengthBits, pathId);
  } else nlri.push({ ...prefixOf(nlri.family, key), pathId });
}

const NO_VARIANTS: readonly Variant[] = [];
