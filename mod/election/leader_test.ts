import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { assert } from "@/lang/assert.ts";
import { Heap } from "@/lang/heap.ts";
import { Random } from "@/lang/random.ts";
import {
  ACQUIRE_SPREAD_MS,
  initialLeader,
  isLeader,
  LEADER_LEASE_DURATION_MS,
  LEADER_RENEW_DEADLINE_MS,
  LEADER_RENEW_PERIOD_MS,
  LEADER_RETRY_PERIOD_MS,
  type LeaderConfig,
  leaderDeadlineMs,
  type LeaderEffect,
  type LeaderEvent,
  type LeaderState,
  stepLeader,
} from "./leader.ts";
import type { LeaseFields } from "./lease_fields.ts";

const CONFIG: LeaderConfig = {
  identity: "a",
  leaseDurationMs: LEADER_LEASE_DURATION_MS,
  renewDeadlineMs: LEADER_RENEW_DEADLINE_MS,
  renewPeriodMs: LEADER_RENEW_PERIOD_MS,
  retryPeriodMs: LEADER_RETRY_PERIOD_MS,
};
const OTHERS: LeaseFields = {
  holderIdentity: "b",
  leaseDurationSeconds: 15,
  acquireTime: "2026-01-01T00:00:00.000000Z",
  renewTime: "2026-01-01T00:00:00.000000Z",
  leaseTransitions: 4,
};
const FREE: LeaseFields = { ...OTHERS, holderIdentity: "" };

/** Plays a script, and tells it in the words of the protocol. */
class Stage {
  state: LeaderState = initialLeader(CONFIG, 1);
  nowMs = 0;
  readonly lines: string[] = [];

  event(
    event: Record<string, unknown> & { kind: LeaderEvent["kind"] },
  ): LeaderEffect[] {
    const complete = {
      ...event,
      nowMs: this.nowMs,
      nowIso: new Date(BOOT_MS + this.nowMs).toISOString(),
    } as LeaderEvent;
    const [state, effects] = stepLeader(this.state, complete);
    this.state = state;
    this.lines.push(`${this.nowMs} ms ${describe(complete)} → ${state.phase}`);
    for (const effect of effects) this.lines.push(`  ${describe(effect)}`);
    return [...effects];
  }

  /** Moves the clock to the next deadline and delivers it. */
  deadline(): LeaderEffect[] {
    const dueMs = leaderDeadlineMs(this.state);
    assert(dueMs !== undefined, "There is no deadline");
    this.nowMs = Math.max(this.nowMs, dueMs);
    return this.event({ kind: "deadline" });
  }

  /** The write in flight is taken after a while. */
  taken(resourceVersion: string, afterMs = 5): LeaderEffect[] {
    const sentMs = this.state.inFlight?.sentMs;
    this.nowMs += afterMs;
    return this.event({ kind: "write-succeeded", sentMs, resourceVersion });
  }

  refused(reason: string, afterMs = 5): LeaderEffect[] {
    const sentMs = this.state.inFlight?.sentMs;
    this.nowMs += afterMs;
    return this.event({ kind: "write-failed", sentMs, reason });
  }

  /** Creates the Lease and leads. */
  lead(): void {
    this.event({ kind: "lease-observed", resourceVersion: "" });
    this.taken("1");
    strictEqual(this.state.phase, "leader");
  }

  kinds(effects: readonly LeaderEffect[]): string[] {
    return effects.map(({ kind }) => kind);
  }
}

Deno.test("leader transcript: acquire, renew, lose the API, come back, release", async (t) => {
  const stage = new Stage();
  stage.event({ kind: "lease-observed", lease: OTHERS, resourceVersion: "7" });
  stage.nowMs = 9_000;
  stage.event({
    kind: "lease-observed",
    lease: { ...OTHERS, renewTime: "2026-01-01T00:00:09.000000Z" },
    resourceVersion: "8",
  });
  stage.deadline();
  stage.taken("9");
  stage.deadline();
  stage.taken("10");
  stage.deadline();
  stage.refused("unreachable");
  stage.deadline();
  stage.refused("unreachable");
  stage.event({ kind: "watch-lost" });
  stage.deadline();
  stage.refused("timeout", 4_000);
  stage.deadline();
  stage.refused("unreachable", 1_000);
  stage.deadline();
  stage.event({ kind: "watch-proven" });
  stage.taken("11");
  stage.event({ kind: "shutdown" });
  stage.taken("12");
  await t.assertSnapshot(stage.lines.join("\n"));
});

