/**
 * Fifty agents in one thread: what they conclude of each other while the API
 * server is away, slow, or silent.
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Heap } from "@/lang/heap.ts";
import { Random } from "@/lang/random.ts";
import {
  agentsOf,
  initialLiveness,
  livenessDeadlineMs,
  type LivenessEvent,
  livenessOf,
  type LivenessState,
  type ObservedNodeLease,
  stepLiveness,
} from "./liveness.ts";
import {
  initialNodeLease,
  nodeLeaseDeadlineMs,
  type NodeLeaseEffect,
  type NodeLeaseEvent,
  nodeLeaseIdentity,
  type NodeLeaseState,
  stepNodeLease,
} from "./node_lease.ts";

Deno.test("fifty agents, the API away for five minutes and back: nobody is ever judged dead", () => {
  for (const seed of [1, 2]) {
    const world = new World({ seed, agents: 50 });
    world.run(40_000);
    strictEqual(world.freshAgents(), 50);
    world.apiDown();
    world.run(340_000);
    strictEqual(world.freshAgents(), 0);
    world.apiUp();
    world.run(400_000);
    strictEqual(world.freshAgents(), 50);
    deepStrictEqual(world.expired, []);
  }
});

Deno.test("one of fifty agents dies, and all others judge just that, one duration later", () => {
  const world = new World({ seed: 3, agents: 50 });
  world.run(40_000);
  world.kill("n7");
  world.run(60_000);
  strictEqual(world.expired.length, 49);
  for (const { node, atMs } of world.expired) {
    strictEqual(node, "n7");
    ok(atMs >= 46_000 && atMs < 52_000, `judged at ${atMs} ms`);
  }
});

Deno.test("an agent that dies while the API is away is judged after it is back", () => {
  const world = new World({ seed: 4, agents: 20 });
  world.run(40_000);
  world.apiDown();
  world.run(50_000);
  world.kill("n7");
  world.run(100_000);
  deepStrictEqual(world.expired, []);
  world.apiUp();
  world.run(180_000);
  strictEqual(world.expired.length, 19);
  ok(world.expired.every(({ node }) => node === "n7"));
});

Deno.test("watches that stall, however long, and then show all they missed, bury nobody", () => {
  for (let seed = 10; seed < 30; seed++) {
    const world = new World({ seed, agents: 8 });
    world.run(20_000);
    for (let atMs = 20_000; atMs < 140_000; atMs += 20_000) {
      world.stallSomeWatches(18_000);
      world.run(atMs + 20_000);
    }
    deepStrictEqual(world.expired, [], `seed ${seed}`);
  }
});

interface Agent {
  readonly node: string;
  readonly rate: number;
  readonly offsetMs: number;
  alive: boolean;
  lease: NodeLeaseState;
  liveness: LivenessState;
  /** Until when its watch shows nothing. */
  watchMs: number;
  connected: boolean;
  /** Counts connections, so that what an old one had to say is dropped. */
  connection: number;
}

interface Judged {
  readonly node: string;
  readonly by: string;
  readonly atMs: number;
}

