/**
 * No path of one machine, no registry, nothing left for later, no silenced rule.
 *
 * @module
 */

import { nothingFound, readTree, testFixtures } from "./tree.ts";
import { refusedWords } from "./words.ts";

testFixtures("words", refusedWords);

Deno.test("no file contains a refused word", async () => {
  nothingFound(refusedWords(await readTree()));
});
