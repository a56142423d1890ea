/**
 * Both sides dial, and always one session is left (RFC 4271 §6.8).
 *
 * A hundred sessions twice: once we have the higher identifier, once the router.
 * No SYN arrives until both sides have dialled for each of them; then the router
 * is stopped until all connections stand in its kernel. When it goes on, each
 * session has two connections, whose OPENs cross.
 *
 * @module
 */

import { ok, strictEqual } from "node:assert/strict";
import { ipBatch, must } from "@/lab/mod.ts";
import { pass, until } from "../support/waiting.ts";
import { connections, type Resumable, withChildren } from "./_lasting.ts";
import { ROUTER, US } from "./_network.ts";
import { TERMS } from "./_router.ts";
import type { Peers } from "./_speaker.ts";
import { CONF, peerSpec, type Stage } from "./_stage.ts";

/** The two ends of a session. */
export interface Pair {
  readonly router: string;
  readonly us: string;
}

/** How a daemon is made to dial all of them. */
export interface Dialler {
  /** Begins with a session for each pair. */
  begin(pairs: readonly Pair[]): Promise<void>;
  /** How many it dials at the same time; all when absent. */
  readonly atOnce?: number;
  /** How long it may take until the last one is up; it may close both of two connections. */
  readonly upMsMax?: number;
}

/** Runs both rounds. */
export async function collisions(
  stage: Stage,
  dialler: Dialler,
): Promise<void> {
  const { speaker } = stage;
  const pairs = Array.from({ length: PEERS }, (_, i) => ({
    router: `10.0.0.${i + 121}`,
    us: `10.0.0.${i + 21}`,
  }));
  await addresses(pairs);
  if (speaker.process.ended) await speaker.begin();
  const peers = Object.fromEntries(
    pairs.map(({ router }, i) => [
      `p${i}`,
      {
        ...peerSpec({ ...TERMS, local: router }),
        timers: { config: { holdTime: "30", connectRetry: "60" } },
      },
    ]),
  );
  let doubled = 0;
  for (const routerId of ["10.0.0.1", "10.0.0.9"]) {
    // deno-lint-ignore no-await-in-loop -- one round after the other
    await speaker.configure({}, { ...CONF, routerId });
    // deno-lint-ignore no-await-in-loop -- one round after the other
    await until(async () => (await connections()) === 0, {
      timeoutMs: 10_000,
      what: () => "There are connections of before",
    });
    // deno-lint-ignore no-await-in-loop -- one round after the other
    doubled += await collide(stage, { dialler, pairs, peers });
  }
  ok(
    doubled > PEERS,
    `Of ${2 * PEERS} sessions only ${doubled} had two connections`,
  );
  await speaker.configure({}, CONF);
}

/** Has all of them collide; gives how many did. */
async function collide(
  stage: Stage,
  { dialler, pairs, peers }: {
    readonly dialler: Dialler;
    readonly pairs: readonly Pair[];
    readonly peers: Peers;
  },
): Promise<number> {
  const { speaker } = stage;
  const { atOnce = PEERS, upMsMax = 20_000 } = dialler;
  await holdBack();
  try {
    await dialler.begin(pairs);
    await speaker.configure(peers);
    let counts: readonly number[] = [];
    await until(async () => {
      counts = await Promise.all([US, ROUTER].map(dialled));
      return counts.every((count) => count >= atOnce);
    }, {
      timeoutMs: 20_000,
      what: () => `Of ${PEERS} we dial ${counts.join(" and the router ")}`,
    });
  } finally {
    await letThrough();
  }
  const doubled = await whileStopped(stage, PEERS + atOnce);
  await until(async () => {
    const views = await speaker.peers();
    return views.length === PEERS &&
      views.every(({ state }) => state === "Established");
  }, {
    timeoutMs: upMsMax,
    what: () => `Not all come up: ${speaker.process.lines.slice(-3).join()}`,
  });
  await until(async () => (await connections()) === PEERS, {
    timeoutMs: 10_000,
    what: () => "There is not one connection for each session",
  });
  await pass(SETTLED_MS);
  strictEqual(await connections(), PEERS);
  return doubled;
}

/** Waits until all connections stand although the router does nothing; gives how many sessions have two. */
async function whileStopped(
  { router }: Stage,
  awaited: number,
): Promise<number> {
  const pids = withChildren((router as Resumable).process.pid);
  pids.forEach((pid) => Deno.kill(pid, "SIGSTOP"));
  try {
    let count = 0;
    // A SYN that was lost is sent again after a second.
    for (let sinceMs = 0; sinceMs < AGAIN_MS_MAX && count < awaited;) {
      // deno-lint-ignore no-await-in-loop -- one look after the other
      await pass(LOOK_MS);
      // deno-lint-ignore no-await-in-loop -- one look after the other
      const now = await connections();
      sinceMs = now > count ? 0 : sinceMs + LOOK_MS;
      count = now;
    }
    return count - PEERS;
  } finally {
    pids.forEach((pid) => Deno.kill(pid, "SIGCONT"));
  }
}

/** Connections that a host waits for. */
async function dialled(host: string): Promise<number> {
  const ss = ["ss", "-tnH", "state", "syn-sent", "dport = :179"];
  const text = await must("ip", ["netns", "exec", host, ...ss]);
  return text.split("\n").filter((line) => line !== "").length;
}

/** Both sides lose all SYNs that come. */
async function holdBack(): Promise<void> {
  await nft(
    "add table inet held; add chain inet held in { type filter hook input priority 0; }; " +
      "add rule inet held in tcp dport 179 tcp flags & (syn | ack) == syn drop",
  );
}

async function letThrough(): Promise<void> {
  await nft("delete table inet held");
}

async function nft(rules: string): Promise<void> {
  await Promise.all(
    [US, ROUTER].map((host) =>
      must("ip", ["netns", "exec", host, "nft", rules])
    ),
  );
}

/** Each session has two addresses of its own, since daemons know a neighbor by its address. */
async function addresses(pairs: readonly Pair[]): Promise<void> {
  await ipBatch(
    ROUTER,
    pairs.map(({ router }) => `addr add ${router}/32 dev e0`),
  );
  await ipBatch(US, pairs.map(({ us }) => `addr add ${us}/32 dev e0`));
  await ipBatch(
    US,
    pairs.map(({ us, router }) =>
      `route replace ${router}/32 dev e0 src ${us}`
    ),
  );
  await ipBatch(
    ROUTER,
    pairs.map(({ us, router }) =>
      `route replace ${us}/32 dev e0 src ${router}`
    ),
  );
}

const PEERS = 100;
const LOOK_MS = 100;
/** Once no connection was added for so long, none is. */
const AGAIN_MS_MAX = 2_500;
/** A second connection that is still to go would have gone by then. */
const SETTLED_MS = 500;
