/**
 * Executables, as far as they can be looked at where Deno's runtime cannot be
 * had: another program stands for it, so what is made holds everything that is
 * ours and cannot be run.
 *
 * @module
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { AGENT_PERMISSIONS } from "@/lab/program.ts";
import { ROOT } from "./entry_points.ts";
import { output, PLATFORMS } from "./platforms.ts";
import { executableName } from "./compile.ts";

Deno.test("deno task compile puts Workers and the permissions of an agent into it, for both machines", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const args = [`--output=${folder}`, "--allow-write=/var/tmp"];
    const { code, stderr } = await run(args, { DENORT_BIN: RUNTIME });
    strictEqual(code, 0, stderr);
    const worker = await textOf(`${ROOT.pathname}dist/bundle/wire_worker.js`);
    for (const platform of PLATFORMS) {
      // deno-lint-ignore no-await-in-loop -- two of them
      const text = await textOf(`${folder}/${executableName(platform)}`);
      ok(text.includes(worker.slice(0, 2_000)), "the Worker is not in it");
      // How main reaches it.
      match(text, /"\.\/wire_worker\.js",\s*import\.meta\.url/);
      match(text, /"--optimize-for-size"/);
      hasPermissions(text);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("deno task compile says how to supply the runtime where it cannot be downloaded", async () => {
  const cache = await emptyCache();
  try {
    const { code, stderr } = await run(["--arch=arm64"], {
      DENO_DIR: cache,
      // Nobody listens there.
      HTTPS_PROXY: "http://127.0.0.1:9",
    });
    strictEqual(code, 1, stderr);
    match(stderr, /denort-aarch64-unknown-linux-gnu\.zip of Deno 2\.9\.6/);
    match(stderr, /\$DENO_DIR\/dl\/release\/v2\.9\.6\//);
    match(stderr, /DENORT_BIN/);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});

/** Those of an agent, and what was added. */
function hasPermissions(text: string): void {
  const [, permissions = ""] = /"permissions":(\{[^}]*\})/.exec(text) ?? [];
  const granted: Readonly<Record<string, unknown>> = JSON.parse(permissions);
  // Every executable may import from where its own modules would come.
  const names = Object.entries(granted).filter(([name, value]) =>
    name.startsWith("allow_") && value !== null && name !== "allow_import"
  ).map(([name]) => name);
  const agent = AGENT_PERMISSIONS.map((flag) =>
    flag.slice(2).replace("-", "_")
  );
  deepStrictEqual(names.toSorted(), [...agent, "allow_write"].toSorted());
  deepStrictEqual(granted["allow_write"], ["/var/tmp"]);
  strictEqual(granted["prompt"], false);
}

async function run(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number; readonly stderr: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "tools/compile.ts", ...args],
    cwd: ROOT,
    env: { ...env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

/** A cache that has everything but the runtimes that were downloaded. */
async function emptyCache(): Promise<string> {
  const info = await output(Deno.execPath(), ["info", "--json"]);
  const { denoDir }: { readonly denoDir: string } = JSON.parse(info);
  const cache = await Deno.makeTempDir();
  await Deno.mkdir(`${cache}/dl`);
  await linkAll(denoDir, cache, "dl");
  // The bundler is among the downloads.
  await linkAll(`${denoDir}/dl`, `${cache}/dl`, "release");
  return cache;
}

async function linkAll(
  source: string,
  target: string,
  except: string,
): Promise<void> {
  for await (const { name } of Deno.readDir(source)) {
    if (name !== except) {
      await Deno.symlink(`${source}/${name}`, `${target}/${name}`);
    }
  }
}

async function textOf(file: string): Promise<string> {
  const bytes = await Deno.readFile(file);
  ok(bytes.length > 0);
  return new TextDecoder("latin1").decode(bytes);
}

/** Stands for the runtime: a small program. */
const RUNTIME = "/bin/true";
