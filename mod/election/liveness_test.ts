import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { assert } from "@/lang/assert.ts";
import {
  agentsOf,
  initialLiveness,
  livenessDeadlineMs,
  type LivenessEffect,
  type LivenessEvent,
  livenessOf,
  type LivenessState,
  livenessView,
  type ObservedNodeLease,
  PAUSE_MS,
  stepLiveness,
} from "./liveness.ts";

/** Plays a script as node `me`, and tells it in the words of the protocol. */
class Stage {
  state: LivenessState = initialLiveness({ node: "me", identity: "me_1" });
  nowMs = 0;
  version = 1;
  readonly lines: string[] = [];

  event(
    event: Record<string, unknown> & { kind: LivenessEvent["kind"] },
  ): LivenessEffect[] {
    const complete = { ...event, nowMs: this.nowMs } as LivenessEvent;
    const [state, effects] = stepLiveness(this.state, complete);
    this.state = state;
    const dueMs = livenessDeadlineMs(state);
    this.lines.push(
      `${this.nowMs} ms ${describe(complete)} → ${
        state.fresh ? "fresh" : "stale"
      }, next ${dueMs === undefined ? "-" : `${dueMs} ms`}`,
    );
    for (const effect of effects) this.lines.push(`  ${describe(effect)}`);
    return [...effects];
  }

  list(...leases: readonly ObservedNodeLease[]): LivenessEffect[] {
    return this.event({ kind: "leases-listed", leases });
  }

  observe(observed: ObservedNodeLease): LivenessEffect[] {
    return this.event({ kind: "lease-observed", observed });
  }

  /** A node renews, and the watch shows it. */
  renew(
    node: string,
    change: Partial<ObservedNodeLease> = {},
  ): LivenessEffect[] {
    return this.observe({ ...this.lease(node), ...change });
  }

  lease(node: string): ObservedNodeLease {
    this.version++;
    return {
      node,
      lease: {
        holderIdentity: `${node}_1`,
        leaseDurationSeconds: 10,
        renewTime: `t${this.version}`,
      },
      resourceVersion: `${this.version}`,
      leaving: false,
    };
  }

  /** Listed, proven, `a` renewed at 0. */
  begin(): void {
    this.list(this.lease("me"), this.lease("a"));
    this.renew("me");
    this.renew("a");
  }

  /** The observer's own renewals up to a moment, every 3 s; the effects of all steps. */
  until(endMs: number): LivenessEffect[] {
    const effects: LivenessEffect[] = [];
    let renewMs = this.nowMs + 3_000;
    while (true) {
      const dueMs = livenessDeadlineMs(this.state) ?? Infinity;
      const nextMs = Math.min(dueMs, renewMs);
      if (nextMs > endMs) break;
      this.nowMs = nextMs;
      if (nextMs === renewMs) {
        renewMs += 3_000;
        effects.push(...this.renew("me"));
      } else effects.push(...this.event({ kind: "deadline" }));
    }
    this.nowMs = endMs;
    return effects;
  }
}

const EXPIRED_A: LivenessEffect = {
  kind: "node-expired",
  node: "a",
  reason: "expired",
};

Deno.test("liveness transcript: a node dies, comes back, leaves, releases", async (t) => {
  const stage = new Stage();
  stage.begin();
  stage.until(11_000);
  stage.renew("a");
  stage.until(13_000);
  stage.renew("a", { leaving: true });
  const released = stage.lease("a");
  stage.observe({
    ...released,
    lease: { ...released.lease, holderIdentity: "", leaseDurationSeconds: 1 },
    leaving: true,
  });
  await t.assertSnapshot(stage.lines.join("\n"));
});

Deno.test("liveness transcript: the watch is lost for a minute", async (t) => {
  const stage = new Stage();
  stage.begin();
  stage.nowMs = 2_000;
  stage.event({ kind: "watch-lost" });
  stage.nowMs = 62_000;
  stage.list(stage.lease("me"), stage.lease("a"));
  stage.nowMs = 63_000;
  stage.renew("me");
  stage.until(75_000);
  await t.assertSnapshot(stage.lines.join("\n"));
});

Deno.test("stepLiveness() judges a Lease dead one duration after its last renewal was seen", () => {
  const stage = new Stage();
  stage.begin();
  deepStrictEqual(stage.until(9_999), []);
  deepStrictEqual(stage.until(10_000), [EXPIRED_A]);
  deepStrictEqual(livenessOf(stage.state, "a"), {
    live: false,
    leaving: false,
    fresh: true,
  });
});

