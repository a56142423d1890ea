/**
 * `deno task sim:mutations`: breaks a copy of the code, one mutation at a time,
 * and runs the seeds of CI on it until one fails. Each must be found.
 *
 * `deno task sim:mutations yield clock` takes those with these words in their
 * names only.
 *
 * @module
 */

import { applyPatch, type Mutation, MUTATIONS } from "./mutations.ts";

/** What became of a mutation. */
interface Found {
  readonly name: string;
  /** The seed that noticed; undefined: none did. */
  readonly seed: string | undefined;
  readonly what: string;
  readonly tookMs: number;
}

async function main(words: readonly string[]): Promise<number> {
  const meant = MUTATIONS.filter(({ name }) =>
    words.length === 0 || words.some((word) => name.includes(word))
  );
  const results: Found[] = [];
  for (const mutation of meant) {
    // deno-lint-ignore no-await-in-loop -- the seeds of one take all cores
    const result = await tried(mutation);
    print(`${result.name}: ${result.seed ?? "NOT FOUND"}`);
    results.push(result);
  }
  print("");
  for (const { name, seed, what, tookMs } of results) {
    print(
      [
        name.padEnd(NAME_WIDTH),
        (seed ?? "NOT FOUND").padStart(SEED_WIDTH),
        `${(tookMs / 1_000).toFixed(0)} s`.padStart(SEED_WIDTH),
        `  ${what}`,
      ].join(""),
    );
  }
  const missed = results.filter(({ seed }) => seed === undefined).length;
  print(`${results.length - missed} of ${results.length} mutations found`);
  return missed === 0 && results.length > 0 ? 0 : 1;
}

async function tried(mutation: Mutation): Promise<Found> {
  const startedMs = performance.now();
  const folder = await Deno.makeTempDir({ prefix: "foghorn-mutation-" });
  try {
    for (const name of COPIED) {
      // deno-lint-ignore no-await-in-loop -- one disk
      await copy(new URL(name, ROOT), `${folder}/${name}`);
    }
    await mutate(folder, mutation);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        MAIN[mutation.noticedBy],
        "--fail-fast",
      ],
      cwd: folder,
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    }).output();
    const text = new TextDecoder().decode(stdout);
    const failure = /^seed (\d+): FAILED (.*)$/m.exec(text);
    if (failure === null && !/^\d+ seeds, 0 failed/m.test(text)) {
      throw new Error(
        `Cannot run seeds on "${mutation.name}": ${
          new TextDecoder().decode(stderr)
        }`,
      );
    }
    return {
      name: mutation.name,
      seed: failure?.[1],
      what: failure?.[2] ?? "",
      tookMs: performance.now() - startedMs,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function mutate(
  folder: string,
  { name, patches }: Mutation,
): Promise<void> {
  for (const patch of patches) {
    const path = `${folder}/${patch.file}`;
    // deno-lint-ignore no-await-in-loop -- two patches may be of one file
    const text = await Deno.readTextFile(path);
    // deno-lint-ignore no-await-in-loop -- likewise
    await Deno.writeTextFile(path, applyPatch(name, text, patch));
  }
}

async function copy(from: URL, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) {
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
/** What the simulator is made of. */
const COPIED: readonly string[] = [
  "deno.json",
  "deno.lock",
  "mod",
  "tests/sim",
];
const MAIN = {
  "clusters": "tests/sim/main.ts",
  "link worlds": "tests/sim/link/main.ts",
} as const;
const NAME_WIDTH = 38;
const SEED_WIDTH = 11;

if (import.meta.main) Deno.exit(await main(Deno.args));