Deno.test("leader transcript: another is faster, and releases later", async (t) => {
  const stage = new Stage();
  stage.event({ kind: "lease-observed", resourceVersion: "" });
  stage.refused("already-exists");
  stage.event({ kind: "lease-observed", lease: OTHERS, resourceVersion: "3" });
  stage.nowMs = 5_000;
  stage.event({ kind: "lease-observed", lease: FREE, resourceVersion: "4" });
  stage.deadline();
  stage.taken("5");
  await t.assertSnapshot(stage.lines.join("\n"));
});

Deno.test("stepLeader() writes nothing before the Lease was seen", () => {
  const stage = new Stage();
  strictEqual(leaderDeadlineMs(stage.state), undefined);
  deepStrictEqual(stage.event({ kind: "watch-proven" }), []);
  deepStrictEqual(stage.event({ kind: "deadline" }), []);
});

Deno.test("stepLeader() creates a missing Lease with MicroTime and no transition", () => {
  const [effect] = new Stage().event({
    kind: "lease-observed",
    resourceVersion: "",
  });
  deepStrictEqual(effect, {
    kind: "write-lease",
    write: "create",
    fields: {
      holderIdentity: "a",
      leaseDurationSeconds: 15,
      acquireTime: "2026-01-01T00:00:00.000000Z",
      renewTime: "2026-01-01T00:00:00.000000Z",
      leaseTransitions: 0,
    },
    sentMs: 0,
  });
});

Deno.test("stepLeader() counts a change of hands, and keeps acquireTime while it renews", () => {
  const stage = new Stage();
  stage.event({ kind: "lease-observed", lease: FREE, resourceVersion: "4" });
  const [acquire] = stage.deadline();
  ok(acquire?.kind === "write-lease");
  strictEqual(acquire.resourceVersion, "4");
  strictEqual(acquire.fields.leaseTransitions, 5);
  stage.taken("5");
  const [renew] = stage.deadline();
  ok(renew?.kind === "write-lease");
  strictEqual(renew.resourceVersion, "5");
  strictEqual(renew.fields.leaseTransitions, 5);
  strictEqual(renew.fields.acquireTime, acquire.fields.acquireTime);
  strictEqual(renew.fields.renewTime > acquire.fields.renewTime, true);
  strictEqual(renew.sentMs, acquire.sentMs + LEADER_RENEW_PERIOD_MS);
});

Deno.test("stepLeader() waits the holder's own duration from each change it sees", () => {
  const stage = new Stage();
  const lease = { ...OTHERS, leaseDurationSeconds: 40 };
  stage.event({ kind: "lease-observed", lease, resourceVersion: "1" });
  stage.nowMs = 30_000;
  stage.event({ kind: "lease-observed", lease, resourceVersion: "2" });
  const dueMs = leaderDeadlineMs(stage.state) ?? 0;
  ok(dueMs >= 70_000 && dueMs < 70_000 + ACQUIRE_SPREAD_MS, `${dueMs}`);
  stage.nowMs = dueMs - 1;
  deepStrictEqual(stage.event({ kind: "deadline" }), []);
  deepStrictEqual(stage.kinds(stage.deadline()), ["write-lease"]);
});

Deno.test("stepLeader() is not led astray by listing the same Lease again", () => {
  const stage = new Stage();
  stage.event({ kind: "lease-observed", lease: OTHERS, resourceVersion: "1" });
  const dueMs = leaderDeadlineMs(stage.state);
  stage.nowMs = 8_000;
  stage.event({ kind: "lease-observed", lease: OTHERS, resourceVersion: "1" });
  strictEqual(leaderDeadlineMs(stage.state), dueMs);
});

Deno.test("stepLeader() does not write while another holds the Lease, even if its own write was just refused", () => {
  const stage = new Stage();
  stage.event({ kind: "lease-observed", lease: FREE, resourceVersion: "1" });
  stage.deadline();
  // The winner's write is seen before our refusal.
  const seenMs = stage.nowMs;
  stage.event({ kind: "lease-observed", lease: OTHERS, resourceVersion: "2" });
  deepStrictEqual(stage.kinds(stage.refused("conflict")), ["read-lease"]);
  stage.event({ kind: "lease-observed", lease: OTHERS, resourceVersion: "2" });
  ok((leaderDeadlineMs(stage.state) ?? 0) >= seenMs + 15_000);
});