Deno.test("stepLiveness() counts from the duration the Lease itself says", () => {
  const stage = new Stage();
  stage.begin();
  const { lease, ...rest } = stage.lease("a");
  stage.observe({ ...rest, lease: { ...lease, leaseDurationSeconds: 30 } });
  deepStrictEqual(stage.until(29_999), []);
  deepStrictEqual(stage.until(30_000), [EXPIRED_A]);
});

Deno.test("stepLiveness() does not hold anybody to less than ten seconds", () => {
  const stage = new Stage();
  stage.begin();
  const { lease, ...rest } = stage.lease("a");
  stage.observe({ ...rest, lease: { ...lease, leaseDurationSeconds: 1 } });
  deepStrictEqual(stage.until(9_999), []);
});

Deno.test("stepLiveness() takes an edit without renewal for no sign of life", () => {
  const stage = new Stage();
  stage.begin();
  const last = stage.lease("a");
  stage.observe(last);
  stage.until(8_000);
  stage.observe({ ...last, resourceVersion: "900" });
  deepStrictEqual(stage.until(10_000), [EXPIRED_A]);
  stage.observe({ ...last, resourceVersion: "901" });
  strictEqual(livenessOf(stage.state, "a")?.live, false);
});

Deno.test("stepLiveness() judges nobody before the first list", () => {
  const stage = new Stage();
  stage.renew("a");
  stage.renew("me");
  deepStrictEqual(stage.until(60_000), []);
  strictEqual(stage.state.fresh, false);
});

Deno.test("stepLiveness() gives every Lease a full duration after the first list, however old it says it is", () => {
  const stage = new Stage();
  stage.list(stage.lease("me"), stage.lease("a"));
  stage.nowMs = 2_000;
  deepStrictEqual(stage.renew("me"), [{ kind: "view-fresh" }]);
  deepStrictEqual(stage.until(11_999), []);
  deepStrictEqual(stage.until(12_000), [EXPIRED_A]);
});

Deno.test("stepLiveness() judges nobody while its own renewals do not come back", () => {
  const stage = new Stage();
  stage.begin();
  stage.nowMs = 10_000;
  deepStrictEqual(stage.event({ kind: "deadline" }), [{ kind: "view-stale" }]);
  stage.nowMs = 300_000;
  deepStrictEqual(stage.event({ kind: "deadline" }), []);
  strictEqual(livenessOf(stage.state, "a")?.live, true);
});

Deno.test("stepLiveness() stops judging half a duration after its last own renewal", () => {
  const stage = new Stage();
  stage.begin();
  stage.nowMs = 4_900;
  stage.renew("me");
  stage.nowMs = 10_000;
  deepStrictEqual(stage.event({ kind: "deadline" }), []);
  strictEqual(stage.state.fresh, true);
});

Deno.test("stepLiveness() reads a backlog in any order of nodes without burying anybody", () => {
  const stage = new Stage();
  stage.begin();
  // The watch stalls for 11 s; all that was missed comes in one burst.
  stage.nowMs = 11_000;
  const effects = [stage.renew("me"), stage.renew("me"), stage.renew("a")];
  deepStrictEqual(
    effects.flat().filter(({ kind }) => kind === "node-expired"),
    [],
  );
});

Deno.test("stepLiveness() gives a full duration after its process was stopped", () => {
  const stage = new Stage();
  stage.begin();
  stage.until(9_500);
  stage.nowMs = 10_000 + PAUSE_MS + 1;
  deepStrictEqual(stage.event({ kind: "deadline" }), [{ kind: "view-stale" }]);
  deepStrictEqual(stage.renew("me"), [{ kind: "view-fresh" }]);
  const wokenMs = stage.nowMs;
  deepStrictEqual(stage.until(wokenMs + 9_999), []);
  deepStrictEqual(stage.until(wokenMs + 10_000), [EXPIRED_A]);
});

Deno.test("stepLiveness() is not stopped by a deadline that is a little late", () => {
  const stage = new Stage();
  stage.begin();
  stage.until(9_500);
  stage.nowMs = 10_000 + PAUSE_MS;
  deepStrictEqual(stage.event({ kind: "deadline" }), [EXPIRED_A]);
});

Deno.test("stepLiveness() buries a released Lease at once, fresh or not, and revives it with its next holder", () => {
  const stage = new Stage();
  stage.begin();
  stage.event({ kind: "watch-lost" });
  const released = stage.lease("a");
  deepStrictEqual(
    stage.observe({
      ...released,
      lease: { ...released.lease, holderIdentity: "" },
    }),
    [{ kind: "node-expired", node: "a", reason: "released" }],
  );
  deepStrictEqual(stage.renew("a"), [{ kind: "node-live", node: "a" }]);
});

