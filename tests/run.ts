/**
 * `deno task test`: every test this machine can run, a line per group, and what
 * was skipped and why.
 *
 * `deno task test tidy e2e` runs these groups only; `interop`, `kubernetes` and
 * `shipped` run only when they are named, as `deno task test:kubernetes` does;
 * `--version 1.25.0` runs it on an older Kubernetes, one of those in
 * `tests/kubernetes/versions`. With `CI=true` a skipped
 * test counts as failed. Reports go to `dist/reports`: a log and a JUnit file
 * per group, and `summary.json` with the counts.
 *
 * @module
 */

import { checkSandbox, sandboxCommand, SandboxError } from "@/lab/sandbox.ts";
import { helmBinary } from "./helm/build.ts";
import {
  kubernetesBinaries,
  olderVersions,
  VERSION_VARIABLE,
} from "./kubernetes/build.ts";
import { LACK_VARIABLE } from "./kubernetes/lack.ts";
import { GoBuildError } from "./support/go_programs.ts";
import { type Group, groupsOf, meansGroup } from "./support/groups.ts";
import { parseJunit, type TestResult } from "./support/junit.ts";
import { SKIPPED_MARK } from "./support/needs.ts";
import { LAYERS } from "./tidy/layers.ts";

/** What became of a group. */
interface GroupResult {
  readonly group: Group;
  readonly tests: readonly TestResult[];
  readonly log: string;
  readonly tookMs: number;
}

async function main(args: readonly string[]): Promise<number> {
  const { names, version } = read(args);
  if (version !== undefined) {
    const versions = olderVersions();
    if (!versions.includes(version)) {
      print(
        `Cannot test on Kubernetes ${version}: choose from ${
          versions.join(", ")
        }, or leave --version out for the newest`,
      );
      return 2;
    }
    Deno.env.set(VERSION_VARIABLE, version);
  }
  const all = groupsOf(await testFiles(), PURE_FOLDERS);
  const unknown = names.filter((name) =>
    !all.some((group) => meansGroup(name, group))
  );
  if (unknown.length > 0) {
    print(
      `There is no group ${unknown.join(", ")}: choose from ${
        all.map(({ name }) => name).join(", ")
      }`,
    );
    return 2;
  }
  await Deno.mkdir(REPORTS, { recursive: true });
  const groups = all.filter((group) =>
    names.length === 0
      ? !group.onRequest
      : names.some((name) => meansGroup(name, group))
  ).filter(({ name }) => version === undefined || name !== CONTRACT);
  if (version !== undefined) {
    print(`${CONTRACT} is left out: it says how the newest version behaves`);
  }
  if (groups.some((group) => meansGroup("kubernetes", group))) {
    await buildKubernetes();
  }
  const results: GroupResult[] = [];
  for (const group of groups) {
    // deno-lint-ignore no-await-in-loop -- two groups at once would disturb each other's timing
    const result = await runGroup(group);
    tell(result);
    results.push(result);
  }
  return summarize(results);
}

/** The groups that are named, and the version of Kubernetes, if one is. */
function read(args: readonly string[]): {
  readonly names: readonly string[];
  readonly version: string | undefined;
} {
  const at = args.indexOf("--version");
  if (at < 0) return { names: args, version: undefined };
  return { names: args.toSpliced(at, 2), version: args[at + 1] ?? "" };
}

/** Builds what cannot be built in a sandbox, which has no way out; the tests tell why they are skipped. */
async function buildKubernetes(): Promise<void> {
  try {
    await kubernetesBinaries(print);
    await helmBinary(print);
  } catch (error) {
    if (!(error instanceof GoBuildError)) throw error;
    print(error.message);
    Deno.env.set(LACK_VARIABLE, error.message);
  }
}

