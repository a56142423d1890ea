import { match, rejects, strictEqual } from "node:assert/strict";
import { LabProcess } from "./process.ts";

Deno.test("LabProcess.line() finds what was said before and what is said later", async () => {
  const process = shell("echo one; echo two >&2; read word; echo got $word");
  strictEqual(await process.line((line) => line === "one", SOON), "one");
  strictEqual(await process.line((line) => line === "two", SOON), "two");
  const from = process.linesTotal;
  await process.write("three");
  const later = await process.line(() => true, { ...SOON, from });
  strictEqual(later, "got three");
  strictEqual((await process.status).code, 0);
  strictEqual(process.ended, true);
});

Deno.test("LabProcess.line() fails with the last words of one that ended", async () => {
  const process = shell("echo last words; exit 3");
  await rejects(
    process.line((line) => line === "never", SOON),
    /sh has ended:\nlast words/,
  );
  strictEqual((await process.status).code, 3);
  await rejects(process.line((line) => line === "never", SOON), /has ended/);
});

Deno.test("LabProcess.line() gives up in time", async () => {
  const process = shell("echo begun; read word");
  await rejects(
    process.line((line) => line === "never", { timeoutMs: 20 }),
    /did not say .* within 20 ms/,
  );
  await process.stop("SIGKILL");
});

Deno.test("LabProcess.stop() tells the exit code, and does nothing twice", async () => {
  const process = shell(
    "trap 'exit 5' TERM; echo begun; while :; do read w; done",
  );
  await process.line((line) => line === "begun", SOON);
  strictEqual(await process.stop(), 5);
  strictEqual(await process.stop(), 5);
});

Deno.test("LabProcess writes all that was printed to its log file", async () => {
  const logFile = await Deno.makeTempFile();
  try {
    const process = shell("echo one; echo two >&2; printf three", logFile);
    await process.status;
    const lines = (await Deno.readTextFile(logFile)).trimEnd().split("\n");
    strictEqual(lines.toSorted().join(" "), "one three two");
    match(process.lines.toSorted().join(" "), /^one three two$/);
  } finally {
    await Deno.remove(logFile);
  }
});

const SOON = { timeoutMs: 10_000 };

function shell(script: string, logFile?: string): LabProcess {
  return new LabProcess("", ["sh", "-c", script], {
    name: "sh",
    stdin: true,
    ...(logFile === undefined ? {} : { logFile }),
  });
}
