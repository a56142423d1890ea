/**
 * `deno task bundle`: one minified file per entry point in `dist/bundle`.
 *
 * Run them with the flags of the task `agent`, on a machine without these
 * sources: `deno run … dist/bundle/foghorn.js agent`.
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

const FOLDER = new URL("dist/bundle/", ROOT);

async function bundle(
  entry: string,
  entries: readonly string[],
): Promise<void> {
  const output = new URL(bundleName(entry), FOLDER);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["bundle", "--quiet", "--minify"],
      ...["--platform=deno", `--output=${output.pathname}`, entry],
    ],
    cwd: ROOT,
    stderr: "piped",
  }).output();
  if (!success) {
    throw new Error(
      `Cannot bundle ${entry}: ${new TextDecoder().decode(stderr)}`,
    );
  }
  const text = pointAtBundles(await Deno.readTextFile(output), entries);
  await Deno.writeTextFile(output, text);
  const line = `dist/bundle/${bundleName(entry)} ${
    Math.ceil(text.length / 1024)
  } KiB\n`;
  await Deno.stdout.write(new TextEncoder().encode(line));
}

await Deno.mkdir(FOLDER, { recursive: true });
const entries = await entryPoints(modulesOf, sourceOf);
// One after the other: the first puts the bundler into an empty cache, two at once get in each other's way there.
for (const entry of entries) {
  // deno-lint-ignore no-await-in-loop -- as said
  await bundle(entry, entries);
}
