/**
 * Ways to break the code on purpose: what the seeds of CI must notice.
 *
 * Each is a replacement of text. A pattern that is not found exactly once fails
 * by the name of its mutation: the code has changed, and so must this file.
 *
 * @module
 */

/** One replacement. */
export interface Patch {
  /** Path from the root. */
  readonly file: string;
  /** Text that is there exactly once. */
  readonly find: string;
  /** What stands there instead. */
  readonly replace: string;
}

/** One way to break the code. */
export interface Mutation {
  /** A few words. */
  readonly name: string;
  /** Which worlds must notice: whole clusters, or the fail-over of a link alone. */
  readonly noticedBy: "clusters" | "link worlds";
  readonly patches: readonly Patch[];
}

/** Those of everything else. */
const CLUSTER_MUTATIONS: readonly Mutation[] = [
  {
    name: "expiry by wall clock",
    noticedBy: "clusters",
    patches: [{
      file: "mod/node/membership.ts",
      find: "live: own ? this.hasLease(at) : judged?.live ?? false,",
      replace: `live: own ? this.hasLease(at) : Date.parse(
        this.#liveness.nodes.get(node)?.lease.renewTime ?? "",
      ) + 10_000 > Date.parse(at.nowIso),`,
    }],
  },
  {
    name: "status lost means renumber",
    noticedBy: "clusters",
    patches: [{
      file: "mod/reconcile/adoption.ts",
      find: "pools.push({ name: meta.name, used: status.used });",
      replace: "pools.push({ name: meta.name, used: {} });",
    }],
  },
  {
    name: "queued frames answered after a pause",
    noticedBy: "clusters",
    patches: [{
      file: "mod/host/wire_host.ts",
      find: "if (this.#core.takeStale(tag)) link.discard();",
      replace: "if (this.#core.takeStale(tag) && tag < 0) link.discard();",
    }, {
      // Whoever was stopped also answers nothing until it has settled.
      file: "mod/layer2/failover/standing.ts",
      find: `silence(step, "suspended");
  loseStability(step);
  state.listUnsent = true;`,
      replace: `loseStability(step);
  state.listUnsent = true;`,
    }],
  },
  {
    name: "release before allocate",
    noticedBy: "clusters",
    patches: [{
      file: "mod/reconcile/service_planner.ts",
      find: "this.#reserveDropped(service, before, after);",
      replace: "",
    }, {
      file: "mod/reconcile/service_planner.ts",
      find: "const ingress = foreignIngress(service, ours);",
      replace:
        "const ingress = foreignIngress(service, ours);\n    this.#release(key);",
    }],
  },
  {
    name: "Lease judged during an outage",
    noticedBy: "clusters",
    patches: [{
      file: "mod/election/liveness.ts",
      find: `  if (!state.listed || provenMs === undefined) return;
  const ownMs`,
      replace: `  if (!state.listed) return;
  const ownMs`,
    }, {
      file: "mod/election/liveness.ts",
      find:
        "if (nowMs - provenMs >= Math.min(ownMs, known.durationMs) / 2) continue;",
      replace: "if (ownMs < 0) continue;",
    }],
  },
  {
    name: "gratuitous once",
    noticedBy: "clusters",
    patches: [{
      file: "mod/layer2/announcer.ts",
      find: `  0,
  200,
  1_000,
  2_000,
  5_000,
`,
      replace: "  0,\n",
    }],
  },
  {
    name: "freed address not waking waiters",
    noticedBy: "clusters",
    patches: [{
      file: "mod/ipam/allocator.ts",
      find: `      space.free(entry.value);
      this.#noteWake({ kind: "address-freed", pool: space.pool.name });`,
      replace: "      space.free(entry.value);",
    }],
  },
  {
    name: "watch gap not relisted",
    noticedBy: "clusters",
    patches: [{
      file: "mod/io/kube/watch_cursor.ts",
      find: `expire(): void {
    this.#resourceVersion = undefined;`,
      replace: "expire(): void {",
    }],
  },
];

