/**
 * Imports follow the table of `docs/architecture.md`.
 *
 * @module
 */

import { deepStrictEqual } from "node:assert/strict";
import { layerOf, LAYERS } from "./layers.ts";
import {
  lintTree,
  nothingFound,
  readTree,
  testFixtures,
  type Tree,
} from "./tree.ts";

testFixtures("layers", layers);

Deno.test("every import follows the table of layers", async () => {
  nothingFound(layers(await readTree()));
});

Deno.test("every folder under mod/ is in the table and has a title page", async () => {
  const tree = await readTree();
  const folders = new Set([...tree.keys()].map(layerOf));
  folders.delete(undefined);
  const lost = [...folders].filter((folder) =>
    folder !== undefined &&
    (!LAYERS.has(folder) ||
      !tree.get(`mod/${folder}/mod.ts`)?.includes("@module"))
  );
  deepStrictEqual(lost, []);
});

Deno.test("the table of layers has no circle", () => {
  const order = [...LAYERS.keys()];
  for (const [index, folder] of order.entries()) {
    const later = LAYERS.get(folder)?.folders.filter((other) =>
      order.indexOf(other) >= index
    );
    deepStrictEqual(
      later,
      [],
      `${folder} imports what stands below it in the table`,
    );
  }
});

function layers(tree: Tree): readonly string[] {
  return lintTree(tree, "layers");
}
