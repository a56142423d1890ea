import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { assert } from "@/lang/assert.ts";
import type { LeaseFields } from "./lease_fields.ts";
import {
  ANNOTATION_INTERVAL_MIN_MS,
  initialNodeLease,
  isNodeLeaseLive,
  type NodeLeaseConfig,
  nodeLeaseDeadlineMs,
  type NodeLeaseEffect,
  type NodeLeaseEvent,
  nodeLeaseIdentity,
  type NodeLeaseState,
  stepNodeLease,
} from "./node_lease.ts";
import { leaseDurationSeconds, renewIntervalMs } from "./renewal.ts";

const CONFIG: NodeLeaseConfig = {
  machine: "m1",
  incarnation: "i1",
  annotationPrefix: "foghorn.example/",
};
const LINKS = "foghorn.example/links";
const LEAVING = "foghorn.example/leaving";

/** Plays a script, and tells it in the words of the protocol. */
class Stage {
  state: NodeLeaseState = initialNodeLease(CONFIG, 1);
  nowMs = 0;
  readonly lines: string[] = [];

  event(
    event: Record<string, unknown> & { kind: NodeLeaseEvent["kind"] },
  ): NodeLeaseEffect[] {
    const complete = {
      ...event,
      nowMs: this.nowMs,
      nowIso: new Date(BOOT_MS + this.nowMs).toISOString(),
    } as NodeLeaseEvent;
    const [state, effects] = stepNodeLease(this.state, complete);
    this.state = state;
    this.lines.push(`${this.nowMs} ms ${describe(complete)} → ${state.phase}`);
    for (const effect of effects) this.lines.push(`  ${describe(effect)}`);
    return [...effects];
  }

  observe(
    lease: LeaseFields | undefined,
    resourceVersion: string,
    annotations: Record<string, string> = {},
  ): NodeLeaseEffect[] {
    return this.event({
      kind: "lease-observed",
      ...(lease === undefined ? {} : { lease }),
      annotations,
      resourceVersion,
    });
  }

  deadline(): NodeLeaseEffect[] {
    const dueMs = nodeLeaseDeadlineMs(this.state);
    assert(dueMs !== undefined, "There is no deadline");
    this.nowMs = Math.max(this.nowMs, dueMs);
    return this.event({ kind: "deadline" });
  }

  taken(resourceVersion: string, afterMs = 5): NodeLeaseEffect[] {
    const sentMs = this.state.inFlight?.sentMs;
    this.nowMs += afterMs;
    return this.event({ kind: "write-succeeded", sentMs, resourceVersion });
  }