Deno.test("stepLeader() steps down when no renewal sent within renewDeadline was taken", () => {
  const stage = new Stage();
  stage.lead();
  const renewedMs = stage.state.renewedMs ?? NaN;
  let lostMs: number | undefined;
  while (lostMs === undefined) {
    const effects = stage.state.inFlight === undefined
      ? stage.deadline()
      : stage.refused("unreachable", 1);
    if (effects.some(({ kind }) => kind === "lost-leadership")) {
      lostMs = stage.nowMs;
    }
    ok(stage.nowMs < 60_000, "It leads for ever");
  }
  strictEqual(lostMs, renewedMs + LEADER_RENEW_DEADLINE_MS);
});

Deno.test("isLeader() ends with renewDeadline even if the process was stopped", () => {
  const stage = new Stage();
  stage.lead();
  strictEqual(isLeader(stage.state, LEADER_RENEW_DEADLINE_MS - 1), true);
  strictEqual(isLeader(stage.state, LEADER_RENEW_DEADLINE_MS), false);
  stage.nowMs = 60_000;
  strictEqual(
    stage.kinds(stage.event({ kind: "watch-proven" }))[0],
    "lost-leadership",
  );
});

Deno.test("stepLeader() does not lead by an answer that came too late", () => {
  const stage = new Stage();
  stage.lead();
  stage.deadline();
  const late = { ...stage.state.inFlight };
  stage.nowMs += LEADER_RENEW_DEADLINE_MS + 1;
  const effects = stage.event({
    kind: "write-succeeded",
    sentMs: late.sentMs,
    resourceVersion: "2",
  });
  strictEqual(effects.some(({ kind }) => kind === "became-leader"), false);
  strictEqual(isLeader(stage.state, stage.nowMs), false);
});

Deno.test("stepLeader() gives up a write without an answer, and sends another", () => {
  const stage = new Stage();
  stage.lead();
  const [first] = stage.deadline();
  const [second] = stage.deadline();
  ok(first?.kind === "write-lease" && second?.kind === "write-lease");
  strictEqual(second.sentMs - first.sentMs, LEADER_RENEW_DEADLINE_MS / 2);
  deepStrictEqual(
    stage.event({
      kind: "write-succeeded",
      sentMs: first.sentMs,
      resourceVersion: "2",
    }),
    [],
  );
  strictEqual(stage.state.inFlight?.sentMs, second.sentMs);
});

Deno.test("stepLeader() reads the Lease after a conflict and renews on what it reads", () => {
  const stage = new Stage();
  stage.lead();
  stage.deadline();
  deepStrictEqual(stage.kinds(stage.refused("conflict")), ["read-lease"]);
  const [effect] = stage.event({
    kind: "lease-observed",
    lease: stage.state.known?.lease,
    resourceVersion: "17",
  });
  ok(effect?.kind === "write-lease");
  strictEqual(effect.resourceVersion, "17");
});

Deno.test("stepLeader() is not hurried by a server that refuses everything", () => {
  const stage = new Stage();
  stage.lead();
  stage.deadline();
  stage.refused("conflict");
  const read = {
    kind: "lease-observed",
    lease: stage.state.known?.lease,
    resourceVersion: "1",
  } as const;
  deepStrictEqual(stage.event(read), []);
  strictEqual(
    leaderDeadlineMs(stage.state),
    stage.nowMs + LEADER_RETRY_PERIOD_MS,
  );
});

Deno.test("stepLeader() steps down at once when another holds the Lease", () => {
  const stage = new Stage();
  stage.lead();
  deepStrictEqual(
    stage.event({
      kind: "lease-observed",
      lease: OTHERS,
      resourceVersion: "5",
    }),
    [{ kind: "lost-leadership", reason: "taken" }],
  );
});

Deno.test("stepLeader() ignores what is older than its own last write", () => {
  const stage = new Stage();
  stage.event({ kind: "lease-observed", lease: FREE, resourceVersion: "10" });
  stage.deadline();
  stage.taken("11");
  deepStrictEqual(
    stage.event({
      kind: "lease-observed",
      lease: OTHERS,
      resourceVersion: "9",
    }),
    [],
  );
  strictEqual(stage.state.phase, "leader");
});

Deno.test("stepLeader() makes a deleted Lease again, but only its holder does so at once", () => {
  const holder = new Stage();
  holder.lead();
  deepStrictEqual(
    holder.kinds(holder.event({ kind: "lease-observed", resourceVersion: "" })),
    ["lost-leadership", "write-lease"],
  );
  const other = new Stage();
  other.event({ kind: "lease-observed", lease: OTHERS, resourceVersion: "1" });
  other.nowMs = 4_000;
  deepStrictEqual(
    other.event({ kind: "lease-observed", resourceVersion: "" }),
    [],
  );
  ok((leaderDeadlineMs(other.state) ?? 0) >= 15_000);
});

