/** That the mutations still fit the code they break. */

import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { applyPatch, MUTATIONS } from "./mutations.ts";

Deno.test("every mutation changes the code as it stands", async () => {
  strictEqual(MUTATIONS.length, 22);
  for (const { name, patches } of MUTATIONS) {
    for (const patch of patches) {
      const url = new URL(patch.file, ROOT);
      // deno-lint-ignore no-await-in-loop -- a few small files
      const text = await Deno.readTextFile(url);
      ok(applyPatch(name, text, patch) !== text, name);
    }
  }
});

Deno.test("a pattern that is not there exactly once is refused by name", () => {
  const patch = { file: "a.ts", find: "one", replace: "two" };
  deepStrictEqual(applyPatch("m", "one!", patch), "two!");
  throws(() => applyPatch("m", "two", patch), /a\.ts has its pattern 0 times/);
  throws(() => applyPatch("m", "one one", patch), /2 times/);
});

const ROOT = new URL("../../", import.meta.url);
