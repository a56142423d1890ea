/**
 * The files of the repository as one value, so that a check is a function of
 * it and a fixture can be a small tree in one file.
 *
 * @module
 */

import { fail, ok as assert, strictEqual } from "node:assert/strict";
import plugin from "./lint_plugin.ts";

/** Text of every file by its path from the root. */
export type Tree = ReadonlyMap<string, string>;

/** A tree that a check refuses, and what the check says. */
export interface Fixture {
  /** The tree. */
  readonly tree: Tree;
  /** The findings, a line each. */
  readonly findings: readonly string[];
}

/** The root of the repository. */
export const ROOT: URL = new URL("../../", import.meta.url);

/** Reads every file that is not ignored by `.gitignore`. */
export async function readTree(): Promise<Tree> {
  const ignored = (await Deno.readTextFile(new URL(".gitignore", ROOT)))
    .split("\n").filter((line) => line !== "");
  const files = new Map<string, string>();
  await readFolder("", new Set(["/.git/", "/.git", ...ignored]), files);
  return new Map([...files].toSorted(([a], [b]) => a < b ? -1 : 1));
}

/**
 * Reads a fixture: files between lines `-- path --`, the findings under
 * `-- findings --`.
 *
 * @param text The fixture's text.
 */
export function parseFixture(text: string): Fixture {
  const parts = text.split(/^-- (.+) --\n/m).slice(1);
  const files = new Map<string, string>();
  for (let i = 0; i < parts.length; i += 2) {
    files.set(parts[i] ?? "", parts[i + 1] ?? "");
  }
  const findings = (files.get("findings") ?? "").trim().split("\n");
  files.delete("findings");
  return { tree: files, findings: findings.filter((line) => line !== "") };
}

/**
 * Registers, for each fixture in a folder, a test that a check finds exactly
 * what the fixture says; one that finds something is required.
 *
 * @param folder A folder under `tests/tidy/fixtures/`.
 * @param check The check.
 */
export function testFixtures(
  folder: string,
  check: (tree: Tree) => readonly string[],
): void {
  const url = new URL(`tests/tidy/fixtures/${folder}/`, ROOT);
  let refusals = 0;
  for (const { name } of [...Deno.readDirSync(url)].toSorted(byName)) {
    const fixture = parseFixture(Deno.readTextFileSync(new URL(name, url)));
    if (fixture.findings.length > 0) refusals++;
    Deno.test(`${folder}: ${name.replace(".txtar", "").replaceAll("_", " ")}`, () => {
      strictEqual(check(fixture.tree).join("\n"), fixture.findings.join("\n"));
    });
  }
  assert(refusals > 0, `Add a fixture that the check "${folder}" refuses`);
}

/**
 * Fails with every finding, a line each.
 *
 * @param findings What a check found in the repository.
 */
export function nothingFound(findings: readonly string[]): void {
  if (findings.length > 0) fail(`\n${findings.join("\n")}\n`);
}

/**
 * Runs one of our lint rules over the TypeScript files of a tree.
 *
 * @param tree The tree.
 * @param rule The rule's name in `lint_plugin.ts`.
 * @returns Findings as `path:line: sentence`.
 */
export function lintTree(tree: Tree, rule: string): readonly string[] {
  const chosen = plugin.rules[rule];
  assert(chosen !== undefined, `No rule is called "${rule}"`);
  return typescriptOf(tree).flatMap(([path, source]) =>
    Deno.lint.runPlugin(
      { name: "tidy", rules: { [rule]: chosen } },
      path,
      source,
    )
      .map(({ message, range }) =>
        `${path}:${source.slice(0, range[0]).split("\n").length}: ${message}`
      )
  );
}

/**
 * The TypeScript files of a tree.
 *
 * @param tree The tree.
 */
export function typescriptOf(
  tree: Tree,
): readonly (readonly [string, string])[] {
  return [...tree].filter(([path]) => path.endsWith(".ts"));
}

async function readFolder(
  folder: string,
  ignored: ReadonlySet<string>,
  files: Map<string, string>,
): Promise<void> {
  for await (const entry of Deno.readDir(new URL(folder || ".", ROOT))) {
    const path = `${folder}${entry.name}`;
    if (ignored.has(`/${path}`) || ignored.has(`/${path}/`)) continue;
    if (entry.isDirectory) {
      await readFolder(`${path}/`, ignored, files);
    } else if (entry.isFile) {
      files.set(path, await Deno.readTextFile(new URL(path, ROOT)));
    }
  }
}

function byName(a: Deno.DirEntry, b: Deno.DirEntry): number {
  return a.name < b.name ? -1 : 1;
}
