/**
 * How long a table takes into a router, one more route, and a session.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one run after the other
import { pass } from "../../support/waiting.ts";
import type { Floor, PartReport } from "../report.ts";
import {
  formatCount,
  formatDigits,
  formatSpread,
  median,
  percentile,
  spread,
} from "../statistics.ts";
import {
  type Announcer,
  type AnnouncerKind,
  BIRD,
  FOGHORN,
  type Load,
  singlePrefix,
  SINGLES,
} from "./announcers.ts";
import { Bird, receiverConfig } from "./bird.ts";
import { ANNOUNCER, buildCable, RECEIVER } from "./cable.ts";
import { SynWatch, wallMs } from "./syn_watch.ts";

/** A table, and how much of it is measured. */
interface Task extends Load {
  readonly runs: number;
  readonly kinds: readonly AnnouncerKind[];
}

/** What a kind of speaker took. */
interface Measured {
  readonly times: readonly number[];
  readonly memory: number;
}

/** Measures tables. */
export async function benchTables(): Promise<PartReport> {
  await using _cable = await buildCable();
  const idle = await measure(FOGHORN, {
    routes: 1,
    sets: 1,
    runs: 1,
    kinds: [],
  });
  const rows: (readonly string[])[] = [];
  const floors: Floor[] = [];
  for (const task of TASKS) {
    const found = new Map<string, Measured>();
    for (const kind of task.kinds) {
      found.set(kind.name, await measure(kind, task));
    }
    rows.push([
      `${formatCount(task.routes)} routes, ${
        formatCount(task.sets)
      } attribute set${task.sets > 1 ? "s" : ""}`,
      ...[FOGHORN, BIRD].map(({ name }) => {
        const one = found.get(name);
        return one === undefined
          ? "-"
          : `${formatSpread(spread(one.times), formatCount)} ms, ${
            formatCount(one.memory)
          } MB`;
      }),
    ]);
    floors.push(...floorsOf(task, found, idle.memory));
  }
  return {
    title: "A table into a router",
    method: [
      "The speaker is loaded first and waits; BIRD 2 as the receiver dials and imports all. From its SYN, as tcpdump sees it on the cable, until it says that all routes are imported; its control socket is asked every 10 ms. Median (least to most), and the most memory the speaker ever held.",
      "BIRD as a speaker stands still for some three seconds in every large table unless its control socket is asked meanwhile; it is.",
    ],
    tables: [{
      title: "Until the receiver has all routes",
      columns: ["table", "Foghorn", "BIRD"],
      rows,
    }],
    figures: [],
    floors,
  };
}

/** Measures one route more, and a session. */
export async function benchSingles(): Promise<PartReport> {
  await using _cable = await buildCable();
  const rows: (readonly string[])[] = [];
  const medians = new Map<string, number>();
  let session = NaN;
  for (const kind of [FOGHORN, BIRD]) {
    const { announced, withdrawn, sessions } = await measureSingles(kind);
    medians.set(kind.name, median(announced));
    if (kind === FOGHORN) session = median(sessions);
    rows.push([
      kind.name,
      ...[announced, withdrawn, sessions].map((times) =>
        `${formatDigits(2)(median(times))} / ${
          formatDigits(2)(percentile(times, 0.95))
        }`
      ),
    ]);
  }
  const ours = medians.get("Foghorn") ?? NaN;
  const theirs = medians.get("BIRD") ?? NaN;
  return {
    title: "One route, one session",
    method: [
      `${SINGLES} times: from the line on the speaker's pipe, or the command on its control socket, until the receiver shows the route, or shows it no more. Median / 95 of 100, in ms.`,
      "A session: from the SYN of the receiver, as tcpdump sees it on the cable, until both ends have sent KEEPALIVE.",
    ],
    tables: [{
      title: "Milliseconds",
      columns: ["speaker", "announced", "withdrawn", "session"],
      rows,
    }],
    figures: [],
    floors: [
      {
        promise: "a route is seen within 1.5 times what BIRD takes",
        measured: `${formatDigits(2)(ours)} ms, ${
          formatDigits(2)(ours / theirs)
        } times`,
        met: ours <= 1.5 * theirs,
      },
      {
        promise: "a session is up within 1 ms",
        measured: `${formatDigits(2)(session)} ms`,
        met: session <= 1,
      },
    ],
  };
}

