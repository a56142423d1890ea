/**
 * Runs benchmarks part by part in a sandbox of namespaces, and writes what they
 * found as a page.
 *
 * @module
 */

import {
  isSandboxed,
  outsideGone,
  runSandboxed,
  SandboxError,
} from "@/lab/sandbox.ts";
import { writeCitations } from "./cite.ts";
import { describeMachine } from "./machine.ts";
import { formatReport, type PartReport, type Report } from "./report.ts";

/** A part of the benchmarks. */
export interface BenchPart {
  /** Its name on the command line. */
  readonly name: string;
  /** Whether it needs namespaces. */
  readonly sandbox: boolean;
  /** Why it cannot run here; undefined when it can. */
  readonly lack: () => Promise<string | undefined>;
  /** Measures. */
  readonly run: () => PartReport | Promise<PartReport>;
}

/** A set of benchmarks with a page of its own. */
export interface BenchPage {
  /** The module that runs it, which runs itself again in a sandbox. */
  readonly module: string;
  /** Heading of the page. */
  readonly title: string;
  /** The command that writes it. */
  readonly command: string;
  /** Where it is written. */
  readonly page: URL;
  /** Its parts, in order. */
  readonly parts: readonly BenchPart[];
  /** What has to be done outside of the sandbox first. */
  readonly prepare?: () => Promise<void>;
  /** Versions of other programs that are measured too, a phrase each. */
  readonly versions?: () => Promise<readonly string[]>;
  /** Pages with further figures, a line each. */
  readonly elsewhere?: readonly string[];
  /** Further flags its parts read, such as `--rounds=`: a flag may begin so. */
  readonly flags?: readonly string[];
}

/**
 * Runs the benchmarks a command line asks for.
 *
 * @param bench What there is.
 * @param args Names of parts, `--write` and `--judge`.
 * @returns The exit code.
 */
export async function runBench(
  bench: BenchPage,
  args: readonly string[],
): Promise<number> {
  const { parts, flags = [] } = bench;
  const names = args.filter((arg) => !arg.startsWith("--"));
  const unknown = [
    ...names.filter((name) => !parts.some((part) => part.name === name)),
    ...args.filter((arg) =>
      arg.startsWith("--") && !FLAGS.has(arg) &&
      !flags.some((flag) => arg.startsWith(flag))
    ),
  ];
  if (unknown.length > 0) {
    print(
      `Cannot run ${unknown.join(", ")}: choose from ${
        [...parts.map(({ name }) => name), ...FLAGS, ...flags].join(", ")
      }`,
    );
    return 2;
  }
  if (isSandboxed()) {
    return await Promise.race([
      runParts(bench, args),
      outsideGone().then(() => 1),
    ]);
  }
  await bench.prepare?.();
  try {
    return await runSandboxed([
      Deno.execPath(),
      ...["run", "-A", "--no-check", new URL(bench.module).pathname],
      ...args,
    ]);
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    return await runParts(bench, args, error.message);
  }
}

async function runParts(
  bench: BenchPage,
  args: readonly string[],
  noSandbox?: string,
): Promise<number> {
  const names = args.filter((arg) => !arg.startsWith("--"));
  const parts: PartReport[] = [];
  const skipped: string[] = [];
  const machine = [
    ...await describeMachine(),
    ...await bench.versions?.() ?? [],
  ];
  for (const part of bench.parts) {
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
    try {
      // deno-lint-ignore no-await-in-loop -- two parts at once would disturb each other
      parts.push(await part.run());
    } catch (error) {
      // What took minutes to measure is not lost; it is not written either.
      const { title, command } = bench;
      print(shown({ title, command, machine, parts, skipped }));
      throw error;
    }
    const seconds = (performance.now() - startMs) / 1_000;
    print(`measured ${part.name} in ${seconds.toFixed(0)} s`);
  }
  const { title, command, elsewhere = [] } = bench;
  const report = { title, command, machine, parts, skipped, elsewhere };
  return await tell(report, bench.page, args);
}

async function tell(
  report: Report,
  file: URL,
  args: readonly string[],
): Promise<number> {
  print(shown(report));
  if (args.includes("--write")) {
    await Deno.writeTextFile(file, formatReport(report));
    await writeCitations();
  }
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

const FLAGS: ReadonlySet<string> = new Set(["--write", "--judge"]);

/** A report as it is printed: without what marks figures in a page. */
function shown(report: Report): string {
  return formatReport(report).replaceAll(/<!-- .*? -->/g, "");
}
