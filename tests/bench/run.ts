/**
 * `deno task bench`: every figure the project is judged by, in one run.
 *
 * `deno task bench arp ndp` runs these parts only, `--write` writes
 * `docs/figures.md`, with `--judge` the exit code is 1 when a floor is not met.
 * Everything happens in a sandbox of namespaces; nothing of it is left. What
 * single functions cost is told by `deno bench -A mod`.
 *
 * @module
 */

import {
  isSandboxed,
  outsideGone,
  runSandboxed,
  SandboxError,
} from "@/lab/sandbox.ts";
import { benchAgent } from "./agent.ts";
import { benchAllocator } from "./allocator.ts";
import { benchArp } from "./arp.ts";
import { describeMachine } from "./machine.ts";
import { benchNdp } from "./ndp.ts";
import { stageLack } from "./neighbor_stage.ts";
import { benchReconcile } from "./reconcile.ts";
import { formatReport, type PartReport, type Report } from "./report.ts";

/** A part of the benchmarks. */
interface Part {
  /** Its name on the command line. */
  readonly name: string;
  /** Whether it needs namespaces. */
  readonly sandbox: boolean;
  /** Why it cannot run here; undefined when it can. */
  readonly lack: () => Promise<string | undefined>;
  /** Measures. */
  readonly run: () => PartReport | Promise<PartReport>;
}

async function main(args: readonly string[]): Promise<number> {
  const names = args.filter((arg) => !arg.startsWith("--"));
  const unknown = [
    ...names.filter((name) => !PARTS.some((part) => part.name === name)),
    ...args.filter((arg) => arg.startsWith("--") && !FLAGS.has(arg)),
  ];
  if (unknown.length > 0) {
    print(
      `Cannot run ${unknown.join(", ")}: choose from ${
        [...PARTS.map(({ name }) => name), ...FLAGS].join(", ")
      }`,
    );
    return 2;
  }
  if (isSandboxed()) {
    return await Promise.race([runParts(args), outsideGone().then(() => 1)]);
  }
  try {
    return await runSandboxed([
      Deno.execPath(),
      ...["run", "-A", "--no-check", new URL(import.meta.url).pathname],
      ...args,
    ]);
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    return await runParts(args, error.message);
  }
}

async function runParts(
  args: readonly string[],
  noSandbox?: string,
): Promise<number> {
  const names = args.filter((arg) => !arg.startsWith("--"));
  const parts: PartReport[] = [];
  const skipped: string[] = [];
  const machine = await describeMachine();
  for (const part of PARTS) {
    if (names.length > 0 && !names.includes(part.name)) continue;
    const why = part.sandbox && noSandbox !== undefined
      ? noSandbox
      // deno-lint-ignore no-await-in-loop -- one part after the other
      : await part.lack();
    if (why !== undefined) {
      skipped.push(`${part.name}: ${why}`);
      continue;
    }
    const startMs = performance.now();
    // deno-lint-ignore no-await-in-loop -- two parts at once would disturb each other
    parts.push(await part.run());
    const seconds = (performance.now() - startMs) / 1_000;
    print(`measured ${part.name} in ${seconds.toFixed(0)} s`);
  }
  return await tell({ machine, parts, skipped }, args);
}

async function tell(
  report: Report,
  args: readonly string[],
): Promise<number> {
  const page = formatReport(report);
  print(page.replaceAll(/<!-- .*? -->/g, ""));
  if (args.includes("--write")) await Deno.writeTextFile(FIGURES, page);
  const kept = report.parts.every(({ floors }) =>
    floors.every(({ met }) => met)
  );
  return args.includes("--judge") && !kept ? 1 : 0;
}

function print(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

const nothingLacks = (): Promise<undefined> => Promise.resolve(undefined);

const PARTS: readonly Part[] = [
  { name: "arp", sandbox: true, lack: stageLack, run: benchArp },
  { name: "ndp", sandbox: true, lack: stageLack, run: benchNdp },
  { name: "agent", sandbox: true, lack: nothingLacks, run: benchAgent },
  {
    name: "allocator",
    sandbox: false,
    lack: nothingLacks,
    run: benchAllocator,
  },
  {
    name: "reconcile",
    sandbox: false,
    lack: nothingLacks,
    run: benchReconcile,
  },
];
const FLAGS: ReadonlySet<string> = new Set(["--write", "--judge"]);
const FIGURES = new URL("../../docs/figures.md", import.meta.url);

Deno.exit(await main(Deno.args));
