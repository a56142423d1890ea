/**
 * What this node writes of its BGP speaker into the statuses of the BgpConf and
 * the BgpPeers, in OpenELB's form: each node under its own name, and nothing
 * else of the object.
 *
 * Another state of a session is written at once, but a second after the last
 * write at the earliest; counts alone every 30 s.
 *
 * @module
 */

import type {
  BgpDynamicNeighborStatus,
  BgpPeer,
  BgpPeerNodeStatus,
  BgpPeerState,
  BgpTimersConfig,
  BgpTimersState,
} from "@/api/mod.ts";
import {
  API_GROUP,
  API_VERSION,
  BGP_CONF_NAME,
  BGP_CONF_PLURAL,
  BGP_PEER_PLURAL,
} from "@/api/names.ts";
import { Random } from "@/lang/random.ts";
import {
  type BgpTables,
  earliest,
  type PlannedWrite,
  type WriteOutcome,
  WriteQueue,
} from "@/reconcile/mod.ts";
import type { BfdView } from "./bfd_terms.ts";
import type { BgpSessionView } from "./bgp_commands.ts";
import { HOLD_TIME_SECONDS_DEFAULT } from "./bgp_terms.ts";
import type { Instant } from "./main_events.ts";

/** A session, and since when it is up or down. */
export interface DatedSession {
  /** What the speaker told. */
  readonly view: BgpSessionView;
  /** When it came up last, RFC 3339. */
  readonly upAt: string | undefined;
  /** When it went down last, RFC 3339. */
  readonly downAt: string | undefined;
}

/** What is written of. */
export interface SpeakerStatusInput {
  /** The objects. */
  readonly tables: BgpTables;
  /** AS number and BGP Identifier; undefined: there is no speaker. */
  readonly identity:
    | { readonly as: number; readonly routerId: string }
    | undefined;
  /** Sessions by name of the BgpPeer. */
  readonly sessions: ReadonlyMap<string, DatedSession>;
  /** Whether this process ends, so that nothing can be written later. */
  readonly isLast?: boolean;
}

/** Soonest that an object is written again. */
export const STATUS_INTERVAL_MS = 1_000;

/** How often counts are written that nothing else comes with. */
export const STATUS_COUNTS_INTERVAL_MS = 30_000;

/** Routers of a prefix that a node writes of in a BgpPeer's status: an object has a largest size. */
export const DYNAMIC_STATUSES_MAX = 32;

/** Plans the writes of one node. */
export class SpeakerStatus {
  readonly #node: string;
  readonly #queue: WriteQueue;
  /** What was written last of each object, but for counts, and when. */
  readonly #written = new Map<string, { text: string; atMs: number }>();
  #dueMs: number | undefined;

  /** A node that has written nothing. */
  constructor(node: string, seed: number) {
    this.#node = node;
    this.#queue = new WriteQueue(new Random(seed));
  }

  /** When to plan again although nothing changed, or undefined. */
  deadlineMs(): number | undefined {
    return earliest([this.#dueMs, this.#queue.deadlineMs()]);
  }

  /** The writes that are due. */
  plan(
    { tables, identity, sessions, isLast = false }: SpeakerStatusInput,
    at: Instant,
  ): readonly PlannedWrite[] {
    if (isLast) this.#written.clear();
    this.#queue.takeDue(at.nowMs);
    this.#dueMs = undefined;
    const writes: PlannedWrite[] = [];
    const conf = tables.bgpconf.get(BGP_CONF_NAME);
    const current = conf?.status.nodesConfStatus?.[this.#node];
    if (conf !== undefined) {
      this.#put({
        id: `${PREFIX}bgpconf/${BGP_CONF_NAME}`,
        path: `${BGP_CONF_PLURAL}/${BGP_CONF_NAME}`,
        field: "nodesConfStatus",
        current,
        wanted: identity && { routerId: identity.routerId, as: identity.as },
      }, { at, writes });
    }
    for (const [name, peer] of tables.bgppeer) {
      const session = sessions.get(name);
      this.#put({
        id: `${PREFIX}bgppeer/${name}`,
        path: `${BGP_PEER_PLURAL}/${name}`,
        field: "nodesPeerStatus",
        current: peer.status.nodesPeerStatus?.[this.#node],
        wanted: session && nodeStatus(peer, session),
      }, { at, writes });
    }
    this.#forgetGone(tables);
    return writes;
  }

