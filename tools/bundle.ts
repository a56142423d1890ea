/**
 * `deno task bundle`: one minified file per entry point in `dist/bundle`, then
 * an archive per machine that holds them, Deno and what starts them, see
 * `archive.ts`.
 *
 * With `--no-archive` it writes the bundles only: run them with the flags of the
 * task `agent`, `deno run … dist/bundle/foghorn.js agent`.
 *
 * Names of classes are shortened: with `--keep-names` Deno 2.9.6 does not find
 * the place where it puts its `require()`.
 *
 * @module
 */

import {
  bundleName,
  entryPoints,
  modulesOf,
  pointAtBundles,
  ROOT,
  sourceOf,
} from "./entry_points.ts";
import { writeArchives } from "./archive.ts";
import { output, platformsOf, print } from "./platforms.ts";

/** Where the bundles are. */
export const BUNDLE_FOLDER: URL = new URL("dist/bundle/", ROOT);

/**
 * Writes the bundles, in place of those that were there.
 *
 * @returns Their names, `foghorn.js` first.
 */
export async function writeBundles(): Promise<readonly string[]> {
  await Deno.mkdir(BUNDLE_FOLDER, { recursive: true });
  const entries = await entryPoints(modulesOf, sourceOf);
  // One after the other: the first puts the bundler into an empty cache, two at once get in each other's way there.
  for (const entry of entries) {
    // deno-lint-ignore no-await-in-loop -- as said
    await bundle(entry, entries);
  }
  return entries.map(bundleName);
}

async function bundle(
  entry: string,
  entries: readonly string[],
): Promise<void> {
  const file = new URL(bundleName(entry), BUNDLE_FOLDER);
  await output(Deno.execPath(), [
    ...["bundle", "--quiet", "--minify"],
    ...["--platform=deno", `--output=${file.pathname}`, entry],
  ], { cwd: ROOT.pathname });
  const text = pointAtBundles(await Deno.readTextFile(file), entries);
  await Deno.writeTextFile(file, text);
  const size = Math.ceil(text.length / 1024);
  print(`dist/bundle/${bundleName(entry)} ${size} KiB`);
}

if (import.meta.main) {
  const args = Deno.args.filter((arg) => arg !== "--no-archive");
  const platforms = platformsOf(args);
  const names = await writeBundles();
  if (!Deno.args.includes("--no-archive")) {
    await writeArchives(platforms, BUNDLE_FOLDER, names);
  }
}