async function measure(kind: AnnouncerKind, task: Task): Promise<Measured> {
  await using announcer = await kind.start(task);
  await using receiver = await Bird.start(
    RECEIVER,
    receiverConfig(RECEIVER, ANNOUNCER),
  );
  await using watch = await SynWatch.start(RECEIVER, "syn");
  const times: number[] = [];
  for (let i = 0; i < task.runs; i++) {
    times.push(await fill(receiver, announcer, watch, task.routes));
    await receiver.ask("disable up");
    await until(async () => await receiver.imported("up") === 0);
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
  await until(async () => {
    await pass(1);
    return watch.synMs > beforeMs;
  });
  return endMs - watch.synMs;
}

async function measureSingles(kind: AnnouncerKind): Promise<{
  readonly announced: readonly number[];
  readonly withdrawn: readonly number[];
  readonly sessions: readonly number[];
}> {
  await using announcer = await kind.start({ routes: 1, sets: 1 });
  await using receiver = await Bird.start(
    RECEIVER,
    receiverConfig(RECEIVER, ANNOUNCER),
  );
  const sessions = await measureSessions(receiver);
  await receiver.ask("enable up");
  await until(async () => await receiver.imported("up") === 1);
  const announced: number[] = [];
  const withdrawn: number[] = [];
  for (let i = 0; i < SINGLES; i++) {
    const prefix = singlePrefix(i);
    const isThere = async (): Promise<boolean> =>
      (await receiver.ask(`show route ${prefix}`)).includes("unicast");
    announced.push(await timed(() => announcer.announce(prefix), isThere));
    await pass(5);
    withdrawn.push(
      await timed(
        () => announcer.withdraw(prefix),
        async () => !(await isThere()),
      ),
    );
    await pass(5);
  }
  return { announced, withdrawn, sessions };
}

async function measureSessions(receiver: Bird): Promise<readonly number[]> {
  await using watch = await SynWatch.start(RECEIVER, "messages");
  const sessions: number[] = [];
  for (let i = 0; i < SESSIONS; i++) {
    const beforeMs = watch.synMs;
    await receiver.ask("enable up");
    await until(async () => {
      await pass(1);
      return watch.synMs > beforeMs && watch.establishedMs !== undefined;
    });
    sessions.push(watch.establishedMs ?? NaN);
    await receiver.ask("disable up");
    await pass(AGAIN_MS);
  }
  return sessions;
}

async function timed(
  act: () => Promise<void>,
  isDone: () => Promise<boolean>,
): Promise<number> {
  const startMs = performance.now();
  await act();
  await until(isDone);
  return performance.now() - startMs;
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  const giveUpMs = performance.now() + FILL_MS_MAX;
  while (!(await isDone())) {
    if (performance.now() > giveUpMs) {
      throw new Error("The receiver never showed it");
    }
  }
}

function floorsOf(
  { routes, sets }: Task,
  found: ReadonlyMap<string, Measured>,
  idleMemory: number,
): readonly Floor[] {
  const ours = found.get("Foghorn");
  const bird = found.get("BIRD");
  if (ours === undefined || bird === undefined) return [];
  const factor = routes >= 1_000_000 ? 1.5 : 1;
  const ratio = median(ours.times) / median(bird.times);
  const memory = ours.memory - idleMemory;
  const memoryMax = routes >= 1_000_000 ? 400 : 100;
  const what = `${formatCount(routes)} routes, ${formatCount(sets)} set${
    sets > 1 ? "s" : ""
  }`;
  return [
    {
      promise: `${what}: at most ${
        factor === 1 ? "what" : "1.5 times what"
      } BIRD takes`,
      measured: `${formatDigits(2)(ratio)} times`,
      met: ratio <= factor,
    },
    {
      promise: `${what}: at most ${memoryMax} MB above the idle process`,
      measured: `${formatCount(memory)} MB`,
      met: memory <= memoryMax,
    },
  ];
}

const TASKS: readonly Task[] = [
  { routes: 100_000, sets: 1, runs: 5, kinds: [FOGHORN, BIRD] },
  { routes: 1_000_000, sets: 1, runs: 3, kinds: [FOGHORN, BIRD] },
  { routes: 100_000, sets: 1_000, runs: 5, kinds: [FOGHORN, BIRD] },
];
const SESSIONS = 20;
/** Speakers refuse one that comes back at once. */
const AGAIN_MS = 300;
const FILL_MS_MAX = 120_000;
