/**
 * Tests compare strictly: under Deno 2.9.6 the plain names of
 * `node:assert/strict` are the loose functions.
 *
 * @module
 */

import {
  lintTree,
  nothingFound,
  readTree,
  testFixtures,
  type Tree,
} from "./tree.ts";

testFixtures("strict_assert", looseAsserts);

Deno.test("no test compares loosely", async () => {
  nothingFound(looseAsserts(await readTree()));
});

function looseAsserts(tree: Tree): readonly string[] {
  return lintTree(tree, "strict-assert");
}
