/**
 * The main isolate of a node as a link world needs it: what it tells its wire
 * isolate of VIPs, nodes and Leases, and when it learns that.
 *
 * Who lives is judged by the real core (`mod/election/liveness.ts`); the API is
 * no more than the Leases and the eligible nodes of each VIP.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import {
  initialLiveness,
  livenessOf,
  type LivenessState,
  type ObservedNodeLease,
  stepLiveness,
} from "@/election/mod.ts";
import type { NodeView, VipView, WireCommand } from "@/node/mod.ts";

/** A VIP as the API has it. */
export interface ApiVip {
  readonly vip: IpAddr;
  /** The link it is on. */
  readonly link: string;
  /** Nodes that may answer for it; empty and `isGone`: nobody. */
  eligible: readonly string[];
  /** How much nodes are preferred, by name; those missing are not. */
  preferences: ReadonlyMap<string, number>;
  /** Whether it was withdrawn. */
  isGone: boolean;
}

/** What the API server has. */
export class LinkApi {
  readonly vips: ApiVip[] = [];
  readonly leases: Map<string, ObservedNodeLease> = new Map();
  readonly macs: Map<string, readonly MacAddr[]> = new Map();
  /** Whether it answers. */
  isUp = true;
  #version = 0;

  /** Writes a Lease. */
  write(node: string, identity: string, leaving: boolean): void {
    const version = ++this.#version;
    this.leases.set(node, {
      node,
      lease: {
        holderIdentity: identity,
        leaseDurationSeconds: LEASE_MS / 1_000,
        renewTime: `${version}`.padStart(9, "0"),
      },
      resourceVersion: `${version}`,
      leaving,
    });
  }
}

/** One main isolate. */
export class ScriptedMain {
  /** Whether it was asked to stop. */
  isLeaving = false;
  readonly node: string;
  readonly #api: LinkApi;
  readonly #identity: string;
  readonly #post: (command: WireCommand) => void;
  #liveness: LivenessState;
  #renewedMs = -Infinity;
  #isFrozen: boolean | undefined;
  #thawedMs = -Infinity;
  #toldNodes = "";
  /** Whether no other Lease was live as it was last told. */
  #isAlone = false;
  #joinedMs = -Infinity;
  /** Versions of the Leases that were observed. */
  readonly #seen = new Map<string, string>();
  /** What was told of each VIP. */
  readonly #told = new Map<
    IpAddr,
    Pick<ApiVip, "eligible" | "preferences">
  >();
  /** VIPs that are told of no more, and since when. */
  readonly #withdrawn = new Map<
    IpAddr,
    Pick<ApiVip, "eligible"> & { readonly atMs: number }
  >();

  /** A main isolate that knows nothing yet. */
  constructor(
    api: LinkApi,
    own: { readonly node: string; readonly identity: string },
    post: (command: WireCommand) => void,
  ) {
    this.#api = api;
    this.node = own.node;
    this.#identity = own.identity;
    this.#post = post;
    this.#liveness = initialLiveness(own);
  }

