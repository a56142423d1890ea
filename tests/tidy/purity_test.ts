/**
 * Outside `io`, `http`, `lab` and `cli` there is no `Deno`, no clock, no timer,
 * no randomness, no `async`.
 *
 * @module
 */

import { deepStrictEqual } from "node:assert/strict";
import { LAYERS } from "./layers.ts";
import {
  lintTree,
  nothingFound,
  readTree,
  testFixtures,
  type Tree,
} from "./tree.ts";

testFixtures("purity", purity);

Deno.test("pure folders do not reach outside", async () => {
  nothingFound(purity(await readTree()));
});

Deno.test("only io, http, lab and cli may reach outside", () => {
  const impure = [...LAYERS].filter(([, layer]) => !layer.pure);
  deepStrictEqual(impure.map(([folder]) => folder), [
    "io",
    "http",
    "lab",
    "cli",
  ]);
});

function purity(tree: Tree): readonly string[] {
  return lintTree(tree, "purity");
}
