/**
 * Every file under `mod/` is reached from `main.ts`, Workers through `new URL`.
 *
 * @module
 */

import { unreachable } from "./reachable.ts";
import { nothingFound, readTree, testFixtures } from "./tree.ts";

testFixtures("reachable", unreachable);

Deno.test("main.ts reaches every file under mod/", async () => {
  nothingFound(unreachable(await readTree()));
});