  /** Reads everything for the first time, or again after the API was away. */
  list(nowMs: number): void {
    this.#liveness = stepLiveness(this.#liveness, {
      kind: "leases-listed",
      nowMs,
      leases: [...this.#api.leases.values()],
    })[0];
    for (const [node, { resourceVersion }] of this.#api.leases) {
      this.#seen.set(node, resourceVersion);
    }
    this.#tellVips(nowMs);
    this.tell(nowMs);
  }

  /** The watch ended. */
  lose(nowMs: number): void {
    this.#liveness =
      stepLiveness(this.#liveness, { kind: "watch-lost", nowMs })[0];
  }

  /** Renews its own Lease. */
  renew(nowMs: number): void {
    this.#api.write(this.node, this.#identity, this.isLeaving);
    this.#renewedMs = nowMs;
  }

  /** Takes what the watch shows: everything that is new. */
  watch(nowMs: number): void {
    for (const [node, observed] of this.#api.leases) {
      if (this.#seen.get(node) === observed.resourceVersion) continue;
      this.#seen.set(node, observed.resourceVersion);
      this.#liveness = stepLiveness(this.#liveness, {
        kind: "lease-observed",
        nowMs,
        observed,
      })[0];
    }
    this.#tellVips(nowMs);
    this.tell(nowMs);
  }

  /** Lets time pass, and tells the wire isolate what follows from it. */
  settle(nowMs: number): void {
    this.#liveness =
      stepLiveness(this.#liveness, { kind: "deadline", nowMs })[0];
    this.tell(nowMs);
  }

  /**
   * What it last told of a VIP. The turn in which an agent hears that one is
   * withdrawn may begin with a claim that was due.
   */
  toldOf(vip: IpAddr, nowMs: number): readonly string[] | undefined {
    const told = this.#told.get(vip);
    if (told !== undefined) return told.eligible;
    const withdrawn = this.#withdrawn.get(vip);
    return withdrawn !== undefined && nowMs - withdrawn.atMs < HEARD_MS
      ? withdrawn.eligible
      : undefined;
  }

  /** Whether its own Lease had run out at some moment of the last so many milliseconds. */
  wasFrozen(withinMs: number, nowMs: number): boolean {
    return this.#isFrozen !== false || nowMs - this.#thawedMs < withinMs;
  }

  /** Whether no other Lease was live at some moment of the last so many milliseconds. */
  wasAlone(withinMs: number, nowMs: number): boolean {
    return this.#isAlone || nowMs - this.#joinedMs < withinMs;
  }

  /** Tells what changed. */
  tell(nowMs: number): void {
    const isFrozen = nowMs >= this.#renewedMs + LEASE_MS;
    if (isFrozen !== this.#isFrozen) {
      this.#isFrozen = isFrozen;
      if (!isFrozen) this.#thawedMs = nowMs;
      this.#post({ kind: "frozen", frozen: isFrozen });
    }
    const nodes = this.#nodeViews();
    const text = nodes.map(({ node, live, leaving }) =>
      `${node}${live ? "+" : "-"}${leaving ? "~" : ""}`
    ).join();
    if (text === this.#toldNodes) return;
    this.#toldNodes = text;
    const isAlone = nodes.every(({ node, live }) =>
      node === this.node || !live
    );
    if (this.#isAlone && !isAlone) this.#joinedMs = nowMs;
    this.#isAlone = isAlone;
    this.#post({ kind: "nodes", nodes });
  }

  #nodeViews(): readonly NodeView[] {
    const views: NodeView[] = [];
    for (const node of this.#api.leases.keys()) {
      const judged = livenessOf(this.#liveness, node);
      const own = node === this.node;
      views.push({
        node,
        live: own ? this.#isFrozen === false : judged?.live ?? false,
        leaving: own ? this.isLeaving : judged?.leaving ?? false,
        macs: this.#api.macs.get(node) ?? [],
      });
    }
    return views.sort((a, b) => a.node < b.node ? -1 : 1);
  }

  #tellVips(nowMs: number): void {
    const upserts: VipView[] = [];
    const removes: IpAddr[] = [];
    for (const api of this.#api.vips) {
      const { vip, link, eligible, preferences, isGone } = api;
      const told = this.#told.get(vip);
      if (isGone) {
        if (told === undefined) continue;
        this.#told.delete(vip);
        this.#withdrawn.set(vip, { ...told, atMs: nowMs });
        removes.push(vip);
      } else if (
        told?.eligible !== eligible || told.preferences !== preferences
      ) {
        this.#told.set(vip, { eligible, preferences });
        upserts.push({
          vip,
          links: [link],
          eligible,
          preferences: eligible.map((node) => preferences.get(node) ?? 0),
        });
      }
    }
    if (upserts.length + removes.length === 0) return;
    this.#post({ kind: "vips", upserts, removes });
  }
}

/** How long a Lease lasts. */
export const LEASE_MS = 10_000;
/** How often it is renewed. */
export const RENEW_MS = 3_000;
/** Longest until a command is heeded by an agent that runs. */
const HEARD_MS = 10;
