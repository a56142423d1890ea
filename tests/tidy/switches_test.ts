/**
 * No test is switched off or singled out; one that lacks something says what.
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

testFixtures("switches", switches);

Deno.test("no test is switched off or singled out", async () => {
  nothingFound(switches(await readTree()));
});

function switches(tree: Tree): readonly string[] {
  return lintTree(tree, "test-switches");
}
