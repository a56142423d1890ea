/**
 * `deno task bench:bfd`: BFD at 50 ms times 3 between `foghorn speaker` and bird:
 * how long after a silent loss BGP is down and the router's route gone, and
 * whether it flaps while all processors are busy.
 *
 * `--rounds=N` losses instead of 20, `--minutes=N` under load instead of 10; 0
 * leaves a part out. It ends with 1 where a median is above its bound, or BFD
 * flapped.
 *
 * @module
 */

import type { BgpPeerSpec } from "@/api/mod.ts";
import { isSandboxed, LabProcess, must, runSandboxed } from "@/lab/mod.ts";
import { isBfd } from "./_bfd.ts";
import { BirdWithBfd } from "./_bird_bfd.ts";
import { buildNetwork, ROUTER, US } from "./_network.ts";
import { pathsAt, routerUntil } from "./_router.ts";
import { peerSpec, Stage } from "./_stage.ts";
import { formatSpread, median, spread } from "../bench/statistics.ts";

const INTERVAL_MS = 50;
const SPEC: BgpPeerSpec = {
  timers: { config: { holdTime: "90", connectRetry: "2" } },
  bfd: { minTxMs: INTERVAL_MS, minRxMs: INTERVAL_MS, multiplier: 3 },
};
const PREFIX = "192.0.2.77";
const PEER = "10.0.0.2";
/** BGP is down at the latest, and the route gone. */
const BOUNDS_MS = { bgp: 170, route: 200 } as const;
const ROUNDS = 20;
const MINUTES = 10;
/** Busy loops for each processor. */
const LOOPS_PER_CORE = 2;
const QUIET_MS = 1_000;

/** Whether a figure is as it has to be. */
async function measure(): Promise<boolean> {
  const rounds = numberOf("rounds", ROUNDS);
  const minutes = numberOf("minutes", MINUTES);
  await buildNetwork();
  const bird = await BirdWithBfd.makeWith(INTERVAL_MS);
  await using stage = await Stage.build(bird);
  const terms = await stage.session({ holdTime: 90, extra: "bfd on;" }, SPEC);
  // The node is under load, not the router.
  print(`bird is ${await prefer(bird)}.`);
  await stage.speaker.line(`announce ${PREFIX}/32`);
  await pathsAt(bird, `${PREFIX}/32`, 1);
  await routerUntil(bird, () => bird.hasBfd(INTERVAL_MS), "BFD at 50 ms");
  print(`The wire isolate is ${await schedulingOf(stage)}.`);
  const isSteady = minutes === 0 || await underLoad(stage, minutes);
  const isFast = rounds === 0 || await losses(stage, bird, {
    rounds,
    spec: peerSpec(terms, SPEC),
  });
  return isFast && isSteady;
}

async function losses(
  stage: Stage,
  bird: BirdWithBfd,
  { rounds, spec }: { readonly rounds: number; readonly spec: BgpPeerSpec },
): Promise<boolean> {
  const { speaker } = stage;
  const monitor = new LabProcess(ROUTER, ["ip", "monitor", "route"], {
    name: "ip monitor",
  });
  const took: { readonly bgp: number[]; readonly route: number[] } = {
    bgp: [],
    route: [],
  };
  for (let round = 0; round < rounds; round++) {
    // Another moment between two packets each time.
    // deno-lint-ignore no-await-in-loop -- one loss after the other
    await pass(QUIET_MS + Math.random() * INTERVAL_MS);
    const from = speaker.mark;
    const routesFrom = monitor.linesTotal;
    // Before nft starts, which takes some milliseconds: an upper bound.
    const lostMs = performance.now();
    const since = () => performance.now() - lostMs;
    const bgp = speaker.told(
      ({ kind, state }) => kind === "peer-state" && state === "Idle",
      { from },
    ).then(since);
    const route = monitor.line(
      (line) => line.startsWith("Deleted") && line.includes(PREFIX),
      { from: routesFrom, timeoutMs: 20_000 },
    ).then(since);
    // deno-lint-ignore no-await-in-loop -- one loss after the other
    await nft(
      "add table netdev cut; " +
        ["ingress", "egress"].map((hook) =>
          `add chain netdev cut ${hook} { type filter hook ${hook} device e0 priority 0; policy drop; }`
        ).join("; "),
    );
    // deno-lint-ignore no-await-in-loop -- one loss after the other
    took.bgp.push(await bgp);
    // deno-lint-ignore no-await-in-loop -- one loss after the other
    took.route.push(await route);
    // deno-lint-ignore no-await-in-loop -- one loss after the other
    await nft("delete table netdev cut");
    // Anew: a path that flaps is waited for longer each time.
    // deno-lint-ignore no-await-in-loop -- one loss after the other
    await speaker.configure({});
    const healed = speaker.mark;
    // deno-lint-ignore no-await-in-loop -- one loss after the other
    await speaker.configure({ router: spec });
    // deno-lint-ignore no-await-in-loop -- one loss after the other
    await speaker.up(PEER, healed);
    // deno-lint-ignore no-await-in-loop -- one loss after the other
    await speaker.told(isBfd(PEER, "up"), { from: healed });
    // deno-lint-ignore no-await-in-loop -- one loss after the other
    await pathsAt(bird, `${PREFIX}/32`, 1);
    // deno-lint-ignore no-await-in-loop -- one loss after the other
    await routerUntil(bird, () => bird.hasBfd(INTERVAL_MS), "BFD at 50 ms");
  }
  await monitor.stop();
  print(
    `${rounds} silent losses, from before nft was started:`,
    `  BGP is down      ${inMs(took.bgp)} (median at most ${BOUNDS_MS.bgp})`,
    `  the route is gone ${
      inMs(took.route)
    } (median at most ${BOUNDS_MS.route})`,
  );
  return median(took.bgp) <= BOUNDS_MS.bgp &&
    median(took.route) <= BOUNDS_MS.route;
}

