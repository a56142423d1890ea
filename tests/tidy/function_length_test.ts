/**
 * A function fits 70 lines.
 *
 * @module
 */

import { strictEqual } from "node:assert/strict";
import { FUNCTION_LINES_MAX } from "./lint_plugin.ts";
import { lintTree, nothingFound, readTree, type Tree } from "./tree.ts";

Deno.test("every function fits on a screen", async () => {
  nothingFound(lengths(await readTree()));
});

for (
  const [name, wrap] of [
    ["function", (body: string) => `function f() {${body}}`],
    ["arrow function", (body: string) => `const f = () => {${body}};`],
    ["method", (body: string) => `class C { m() {${body}} }`],
  ] as const
) {
  Deno.test(`a ${name} of ${FUNCTION_LINES_MAX} lines is allowed, one more is not`, () => {
    const source = (lines: number) => wrap("\n".repeat(lines - 1));
    const found = (lines: number) =>
      lengths(new Map([["mod/wire/long.ts", source(lines)]])).length;
    strictEqual(found(FUNCTION_LINES_MAX), 0);
    strictEqual(found(FUNCTION_LINES_MAX + 1), 1);
  });
}

function lengths(tree: Tree): readonly string[] {
  return lintTree(tree, "function-length");
}
