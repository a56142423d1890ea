/** That a recording replays to the letter, and that a changed one does not. */

import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { parseMacAddr } from "@/addr/mac_addr.ts";
import {
  type Instant,
  type MainConfig,
  MainCore,
  type MainEvent,
} from "@/node/mod.ts";
import { encodeRecordingLine, RECORDING_FORMAT } from "@/obs/mod.ts";
import { replayRecording } from "./replay.ts";

Deno.test("a recording replays without a difference, also of two processes in one file", () => {
  const lines = [...recorded(), ...recorded()];
  const { turns, differences } = replayRecording([...lines, ""]);
  deepStrictEqual(differences, []);
  strictEqual(turns, lines.filter((line) => line.includes(`"asked"`)).length);
});

Deno.test("a changed event is noticed, and where", () => {
  const lines = recorded();
  const at = lines.findIndex((line) => line.includes(`"running":true`));
  ok(at > 0);
  const changed = lines.with(
    at,
    lines[at]?.replace(`"running":true`, `"running":false`) ?? "",
  );
  const { differences } = replayRecording(changed);
  ok((differences[0]?.line ?? 0) > at);
});

Deno.test("a process that died in a turn has no effects there, and nothing is missed", () => {
  const died = recorded().slice(0, -1);
  const { turns, differences } = replayRecording([...died, ...recorded()]);
  deepStrictEqual(differences, []);
  ok(turns > 3);
});

Deno.test("what is no recording is refused", () => {
  throws(() => replayRecording(["{}"]), /^SyntaxError: Line 1: Cannot read/);
  throws(() => replayRecording(recorded().slice(1)), /no start of a process/);
});

/** What an agent would have recorded that starts, sees an empty cluster, and takes its Leases. */
function recorded(): readonly string[] {
  const core = new MainCore(CONFIG);
  const lines = [
    encodeRecordingLine({
      kind: "start",
      format: RECORDING_FORMAT,
      config: CONFIG,
    }),
  ];
  for (const [at, events] of TURNS) {
    lines.push(encodeRecordingLine({ kind: "taken", at, events }));
    const effects = core.step(events, at);
    lines.push(encodeRecordingLine({ kind: "asked", effects }));
  }
  return lines;
}

const CONFIG: MainConfig = {
  node: "n1",
  machine: "boot-n1",
  incarnation: "1",
  namespace: "openelb-system",
  claim: { loadBalancerClass: "openelb.io/openelb", claimUnclassed: false },
  seed: 42,
};

function at(nowMs: number): Instant {
  return { nowMs, nowIso: new Date(1_767_225_600_000 + nowMs).toISOString() };
}

const KINDS = [
  "service",
  "eip",
  "node",
  "namespace",
  "endpointslice",
  "lease",
] as const;
const TURNS: readonly (readonly [Instant, readonly MainEvent[]])[] = [
  [at(0), [{
    kind: "links",
    links: [{
      index: 2,
      name: "eth0",
      mac: parseMacAddr("02:00:00:00:00:0b"),
      running: true,
      prefixes: [],
    }],
  }]],
  [
    at(5),
    KINDS.map((watched) => ({
      kind: "watch",
      watched,
      news: { kind: "listed", objects: [], resourceVersion: "10" },
    })),
  ],
  [at(600), [{ kind: "deadline" }]],
  [at(1_200), [{ kind: "deadline" }]],
];