/** Agents around one API server, in virtual time. */
class World {
  readonly expired: Judged[] = [];
  readonly #random: Random;
  readonly #queue = new Heap<{ atMs: number; order: number; run: () => void }>(
    (a, b) => a.atMs - b.atMs || a.order - b.order,
  );
  readonly #agents: readonly Agent[];
  readonly #stored = new Map<string, ObservedNodeLease>();
  #nowMs = 0;
  #order = 0;
  #version = 1;
  #up = true;

  constructor({ seed, agents }: { seed: number; agents: number }) {
    this.#random = new Random(seed);
    this.#agents = Array.from({ length: agents }, (_, i) => {
      const node = `n${i}`;
      const config = {
        machine: `boot-${node}`,
        incarnation: "1",
        annotationPrefix: "foghorn.example/",
      };
      return {
        node,
        rate: 0.999 + 0.002 * this.#random.next(),
        offsetMs: this.#random.int(1_000_000),
        alive: true,
        lease: initialNodeLease(config, seed * 1000 + i),
        liveness: initialLiveness({
          node,
          identity: nodeLeaseIdentity(config),
        }),
        watchMs: 0,
        connected: false,
        connection: 0,
      };
    });
    for (const agent of this.#agents) {
      this.#at(this.#random.int(3_000), () => this.#connect(agent));
    }
  }

  run(untilMs: number): void {
    while ((this.#queue.peek()?.atMs ?? Infinity) <= untilMs) {
      const task = this.#queue.pop();
      if (task === undefined) break;
      this.#nowMs = task.atMs;
      task.run();
    }
    this.#nowMs = untilMs;
  }

  freshAgents(): number {
    return this.#agents.filter(({ liveness }) => liveness.fresh).length;
  }

  kill(node: string): void {
    for (const agent of this.#agents) {
      if (agent.node === node) agent.alive = false;
    }
  }

  apiDown(): void {
    this.#up = false;
    for (const agent of this.#agents) {
      agent.connected = false;
      agent.connection++;
      // Some connections end audibly; the silence of others is noticed late.
      const noticedMs = this.#random.int(2) === 0
        ? this.#random.int(100)
        : this.#random.int(30_000);
      this.#at(this.#nowMs + noticedMs, () => {
        this.#judge(agent, { kind: "watch-lost" });
        this.#connect(agent);
      });
    }
  }

  apiUp(): void {
    this.#up = true;
  }

  stallSomeWatches(longestMs: number): void {
    for (const agent of this.#agents) {
      if (this.#random.int(2) === 0) continue;
      agent.watchMs = Math.max(
        agent.watchMs,
        this.#nowMs + this.#random.int(longestMs),
      );
    }
  }

  #connect(agent: Agent): void {
    if (!agent.alive || agent.connected) return;
    if (!this.#up) {
      this.#at(this.#nowMs + 100 + this.#random.int(5_000), () => {
        this.#connect(agent);
      });
      return;
    }
    agent.connected = true;
    const leases = [...this.#stored.values()];
    this.#show(agent, () => {
      this.#judge(agent, { kind: "leases-listed", leases });
      this.#observeOwn(agent, this.#stored.get(agent.node));
    });
  }

  /** The watch shows something, after what it showed before. */
  #show(agent: Agent, show: () => void): void {
    const { connection } = agent;
    agent.watchMs = Math.max(
      agent.watchMs,
      this.#nowMs + 1 + this.#random.int(30),
    );
    this.#at(agent.watchMs, () => {
      if (agent.connection === connection) show();
    });
  }

  #observeOwn(agent: Agent, observed: ObservedNodeLease | undefined): void {
    this.#keep(agent, {
      kind: "lease-observed",
      ...(observed === undefined ? {} : { lease: observed.lease }),
      annotations: {},
      resourceVersion: observed?.resourceVersion ?? "",
    });
  }

  #judge(
    agent: Agent,
    event: Record<string, unknown> & { kind: LivenessEvent["kind"] },
  ): void {
    if (!agent.alive) return;
    const complete = { ...event, nowMs: clockOf(agent, this.#nowMs) };
    const [state, effects] = stepLiveness(
      agent.liveness,
      complete as LivenessEvent,
    );
    agent.liveness = state;
    for (const effect of effects) {
      if (effect.kind !== "node-expired") continue;
      strictEqual(livenessOf(state, effect.node)?.live ?? false, false);
      this.expired.push({
        node: effect.node,
        by: agent.node,
        atMs: this.#nowMs,
      });
    }
    this.#wake(agent, livenessDeadlineMs, () => {
      this.#judge(agent, { kind: "deadline" });
    });
  }

  #keep(
    agent: Agent,
    event: Record<string, unknown> & { kind: NodeLeaseEvent["kind"] },
  ): void {
    if (!agent.alive) return;
    const [state, effects] = stepNodeLease(agent.lease, {
      ...event,
      nowMs: clockOf(agent, this.#nowMs),
      nowIso: new Date(this.#nowMs).toISOString(),
    } as NodeLeaseEvent);
    agent.lease = state;
    for (const effect of effects) {
      if (effect.kind === "write-lease") this.#send(agent, effect);
      else if (effect.kind === "read-lease") {
        this.#at(this.#nowMs + 5, () => {
          if (this.#up) this.#observeOwn(agent, this.#stored.get(agent.node));
        });
      }
    }
    this.#wake(agent, () => nodeLeaseDeadlineMs(agent.lease), () => {
      this.#keep(agent, { kind: "deadline" });
    });
  }

  #wake(
    agent: Agent,
    deadlineMs: (state: LivenessState) => number | undefined,
    run: () => void,
  ): void {
    const dueMs = deadlineMs(agent.liveness);
    if (dueMs === undefined) return;
    const atMs = Math.ceil((dueMs - agent.offsetMs) / agent.rate);
    this.#at(Math.max(this.#nowMs + 1, atMs), () => {
      if (deadlineMs(agent.liveness) === dueMs) run();
    });
  }

  #send(
    agent: Agent,
    write: NodeLeaseEffect & { readonly kind: "write-lease" },
  ): void {
    const { sentMs } = write;
    const answer = (
      event: Record<string, unknown> & { kind: NodeLeaseEvent["kind"] },
      delayMs: number,
    ) => {
      this.#at(this.#nowMs + delayMs, () => {
        this.#keep(agent, { ...event, sentMs });
        this.#keep(agent, {
          kind: "agents-changed",
          agents: agentsOf(agent.liveness),
        });
      });
    };
    this.#at(this.#nowMs + 1 + this.#random.int(20), () => {
      if (!this.#up) {
        const delayMs = this.#random.int(2) * 2_000;
        answer({ kind: "write-failed", reason: "unreachable" }, delayMs);
        return;
      }
      const before = this.#stored.get(agent.node);
      if (before?.resourceVersion !== write.resourceVersion) {
        answer({ kind: "write-failed", reason: "conflict" }, 5);
        return;
      }
      const resourceVersion = `${++this.#version}`;
      const stored: ObservedNodeLease = {
        node: agent.node,
        lease: write.fields,
        resourceVersion,
        leaving: false,
      };
      this.#stored.set(agent.node, stored);
      answer({ kind: "write-succeeded", resourceVersion }, 5);
      this.#broadcast(stored);
    });
  }

  #broadcast(observed: ObservedNodeLease): void {
    for (const agent of this.#agents) {
      if (!agent.connected || !agent.alive) continue;
      this.#show(agent, () => {
        this.#judge(agent, { kind: "lease-observed", observed });
        if (observed.node === agent.node) this.#observeOwn(agent, observed);
      });
    }
  }

  #at(atMs: number, run: () => void): void {
    this.#queue.push({ atMs, order: this.#order++, run });
  }
}

function clockOf(agent: Agent, nowMs: number): number {
  return Math.floor(nowMs * agent.rate) + agent.offsetMs;
}
