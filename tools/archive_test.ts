/**
 * What starts Foghorn out of the archive.
 *
 * @module
 */

import { deepStrictEqual } from "node:assert/strict";
import { AGENT_PERMISSIONS, AGENT_V8_FLAGS } from "@/lab/program.ts";
import { launcherText } from "./archive.ts";
import { RUN_FLAGS } from "./image/image_config.ts";

Deno.test("the launcher starts an agent with the permissions of an agent", async () => {
  await launched(async (run, folder) => {
    deepStrictEqual(await run(["agent", "--node-name", "a b"]), [
      ...["run", ...RUN_FLAGS, AGENT_V8_FLAGS, ...AGENT_PERMISSIONS],
      ...[`${folder}/lib/foghorn.js`, "agent", "--node-name", "a b"],
    ]);
  });
});

Deno.test("the launcher gives the demo every permission", async () => {
  await launched(async (run) => {
    const words = await run(["demo"]);
    deepStrictEqual(words.filter((word) => word.startsWith("--allow")), [
      "--allow-all",
    ]);
  });
});

Deno.test("the launcher adds FOGHORN_DENO_FLAGS, and works through a link and without arguments", async () => {
  await launched(async (run, folder) => {
    await Deno.mkdir(`${folder}/bin`);
    await Deno.symlink("../foghorn", `${folder}/bin/foghorn`);
    const flags = "--allow-write=/var/tmp --allow-run=kubelogin";
    const words = await run([], { path: "bin/foghorn", flags });
    deepStrictEqual(words.slice(-3), [
      ...flags.split(" "),
      `${folder}/lib/foghorn.js`,
    ]);
  });
});

/** Runs the launcher beside a `deno` that prints what it is told. */
async function launched(
  check: (
    run: (
      args: readonly string[],
      how?: { readonly path: string; readonly flags: string },
    ) => Promise<readonly string[]>,
    folder: string,
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    const scripts = [["foghorn", launcherText()], ["deno", ECHO]] as const;
    for (const [name, text] of scripts) {
      // deno-lint-ignore no-await-in-loop -- two files
      await Deno.writeTextFile(`${folder}/${name}`, text, { mode: 0o755 });
    }
    await check(async (args, how) => {
      const path = how?.path ?? "foghorn";
      const { stdout } = await new Deno.Command(`${folder}/${path}`, {
        args: [...args],
        env: how === undefined ? {} : { FOGHORN_DENO_FLAGS: how.flags },
      }).output();
      return new TextDecoder().decode(stdout).trimEnd().split("\n");
    }, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const ECHO = `#!/bin/sh
printf '%s\\n' "$@"
`;
