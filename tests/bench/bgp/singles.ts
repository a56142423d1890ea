/**
 * How long one more route takes into a router, and a session.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one run after the other
import { pass } from "../../support/waiting.ts";
import type { PartReport } from "../report.ts";
import { formatDigits, median, percentile } from "../statistics.ts";
import {
  type AnnouncerKind,
  FOGHORN,
  KINDS,
  singlePrefix,
  SINGLES,
} from "./announcers.ts";
import { Bird, receiverConfig } from "./bird.ts";
import { ANNOUNCER, buildCable, RECEIVER } from "./cable.ts";
import { tell } from "./progress.ts";
import { SynWatch } from "./syn_watch.ts";

/** Measures one route more, and a session. */
export async function benchSingles(): Promise<PartReport> {
  await using _cable = await buildCable();
  const rows: (readonly string[])[] = [];
  const medians = new Map<string, number>();
  let session = NaN;
  for (const kind of KINDS) {
    tell(`${kind.name}: ${SINGLES} routes, one after the other`);
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
      `${SINGLES} times: from the line on the pipe of Foghorn and ExaBGP, the command on BIRD's control socket or the gRPC call to GoBGP, until the receiver shows the route, or shows it no more. Median / 95 of 100, in ms.`,
      "A session: from the SYN of the receiver, as tcpdump sees it on the cable, until both ends have sent KEEPALIVE; 20 of Foghorn and of BIRD, 5 of the others.",
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
  const sessions = await measureSessions(
    receiver,
    NEAR.has(kind.name) ? SESSIONS : SESSIONS_FAR,
  );
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

async function measureSessions(
  receiver: Bird,
  count: number,
): Promise<readonly number[]> {
  await using watch = await SynWatch.start(RECEIVER, "messages");
  const sessions: number[] = [];
  for (let i = 0; i < count; i++) {
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

const NEAR: ReadonlySet<string> = new Set([FOGHORN.name, "BIRD"]);
const SESSIONS = 20;
/** The others are slow to come back. */
const SESSIONS_FAR = 5;
/** Speakers refuse one that comes back at once. */
const AGAIN_MS = 300;
const FILL_MS_MAX = 120_000;