/** Whether nothing flapped. */
async function underLoad(stage: Stage, minutes: number): Promise<boolean> {
  const loops = Array.from(
    { length: LOOPS_PER_CORE * navigator.hardwareConcurrency },
    () =>
      new Deno.Command("sh", { args: ["-c", "while :; do :; done"] }).spawn(),
  );
  const from = stage.speaker.mark;
  const before = await stage.speaker.peer(PEER);
  try {
    await pass(minutes * 60_000);
  } finally {
    for (const loop of loops) loop.kill("SIGKILL");
    await Promise.all(loops.map(({ status }) => status));
  }
  const after = await stage.speaker.peer(PEER);
  const flaps = (after?.bfd?.failures ?? NaN) - (before?.bfd?.failures ?? NaN);
  print(
    `${minutes} minutes with ${loops.length} busy loops: ${flaps} flaps, BFD is ${after?.bfd?.state}, BGP is ${after?.state}.`,
    ...stage.speaker.process.lines.slice(
      -(stage.speaker.process.linesTotal - from),
    ).filter((line) => line.includes('"bfd-state"')),
  );
  return flaps === 0 && after?.state === "Established";
}

/** How the thread that sends and hears is scheduled: policy 1 is SCHED_FIFO (proc(5)). */
async function schedulingOf({ speaker }: Stage): Promise<string> {
  const { pid } = speaker.process;
  for await (const thread of Deno.readDir(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${thread.name}/stat`;
    const text = await Deno.readTextFile(path).catch(() => "");
    // After the name in brackets comes field 3; the policy is field 41.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (fields[38] === "1") return "scheduled before all others (SCHED_FIFO)";
  }
  return "an ordinary thread: CAP_SYS_NICE is missing";
}

/** Has the router scheduled before all others, where that is allowed. */
async function prefer({ process }: BirdWithBfd): Promise<string> {
  try {
    await must("chrt", [
      "--all-tasks",
      "--fifo",
      "--pid",
      "5",
      `${process.pid}`,
    ]);
    return "scheduled before all others, too";
  } catch {
    return "an ordinary process";
  }
}

async function nft(lines: string): Promise<void> {
  await must("ip", ["netns", "exec", US, "nft", lines]);
}

function inMs(samples: readonly number[]): string {
  return `${formatSpread(spread(samples), (ms) => `${Math.round(ms)}`)} ms`;
}

function numberOf(name: string, otherwise: number): number {
  const flag = Deno.args.find((arg) => arg.startsWith(`--${name}=`));
  const value = flag === undefined ? otherwise : Number(flag.split("=")[1]);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new RangeError(`--${name} is a number, as in --${name}=1`);
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function print(...lines: readonly string[]): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${lines.join("\n")}\n`));
}

if (isSandboxed()) Deno.exit(await measure() ? 0 : 1);
const self = new URL(import.meta.url).pathname;
const run = ["run", "-A", "--no-check", self, ...Deno.args];
Deno.exit(await runSandboxed([Deno.execPath(), ...run]));
