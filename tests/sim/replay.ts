/**
 * Replays the recording of a real agent: the same core, the same events, and
 * every effect compared with what the agent asked for.
 *
 * @module
 */

import {
  type Instant,
  type MainConfig,
  MainCore,
  type MainEvent,
} from "@/node/mod.ts";
import {
  decodeRecordingLine,
  encodeRecordingLine,
  type RecordingLine,
} from "@/obs/mod.ts";

/** A turn in which the replay asked for something else. */
export interface Difference {
  /** The line of the file, from 1. */
  readonly line: number;
  /** What the agent asked for, as JSON. */
  readonly recorded: string;
  /** What the replay asks for. */
  readonly replayed: string;
}

/** What became of a replay. */
export interface Replay {
  /** How many turns were compared. */
  readonly turns: number;
  readonly differences: readonly Difference[];
}

/**
 * Replays a recording.
 *
 * @param lines Its lines; a file may hold several processes one after the other.
 * @throws {SyntaxError} When it is no recording.
 */
export function replayRecording(lines: readonly string[]): Replay {
  const differences: Difference[] = [];
  let core: MainCore | undefined;
  let asked: string | undefined;
  let turns = 0;
  lines.forEach((text, index) => {
    if (text === "") return;
    const line = read(text, index + 1);
    switch (line.kind) {
      case "start":
        core = new MainCore(line.config as MainConfig);
        asked = undefined;
        break;
      case "taken":
        asked = step(core, line, index + 1);
        break;
      case "asked":
        turns++;
        if (asked !== text) {
          differences.push({
            line: index + 1,
            recorded: text,
            replayed: asked ?? "nothing",
          });
        }
        asked = undefined;
        break;
    }
  });
  return { turns, differences };
}

function step(
  core: MainCore | undefined,
  { at, events }: RecordingLine & { readonly kind: "taken" },
  number: number,
): string {
  if (core === undefined) {
    throw new SyntaxError(
      `Cannot replay line ${number}: no start of a process comes before it`,
    );
  }
  const effects = core.step(events as readonly MainEvent[], at as Instant);
  return encodeRecordingLine({ kind: "asked", effects });
}

function read(text: string, number: number): RecordingLine {
  const line = decodeRecordingLine(text);
  if (line.ok) return line.value;
  throw new SyntaxError(`Line ${number}: ${line.error}`);
}
