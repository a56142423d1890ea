import {
  deepStrictEqual,
  match,
  strictEqual,
  throws,
} from "node:assert/strict";
import { logOptions } from "./logs.ts";

Deno.test("startLogs() writes JSON objects, one a line, with the fields beside the message", async () => {
  const [first, ...more] = await logged("json");
  const { "@timestamp": at, ...said } = JSON.parse(first ?? "");
  match(at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  deepStrictEqual(said, {
    level: "WARN",
    message: "Watch lost",
    logger: "foghorn.main",
    watched: "eip",
    tries: 3,
  });
  deepStrictEqual(more, []);
});

Deno.test("startLogs() writes text that people read, one line a record", async () => {
  const [first, ...more] = await logged("text");
  match(
    first ?? "",
    /^[\d:.]+ WRN foghorn·main: Watch lost watched=eip tries=3$/,
  );
  deepStrictEqual(more, []);
});

Deno.test("startLogs() writes JSON of its own accord where stderr is no terminal", async () => {
  strictEqual(JSON.parse((await logged("auto"))[0] ?? "").tries, 3);
});

Deno.test("logOptions() refuses what it does not know, and says what it does", () => {
  throws(() => logOptions("loud", "json"), /use debug, info, warning, error$/);
  throws(() => logOptions("info", "xml"), /use json, text or auto$/);
});

/** What a program that logs a detail and a warning, and shows warnings, writes to stderr. */
async function logged(format: string): Promise<readonly string[]> {
  const script = `
    import { logOptions, startLogs } from "@/cli/logs.ts";
    const logs = await startLogs(logOptions("warning", ${
    JSON.stringify(format)
  }));
    const record = { category: "main", fields: { watched: "eip", tries: 3 } };
    logs.log({ ...record, level: "info", message: "Watch begun" });
    logs.log({ ...record, level: "warning", message: "Watch lost" });
    await logs.close();
  `;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    cwd: new URL("../../", import.meta.url),
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  }).output();
  strictEqual(new TextDecoder().decode(stdout), "");
  return new TextDecoder().decode(stderr).trimEnd().split("\n");
}
