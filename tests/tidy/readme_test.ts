/**
 * The Markdown files promise only what is there.
 *
 * @module
 */

import { brokenPromises, missingCommands } from "./readme.ts";
import { nothingFound, readTree, testFixtures } from "./tree.ts";

testFixtures("readme", brokenPromises);

testFixtures("newcomer", missingCommands);

Deno.test("README and docs name only what is there", async () => {
  nothingFound(brokenPromises(await readTree()));
});

Deno.test("README has the newcomer's two commands, and CI runs them", async () => {
  nothingFound(missingCommands(await readTree()));
});