/** Those of the protocol between agents on a link. */
const LINK_MUTATIONS: readonly Mutation[] = [
  linkMutation("start without listening", [
    replacing("constants.ts", "LISTEN_MS = 1_000;", "LISTEN_MS = 0;"),
    replacing(
      "plan.ts",
      "return holder === undefined\n    ?",
      "return holder === undefined || step.nowMs < state.startMs + 3_000\n    ?",
    ),
    replacing(
      "vips.ts",
      "if (nowMs - vettedMs <= VETTED_VALID_MS) {",
      "if (nowMs >= vettedMs) {",
    ),
  ]),
  linkMutation("no gap check", [
    replacing("standing.ts", "if (gapMs > STALL_MS &&", "if (gapMs < 0 &&"),
    replacing("fellows.ts", "if (jumpMs > STALL_MS) {", "if (jumpMs === -1) {"),
  ]),
  linkMutation("claim without a proof", [
    replacing(
      "vips.ts",
      "state.lastProofMs >= (plan.from?.verifiedMs ?? 0) ||",
      "nowMs >= (plan.from?.verifiedMs ?? 0) ||",
    ),
    replacing(
      "standing.ts",
      "nowMs - state.lastProofMs >= UNSURE_MS && othersExist",
      "nowMs < state.lastProofMs && othersExist",
    ),
  ]),
  linkMutation("an overdue beacon is silence", [
    replacing(
      "verification.ts",
      "if (verification.sent === probes) {",
      "if (verification.sent <= probes) {",
    ),
  ]),
  linkMutation("no vouchers", [
    replacing("fellows.ts", "      heedVouch(step, message);", ""),
  ]),
  linkMutation("no yield", [
    replacing(
      "vips.ts",
      "nowMs >= vip.doubtedUntilMs && isHeard(step, fellow)",
      "nowMs < 0 && isHeard(step, fellow)",
    ),
  ]),
  linkMutation("never yield to one that cannot hear", [
    replacing("vips.ts", "  if (deaf) {", "  if (deaf && nowMs < 0) {"),
  ]),
  linkMutation("a leaving node stops first", [
    replacing(
      "vips.ts",
      "if (nowMs >= vip.leaveDueMs) {",
      "if (vip.leavingMs !== undefined) {",
    ),
  ]),
  linkMutation("an API outage moves what is FROZEN", [
    replacing(
      "plan.ts",
      "if (own !== 0 || !isFirst(vip, 0))",
      "if (!isFirst(vip, 0))",
    ),
    replacing(
      "plan.ts",
      "state.standingSinceMs ?? step.nowMs,\n      );\n      const dueMs = sinceMs + FROZEN_MOVE_MS;",
      "0,\n      );\n      const dueMs = sinceMs;",
    ),
  ]),
  linkMutation("only the first in line ever claims", [
    replacing(
      "plan.ts",
      "return present * STAGGER_MS +",
      "return present * 1e9 +",
    ),
  ]),
  linkMutation("no dwell time", [
    replacing("constants.ts", "DWELL_MS = 60_000;", "DWELL_MS = 0;"),
  ]),
  linkMutation("endpoints ignored", [
    replacing(
      "plan.ts",
      "!state.synced || vip.selfAt < 0 ||",
      "!state.synced ||",
    ),
  ]),
  linkMutation("no QUERY and no refresh of lists", [
    replacing(
      "constants.ts",
      "LIST_REFRESH_MS = 5_000;",
      "LIST_REFRESH_MS = 1e12;",
    ),
    replacing(
      "fellows.ts",
      "if (isNewer(fellow.said.listVersion, fellow.heldVersion)) {\n    sendQuery",
      "if (fellow.heardMs < 0) {\n    sendQuery",
    ),
  ]),
  {
    name: "sort order reversed",
    noticedBy: "link worlds",
    patches: [{
      file: "mod/layer2/rank.ts",
      find: "a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0",
      replace: "a.rank < b.rank ? 1 : a.rank > b.rank ? -1 : 0",
    }],
  },
];

/** All of them. */
export const MUTATIONS: readonly Mutation[] = [
  ...CLUSTER_MUTATIONS,
  ...LINK_MUTATIONS,
];

function linkMutation(name: string, patches: readonly Patch[]): Mutation {
  return { name, noticedBy: "link worlds", patches };
}

function replacing(file: string, find: string, replace: string): Patch {
  return { file: `mod/layer2/failover/${file}`, find, replace };
}

/**
 * Breaks a text.
 *
 * @throws {RangeError} When the pattern is not there exactly once.
 */
export function applyPatch(name: string, text: string, patch: Patch): string {
  const parts = text.split(patch.find);
  if (parts.length === 2) return parts.join(patch.replace);
  throw new RangeError(
    `Cannot apply the mutation "${name}": ${patch.file} has its pattern ${
      parts.length - 1
    } times, adapt tests/sim/mutations.ts: ${patch.find}`,
  );
}
