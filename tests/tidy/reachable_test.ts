/**
 * Every file under `mod/` is reached from `main.ts`, Workers through `new URL`.
 *
 * @module
 */

import { unreachable } from "./reachable.ts";
import { nothingFound, readTree, testFixtures } from "./tree.ts";

testFixtures("reachable", unreachable);

Deno.test("main.ts reaches every file under mod/", async () => {
  // An exemption that is not needed any more is a finding, too.
  const expected = [...TO_COME.keys()].map((path) =>
    `${path}: main.ts does not reach it`
  );
  const findings = unreachable(await readTree());
  nothingFound([
    ...findings.filter((finding) => !expected.includes(finding)),
    ...expected.filter((finding) => !findings.includes(finding))
      .map((finding) => `No longer true, take it off the list: ${finding}`),
  ]);
});

/** Files that nothing reaches yet, and why they are here. */
const TO_COME: ReadonlyMap<string, string> = new Map();
