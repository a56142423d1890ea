/**
 * How long a table takes into a router, and what memory.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one run after the other
import { pass } from "../../support/waiting.ts";
import type { Floor, PartReport, Table } from "../report.ts";
import {
  formatCount,
  formatDigits,
  formatSpread,
  median,
  spread,
} from "../statistics.ts";
import {
  type Announcer,
  type AnnouncerKind,
  FOGHORN,
  KINDS,
  type Load,
} from "./announcers.ts";
import { Bird, receiverConfig } from "./bird.ts";
import { ANNOUNCER, buildCable, RECEIVER } from "./cable.ts";
import { tell } from "./progress.ts";
import { SynWatch, wallMs } from "./syn_watch.ts";

/** How often a kind of speaker is started with a table, and how often it gives it away then. */
interface Plan {
  readonly starts: number;
  readonly runs: number;
}

/** A table, and how much of it is measured. */
interface Task extends Load {
  /** Of ours and of BIRD, to which it is held. */
  readonly near: Plan;
  /** Of those that need many times as long. */
  readonly far: Plan;
}

/** What a kind of speaker took: times of all runs, memory of all starts. */
interface Measured {
  readonly times: readonly number[];
  readonly memory: readonly number[];
}

/** What was found of a table, by the kind of speaker. */
interface Found {
  readonly task: Task;
  readonly measured: ReadonlyMap<string, Measured>;
}

/** Measures tables. */
export async function benchTables(): Promise<PartReport> {
  await using _cable = await buildCable();
  const idle = await measureAll(IDLE);
  const all: Found[] = [];
  for (const task of TASKS) all.push(await measureAll(task));
  return {
    title: "A table into a router",
    method: [
      "The speaker is loaded first and waits; BIRD 2 as the receiver dials and imports all. From its SYN, as tcpdump sees it on the cable, until it says that all routes are imported; its control socket is asked every 10 ms. Median (least to most).",
      "BIRD as a speaker stands still for some three seconds in every large table unless its control socket is asked meanwhile; it is. GoBGP is loaded by gRPC, ExaBGP by its configuration.",
      `Memory is the most that the process ever held resident (VmHWM), the median of ${
        TASKS[0]?.near.starts
      } starts of Foghorn and BIRD, of one of the others; idle is a speaker that has given one route away, the median of ${IDLE.near.starts} starts.`,
    ],
    tables: [timesTable(all), memoryTable([idle, ...all])],
    figures: [],
    floors: all.flatMap((found) => floorsOf(found, idle)),
  };
}

async function measureAll(task: Task): Promise<Found> {
  const measured = new Map<string, Measured>();
  const starts = Math.max(task.near.starts, task.far.starts);
  // By turns, so that a machine that changes changes all of them.
  for (let start = 0; start < starts; start++) {
    for (const kind of KINDS) {
      const plan = planOf(task, kind);
      if (start >= plan.starts) continue;
      const { times, memory } = await measure(kind, task, plan.runs);
      tell(
        `${kind.name}, ${nameOf(task)}: ${
          times.map((ms) => formatCount(ms)).join(", ")
        } ms, ${formatCount(memory)} MB`,
      );
      const before = measured.get(kind.name) ?? { times: [], memory: [] };
      measured.set(kind.name, {
        times: [...before.times, ...times],
        memory: [...before.memory, memory],
      });
    }
  }
  return { task, measured };
}

function planOf({ near, far }: Task, { name }: AnnouncerKind): Plan {
  return NEAR.has(name) ? near : far;
}

async function measure(
  kind: AnnouncerKind,
  task: Task,
  runs: number,
): Promise<{ readonly times: readonly number[]; readonly memory: number }> {
  await using announcer = await kind.start(task);
  await using receiver = await Bird.start(
    RECEIVER,
    receiverConfig(RECEIVER, ANNOUNCER),
  );
  await using watch = await SynWatch.start(RECEIVER, "syn");
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    times.push(await fill(receiver, announcer, watch, task.routes));
    await receiver.ask("disable up");
    while (await receiver.imported("up") > 0) await pass(10);
    await pass(AGAIN_MS);
  }
  return { times, memory: await announcer.memory() };
}

