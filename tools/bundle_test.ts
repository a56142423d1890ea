/**
 * What the bundles need where the sources are not.
 *
 * @module
 */

import { match, strictEqual } from "node:assert/strict";
import { AGENT_PERMISSIONS } from "@/lab/program.ts";
import { ROOT } from "./entry_points.ts";

Deno.test("the bundle runs in a folder of its own, without configuration and registry", async () => {
  await run(["run", "-A", "tools/bundle.ts", "--no-archive"], ROOT.pathname);
  const folder = await Deno.makeTempDir();
  try {
    for await (const { name } of Deno.readDir(new URL("dist/bundle/", ROOT))) {
      await Deno.copyFile(
        new URL(`dist/bundle/${name}`, ROOT),
        `${folder}/${name}`,
      );
    }
    const flags = ["--no-prompt", "--cached-only", ...AGENT_PERMISSIONS];
    const version = ["run", ...flags, "foghorn.js", "version"];
    match(await run(version, folder), /^foghorn \d+\.\d+\.\d+ /);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function run(args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  }).output();
  strictEqual(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