Deno.test("stepLeader() does not try while it cannot watch, and then gives the holder a full duration", () => {
  const stage = new Stage();
  stage.event({ kind: "lease-observed", lease: OTHERS, resourceVersion: "1" });
  stage.event({ kind: "watch-lost" });
  strictEqual(leaderDeadlineMs(stage.state), undefined);
  stage.nowMs = 300_000;
  deepStrictEqual(stage.event({ kind: "deadline" }), []);
  deepStrictEqual(stage.event({ kind: "watch-proven" }), []);
  ok((leaderDeadlineMs(stage.state) ?? 0) >= 315_000);
});

Deno.test("stepLeader() releases as client-go does, after the renewal in flight", () => {
  const stage = new Stage();
  stage.lead();
  stage.deadline();
  deepStrictEqual(stage.event({ kind: "shutdown" }), [
    { kind: "lost-leadership", reason: "shutdown" },
  ]);
  strictEqual(isLeader(stage.state, stage.nowMs), false);
  const [release] = stage.taken("2");
  ok(release?.kind === "write-lease");
  deepStrictEqual(release.fields, {
    holderIdentity: "",
    leaseDurationSeconds: 1,
    acquireTime: release.fields.renewTime,
    renewTime: release.fields.renewTime,
    leaseTransitions: 0,
  });
  strictEqual(release.resourceVersion, "2");
  stage.taken("3");
  strictEqual(stage.state.phase, "stopped");
  strictEqual(leaderDeadlineMs(stage.state), undefined);
  deepStrictEqual(
    stage.event({ kind: "lease-observed", resourceVersion: "" }),
    [],
  );
});

Deno.test("stepLeader() has nothing to release where another leads", () => {
  const stage = new Stage();
  stage.event({ kind: "lease-observed", lease: OTHERS, resourceVersion: "1" });
  deepStrictEqual(stage.event({ kind: "shutdown" }), []);
  strictEqual(stage.state.phase, "stopped");
});

Deno.test("at most one leads, whatever is delayed or lost while clocks run within 20 %", () => {
  let elections = 0;
  let seeds = 0;
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const world = new World(seed);
      world.run(240_000);
      elections += world.elections;
      seeds++;
    }),
    { numRuns: 150 },
  );
  ok(elections > 2 * seeds, `${elections} elections in ${seeds} worlds`);
});

