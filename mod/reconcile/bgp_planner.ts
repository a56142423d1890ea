/**
 * BgpConfs and BgpPeers: a table of each, and the writes about them.
 *
 * Conditions say what is wrong, by the same checks as the webhook's; the
 * finalizer that OpenELB's speakers put on is taken off, so that deletion ends
 * where OpenELB is gone. What the speakers of the nodes have come to they write
 * themselves, each under its own name.
 *
 * @module
 */

import {
  CONDITION,
  type Condition,
  CONDITION_REASON,
  type ConditionClaim,
  sameConditions,
  setCondition,
} from "@/api/conditions.ts";
import {
  type BgpConf,
  type BgpPeer,
  type ObjectMeta,
  projectBgpConf,
  projectBgpPeer,
} from "@/api/mod.ts";
import {
  API_GROUP,
  API_VERSION,
  BGP_CONF_NAME,
  BGP_CONF_PLURAL,
  BGP_FINALIZER,
  BGP_PEER_PLURAL,
  CNI_LABEL,
} from "@/api/names.ts";
import { Random } from "@/lang/random.ts";
import { byAgeOf } from "./admission.ts";
import { aggregationRemarks, isAggregating } from "./aggregation.ts";
import {
  bgpConfNote,
  bgpConfProblem,
  bgpPeerProblem,
  duplicatePeerProblem,
} from "./bgp_checks.ts";
import { bgpConfRemark, bgpPeerRemark } from "./bgp_notes.ts";
import {
  establishedClaim,
  goneNodes,
  nodesFieldOf,
  silencedEntries,
} from "./bgp_sessions.ts";
import { communityAliasesOf, missingAlias } from "./community_aliases.ts";
import { type ClusterState, isOlderVersion } from "./cluster_state.ts";
import type { Now } from "./controller.ts";
import type { Problem } from "./eip_checks.ts";
import type { AgentPresence } from "./node_proxy_nodes.ts";
import type { PlannedWrite, WriteOutcome } from "./planned_write.ts";
import { WriteQueue } from "./write_queue.ts";

/** The two kinds. */
export type BgpKind = "bgpconf" | "bgppeer";

/** The objects by name. */
export interface BgpTables {
  /** BgpConfs. */
  readonly bgpconf: Map<string, BgpConf>;
  /** BgpPeers. */
  readonly bgppeer: Map<string, BgpPeer>;
}

/** What of the objects that BgpConf and BgpPeers name cannot be used. */
export interface BgpReferences {
  /** What is wrong with the policy that the BgpConf `default` names. */
  confProblem(): Problem | undefined;
  /** What is wrong with the password that a BgpPeer names. */
  peerProblem(peer: BgpPeer): Problem | undefined;
}

/** Tables that remarks rest on. */
export type RemarkTables = Pick<ClusterState, "eips" | "services">;

/** Plans the writes about BgpConfs and BgpPeers. */
export class BgpPlanner {
  readonly #tables: BgpTables;
  readonly #nodes: ClusterState["nodes"];
  readonly #references: BgpReferences | undefined;
  readonly #cluster: RemarkTables | undefined;
  readonly #queue: WriteQueue;
  /** What was written last, and the version it led to, by id. */
  readonly #last = new Map<string, LastWrite>();
  /** Nodes whose agents do not renew their Leases, sorted. */
  #silent: readonly string[] = [];
  #isDirty = true;
  /** Whether it was told that an Eip uses an alias that there is not. */
  #isAliasMissing = false;

  /**
   * A planner that has written nothing yet.
   *
   * @param tables The objects; what writes answer goes into them.
   * @param nodes The Nodes of the cluster.
   * @param seed Where its jitter starts.
   * @param references What is known of what the objects name; absent: nothing.
   * @param cluster Eips and Services, which BgpPeers are remarked on for; absent: none.
   */
  constructor(
    tables: BgpTables,
    nodes: ClusterState["nodes"],
    seed: number,
    references?: BgpReferences,
    cluster?: RemarkTables,
  ) {
    this.#tables = tables;
    this.#nodes = nodes;
    this.#references = references;
    this.#cluster = cluster;
    this.#queue = new WriteQueue(new Random(seed));
  }

