/**
 * The Markdown files promise only what is there.
 *
 * @module
 */

import { equal } from "node:assert/strict";
import { brokenPromises } from "./readme.ts";
import { nothingFound, readTree, testFixtures } from "./tree.ts";

testFixtures("readme", brokenPromises);

Deno.test("README and docs name only what is there", async () => {
  const tree = await readTree();
  equal(tree.has("README.md"), true);
  nothingFound(brokenPromises(tree));
});
