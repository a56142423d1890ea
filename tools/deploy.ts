/**
 * `deno task deploy`: writes what is generated of `deploy/`.
 *
 * @module
 */

import { deployFiles } from "./deploy_files.ts";

const FOLDER = new URL("../deploy/", import.meta.url);

if (import.meta.main) {
  for (const [path, text] of deployFiles()) {
    Deno.writeTextFileSync(new URL(path, FOLDER), text);
  }
}
