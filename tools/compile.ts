/**
 * `deno task compile`: one executable per machine in `dist` (or `--output=FOLDER`),
 * Workers included, with the permissions of an agent.
 *
 * They are built in and cannot be added when it is started, so further flags of
 * this task are: `--allow-run=kubelogin` for a kubeconfig with an exec plugin,
 * `--allow-all` for the demo.
 *
 * Deno downloads a runtime for it, `denort`. Where this is not possible the task
 * says how to supply one; the archives of `deno task bundle` need none.
 *
 * It is made of the bundles: of the sources, Deno 2.9.6 does not make one but
 * overflows its stack.
 *
 * @module
 */

import { AGENT_PERMISSIONS, AGENT_V8_FLAGS } from "@/lab/program.ts";
import { BUNDLE_FOLDER, writeBundles } from "./bundle.ts";
import { ROOT } from "./entry_points.ts";
import {
  DENO_VERSION,
  type Platform,
  platformsOf,
  print,
} from "./platforms.ts";

/** What is to be compiled. */
export interface CompileOptions {
  /** The bundles, `foghorn.js` first. */
  readonly bundles: readonly string[];
  /** Permissions besides those of an agent. */
  readonly permissions: readonly string[];
  /** Where executables go, an absolute path. */
  readonly folder: string;
}

/**
 * The name of an executable.
 *
 * @param platform The machine it is for.
 */
export function executableName(platform: Platform): string {
  return `foghorn-${platform.machine}`;
}

/**
 * Arguments of `deno`, run in the folder of the bundles.
 *
 * @param platform The machine.
 * @param options What is to be compiled.
 */
function compileArgs(
  platform: Platform,
  { bundles, permissions, folder }: CompileOptions,
): readonly string[] {
  const [main = "", ...workers] = bundles;
  return [
    ...["compile", "--no-config", "--no-lock", "--cached-only", "--no-prompt"],
    `--target=${platform.target}`,
    AGENT_V8_FLAGS,
    // Deno takes no other permission beside all of them.
    ...(permissions.includes("--allow-all") ? [] : AGENT_PERMISSIONS),
    ...permissions,
    ...workers.map((worker) => `--include=${worker}`),
    `--output=${folder}/${executableName(platform)}`,
    main,
  ];
}

/** What to do where the runtime cannot be downloaded. */
export function runtimeHint(platform: Platform): string {
  const file = `denort-${platform.target}.zip`;
  return [
    `Cannot compile for ${platform.machine}: Deno's runtime for it cannot be downloaded. Where it can, fetch ${file} of Deno ${DENO_VERSION}, then`,
    `  put it into $DENO_DIR/dl/release/v${DENO_VERSION}/ (deno info tells DENO_DIR),`,
    `  or unpack it, set DENORT_BIN to the file "denort", and compile with --arch=${platform.arch}.`,
    "The archives of deno task bundle need none.",
  ].join("\n");
}

async function compile(
  platform: Platform,
  options: CompileOptions,
): Promise<boolean> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...compileArgs(platform, options)],
    cwd: BUNDLE_FOLDER,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) {
    const name = executableName(platform);
    const { size } = await Deno.stat(`${options.folder}/${name}`);
    print(`${name} ${Math.ceil(size / 2 ** 20)} MiB`);
    return true;
  }
  await Deno.stderr.write(stderr);
  const hint = `${runtimeHint(platform)}\n`;
  await Deno.stderr.write(new TextEncoder().encode(hint));
  return false;
}

if (import.meta.main) {
  const options: string[] = [];
  const permissions: string[] = [];
  let folder = new URL("dist", ROOT).pathname;
  for (const arg of Deno.args) {
    if (arg.startsWith("--allow-")) permissions.push(arg);
    else if (arg.startsWith("--output=")) folder = arg.slice(9);
    else options.push(arg);
  }
  const platforms = platformsOf(options);
  const bundles = await writeBundles();
  await Deno.mkdir(folder, { recursive: true });
  let failed = false;
  for (const platform of platforms) {
    // deno-lint-ignore no-await-in-loop -- one after the other is as fast
    const done = await compile(platform, { bundles, permissions, folder });
    failed ||= !done;
  }
  Deno.exit(failed ? 1 : 0);
}
