/**
 * Which lines of an agent's log are explained.
 *
 * @module
 */

import { deepStrictEqual } from "node:assert/strict";
import { type LogTally, type SilentSpan, tallyLogs } from "./explained.ts";

function tallied(...texts: readonly string[]): readonly LogTally[] {
  return tallyLogs(texts.map((text) => ({ node: "n1", text })), {
    silent: [],
    deletedMs: [],
  });
}

function line(level: string, message: string, more: object = {}): string {
  return `${JSON.stringify({ level, message, ...more })}\n`;
}

Deno.test("lines that nobody explains come first, lines that are no JSON as they are", () => {
  const logs = [
    line("INFO", "Agent started") + line("INFO", "Agent started"),
    `error: Uncaught\n${line("ERROR", "Something else")}`,
  ];
  deepStrictEqual(
    tallied(...logs).map(({ text, count, why }) =>
      [text, count, why === undefined] as const
    ),
    [
      ["error: Uncaught", 1, true],
      ["ERROR Something else", 1, true],
      ["INFO Agent started", 2, false],
    ],
  );
});

Deno.test("lines that differ in paths and numbers alone are one kind", () => {
  const reasons = [
    "Cannot follow /api/v1/nodes: the watch expired: too old resource version: 12 (34)",
    "Cannot follow /apis/discovery.k8s.io/v1/endpointslices: the watch expired: too old resource version: 5 (6)",
  ];
  const log = reasons.map((reason) => line("WARN", "Watch lost", { reason }));
  const [tally, ...others] = tallied(log.join(""));
  deepStrictEqual([tally?.count, others.length], [2, 0]);
  deepStrictEqual(tally?.why === undefined, false);
});

Deno.test("an API server that is away is explained, whatever was asked of it", () => {
  const reason =
    "Cannot GET /api/v1/nodes: error sending request for url (https://172.30.0.1:6443/api/v1/nodes?limit=500): client error (Connect): tcp connect error: Connection refused (os error 111)";
  const [tally] = tallied(line("WARN", "Watch lost", { reason }));
  deepStrictEqual(
    tally?.why,
    "the API server or the management link was away",
  );
});

Deno.test("a watch that is lost for another reason is not explained", () => {
  const reason = "Cannot follow /api/v1/nodes: something new";
  const [tally] = tallied(line("WARN", "Watch lost", { reason }));
  deepStrictEqual(tally?.why, undefined);
});

Deno.test.each<{
  readonly name: string;
  readonly silent: readonly SilentSpan[];
  readonly explained: boolean;
}>([
  { name: "nothing was away", silent: [], explained: false },
  {
    name: "its link is cut",
    silent: [{ node: "n1", fromMs: -80_000, toMs: undefined }],
    explained: true,
  },
  {
    name: "the API server was away a moment ago",
    silent: [{ node: undefined, fromMs: -110_000, toMs: -100_000 }],
    explained: true,
  },
  {
    name: "it was away long ago",
    silent: [{ node: undefined, fromMs: -200_000, toMs: -130_000 }],
    explained: false,
  },
  {
    name: "another node's link was cut",
    silent: [{ node: "n2", fromMs: -50_000, toMs: -40_000 }],
    explained: false,
  },
  {
    name: "it is cut off later",
    silent: [{ node: "n1", fromMs: 1, toMs: undefined }],
    explained: false,
  },
])(
  "a watch that fell silent is explained by what was before: $name",
  ({ silent, explained }) => {
    const saidMs = Date.parse("2026-01-01T12:00:00.000Z");
    const text = line("WARN", "Watch lost", {
      "@timestamp": new Date(saidMs).toISOString(),
      reason: "Cannot follow /api/v1/nodes: the watch fell silent",
    });
    const spans = silent.map(({ node, fromMs, toMs }) => ({
      node,
      fromMs: saidMs + fromMs,
      toMs: toMs === undefined ? undefined : saidMs + toMs,
    }));
    const [only] = tallyLogs([{ node: "n1", text }], {
      silent: spans,
      deletedMs: [],
    });
    deepStrictEqual(only?.why !== undefined, explained);
  },
);

Deno.test("a line that is explained once and not again is there twice", () => {
  const reason = "Cannot follow /api/v1/nodes: the watch fell silent";
  const at = (time: string): string =>
    line("WARN", "Watch lost", { "@timestamp": time, reason });
  const fromMs = Date.parse("2026-01-01T12:00:00.000Z");
  const lines = tallyLogs([{
    node: "n1",
    text: at("2026-01-01T12:01:00.000Z") + at("2026-01-01T12:10:00.000Z"),
  }], {
    silent: [{ node: "n1", fromMs, toMs: fromMs + 1_000 }],
    deletedMs: [],
  });
  deepStrictEqual(
    lines.map(({ count, why }) => [count, why === undefined]),
    [[1, true], [1, false]],
  );
});

Deno.test("a write that found nothing is explained after a deletion only", () => {
  const text = line("WARN", "Write failed", {
    reason: "not-found",
    "@timestamp": "2026-01-01T12:01:00.000Z",
  });
  const writtenMs = Date.parse("2026-01-01T12:01:00.000Z");
  for (
    const [deletedMs, explained] of [
      [[], false],
      [[writtenMs - 1_000], true],
      [[writtenMs + 1_000], false],
      [[writtenMs - 600_000], false],
    ] as const
  ) {
    const [only] = tallyLogs([{ node: "n1", text }], {
      silent: [],
      deletedMs,
    });
    deepStrictEqual(only?.why !== undefined, explained);
  }
});
