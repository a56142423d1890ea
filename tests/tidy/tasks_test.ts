/**
 * Every task runs something that is there; packages are pinned and locked.
 *
 * @module
 */

import { brokenConfig } from "./tasks.ts";
import { nothingFound, readTree, testFixtures } from "./tree.ts";

testFixtures("tasks", brokenConfig);

Deno.test("every task of deno.json runs what is there", async () => {
  nothingFound(brokenConfig(await readTree()));
});