  /** Notes that something of what is judged changed. */
  note(): void {
    this.#isDirty = true;
  }

  /** Notes that Eips or Services changed. */
  noteCluster(): void {
    if (this.#isDirty) return;
    const eips = this.#cluster?.eips.values() ?? [];
    this.#isDirty = [...this.#tables.bgppeer.values()].some(isAggregating) ||
      [...eips].some(({ spec }) => spec.bgp !== undefined) ||
      this.#isAliasMissing;
  }

  /** Takes how the agents do by their Leases. */
  setPresence(presence: ReadonlyMap<string, AgentPresence>): void {
    const silent = [...presence].filter(([, how]) => how === "silent")
      .map(([node]) => node).sort();
    if (silent.join() === this.#silent.join()) return;
    this.#silent = silent;
    this.#isDirty = true;
  }

  /** The writes that are due. */
  plan(now: Now): readonly PlannedWrite[] {
    if (this.#queue.takeDue(now.nowMs).length > 0) this.#isDirty = true;
    if (!this.#isDirty) return [];
    this.#isDirty = false;
    this.#forgetGone();
    const writes: PlannedWrite[] = [];
    const isThere = (node: string): boolean => this.#nodes.has(node);
    const isSilent = (node: string): boolean => this.#silent.includes(node);
    const add = (
      kind: BgpKind,
      object: BgpConf | BgpPeer,
      claims: readonly ConditionClaim[],
    ) => {
      const gone = goneNodes(object, isThere);
      const entries = {
        ...("nodesPeerStatus" in object.status
          ? silencedEntries(
            object as BgpPeer,
            (node) => isThere(node) && isSilent(node),
          )
          : {}),
        ...Object.fromEntries(gone.map((node) => [node, null])),
      };
      const write = object.meta.deletionTimestamp === undefined
        ? statusPatch(kind, object, { claims, entries, nowIso: now.nowIso })
        : bgpWithoutMarks(kind, object);
      if (write === undefined || this.#isInVain(write, object.meta)) return;
      const isFree = PARTS.every((part) =>
        this.#queue.isFree(writeId(kind, object.meta.name, part), now.nowMs)
      );
      if (isFree) writes.push(write);
    };
    for (const conf of this.#tables.bgpconf.values()) {
      add(
        "bgpconf",
        conf,
        confClaims(conf, {
          confProblem: () =>
            this.#references?.confProblem() ?? this.#missingAlias(conf),
        }),
      );
    }
    const peers = [...this.#tables.bgppeer.values()].sort(byAgeOf);
    for (const [i, peer] of peers.entries()) {
      const older = peers.slice(0, i);
      const aliases = communityAliasesOf(this.#tables.bgpconf);
      const problem = bgpPeerProblem(peer, aliases) ??
        duplicatePeerProblem(peer, older, this.#nodes.values());
      const established = establishedClaim(peer, isThere, isSilent);
      add("bgppeer", peer, [
        readyClaim(problem, this.#remarkOn(peer)),
        ...degradedClaims(
          problem === undefined
            ? this.#references?.peerProblem(peer)
            : undefined,
        ),
        ...(established === undefined ? [] : [established]),
      ]);
    }
    for (const { id } of writes) this.#queue.start(id);
    return writes;
  }

  /** An alias of communities that an Eip uses, and the BgpConf does not have; of BgpPeers their own conditions tell. */
  #missingAlias(conf: BgpConf): Problem | undefined {
    const eips = this.#cluster?.eips.values() ?? [];
    const problem = missingAlias(conf, { peers: [], eips });
    this.#isAliasMissing = problem !== undefined;
    return problem;
  }

  /** Takes the answer to a write. */
  written(write: PlannedWrite, outcome: WriteOutcome, now: Now): void {
    if (outcome.kind === "failed") {
      // What is gone has nothing to be tried again.
      if (outcome.reason === "not-found") this.#queue.succeed(write.id);
      else this.#queue.fail(write.id, now.nowMs, outcome.retryAfterMs ?? 0);
      return;
    }
    this.#queue.succeed(write.id);
    // An answer that cannot be read changes nothing: the watch is to tell.
    if (write.id.startsWith("bgpconf")) {
      const conf = projectBgpConf(outcome.object);
      if (conf.ok) this.#take(this.#tables.bgpconf, conf.value, write);
    } else {
      const peer = projectBgpPeer(outcome.object);
      if (peer.ok) this.#take(this.#tables.bgppeer, peer.value, write);
    }
  }

  /** All that an operator should know of a BgpPeer, in one. */
  #remarkOn(peer: BgpPeer): Problem | undefined {
    const cluster = this.#cluster;
    const remarks = [
      bgpPeerRemark(peer),
      ...(cluster === undefined ? [] : aggregationRemarks(peer, cluster)),
    ].filter((one) => one !== undefined);
    const [first] = remarks;
    return first && {
      ...first,
      message: remarks.map(({ message }) => message).join(". "),
    };
  }

  #forgetGone(): void {
    for (const id of this.#last.keys()) {
      const name = id.slice(id.indexOf("/") + 1);
      const { bgpconf, bgppeer } = this.#tables;
      if (!bgpconf.has(name) && !bgppeer.has(name)) this.#last.delete(id);
    }
  }

  #take<T extends { readonly meta: ObjectMeta }>(
    table: Map<string, T>,
    object: T,
    write: PlannedWrite,
  ): void {
    putReply(table, object);
    this.#last.set(write.id, {
      wanted: wantedOf(write),
      resourceVersion: object.meta.resourceVersion,
    });
    this.#isDirty = true;
  }

  /**
   * Whether that was written already and nothing has changed since: the API
   * server drops what an older definition does not know.
   */
  #isInVain(write: PlannedWrite, meta: ObjectMeta): boolean {
    const last = this.#last.get(write.id);
    return last !== undefined && last.wanted === wantedOf(write) &&
      last.resourceVersion === meta.resourceVersion;
  }

  /** When a failed write is due, or undefined. */
  deadlineMs(): number | undefined {
    return this.#queue.deadlineMs();
  }
}

interface LastWrite {
  readonly wanted: string;
  readonly resourceVersion: string;
}

/** What a write wants, whatever version it rests on and whenever it was planned. */
function wantedOf({ body }: PlannedWrite): string {
  return JSON.stringify(
    body,
    (key, value) => VOLATILE.has(key) ? undefined : value,
  );
}

const VOLATILE: ReadonlySet<string> = new Set([
  "resourceVersion",
  "lastTransitionTime",
]);

/** Whether a write is one of a {@linkcode BgpPlanner}. */
export function isBgpWrite({ id }: PlannedWrite): boolean {
  return id.startsWith("bgp");
}

/**
 * Whether an object carries the finalizer of OpenELB's speakers, which somebody
 * has to take off.
 *
 * @param tables The objects.
 */
export function isBgpMarked({ bgpconf, bgppeer }: BgpTables): boolean {
  return [...bgpconf.values(), ...bgppeer.values()].some(({ meta }) =>
    meta.finalizers.includes(BGP_FINALIZER)
  );
}

/**
 * The write that takes that finalizer off.
 *
 * @param kind Which kind the object is of.
 * @param object The object.
 * @returns The write; undefined when it carries none.
 */
export function bgpWithoutMarks(
  kind: BgpKind,
  { meta }: BgpConf | BgpPeer,
): PlannedWrite | undefined {
  if (!meta.finalizers.includes(BGP_FINALIZER)) return undefined;
  return patchOf(kind, meta, {
    part: "",
    body: {
      metadata: {
        resourceVersion: meta.resourceVersion,
        finalizers: meta.finalizers.filter((one) => one !== BGP_FINALIZER),
      },
    },
  });
}

/** Records an object, unless it is older than what is known. */
export function putNewer<T extends { readonly meta: ObjectMeta }>(
  table: Map<string, T>,
  object: T,
): void {
  const known = table.get(object.meta.name)?.meta;
  const isOld = known?.uid === object.meta.uid &&
    isOlderVersion(object.meta.resourceVersion, known.resourceVersion);
  if (!isOld) table.set(object.meta.name, object);
}

/** The answer to a write does not bring back what has ended meanwhile. */
function putReply<T extends { readonly meta: ObjectMeta }>(
  table: Map<string, T>,
  object: T,
): void {
  const { name, uid, deletionTimestamp, finalizers } = object.meta;
  if (table.get(name)?.meta.uid !== uid) return;
  if (deletionTimestamp !== undefined && finalizers.length === 0) {
    table.delete(name);
  } else putNewer(table, object);
}

function statusPatch(
  kind: BgpKind,
  { meta, status }: BgpConf | BgpPeer,
  { claims, entries, nowIso }: {
    readonly claims: readonly ConditionClaim[];
    /** What of the entries of nodes is to be another. */
    readonly entries: Readonly<Record<string, unknown>>;
    readonly nowIso: string;
  },
): PlannedWrite | undefined {
  // The CNI is in charge of it.
  if (meta.labels[CNI_LABEL] !== undefined) return undefined;
  const before = status.conditions ?? [];
  // What is not said any more does not stay: no node speaks to the peer, nothing is amiss.
  const kept = before.filter(({ type }) =>
    (type !== CONDITION.established && type !== CONDITION.degraded) ||
    claims.some((claim) => claim.type === type)
  );
  let conditions: readonly Condition[] = kept;
  for (const claim of claims) {
    conditions = setCondition(conditions, claim, nowIso);
  }
  const isSaid = sameConditions(before, conditions);
  const isKept = Object.keys(entries).length === 0;
  if (isSaid && isKept) return undefined;
  return patchOf(kind, meta, {
    part: "/status",
    body: {
      metadata: { resourceVersion: meta.resourceVersion },
      status: {
        ...(isSaid ? {} : { conditions }),
        ...(isKept ? {} : { [nodesFieldOf(status)]: entries }),
      },
    },
  });
}

function confClaims(
  conf: BgpConf,
  references: Pick<BgpReferences, "confProblem">,
): readonly ConditionClaim[] {
  const isDefault = conf.meta.name === BGP_CONF_NAME;
  return [
    readyClaim(
      bgpConfProblem(conf) ?? bgpConfNote(conf),
      bgpConfRemark(conf),
    ),
    ...degradedClaims(isDefault ? references.confProblem() : undefined),
  ];
}

function degradedClaims(problem: Problem | undefined): ConditionClaim[] {
  return problem === undefined
    ? []
    : [{ type: CONDITION.degraded, status: "True", ...problem }];
}

function readyClaim(
  problem: Problem | undefined,
  remark: Problem | undefined,
): ConditionClaim {
  return problem === undefined
    ? {
      type: CONDITION.ready,
      status: "True",
      reason: CONDITION_REASON.ready,
      message: remark?.message ?? "",
    }
    : { type: CONDITION.ready, status: "False", ...problem };
}

function patchOf(
  kind: BgpKind,
  { name }: ObjectMeta,
  { part, body }: { readonly part: "" | "/status"; readonly body: unknown },
): PlannedWrite {
  return {
    id: writeId(kind, name, part),
    method: "PATCH",
    path: `/apis/${API_GROUP}/${API_VERSION}/${PLURALS[kind]}/${name}${part}`,
    contentType: "application/merge-patch+json",
    body,
  };
}

function writeId(kind: BgpKind, name: string, part: "" | "/status"): string {
  return `${kind}${part === "" ? "" : "-status"}/${name}`;
}

// Both carry the resourceVersion: one at a time.
const PARTS = ["", "/status"] as const;

const PLURALS: Readonly<Record<BgpKind, string>> = {
  bgpconf: BGP_CONF_PLURAL,
  bgppeer: BGP_PEER_PLURAL,
};