  refused(
    reason: string,
    { afterMs = 5, retryAfterMs }: { afterMs?: number; retryAfterMs?: number } =
      {},
  ): NodeLeaseEffect[] {
    const sentMs = this.state.inFlight?.sentMs;
    this.nowMs += afterMs;
    return this.event({
      kind: "write-failed",
      sentMs,
      reason,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }

  annotate(annotations: Record<string, string>): NodeLeaseEffect[] {
    return this.event({ kind: "annotations-changed", annotations });
  }

  /** Creates the Lease. */
  hold(): void {
    this.observe(undefined, "");
    this.taken("1");
    strictEqual(this.state.phase, "held");
  }
}

function lease(holderIdentity: string, second = 0): LeaseFields {
  return {
    holderIdentity,
    leaseDurationSeconds: 10,
    acquireTime: "2026-01-01T00:00:00.000000Z",
    renewTime: `2026-01-01T00:00:${`${second}`.padStart(2, "0")}.000000Z`,
    leaseTransitions: 2,
  };
}

Deno.test("node Lease transcript: created, renewed, annotated, lost, released", async (t) => {
  const stage = new Stage();
  stage.annotate({ [LINKS]: "[]" });
  stage.observe(undefined, "");
  stage.taken("1");
  stage.deadline();
  stage.taken("2");
  stage.nowMs += 100;
  stage.annotate({ [LINKS]: "[1]" });
  stage.deadline();
  stage.taken("3");
  stage.deadline();
  stage.refused("timeout", { afterMs: 1_000 });
  stage.deadline();
  stage.refused("conflict");
  stage.observe(stage.state.known?.lease, "4", { [LINKS]: "[1]" });
  stage.taken("5");
  stage.annotate({ [LINKS]: "[1]", [LEAVING]: "true" });
  stage.deadline();
  stage.taken("6");
  stage.event({ kind: "shutdown" });
  stage.taken("7");
  await t.assertSnapshot(stage.lines.join("\n"));
});

Deno.test("node Lease transcript: a second agent under the same name", async (t) => {
  const stage = new Stage();
  stage.observe(lease("m2_x", 0), "1");
  stage.nowMs = 3_000;
  stage.observe(lease("m2_x", 3), "2");
  stage.nowMs = 6_000;
  stage.observe(lease("m2_x", 6), "3");
  stage.nowMs = 8_000;
  // Somebody edits it: no sign of life.
  stage.observe(lease("m2_x", 6), "4");
  stage.deadline();
  stage.taken("5");
  stage.nowMs += 1_000;
  stage.observe(lease("m2_x", 18), "6");
  await t.assertSnapshot(stage.lines.join("\n"));
});

const RATES: readonly (readonly [number, number, number])[] = [
  [1, 3_000, 10],
  [50, 3_000, 10],
  [60, 3_000, 10],
  [100, 5_000, 17],
  [1_000, 50_000, 165],
  [5_000, 250_000, 825],
];

for (const [agents, intervalMs, durationSeconds] of RATES) {
  Deno.test(`renewIntervalMs() and leaseDurationSeconds() of ${agents} agents`, () => {
    strictEqual(renewIntervalMs(agents), intervalMs);
    strictEqual(leaseDurationSeconds(agents), durationSeconds);
  });
}

Deno.test("stepNodeLease() renews within 10 % of the interval, from when it sent", () => {
  const stage = new Stage();
  stage.hold();
  const gaps = new Set<number>();
  for (let i = 2; i < 200; i++) {
    const beforeMs = stage.state.sentMs ?? NaN;
    const [effect] = stage.deadline();
    ok(effect?.kind === "write-lease");
    const gapMs = effect.sentMs - beforeMs;
    ok(gapMs >= 2_700 && gapMs <= 3_300, `${gapMs}`);
    gaps.add(gapMs);
    stage.taken(`${i}`, 40);
  }
  ok(gaps.size > 100, "There is no jitter");
});

Deno.test("stepNodeLease() writes nothing before its Lease was seen", () => {
  const stage = new Stage();
  deepStrictEqual(stage.annotate({ [LINKS]: "[]" }), []);
  strictEqual(nodeLeaseDeadlineMs(stage.state), undefined);
});

Deno.test("stepNodeLease() takes over at once from an earlier process on its machine, and drops what that left", () => {
  const [effect] = new Stage().observe(lease("m1_i0"), "8", {
    [LEAVING]: "true",
    "other.example/x": "y",
  });
  ok(effect?.kind === "write-lease");
  strictEqual(effect.write, "update");
  strictEqual(effect.resourceVersion, "8");
  deepStrictEqual(effect.annotations, { [LEAVING]: null });
  strictEqual(effect.fields.holderIdentity, nodeLeaseIdentity(CONFIG));
  strictEqual(effect.fields.leaseTransitions, 3);
});

Deno.test("stepNodeLease() is not mistaken about a machine whose name begins alike", () => {
  deepStrictEqual(new Stage().observe(lease("m11_i0"), "8"), []);
});

Deno.test("stepNodeLease() yields to a later process on its machine, and says so once", () => {
  const stage = new Stage();
  stage.hold();
  deepStrictEqual(stage.observe(lease("m1_i2", 5), "9"), [
    { kind: "duplicate-node-name", holderIdentity: "m1_i2" },
  ]);
  strictEqual(isNodeLeaseLive(stage.state, stage.nowMs), false);
  stage.nowMs += 3_000;
  deepStrictEqual(stage.observe(lease("m1_i2", 8), "10"), []);
  strictEqual(nodeLeaseDeadlineMs(stage.state), stage.nowMs + 10_000);
});

Deno.test("stepNodeLease() takes a released Lease at once", () => {
  const [effect] = new Stage().observe(lease(""), "8");
  strictEqual(effect?.kind, "write-lease");
});

Deno.test("stepNodeLease() makes a deleted Lease again at once", () => {
  const stage = new Stage();
  stage.hold();
  stage.nowMs = 1_000;
  const [effect] = stage.observe(undefined, "20");
  ok(effect?.kind === "write-lease");
  strictEqual(effect.write, "create");
});

Deno.test("stepNodeLease() reads the Lease after a conflict, and renews on what it reads", () => {
  const stage = new Stage();
  stage.hold();
  stage.deadline();
  deepStrictEqual(stage.refused("conflict"), [{ kind: "read-lease" }]);
  const [effect] = stage.observe(stage.state.known?.lease, "5");
  ok(effect?.kind === "write-lease");
  strictEqual(effect.resourceVersion, "5");
});

Deno.test("stepNodeLease() is not hurried by a server that refuses everything", () => {
  const stage = new Stage();
  stage.hold();
  let writes = 0;
  while (stage.nowMs < 60_000) {
    const effects = stage.deadline();
    if (!effects.some(({ kind }) => kind === "write-lease")) continue;
    writes++;
    stage.refused("conflict", { afterMs: 1 });
    stage.observe(stage.state.known?.lease, "1");
  }
  ok(writes < 120, `${writes} writes in a minute`);
});

Deno.test("stepNodeLease() is asked to wait no longer than its interval", () => {
  const stage = new Stage();
  stage.hold();
  stage.deadline();
  stage.refused("throttled", { retryAfterMs: 3_600_000 });
  ok((nodeLeaseDeadlineMs(stage.state) ?? 0) <= stage.nowMs + 3_300);
  const patient = new Stage();
  patient.hold();
  patient.deadline();
  patient.refused("throttled", { retryAfterMs: 2_000 });
  ok((nodeLeaseDeadlineMs(patient.state) ?? 0) >= patient.nowMs + 2_000);
});

Deno.test("stepNodeLease() gives up a write without an answer after one interval", () => {
  const stage = new Stage();
  stage.hold();
  const [first] = stage.deadline();
  const [second] = stage.deadline();
  ok(first?.kind === "write-lease" && second?.kind === "write-lease");
  ok(second.sentMs - first.sentMs <= 3_300);
  stage.event({
    kind: "write-succeeded",
    sentMs: first.sentMs,
    resourceVersion: "2",
  });
  strictEqual(stage.state.inFlight?.sentMs, second.sentMs);
});

Deno.test("stepNodeLease() writes changed annotations at once, then not more often than the minimum", () => {
  const stage = new Stage();
  stage.hold();
  stage.nowMs = 1_000;
  const [first] = stage.annotate({ [LINKS]: "1" });
  ok(first?.kind === "write-lease");
  deepStrictEqual(first.annotations, { [LINKS]: "1" });
  stage.taken("2");
  deepStrictEqual(stage.annotate({ [LINKS]: "2" }), []);
  deepStrictEqual(stage.annotate({ [LINKS]: "3" }), []);
  const [second] = stage.deadline();
  ok(second?.kind === "write-lease");
  deepStrictEqual(second.annotations, { [LINKS]: "3" });
  strictEqual(second.sentMs - first.sentMs, ANNOTATION_INTERVAL_MIN_MS);
});

Deno.test("stepNodeLease() writes annotations that changed while a write was on its way", () => {
  const stage = new Stage();
  stage.hold();
  stage.deadline();
  stage.annotate({ [LINKS]: "1" });
  stage.taken("2");
  const [effect] = stage.deadline();
  ok(effect?.kind === "write-lease");
  deepStrictEqual(effect.annotations, { [LINKS]: "1" });
  ok(stage.nowMs < 4_500);
});

Deno.test("stepNodeLease() removes an annotation it does not want any more", () => {
  const stage = new Stage();
  stage.hold();
  stage.nowMs = 1_000;
  stage.annotate({ [LINKS]: "1", [LEAVING]: "true" });
  stage.taken("2");
  stage.nowMs = 2_000;
  const [effect] = stage.annotate({ [LINKS]: "1" });
  ok(effect?.kind === "write-lease");
  deepStrictEqual(effect.annotations, { [LINKS]: "1", [LEAVING]: null });
});

Deno.test("stepNodeLease() does not write annotations that did not change", () => {
  const stage = new Stage();
  stage.annotate({ [LINKS]: "1" });
  stage.hold();
  stage.nowMs = 1_000;
  stage.observe(stage.state.known?.lease, "1", {
    [LINKS]: "1",
    "other.example/x": "y",
  });
  deepStrictEqual(stage.annotate({ [LINKS]: "1" }), []);
});

Deno.test("stepNodeLease() renews sooner when there are fewer agents", () => {
  const stage = new Stage();
  stage.event({ kind: "agents-changed", agents: 1_000 });
  stage.hold();
  ok((nodeLeaseDeadlineMs(stage.state) ?? 0) > 40_000);
  stage.nowMs = 1_000;
  stage.event({ kind: "agents-changed", agents: 3 });
  strictEqual(nodeLeaseDeadlineMs(stage.state), 3_300);
});

Deno.test("isNodeLeaseLive() ends with the duration, counted from when the renewal was sent", () => {
  const stage = new Stage();
  stage.observe(undefined, "");
  stage.taken("1", 2_000);
  strictEqual(isNodeLeaseLive(stage.state, 9_999), true);
  strictEqual(isNodeLeaseLive(stage.state, 10_000), false);
});

Deno.test("stepNodeLease() releases after the renewal in flight, then is silent", () => {
  const stage = new Stage();
  stage.hold();
  stage.deadline();
  deepStrictEqual(stage.event({ kind: "shutdown" }), []);
  const [release] = stage.taken("2");
  ok(release?.kind === "write-lease");
  strictEqual(release.fields.holderIdentity, "");
  strictEqual(release.fields.leaseDurationSeconds, 1);
  strictEqual(release.resourceVersion, "2");
  stage.taken("3");
  strictEqual(stage.state.phase, "stopped");
  strictEqual(nodeLeaseDeadlineMs(stage.state), undefined);
  deepStrictEqual(stage.observe(undefined, "9"), []);
});

Deno.test("stepNodeLease() does not release what another holds", () => {
  const stage = new Stage();
  stage.observe(lease("m2_x"), "1");
  deepStrictEqual(stage.event({ kind: "shutdown" }), []);
  strictEqual(stage.state.phase, "stopped");
});

function describe(thing: NodeLeaseEvent | NodeLeaseEffect): string {
  switch (thing.kind) {
    case "lease-observed":
      return `lease-observed ${
        thing.lease === undefined
          ? "none"
          : `held by "${thing.lease.holderIdentity}" renewed ${thing.lease.renewTime}`
      } at ${thing.resourceVersion || "-"}`;
    case "write-succeeded":
      return `write-succeeded sent ${thing.sentMs} at ${thing.resourceVersion}`;
    case "write-failed":
      return `write-failed sent ${thing.sentMs}: ${thing.reason}`;
    case "annotations-changed":
      return `annotations-changed ${JSON.stringify(thing.annotations)}`;
    case "agents-changed":
      return `agents-changed ${thing.agents}`;
    case "duplicate-node-name":
      return `duplicate-node-name ${thing.holderIdentity}`;
    case "write-lease":
      return `${thing.write} "${thing.fields.holderIdentity}" for ${thing.fields.leaseDurationSeconds} s, ` +
        `renewed ${thing.fields.renewTime}, ${
          JSON.stringify(thing.annotations)
        }` +
        (thing.resourceVersion === undefined
          ? ""
          : `, if at ${thing.resourceVersion}`);
    default:
      return thing.kind;
  }
}

const BOOT_MS = Date.UTC(2026, 0, 1);
