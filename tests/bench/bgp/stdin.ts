/**
 * How soon a speaker has obeyed the lines on its stdin.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one speaker after the other
import type { PartReport } from "../report.ts";
import { formatCount, formatSpread, spread } from "../statistics.ts";
import { announcements } from "./announcers.ts";
import { buildCable, RECEIVER } from "./cable.ts";
import { tell } from "./progress.ts";
import { Speaker } from "./speaker.ts";

/** Measures it. */
export async function benchStdin(): Promise<PartReport> {
  await using _cable = await buildCable();
  const text = announcements({ routes: LINES, sets: 1 });
  const running: number[] = [];
  const starting: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    running.push(await measureRunning(text));
    starting.push(await measureStarting(text));
    tell(
      `${formatCount(LINES)} lines: ${formatCount(running.at(-1) ?? NaN)} ms, ${
        formatCount(starting.at(-1) ?? NaN)
      } ms from the start`,
    );
  }
  return {
    title: "Lines on stdin",
    method: [
      `${STARTS} starts each; the one that runs has said that it listens. An answer to \`routes\` behind the lines means that all of them were obeyed.`,
    ],
    tables: [{
      title: `${formatCount(LINES)} lines \`announce PREFIX\`, in ms`,
      columns: ["from", "Foghorn"],
      rows: [
        [
          "their first byte, to one that runs",
          formatSpread(spread(running), formatCount),
        ],
        [
          "the start of a process they wait for",
          formatSpread(spread(starting), formatCount),
        ],
      ],
    }],
    figures: [],
    floors: [{
      promise: `${formatCount(LINES)} announce lines are read within a second`,
      measured: `${formatCount(spread(running).median)} ms`,
      met: spread(running).median <= 1_000,
    }],
  };
}

async function measureRunning(text: string): Promise<number> {
  await using speaker = await Speaker.start([RECEIVER.address], true);
  await speaker.isReady();
  return await timed(speaker, text, performance.now());
}

async function measureStarting(text: string): Promise<number> {
  const beganMs = performance.now();
  await using speaker = await Speaker.start([RECEIVER.address], true);
  return await timed(speaker, text, beganMs);
}

async function timed(
  speaker: Speaker,
  text: string,
  beganMs: number,
): Promise<number> {
  await speaker.write(text);
  await speaker.hasRoutes(LINES);
  return performance.now() - beganMs;
}

const LINES = 100_000;
const STARTS = 5;