  /** Takes the answer to a write. */
  written({ id }: PlannedWrite, outcome: WriteOutcome, at: Instant): void {
    const isDone = outcome.kind === "written" || outcome.reason === "not-found";
    if (isDone) this.#queue.succeed(id);
    else {
      this.#written.delete(id);
      this.#queue.fail(id, at.nowMs, outcome.retryAfterMs ?? 0);
    }
  }

  #put(
    { id, path, field, current, wanted }: {
      readonly id: string;
      readonly path: string;
      readonly field: string;
      readonly current: unknown;
      readonly wanted: unknown;
    },
    { at, writes }: { readonly at: Instant; readonly writes: PlannedWrite[] },
  ): void {
    const change = mergePatchTo(current, wanted);
    if (change === undefined) return;
    const text = withoutCounts(wanted);
    const last = this.#written.get(id);
    // What a server drops, or a watch has not shown yet, is not written again at once.
    const isNews = last?.text !== text;
    const dueMs = last === undefined ? at.nowMs : last.atMs +
      (isNews ? STATUS_INTERVAL_MS : STATUS_COUNTS_INTERVAL_MS);
    if (at.nowMs < dueMs) {
      this.#dueMs = earliest([this.#dueMs, dueMs]);
      return;
    }
    if (!this.#queue.isFree(id, at.nowMs)) return;
    this.#queue.start(id);
    this.#written.set(id, { text, atMs: at.nowMs });
    writes.push({
      id,
      method: "PATCH",
      path: `/apis/${API_GROUP}/${API_VERSION}/${path}/status`,
      contentType: "application/merge-patch+json",
      body: { status: { [field]: { [this.#node]: change } } },
    });
  }

  #forgetGone({ bgpconf, bgppeer }: BgpTables): void {
    for (const id of this.#written.keys()) {
      const [kind, name = ""] = id.slice(PREFIX.length).split("/");
      const table = kind === "bgpconf" ? bgpconf : bgppeer;
      if (!table.has(name)) this.#written.delete(id);
    }
  }
}

/** Whether a write is one of a {@linkcode SpeakerStatus}. */
export function isOfSpeaker({ id }: PlannedWrite): boolean {
  return id.startsWith(PREFIX);
}

/**
 * What leads from one JSON value to another as a merge patch (RFC 7396 §2).
 *
 * @param from What there is; undefined: nothing.
 * @param to What there should be; undefined: nothing.
 * @returns The patch; undefined when both are the same.
 */
export function mergePatchTo(from: unknown, to: unknown): unknown {
  if (to === undefined) return from === undefined ? undefined : null;
  if (!isObject(to)) return from === to ? undefined : to;
  const before = isObject(from) ? from : {};
  const patch: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(to)])) {
    const change = mergePatchTo(before[key], to[key]);
    if (change !== undefined) patch[key] = change;
  }
  const isSame = Object.keys(patch).length === 0 && isObject(from);
  return isSame ? undefined : patch;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is worth a write of its own: how a dial goes on from try to try is not. */
function withoutCounts(wanted: unknown): string {
  return JSON.stringify(wanted ?? null, (key, value) => {
    if (key === "messages") return undefined;
    return key === "sessionState" ? value === "ESTABLISHED" : value;
  });
}

function nodeStatus(
  { spec }: BgpPeer,
  { view, upAt, downAt }: DatedSession,
): BgpPeerNodeStatus {
  const { state, agreed, why, counts, bfd } = view;
  const timers = spec.timers?.config ?? {};
  const description = spec.conf?.description ?? "";
  const peerAs = agreed?.peerAs ?? spec.conf?.peerAs;
  const messages = {
    ...countsOf("received", {
      ...counts?.received,
      withdrawUpdate: counts?.treatedAsWithdraw,
    }),
    ...countsOf("sent", { ...counts?.sent }),
  };
  const neighborAddress = view.neighbor ?? spec.conf?.neighborAddress;
  const peerState: BgpPeerState = {
    ...(neighborAddress === undefined ? {} : { neighborAddress }),
    ...(peerAs === undefined ? {} : { peerAs }),
    ...(description === "" ? {} : { description }),
    sessionState: state.toUpperCase(),
    ...(spec.conf?.adminDown === true ? { adminState: "DOWN" } : {}),
    ...(agreed === undefined ? {} : {
      localAs: agreed.localAs,
      routerId: agreed.routerId,
      // 0 is an internal peer; OpenELB leaves zeros out.
      ...(agreed.localAs === agreed.peerAs ? {} : { peerType: 1 }),
    }),
    ...(Object.keys(messages).length === 0 ? {} : { messages }),
  };
  const timersState: BgpTimersState = {
    ...(agreed === undefined ? {} : {
      negotiatedHoldTime: `${agreed.holdTimeSeconds}`,
      keepaliveInterval: keepaliveOf(timers, agreed.holdTimeSeconds),
    }),
    ...(timers.holdTime ? { holdTime: timers.holdTime } : {}),
    ...(timers.connectRetry ? { connectRetry: timers.connectRetry } : {}),
    ...(upAt === undefined ? {} : { uptime: upAt }),
    ...(downAt === undefined ? {} : { downtime: downAt }),
  };
  return {
    peerState,
    ...(Object.keys(timersState).length === 0 ? {} : { timersState }),
    ...(why === undefined ? {} : { downReason: why }),
    ...(bfd === undefined ? {} : { bfdState: bfdText(bfd) }),
    ...(view.neighbors === undefined ? {} : {
      dynamicNeighbors: neighborStatuses(view.neighbors),
    }),
  };
}

/** Sessions with routers of a prefix; the first so many by address. */
function neighborStatuses(
  neighbors: Readonly<Record<string, BgpSessionView>>,
): Readonly<Record<string, BgpDynamicNeighborStatus>> {
  const listed = Object.entries(neighbors).slice(0, DYNAMIC_STATUSES_MAX);
  return Object.fromEntries(
    listed.map(([address, { state, why, agreed }]) => [address, {
      peerState: {
        sessionState: state.toUpperCase(),
        ...(agreed === undefined ? {} : {
          peerAs: agreed.peerAs,
          localAs: agreed.localAs,
          routerId: agreed.routerId,
        }),
      },
      ...(why === undefined ? {} : { downReason: why }),
    }]),
  );
}

/** Seconds between KEEPALIVEs: what is configured, unless the peer lowered the Hold Time. */
function keepaliveOf(
  { keepaliveInterval = "", holdTime = "" }: BgpTimersConfig,
  agreedSeconds: number,
): string {
  const own = holdTime === "" ? HOLD_TIME_SECONDS_DEFAULT : Number(holdTime);
  const isOwn = Number(keepaliveInterval) > 0 && agreedSeconds >= own;
  return isOwn ? keepaliveInterval : `${Math.floor(agreedSeconds / 3)}`;
}

/** In one line, the state first. */
function bfdText({ state, message }: BfdView): string {
  return message === "" ? state : `${state}: ${message}`;
}

/** Counts as decimal text; OpenELB leaves zeros out. */
function countsOf(
  direction: "received" | "sent",
  counts: Readonly<Record<string, number | undefined>>,
): Record<string, unknown> {
  const { withdrawUpdate, ...messages } = counts;
  const total = Object.values(messages)
    .reduce<number>((sum, count) => sum + (count ?? 0), 0);
  const told = Object.entries({ ...messages, withdrawUpdate, total })
    .filter(([, count]) => (count ?? 0) > 0)
    .map(([name, count]) => [name, `${count}`]);
  return told.length === 0 ? {} : { [direction]: Object.fromEntries(told) };
}

const PREFIX = "session-";