Deno.test("stepLiveness() tells at once that an agent is about to leave, and that it stays", () => {
  const stage = new Stage();
  stage.begin();
  deepStrictEqual(stage.renew("a", { leaving: true }), [
    { kind: "node-leaving", node: "a", leaving: true },
  ]);
  strictEqual(livenessOf(stage.state, "a")?.leaving, true);
  deepStrictEqual(stage.renew("a", { leaving: true }), []);
  deepStrictEqual(stage.renew("a"), [
    { kind: "node-leaving", node: "a", leaving: false },
  ]);
});

Deno.test("stepLiveness() gives the holder of a deleted Lease one duration to make it again", () => {
  const stage = new Stage();
  stage.begin();
  stage.until(4_000);
  deepStrictEqual(stage.event({ kind: "lease-deleted", node: "a" }), []);
  deepStrictEqual(stage.until(13_999), []);
  deepStrictEqual(stage.until(14_000), [
    { kind: "node-expired", node: "a", reason: "deleted" },
  ]);
  strictEqual(livenessOf(stage.state, "a"), undefined);
});

Deno.test("stepLiveness() keeps a Lease that was deleted and made again", () => {
  const stage = new Stage();
  stage.begin();
  stage.event({ kind: "lease-deleted", node: "a" });
  stage.until(3_000);
  deepStrictEqual(stage.renew("a"), []);
  deepStrictEqual(stage.until(12_999), []);
});

Deno.test("stepLiveness() takes what a list lacks for deleted, and forgets the dead among it", () => {
  const stage = new Stage();
  stage.begin();
  stage.renew("b");
  stage.until(9_000);
  stage.renew("b");
  stage.until(10_000);
  strictEqual(livenessOf(stage.state, "a")?.live, false);
  deepStrictEqual(stage.list(stage.lease("me")), [{ kind: "view-stale" }]);
  strictEqual(livenessOf(stage.state, "a"), undefined);
  strictEqual(livenessOf(stage.state, "b")?.live, true);
});

Deno.test("stepLiveness() ignores what an old cache says", () => {
  const stage = new Stage();
  stage.begin();
  const old = stage.lease("a");
  stage.renew("a");
  deepStrictEqual(
    stage.observe({ ...old, lease: { ...old.lease, holderIdentity: "" } }),
    [],
  );
  strictEqual(livenessOf(stage.state, "a")?.live, true);
});

Deno.test("stepLiveness() does not take another's renewal of its own Lease for an echo", () => {
  const stage = new Stage();
  stage.list(stage.lease("me"), stage.lease("a"));
  const { lease, ...rest } = stage.lease("me");
  deepStrictEqual(
    stage.observe({ ...rest, lease: { ...lease, holderIdentity: "me_2" } }),
    [],
  );
  strictEqual(stage.state.fresh, false);
});

Deno.test("livenessView() and agentsOf() show what was judged, the observer included", () => {
  const stage = new Stage();
  strictEqual(agentsOf(stage.state), 1);
  stage.begin();
  stage.renew("b", { leaving: true });
  strictEqual(agentsOf(stage.state), 3);
  stage.until(10_000);
  deepStrictEqual([...livenessView(stage.state)].toSorted(), [
    ["a", { live: false, leaving: false, fresh: true }],
    ["b", { live: false, leaving: true, fresh: true }],
    ["me", { live: true, leaving: false, fresh: true }],
  ]);
  strictEqual(agentsOf(stage.state), 1);
});

Deno.test("livenessDeadlineMs() always lies ahead", () => {
  const stage = new Stage();
  stage.begin();
  for (let i = 0; i < 20; i++) {
    const dueMs = livenessDeadlineMs(stage.state);
    if (dueMs === undefined) return;
    ok(dueMs > stage.nowMs, `${dueMs} at ${stage.nowMs}`);
    stage.nowMs = dueMs;
    stage.event({ kind: "deadline" });
  }
  assert(false, "Deadlines never end although nothing happens");
});

function describe(thing: LivenessEvent | LivenessEffect): string {
  switch (thing.kind) {
    case "leases-listed":
      return `leases-listed ${thing.leases.map(({ node }) => node)}`;
    case "lease-observed": {
      const { node, lease, leaving } = thing.observed;
      return `lease-observed ${node} held by "${lease.holderIdentity}" renewed ${lease.renewTime}` +
        (leaving ? ", leaving" : "");
    }
    case "lease-deleted":
    case "node-live":
      return `${thing.kind} ${thing.node}`;
    case "node-expired":
      return `node-expired ${thing.node}: ${thing.reason}`;
    case "node-leaving":
      return `node-leaving ${thing.node}: ${thing.leaving}`;
    default:
      return thing.kind;
  }
}
