/**
 * The demo, as a newcomer starts it.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { MAIN, testSandboxed } from "../support/sandboxed.ts";
import { BIRD } from "../support/bird_router.ts";
import { until } from "../support/waiting.ts";

for (const router of ["bird", "own"] as const) {
  testSandboxed(
    `the demo shows fail-over and ECMP by ${router} in half a minute and leaves nothing`,
    () => showsFailover(router),
    router === "bird" ? [BIRD] : [],
  );
}

async function showsFailover(router: "bird" | "own"): Promise<void> {
  const [startMs, startStalledMs] = [performance.now(), await stalledMs()];
  const { code, lines } = await demo(["--json", "--router", router]);
  strictEqual(code, 0, lines.join("\n"));
  const tookMs = performance.now() - startMs;
  const waitedMs = await stalledMs() - startStalledMs;
  ok(
    tookMs - waitedMs < 30_000,
    `${tookMs} ms, ${waitedMs} ms without a CPU`,
  );
  const steps = lines.map((line) => JSON.parse(line));
  deepStrictEqual(steps.map(({ step }) => step), [
    "Network",
    "No agent yet",
    "Agents",
    "Eips",
    "Services",
    "Router",
    "ECMP",
    "Power loss",
    "Fail-over",
    "Next hops",
    "Removed",
    "done",
  ]);
  ok(steps.every((step) => step.ok === true));
  const { addresses } = steps[4];
  const families = addresses.map((row: { address: string }) =>
    row.address.includes(":")
  );
  deepStrictEqual([...new Set(families)].toSorted(), [false, true]);
  const { node: victim } = steps[7];
  const { outages } = steps[8];
  strictEqual(outages.length, addresses.length);
  for (const { before, after, failed } of outages) {
    strictEqual(before === victim, failed > 0);
    strictEqual(after === before, before !== victim);
  }
  strictEqual(steps[5].router, router);
  const [announced, , , moved] = steps.slice(6);
  deepStrictEqual(announced.addresses, ["10.99.0.1", "2001:db8:99::1"]);
  const all = ["n1", "n2", "n3"];
  const left = all.filter((node) => node !== victim);
  for (const [step, nodes] of [[announced, all], [moved, left]]) {
    for (const [i, isIpv6] of [false, true].entries()) {
      deepStrictEqual(Object.keys(step.connections[i]).toSorted(), nodes);
      strictEqual(step.nextHops[i].length, nodes.length);
      ok(
        step.nextHops[i].every((hop: string) => hop.includes(":") === isIpv6),
        JSON.stringify(step),
      );
    }
  }
  ok(moved.failed > 0 && moved.failed < moved.asked, JSON.stringify(moved));
  deepStrictEqual(await processes(), [], "nothing runs afterwards");
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  testSandboxed(
    `the demo ends at once upon ${signal}, and leaves nothing`,
    async () => {
      const { code, lines } = await demo(["--json"], "Agents", signal);
      strictEqual(code, 130, lines.join("\n"));
      strictEqual(JSON.parse(lines.at(-1) ?? "").ok, false);
      deepStrictEqual(await processes(), [], "nothing runs afterwards");
    },
  );
}

testSandboxed("the demo of one that was killed ends, too", async () => {
  const { code } = await demo(["--json"], "Agents", "SIGKILL");
  strictEqual(code, 137);
  // Told by the end of stdin; the sandbox ends with its first process.
  await until(async () => (await processes()).length === 0, {
    timeoutMs: 30_000,
    what: () => "Something of the demo still runs",
  });
});

async function demo(
  flags: readonly string[],
  endAfter?: string,
  signal: Deno.Signal = "SIGTERM",
): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  // As outside: the demo makes a sandbox of its own inside this one.
  const self = [Deno.execPath(), "run", "-A", MAIN, "demo", ...flags];
  const child = new Deno.Command("env", {
    args: ["-u", "FOGHORN_SANDBOX", ...self],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  let told = false;
  for await (
    const part of child.stdout.pipeThrough(new TextDecoderStream())
  ) {
    text += part;
    if (told || endAfter === undefined) continue;
    if (!text.includes(`"step":"${endAfter}"`)) continue;
    told = true;
    child.kill(signal);
  }
  const { code } = await child.status;
  return { code, lines: text.trimEnd().split("\n") };
}

/**
 * How long programs of this machine have waited for a processor that others
 * held, since it was switched on; 0 where the kernel does not tell.
 */
async function stalledMs(): Promise<number> {
  try {
    const text = await Deno.readTextFile("/proc/pressure/cpu");
    return Number(/^some .* total=(\d+)$/m.exec(text)?.[1] ?? 0) / 1000;
  } catch (error) {
    // Built without it, or switched off: EOPNOTSUPP.
    const untold = error instanceof Deno.errors.NotFound ||
      error instanceof Error && error.message.includes("os error 95");
    if (!untold) throw error;
    return 0;
  }
}

async function processes(): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    try {
      const path = `/proc/${name}/cmdline`;
      const command = await Deno.readTextFile(path);
      if (command !== "") found.push(command.replaceAll("\0", " "));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found;
}
