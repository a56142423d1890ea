/**
 * The files a build starts from: `main.ts`, and each file that code reaches by
 * `new URL("./x.ts", import.meta.url)` only, as Workers are.
 *
 * @module
 */

import { posix } from "node:path";

/** The program's entry point, from the root of the repository. */
export const MAIN = "main.ts";

/**
 * Finds the entry points.
 *
 * @param modulesOf Paths of the modules an entry point imports, itself included.
 * @param sourceOf The text of a module.
 * @returns Paths from the root; {@linkcode MAIN} comes first.
 */
export async function entryPoints(
  modulesOf: (entryPoint: string) => Promise<readonly string[]>,
  sourceOf: (path: string) => Promise<string>,
): Promise<readonly string[]> {
  const found = [MAIN];
  for (const entryPoint of found) {
    // deno-lint-ignore no-await-in-loop -- an entry point may reveal another one
    const modules = await modulesOf(entryPoint);
    // deno-lint-ignore no-await-in-loop -- as above
    const sources = await Promise.all(modules.map(sourceOf));
    for (const [index, source] of sources.entries()) {
      for (const [, , target = ""] of source.matchAll(MODULE_URL)) {
        const folder = posix.dirname(modules[index] ?? "");
        const path = posix.join(folder, target);
        if (!found.includes(path)) found.push(path);
      }
    }
  }
  return found;
}

/**
 * The name of an entry point's bundle.
 *
 * @param path The entry point, from the root of the repository.
 */
export function bundleName(path: string): string {
  return path === MAIN
    ? "foghorn.js"
    : posix.basename(path).replace(/\.ts$/, ".js");
}

/**
 * Points the URLs of entry points at their bundles, which lie in one folder.
 *
 * @param bundle The text of a bundle.
 * @param entries All entry points.
 * @returns The text to write.
 */
export function pointAtBundles(
  bundle: string,
  entries: readonly string[],
): string {
  return bundle.replaceAll(MODULE_URL, (_, quote: string, target: string) => {
    const entry = entries.find((path) =>
      posix.basename(path) === posix.basename(target)
    );
    if (entry === undefined) {
      throw new Error(`Bundle ${target} as well: it is reached by a URL`);
    }
    return `new URL(${quote}./${bundleName(entry)}${quote},import.meta.url)`;
  });
}

/** The modules of this repository that an entry point imports. */
export async function modulesOf(entryPoint: string): Promise<string[]> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entryPoint],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error(`deno info ${entryPoint} failed`);
  const graph: { modules: readonly { readonly specifier: string }[] } = JSON
    .parse(new TextDecoder().decode(stdout));
  return graph.modules.map(({ specifier }) => specifier)
    .filter((specifier) =>
      specifier.startsWith(ROOT.href) && specifier.endsWith(".ts")
    )
    .map((specifier) => specifier.slice(ROOT.href.length));
}

/** The text of a file of this repository. */
export function sourceOf(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

/** The root of the repository. */
export const ROOT: URL = new URL("../", import.meta.url);

const MODULE_URL =
  /new URL\(\s*(["'`])(\.[^"'`]+\.ts)\1\s*,\s*import\.meta\.url\s*,?\s*\)/g;
