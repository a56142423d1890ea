/**
 * `deno task compile`: one executable in `dist/foghorn`.
 *
 * Deno downloads its runtime for that; where this is not possible, the bundles
 * of `deno task bundle` need nothing but `deno` itself.
 *
 * @module
 */

import { AGENT_V8_FLAGS } from "@/lab/program.ts";
import {
  entryPoints,
  MAIN,
  modulesOf,
  ROOT,
  sourceOf,
} from "./entry_points.ts";

const entries = await entryPoints(modulesOf, sourceOf);
const { code } = await new Deno.Command(Deno.execPath(), {
  args: [
    ...["compile", "--allow-all", "--exclude-unused-npm", AGENT_V8_FLAGS],
    ...entries.filter((entry) => entry !== MAIN)
      .map((entry) => `--include=${entry}`),
    ...["--output=dist/foghorn", MAIN],
  ],
  cwd: ROOT,
  stdin: "null",
}).spawn().status;
if (code !== 0) {
  const hint =
    `Cannot compile: where Deno's runtime cannot be downloaded, set DENORT_BIN to a "denort" of Deno ${Deno.version.deno}, or put denort-${Deno.build.target}.zip into $DENO_DIR/dl/release/v${Deno.version.deno}/; deno task bundle needs neither\n`;
  await Deno.stderr.write(new TextEncoder().encode(hint));
}
Deno.exit(code);
