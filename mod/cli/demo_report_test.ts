import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { DemoReport, formatMs } from "./demo_report.ts";

Deno.test.each([
  [0, "0 ms"],
  [999.4, "999 ms"],
  [999.6, "1.0 s"],
  [12_345, "12.3 s"],
])("formatMs() writes $0 ms as $1", (durationMs, text) => {
  strictEqual(formatMs(durationMs), text);
});

Deno.test("DemoReport prints steps in one column, within 80 characters", async () => {
  const { report, text } = reportTo({ json: false, terminal: false });
  await report.step("Network", "building it", done("x".repeat(55)));
  await report.step("No agent yet", "asking", done("y"));
  const lines = text().trimEnd().split("\n");
  strictEqual(lines.length, 2);
  match(lines[0] ?? "", /^✓ Network {6}x{55} +\d+ ms$/);
  match(lines[1] ?? "", /^✓ No agent yet y +\d+ ms$/);
  deepStrictEqual(lines.map((line) => line.length), [78, 78]);
});

Deno.test("DemoReport writes over what is under way on a terminal only", async () => {
  const onTerminal = reportTo({ json: false, terminal: true });
  await onTerminal.report.step("Agents", "starting", done("ready"));
  const [draft, line] = onTerminal.text().split("\r\x1b[K").slice(1);
  match(draft ?? "", /^ {2}Agents +starting …$/);
  match(line ?? "", /^✓ Agents +ready +\d+ ms\n$/);
  const toFile = reportTo({ json: false, terminal: false });
  await toFile.report.step("Agents", "starting", done("ready"));
  strictEqual(toFile.text().includes("starting"), false);
});

Deno.test("DemoReport aligns the columns of a table", () => {
  const { report, text } = reportTo({ json: false, terminal: false });
  report.table([["NAME", "MAC"], ["longer", "1"], ["x", "22"]]);
  strictEqual(
    text(),
    "\n    NAME    MAC\n    longer  1\n    x       22\n\n",
  );
});

Deno.test("DemoReport as JSON prints objects and nothing else", async () => {
  const { report, text } = reportTo({ json: true, terminal: true });
  report.title("Demo");
  await report.step("Agents", "starting", done("ready"));
  report.table([["A"], ["b"]]);
  report.kept({ text: "look", fields: { pid: 7 } });
  report.failure("Broken", ["why"]);
  report.end("It works.");
  const lines = text().trimEnd().split("\n").map((line) => JSON.parse(line));
  deepStrictEqual(
    lines.map(({ step, ok }) => [step, ok]),
    [["Agents", true], ["Kept", true], ["failed", false], ["done", true]],
  );
  strictEqual(lines[0].count, 3);
  strictEqual(lines[1].pid, 7);
  deepStrictEqual(lines[2].details, ["why"]);
});

Deno.test("DemoReport uses colors only where wanted", async () => {
  const { report, text } = reportTo({ json: false, terminal: false });
  await report.step("Agents", "starting", done("ready"));
  report.failure("Broken");
  report.end("It works.");
  strictEqual(text().includes("\x1b"), false);
});

function reportTo(
  options: { readonly json: boolean; readonly terminal: boolean },
): { readonly report: DemoReport; readonly text: () => string } {
  let printed = "";
  const write = (text: string): void => void (printed += text);
  const report = new DemoReport({ ...options, color: false, write });
  return { report, text: () => printed };
}

function done(text: string) {
  return () => Promise.resolve({ text, fields: { count: 3 } });
}