/** Candidates around one API server: the smallest world in which leases can go wrong. */
class World {
  elections = 0;
  readonly #random: Random;
  readonly #queue = new Heap<{ atMs: number; order: number; run: () => void }>(
    (a, b) => a.atMs - b.atMs || a.order - b.order,
  );
  readonly #members: Member[];
  #nowMs = 0;
  #order = 0;
  #lease: LeaseFields | undefined;
  #version = 1;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#members = Array.from({ length: 2 + this.#random.int(3) }, (_, i) => ({
      name: `c${i}`,
      rate: 0.8 + 0.4 * this.#random.next(),
      offsetMs: this.#random.int(1_000_000),
      state: initialLeader({ ...CONFIG, identity: `c${i}` }, i),
      watchMs: 0,
      cutUntilMs: 0,
    }));
    for (const member of this.#members) this.#tell(member);
  }

  run(untilMs: number): void {
    for (let i = 0; i < 12; i++) {
      this.#at(this.#random.int(untilMs), () => this.#disturb());
    }
    while ((this.#queue.peek()?.atMs ?? Infinity) < untilMs) {
      const task = this.#queue.pop();
      if (task === undefined) return;
      this.#nowMs = task.atMs;
      task.run();
      this.#checkLeaders();
    }
  }

  #checkLeaders(): void {
    const leaders = this.#members.filter((member) =>
      isLeader(member.state, this.#clockOf(member))
    );
    ok(
      leaders.length < 2,
      `${leaders.map(({ name }) => name)} lead at ${this.#nowMs} ms`,
    );
  }

  #disturb(): void {
    const member = this.#random.pick(this.#members);
    switch (this.#random.int(3)) {
      case 0: // Cut off from the API.
        member.cutUntilMs = this.#nowMs + this.#random.int(40_000);
        break;
      case 1: // Its watch lags.
        member.watchMs = this.#nowMs + this.#random.int(60_000);
        break;
      default:
        this.#step(member, { kind: "shutdown" });
        member.state = initialLeader(
          { ...CONFIG, identity: `${member.name}-${this.#order}` },
          this.#order,
        );
        this.#tell(member);
    }
  }

  #clockOf({ rate, offsetMs }: Member): number {
    return Math.floor(this.#nowMs * rate) + offsetMs;
  }

  #step(
    member: Member,
    event: Record<string, unknown> & { kind: LeaderEvent["kind"] },
  ): void {
    const [state, effects] = stepLeader(member.state, {
      ...event,
      nowMs: this.#clockOf(member),
      nowIso: "2026-01-01T00:00:00Z",
    } as LeaderEvent);
    member.state = state;
    for (const effect of effects) {
      if (effect.kind === "became-leader") this.elections++;
      if (effect.kind === "write-lease") this.#send(member, effect);
      if (effect.kind === "read-lease") this.#tell(member);
    }
    const dueMs = leaderDeadlineMs(state);
    if (dueMs === undefined) return;
    const atMs = Math.max(
      this.#nowMs + 1,
      Math.ceil((dueMs - member.offsetMs) / member.rate),
    );
    this.#at(atMs, () => {
      const nowDueMs = leaderDeadlineMs(member.state);
      if (nowDueMs !== undefined && nowDueMs <= this.#clockOf(member)) {
        this.#step(member, { kind: "deadline" });
      }
    });
  }

  #send(
    member: Member,
    write: LeaderEffect & { readonly kind: "write-lease" },
  ): void {
    const identity = member.state.config.identity;
    const answer = (
      event: Record<string, unknown> & { kind: LeaderEvent["kind"] },
    ) => {
      this.#at(this.#nowMs + this.#delayMs(), () => {
        if (member.state.config.identity === identity) {
          this.#step(member, event);
        }
      });
    };
    const { sentMs } = write;
    this.#at(this.#nowMs + this.#delayMs(), () => {
      if (this.#nowMs < member.cutUntilMs) {
        answer({ kind: "write-failed", sentMs, reason: "unreachable" });
        return;
      }
      const taken = write.write === "create"
        ? this.#lease === undefined
        : write.resourceVersion === `${this.#version}`;
      if (!taken) {
        answer({ kind: "write-failed", sentMs, reason: "conflict" });
        return;
      }
      this.#lease = write.fields;
      this.#version++;
      for (const observer of this.#members) this.#tell(observer);
      // Some answers never come.
      if (this.#random.int(10) > 0) {
        answer({
          kind: "write-succeeded",
          sentMs,
          resourceVersion: `${this.#version}`,
        });
      }
    });
  }

  /** The watch shows the Lease as it is now, after what it showed before. */
  #tell(member: Member): void {
    member.watchMs = Math.max(member.watchMs, this.#nowMs + this.#delayMs());
    const identity = member.state.config.identity;
    const event = {
      kind: "lease-observed",
      ...(this.#lease === undefined ? {} : { lease: this.#lease }),
      resourceVersion: this.#lease === undefined ? "" : `${this.#version}`,
    } as const;
    this.#at(member.watchMs, () => {
      if (member.state.config.identity === identity) this.#step(member, event);
    });
  }

  #delayMs(): number {
    return this.#random.int(20) === 0
      ? this.#random.int(20_000)
      : this.#random.int(50);
  }

  #at(atMs: number, run: () => void): void {
    this.#queue.push({ atMs, order: this.#order++, run });
  }
}

interface Member {
  readonly name: string;
  readonly rate: number;
  readonly offsetMs: number;
  state: LeaderState;
  watchMs: number;
  cutUntilMs: number;
}

function describe(thing: LeaderEvent | LeaderEffect): string {
  switch (thing.kind) {
    case "lease-observed":
      return `lease-observed ${
        thing.lease === undefined
          ? "none"
          : `held by "${thing.lease.holderIdentity}"`
      } at ${thing.resourceVersion || "-"}`;
    case "write-succeeded":
      return `write-succeeded sent ${thing.sentMs} at ${thing.resourceVersion}`;
    case "write-failed":
      return `write-failed sent ${thing.sentMs}: ${thing.reason}`;
    case "write-lease":
      return `${thing.write} "${thing.fields.holderIdentity}" for ${thing.fields.leaseDurationSeconds} s, ` +
        `renewed ${thing.fields.renewTime}, transitions ${thing.fields.leaseTransitions}` +
        (thing.resourceVersion === undefined
          ? ""
          : `, if at ${thing.resourceVersion}`);
    case "lost-leadership":
      return `lost-leadership: ${thing.reason}`;
    default:
      return thing.kind;
  }
}

const BOOT_MS = Date.UTC(2026, 0, 1);
