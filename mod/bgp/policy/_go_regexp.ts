/**
 * Regular expressions as Go has them (RE2), as far as ours are the same: what
 * would mean something else here is refused.
 *
 * @module
 */

import { err, ok, type Result } from "@/lang/result.ts";

/** Characters of an expression at most. */
export const REGEXP_CHARS_MAX = 1_000;

/**
 * Reads a regular expression of Go.
 *
 * @param text The expression.
 * @returns One of ours that matches the same, or what is wrong with it.
 */
export function parseGoRegexp(text: string): Result<RegExp, string> {
  if (text.length > REGEXP_CHARS_MAX) {
    return err(`is longer than ${REGEXP_CHARS_MAX} characters: split it up`);
  }
  for (const [pattern, message] of FOREIGN) {
    const [found] = text.match(pattern) ?? [];
    if (found !== undefined) return err(`has "${found}": ${message}`);
  }
  if (NESTED_REPEAT.test(text)) {
    return err(
      "repeats a group that repeats something itself: write the repetition once",
    );
  }
  const translated = text.replace(
    POSIX_CLASS,
    (all, name: string) => POSIX_CLASSES.get(name) ?? all,
  );
  try {
    return ok(new RegExp(translated));
  } catch {
    return err(`is no regular expression: "${text}" cannot be read`);
  }
}

/** What means something else here, or nothing in Go. */
const FOREIGN: readonly (readonly [RegExp, string])[] = [
  [/\(\?(?!:)/, "of these groups only (?:…) can be read here"],
  [/\\[1-9]/, "there are no references back to groups"],
  [/\\[^\W_dwsbDWSBntrfv]/, "this escape is not known here"],
  [
    /\[:(?!(?:alpha|digit|alnum|xdigit|space):\])\^?\w*:\]/,
    "write the characters themselves",
  ],
];

/**
 * A group with a repetition inside and behind it: here such a thing can take
 * longer than the world exists, in Go it cannot.
 */
const NESTED_REPEAT = /[*+}][^()]*\)(?:[*+]|\{[0-9]*,)/;

const POSIX_CLASS = /\[:(\w+):\]/g;
const POSIX_CLASSES: ReadonlyMap<string, string> = new Map([
  ["alpha", "A-Za-z"],
  ["digit", "0-9"],
  ["alnum", "0-9A-Za-z"],
  ["xdigit", "0-9A-Fa-f"],
  ["space", "\\s"],
]);
