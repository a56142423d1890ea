/**
 * What the core costs: a beacon that changes nothing, and the worst steps of a
 * link at its limits, 250 fellows and 16,384 VIPs.
 *
 * @module
 */

import { ipv4AddrFromNumber } from "@/addr/ipv4_addr.ts";
import type { IpAddr } from "@/addr/ip_addr.ts";
import { assert } from "@/lang/assert.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import type {
  FellowMessage,
  FellowState,
  NodeId,
} from "@/wire/fellow_frame.ts";
import { orderCandidates } from "../rank.ts";
import { VIPS_PER_LINK_MAX } from "../vip_table.ts";
import { FELLOWS_MAX, VERIFY_PROBES } from "./constants.ts";
import type { CandidateVip, FailoverEvent } from "./events.ts";
import { failoverDeadlineMs, stepFailover } from "./failover.ts";
import { type FailoverState, type Fellow, initialFailover } from "./state.ts";

const BEACON_MS = 300;
const CANDIDATES = 8;

/** A link at its limits, at rest, seen by `node-0`. */
class Crowd {
  nowMs = 0;
  readonly state: FailoverState = initialFailover({
    node: "node-0",
    nodeId: nodeId("node-0"),
    nodeIdOf: nodeId,
    incarnation: 1n,
    patienceMs: 0,
  });
  readonly #lists = new Map<string, IpAddr[]>();
  readonly #dead = new Set<string>();

  constructor() {
    const names = Array.from({ length: FELLOWS_MAX }, (_, i) => `node-${i}`);
    const upserts: CandidateVip[] = [];
    for (let i = 0; i < VIPS_PER_LINK_MAX; i++) {
      const vip = ipv4AddrFromNumber(0x0a00_0001 + i);
      const eligible = Array.from(
        { length: CANDIDATES },
        (_, k) => names[(i + 31 * k) % names.length] as string,
      );
      upserts.push({ vip, eligible });
      const owner = orderCandidates(eligible, vip)[0] as string;
      const list = this.#lists.get(owner);
      if (list === undefined) this.#lists.set(owner, [vip]);
      else list.push(vip);
    }
    const nodes = names.map((node) => ({ node, live: true, leaving: false }));
    this.step({ kind: "view", nowMs: 0, nodes, upserts });
    this.step({ kind: "synced", nowMs: 0 });
    this.step({ kind: "link-up", nowMs: 0 });
    for (const name of this.#fellows()) this.list(name);
    this.runTo(80_000);
  }

  step(event: FailoverEvent): void {
    stepFailover(this.state, event);
    failoverDeadlineMs(this.state);
  }

  /** Everyone alive beacons; time goes by. */
  runTo(untilMs: number): void {
    while (this.nowMs < untilMs) {
      this.nowMs += 50;
      this.step({ kind: "turn", nowMs: this.nowMs });
      // A sixth of them every 50 ms.
      const turn = this.nowMs / 50 % 6;
      for (const [i, name] of [...this.#fellows()].entries()) {
        if (i % 6 === turn) this.beacon(name);
      }
    }
  }

  fellow(name: string): Fellow {
    const fellow = this.state.byName.get(name);
    assert(fellow !== undefined, "The crowd has this fellow");
    return fellow;
  }

  kill(name: string): void {
    this.#dead.add(name);
  }

  beacon(name: string): void {
    this.say(name, { kind: "beacon", state: this.said(name) });
  }

  list(name: string): void {
    const entries = (this.#lists.get(name) ?? [])
      .map((vip) => ({ vip, leaving: false }));
    const state = this.said(name);
    const message = {
      kind: "list",
      state,
      part: 0,
      parts: 1,
      node: name,
      entries,
    };
    this.say(name, message as FellowMessage);
  }

  *#fellows(): Iterable<string> {
    for (let i = 1; i < FELLOWS_MAX; i++) {
      if (!this.#dead.has(`node-${i}`)) yield `node-${i}`;
    }
  }

  say(name: string, message: FellowMessage): void {
    this.step({
      kind: "frame",
      nowMs: this.nowMs,
      mac: `02:00:00:00:00:${name}` as MacAddr,
      frame: { sender: nodeId(name), incarnation: 1n, message },
    });
  }

  said(name: string): FellowState {
    return {
      listVersion: 1,
      uptimeMs: this.nowMs,
      beaconIntervalMs: BEACON_MS,
      unsure: false,
      frozen: false,
      listening: false,
      leaving: false,
      vips: this.#lists.get(name)?.length ?? 0,
    };
  }
}

function nodeId(name: string): NodeId {
  return name.padStart(16, "0") as NodeId;
}

const steady = new Crowd();

Deno.bench("a beacon that changes nothing, 250 fellows, 16,384 VIPs", () => {
  steady.beacon("node-7");
});

Deno.bench(
  "the step in which one of them is silent, and its VIPs are claimed",
  {
    n: 5,
    warmup: 1,
  },
  (b) => {
    const crowd = new Crowd();
    const victim = crowd.fellow("node-219");
    crowd.kill("node-219");
    while (victim.verification?.sent !== VERIFY_PROBES) {
      crowd.runTo(crowd.nowMs + 50);
    }
    crowd.nowMs = victim.verification.nextMs;
    const ownedBefore = crowd.state.owned.size;
    b.start();
    crowd.step({ kind: "turn", nowMs: crowd.nowMs });
    b.end();
    assert(victim.presence === "silent", "The victim is found silent");
    assert(
      crowd.state.owned.size > ownedBefore,
      "Some of its VIPs are claimed",
    );
  },
);

Deno.bench(
  "the step in which all that is told changes: a flag of one of them",
  {
    n: 20,
    warmup: 1,
  },
  (b) => {
    steady.nowMs += 1;
    const said = {
      ...steady.said("node-7"),
      frozen: !steady.fellow("node-7").said.frozen,
    };
    b.start();
    steady.say("node-7", { kind: "beacon", state: said });
    b.end();
  },
);
