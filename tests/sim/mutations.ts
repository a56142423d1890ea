/**
 * Ways to break the code on purpose: what a thousand seeds must notice.
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
  readonly patches: readonly Patch[];
}

/** All of them. */
export const MUTATIONS: readonly Mutation[] = [
  {
    name: "no yield",
    patches: [{
      file: "mod/layer2/ownership.ts",
      find: "record.yielded = true;",
      replace: "record.yielded = false;",
    }],
  },
  {
    name: "expiry by wall clock",
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
    patches: [{
      file: "mod/reconcile/adoption.ts",
      find: "pools.push({ name: meta.name, used: status.used });",
      replace: "pools.push({ name: meta.name, used: {} });",
    }],
  },
  {
    name: "sort order reversed",
    patches: [{
      file: "mod/layer2/rank.ts",
      find: "a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0",
      replace: "a.rank < b.rank ? 1 : a.rank > b.rank ? -1 : 0",
    }],
  },
  {
    name: "queued frames answered after a pause",
    patches: [{
      file: "mod/host/wire_host.ts",
      find: "if (this.#core.isListening(nowMs)) {",
      replace: "if (this.#core.isListening(nowMs) && nowMs < 0) {",
    }],
  },
  {
    name: "release before allocate",
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
      replace: "",
    }],
  },
  {
    name: "gratuitous once",
    patches: [{
      file: "mod/layer2/announcer.ts",
      find: `  0,
  1_000,
  2_000,
  5_000,
`,
      replace: "  0,\n",
    }],
  },
  {
    name: "freed address not waking waiters",
    patches: [{
      file: "mod/ipam/allocator.ts",
      find: `this.#noteWake({ kind: "address-freed", pool: space.pool.name });`,
      replace: "",
    }],
  },
  {
    name: "watch gap not relisted",
    patches: [{
      file: "mod/io/kube/watch_cursor.ts",
      find: `expire(): void {
    this.#resourceVersion = undefined;`,
      replace: "expire(): void {",
    }],
  },
];

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