async function runGroup(group: Group): Promise<GroupResult> {
  if (group.lab) print(`      ${group.name}: ${group.what}`);
  const startedMs = performance.now();
  const junit = new URL(`${group.name}.xml`, REPORTS).pathname;
  await Deno.remove(junit).catch(ignoreNotFound);
  const isTest = group.args[0] === "test";
  const [command, ...args] = await inSandbox(group, [
    Deno.execPath(),
    ...group.args,
    ...(isTest ? [`--junit-path=${junit}`] : []),
  ]);
  const child = new Deno.Command(command ?? Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let stopped = false;
  const limit = setTimeout(() => {
    stopped = true;
    child.kill("SIGINT"); // Deno then names the test that hangs.
  }, group.limitMs);
  const end = setTimeout(
    () => child.kill("SIGKILL"),
    group.limitMs + INTERRUPT_GRACE_MS,
  );
  const [stdout, stderr, { code }] = await Promise.all([
    readLines(child.stdout, group.lab ? tellTest : undefined),
    readLines(child.stderr),
    child.status,
  ]);
  clearTimeout(limit);
  clearTimeout(end);
  const log = `${stderr}${stdout}`;
  await Deno.writeTextFile(new URL(`${group.name}.log`, REPORTS), log);
  const tests = isTest
    ? withTrouble(group, parseJunit(await readReport(junit)), code, stopped)
    : [outcomeOf(group.name, code)];
  return { group, tests, log, tookMs: performance.now() - startedMs };
}

// A process can fail where no test does: a file that does not load, a leak at the end.
function withTrouble(
  group: Group,
  tests: readonly TestResult[],
  code: number,
  stopped: boolean,
): readonly TestResult[] {
  const failed = (why: string): readonly TestResult[] => [
    ...tests,
    { name: `${group.name}: ${why}`, outcome: "failed" },
  ];
  if (stopped) return failed(`stopped after ${group.limitMs / 60_000} minutes`);
  if (code !== 0 && !tests.some(({ outcome }) => outcome === "failed")) {
    return failed(`ended with exit code ${code}, see its log`);
  }
  return tests.length === 0 ? failed("no test ran") : tests;
}

function tell({ group, tests, log, tookMs }: GroupResult): void {
  const passed = count(tests, "passed");
  const failed = tests.filter(({ outcome }) => outcome === "failed");
  const seconds = (tookMs / 1000).toFixed(1).padStart(6);
  print([
    failed.length === 0 ? "ok    " : "FAILED",
    `${group.name.padEnd(12)}${
      String(passed).padStart(5)
    } passed ${seconds} s `,
    group.what,
  ].join(""));
  if (failed.length > 0) {
    print(excerptOf(log));
    for (const { name } of failed) print(`  failed: ${name}`);
  }
  for (const [why, tally] of skipReasons(tests)) {
    print(`  skipped ${tally}: ${why}`);
  }
}

/** What failed, a line each, with the first lines of the errors: for the end of a long log. */
function failuresOf({ group, tests, log }: GroupResult): readonly string[] {
  const failed = tests.filter(({ outcome }) => outcome === "failed");
  if (failed.length === 0) return [];
  const errors = excerptOf(log).split("\n")
    .filter((line) => /^(error|\w*Error): /.test(line))
    .slice(0, ERRORS_MAX);
  return [
    ...failed.map(({ name }) => `${group.name}: ${name}`),
    ...errors.map((line) => `    ${line.slice(0, ERROR_CHARACTERS)}`),
  ];
}

function excerptOf(log: string): string {
  const errors = log.indexOf("\n ERRORS");
  if (errors >= 0) return log.slice(errors);
  return log.split("\n").filter((line) => !line.startsWith("Check ")).join("\n")
    .slice(-EXCERPT_CHARACTERS);
}

function tellTest(line: string): void {
  if (/ \.\.\. .*(ok|FAILED|ignored)\b.*\)$/.test(line)) {
    print(`        ${line}`);
  }
}

function skipReasons(
  tests: readonly TestResult[],
): ReadonlyMap<string, number> {
  const reasons = new Map<string, number>();
  for (const { name, outcome } of tests) {
    if (outcome !== "skipped") continue;
    const mark = name.indexOf(SKIPPED_MARK);
    const why = mark < 0
      ? `${name}: it does not say why`
      : name.slice(mark + SKIPPED_MARK.length, -1);
    reasons.set(why, (reasons.get(why) ?? 0) + 1);
  }
  return reasons;
}

async function summarize(results: readonly GroupResult[]): Promise<number> {
  const tests = results.flatMap((result) => result.tests);
  const inCi = Deno.env.get("CI") === "true";
  const skipped = count(tests, "skipped");
  const passed = count(tests, "passed");
  const failed = count(tests, "failed") + (inCi ? skipped : 0);
  await Deno.writeTextFile(
    new URL("summary.json", REPORTS),
    JSON.stringify({ passed, failed, skipped }) + "\n",
  );
  await Deno.writeTextFile(
    new URL("failures.txt", REPORTS),
    results.flatMap(failuresOf).map((line) => `${line}\n`).join(""),
  );
  if (inCi && skipped > 0) {
    print(`CI skips nothing: ${skipped} skipped tests count as failed`);
  }
  print(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

/** The command in a sandbox where one is needed and can be had; else as it is: its tests then say that they are skipped, and why. */
async function inSandbox(
  group: Group,
  command: readonly string[],
): Promise<readonly string[]> {
  if (!group.lab) return command;
  try {
    await checkSandbox();
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    print(`      ${error.message}`);
    return command;
  }
  return sandboxCommand(command);
}

async function readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine?: (line: string) => void,
): Promise<string> {
  let text = "";
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (onLine === undefined) continue;
    const lines = `${rest}${chunk}`.split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(onLine);
  }
  return text;
}

async function testFiles(): Promise<readonly string[]> {
  const found: string[] = [];
  const visit = async (folder: string) => {
    for await (const entry of Deno.readDir(new URL(folder, ROOT))) {
      const path = `${folder}${entry.name}`;
      if (entry.isDirectory) await visit(`${path}/`);
      else if (path.endsWith("_test.ts")) found.push(path);
    }
  };
  await visit("mod/");
  await visit("tests/");
  await visit("tools/");
  return found;
}

async function readReport(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    ignoreNotFound(error);
    return "";
  }
}

function ignoreNotFound(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

function outcomeOf(name: string, code: number): TestResult {
  return { name, outcome: code === 0 ? "passed" : "failed" };
}

function count(
  tests: readonly TestResult[],
  outcome: TestResult["outcome"],
): number {
  return tests.filter((test) => test.outcome === outcome).length;
}

function print(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

const ROOT = new URL("../", import.meta.url);
const REPORTS = new URL("dist/reports/", ROOT);
/** How many errors of a group are repeated at the end, and how much of each. */
const ERRORS_MAX = 6;
const ERROR_CHARACTERS = 240;
const EXCERPT_CHARACTERS = 8_000;
const CONTRACT = "kubernetes.contract";
const INTERRUPT_GRACE_MS = 10_000;
// `host` and `port` are pure by the table, too; their tests may hold a virtual world.
const PURE_FOLDERS = [...LAYERS].filter(([, layer]) => layer.pure)
  .map(([folder]) => folder).filter((folder) =>
    folder !== "host" && folder !== "port"
  );

Deno.exit(await main(Deno.args));