async function fill(
  receiver: Bird,
  announcer: Announcer,
  watch: SynWatch,
  routes: number,
): Promise<number> {
  const beforeMs = watch.synMs;
  const startMs = performance.now();
  await receiver.ask("enable up");
  while (await receiver.imported("up") < routes) {
    if (performance.now() - startMs > FILL_MS_MAX) {
      throw new Error(
        `The receiver has ${await receiver.imported("up")} routes`,
      );
    }
    await announcer.poke?.();
    await pass(routes > 20_000 ? 10 : 2);
  }
  const endMs = wallMs();
  while (watch.synMs <= beforeMs) {
    if (performance.now() - startMs > 2 * FILL_MS_MAX) {
      throw new Error("tcpdump shows no SYN of the receiver");
    }
    await pass(1);
  }
  return endMs - watch.synMs;
}

function timesTable(all: readonly Found[]): Table {
  return {
    title: "Until the receiver has all routes, in ms",
    columns: ["table", ...KINDS.map(({ name }) => name)],
    rows: all.map(({ task, measured }) => [
      nameOf(task),
      ...KINDS.map(({ name }) => {
        const times = measured.get(name)?.times ?? [];
        return times.length === 0 ? "" : formatSpread(
          spread(times),
          formatCount,
        );
      }),
    ]),
  };
}

function memoryTable(all: readonly Found[]): Table {
  return {
    title: "Most memory held, in MB",
    columns: ["table", ...KINDS.map(({ name }) => name)],
    rows: all.map(({ task, measured }) => [
      task === IDLE ? "idle" : nameOf(task),
      ...KINDS.map(({ name }) => {
        const memory = measured.get(name)?.memory ?? [];
        return memory.length === 0 ? "" : formatSpread(
          spread(memory),
          formatCount,
        );
      }),
    ]),
  };
}

function floorsOf({ task, measured }: Found, idle: Found): readonly Floor[] {
  const of = (name: string): Measured => {
    const found = measured.get(name);
    if (found === undefined) throw new Error(`${name} was not measured`);
    return found;
  };
  const isLarge = task.routes >= LARGE;
  const factor = isLarge ? 1.5 : 1;
  const ratio = median(of("Foghorn").times) / median(of("BIRD").times);
  const memory = median(of("Foghorn").memory) -
    median(idle.measured.get("Foghorn")?.memory ?? []);
  const memoryMax = isLarge ? 400 : 100;
  return [
    {
      promise: `${nameOf(task)}: at most ${
        factor === 1 ? "what" : "1.5 times what"
      } BIRD takes`,
      measured: `${formatDigits(2)(ratio)} times`,
      met: ratio <= factor,
    },
    {
      promise: `${
        nameOf(task)
      }: at most ${memoryMax} MB above the idle process`,
      measured: `${formatCount(memory)} MB`,
      met: memory <= memoryMax,
    },
  ];
}

function nameOf({ routes, sets }: Load): string {
  const count = (value: number, what: string): string =>
    `${formatCount(value)} ${what}${value > 1 ? "s" : ""}`;
  return `${count(routes, "route")}, ${count(sets, "attribute set")}`;
}

const NEAR: ReadonlySet<string> = new Set([FOGHORN.name, "BIRD"]);
const IDLE: Task = {
  ...{ routes: 1, sets: 1 },
  near: { starts: 5, runs: 1 },
  far: { starts: 1, runs: 1 },
};
const TASKS: readonly Task[] = [
  {
    ...{ routes: 100_000, sets: 1 },
    near: { starts: 3, runs: 3 },
    far: { starts: 1, runs: 3 },
  },
  {
    ...{ routes: 1_000_000, sets: 1 },
    near: { starts: 3, runs: 2 },
    far: { starts: 1, runs: 1 },
  },
  {
    ...{ routes: 100_000, sets: 1_000 },
    near: { starts: 3, runs: 3 },
    far: { starts: 1, runs: 3 },
  },
];
const LARGE = 1_000_000;
/** Speakers refuse one that comes back at once. */
const AGAIN_MS = 300;
const FILL_MS_MAX = 120_000;
