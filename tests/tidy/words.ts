/**
 * Words that no file of the repository contains.
 *
 * @module
 */

import type { Tree } from "./tree.ts";

/** A word and why it is refused. */
interface RefusedWord {
  readonly pattern: RegExp;
  readonly why: string;
  /** Which files are read; all of them when absent. */
  readonly paths?: RegExp;
}

/**
 * Places where a file says what it should not.
 *
 * @param tree The repository.
 * @returns Findings as `path:line: sentence`.
 */
export function refusedWords(tree: Tree): readonly string[] {
  return [...tree].filter(([path]) => !OWN_FILES.test(path)).flatMap(
    ([path, text]) => {
      const words = REFUSED.filter(({ paths }) => paths?.test(path) ?? true);
      return text.split("\n").flatMap((line, index) =>
        words.filter(({ pattern }) => pattern.test(line))
          .map(({ why }) => `${path}:${index + 1}: ${why}`)
      );
    },
  );
}

// These files name the words in order to refuse them; the licence is quoted.
const OWN_FILES = /^(tests\/tidy\/(words.*\.ts|fixtures\/words\/.*)|LICENSE)$/;

const CODE = /^(mod\/|main\.ts|tests\/|tools\/).*\.ts$|^main\.ts$/;

const REFUSED: readonly RefusedWord[] = [
  {
    pattern: /(^|[\s"'`(=:])\/(work|root|tmp\/brief)(\/|\b(?![-.\w]))/,
    why: "Write no path of one machine: nobody else has it",
  },
  {
    pattern: /\.\.\/shared\b/,
    why:
      "Restate the fact: what lies outside the repository cannot be read here",
  },
  {
    pattern: /registry\.(npmjs\.org|yarnpkg\.com)|npm\.jsr\.io|"tarball":/,
    why: "Name no registry: each machine has its own",
  },
  {
    pattern: /https?:/,
    why: "Name no registry: each machine has its own",
    paths: /^(deno\.lock|\.npmrc)$/,
  },
  {
    pattern: /\b(TODO|FIXME|XXX|HACK)\b/,
    why: "Do it, or open an issue: the code keeps no list",
  },
  {
    pattern: /@ts-(ignore|expect-error|nocheck)|\bas unknown as\b/,
    why: "Narrow the type by a check: the compiler was right to ask",
    paths: CODE,
  },
  {
    pattern: /deno-lint-ignore(-file)?\s*$/,
    why: "Name the rule that is silenced",
    paths: CODE,
  },
  {
    pattern: /deno-lint-ignore(-file)?\s.*\bfoghorn\//,
    why: "Change the rule for everybody, not here: it holds the layers apart",
    paths: CODE,
  },
];
