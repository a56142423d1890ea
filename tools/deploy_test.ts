/**
 * What `deploy/` holds is what the code says.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { deployFiles } from "./deploy_files.ts";

Deno.test("the generated files of deploy/ are fresh: else run deno task deploy", async () => {
  for (const [path, text] of deployFiles()) {
    // deno-lint-ignore no-await-in-loop -- a few small files
    const found = await Deno.readTextFile(new URL(path, FOLDER));
    strictEqual(found, text, `deploy/${path} is stale: run deno task deploy`);
  }
});

Deno.test("what says that it is generated is generated", async () => {
  const generated = [...deployFiles().keys()].toSorted();
  const found = [];
  for await (const path of files(FOLDER)) {
    const text = await Deno.readTextFile(new URL(path, FOLDER));
    if (text.startsWith("# Generated")) found.push(path);
  }
  deepStrictEqual(found.toSorted(), generated);
});

async function* files(folder: URL, under = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) {
      yield* files(new URL(`${name}/`, folder), `${under}${name}/`);
    } else yield `${under}${name}`;
  }
}

const FOLDER = new URL("../deploy/", import.meta.url);
