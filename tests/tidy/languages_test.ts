/**
 * Code and structure of a page are equal in both its languages.
 *
 * @module
 */

import { differingTranslations } from "./languages.ts";
import { nothingFound, readTree, testFixtures } from "./tree.ts";

testFixtures("languages", differingTranslations);

Deno.test("translations have the blocks, headings, tables and code of their originals", async () => {
  nothingFound(differingTranslations(await readTree()));
});
