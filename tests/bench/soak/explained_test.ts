/**
 * Which lines of an agent's log are explained.
 *
 * @module
 */

import { deepStrictEqual } from "node:assert/strict";
import { tallyLogs } from "./explained.ts";

function line(level: string, message: string, more: object = {}): string {
  return `${JSON.stringify({ level, message, ...more })}\n`;
}

Deno.test("lines that nobody explains come first, lines that are no JSON as they are", () => {
  const logs = [
    line("INFO", "Agent started") + line("INFO", "Agent started"),
    `error: Uncaught\n${line("ERROR", "Something else")}`,
  ];
  deepStrictEqual(
    tallyLogs(logs).map(({ text, count, why }) =>
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
  const [tally, ...others] = tallyLogs([log.join("")]);
  deepStrictEqual([tally?.count, others.length], [2, 0]);
  deepStrictEqual(tally?.why === undefined, false);
});

Deno.test("a watch that is lost for another reason is not explained", () => {
  const reason = "Cannot follow /api/v1/nodes: something new";
  const [tally] = tallyLogs([line("WARN", "Watch lost", { reason })]);
  deepStrictEqual(tally?.why, undefined);
});
