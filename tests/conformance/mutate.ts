/**
 * `deno task bgp:mutations`: takes checks out of a copy of BGP's code, one at a
 * time, and runs its tests until one fails. Each must be noticed.
 *
 * Which ones, chance decides by `--seed=N`; how many by `--count=N`. `--all`
 * takes all of them, words take those with all of them in file and text.
 *
 * @module
 */

import { Random } from "@/lang/random.ts";
import { type Check, checksOf, withoutCheck } from "./checks.ts";
import { HARMLESS } from "./harmless_checks.ts";

interface Found extends Check {
  readonly file: string;
}

async function main(args: readonly string[]): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "foghorn-bgp-mutation-" });
  try {
    for (const name of COPIED) {
      // deno-lint-ignore no-await-in-loop -- one disk
      await copy(new URL(name, ROOT), `${folder}/${name}`);
    }
    await joinTests(folder);
    const chosen = choose(await allChecks(folder), args);
    if (!await fails(folder)) print("The tests pass as the code is.");
    else {throw new Error(
        "The tests fail without any mutation: mend them first",
      );}
    const survivors: string[] = [];
    for (const [i, check] of chosen.entries()) {
      // deno-lint-ignore no-await-in-loop -- one takes the cores already
      const noticed = await isNoticed(folder, check);
      const text = `${check.file}:${check.line}: ${check.what}`;
      if (!noticed) survivors.push(text);
      print(
        `${i + 1}/${chosen.length} ${noticed ? "noticed" : "SURVIVES"} ${text}`,
      );
    }
    print("");
    for (const text of survivors) print(`not noticed: ${text}`);
    print(
      `${
        chosen.length - survivors.length
      } of ${chosen.length} mutations noticed`,
    );
    return survivors.length === 0 && chosen.length > 0 ? 0 : 1;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function choose(
  all: readonly Found[],
  args: readonly string[],
): readonly Found[] {
  const number = (name: string, fallback: number) =>
    Number(
      args.find((arg) => arg.startsWith(`--${name}=`))?.split("=")[1] ??
        fallback,
    );
  const words = args.filter((arg) => !arg.startsWith("--"));
  const meant = all.filter(({ file, line, what }) =>
    words.length === 0 ||
    words.every((word) => `${file}:${line}: ${what}`.includes(word))
  );
  if (args.includes("--all") || words.length > 0) return meant;
  const seed = number("seed", 1);
  // Whether others are there does not decide which are taken.
  return meant.map((check, i) => ({ check, rank: rankOf(seed, check, i) }))
    .toSorted((a, b) => a.rank - b.rank).slice(0, number("count", 50))
    .map(({ check }) => check);
}

/** A number by chance, always the same for a check of a seed. */
function rankOf(seed: number, { file, what }: Found, tie: number): number {
  let hash = seed;
  for (const char of `${file} ${what}`) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return new Random(hash).next() + tie * Number.EPSILON;
}

/** Makes one module of all tests: an isolate for each file takes longer than they do. */
async function joinTests(folder: string): Promise<void> {
  const imports: string[] = [];
  for (const where of TESTED) {
    for await (const { name } of Deno.readDir(`${folder}/${where}`)) {
      if (!name.endsWith("_test.ts") || name.startsWith("_")) continue;
      imports.push(`import "./${where}/${name}";\n`);
    }
  }
  await Deno.writeTextFile(`${folder}/${JOINED}`, imports.join(""));
}

async function allChecks(folder: string): Promise<readonly Found[]> {
  const found: Found[] = [];
  for (const where of MUTATED) {
    for await (const { name } of Deno.readDir(`${folder}/${where}`)) {
      if (!name.endsWith(".ts") || /_(test|bench)\.ts$/.test(name)) continue;
      const file = `${where}/${name}`;
      const source = await Deno.readTextFile(`${folder}/${file}`);
      found.push(...checksOf(source).map((check) => ({ ...check, file })));
    }
  }
  return found.filter((check) => !isHarmless(check))
    .toSorted((a, b) =>
      a.file < b.file ? -1 : a.file > b.file ? 1 : a.from - b.from
    );
}

function isHarmless({ file, what }: Found): boolean {
  return HARMLESS.some((one) =>
    file.endsWith(one.file) && what.includes(one.what)
  );
}

async function isNoticed(folder: string, check: Found): Promise<boolean> {
  const path = `${folder}/${check.file}`;
  const source = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, withoutCheck(source, check));
  try {
    return await fails(folder);
  } finally {
    await Deno.writeTextFile(path, source);
  }
}

/** Whether a test fails, or does not end. */
async function fails(folder: string): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--quiet", "--fail-fast", JOINED],
    cwd: folder,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdout: "null",
    stderr: "null",
    signal: AbortSignal.timeout(LIMIT_MS),
  }).output();
  return !success;
}

async function copy(from: URL, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) {
    await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
    await Deno.copyFile(from, to);
    return;
  }
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) {
    await copy(new URL(`${from.href}/${name}`), `${to}/${name}`);
  }
}

function print(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

const ROOT = new URL("../../", import.meta.url);
/** What the tests stand on. */
const COPIED: readonly string[] = [
  "deno.json",
  "deno.lock",
  "docs/bgp.md",
  "mod",
  "tests/conformance",
  "tests/vectors/bgp",
];
const MUTATED: readonly string[] = ["mod/wire/bgp", "mod/bgp"];
const TESTED: readonly string[] = ["tests/conformance", ...MUTATED];
const JOINED = "all_test.ts";
/** Some mutations loop for ever. */
const LIMIT_MS = 30_000;

if (import.meta.main) Deno.exit(await main(Deno.args));
