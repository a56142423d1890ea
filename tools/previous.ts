/**
 * `deno task previous COMMIT`: keeps the bundles of an earlier commit in
 * `tests/fixtures/previous`, as that commit's own `deno task bundle` makes them.
 *
 * The tests of an upgrade run the agent of another version beside today's. They
 * hold for a fresh clone without history and without a way out, so that agent is
 * kept here: 350 KB, exchanged once per release.
 *
 * @module
 */

import { ROOT } from "./entry_points.ts";

const FOLDER = new URL("tests/fixtures/previous/", ROOT);

async function keep(name: string): Promise<void> {
  const commit = (await output(["git", "rev-parse", `${name}^{commit}`], ROOT))
    .trim();
  const sources = await Deno.makeTempDir();
  try {
    const archive = `${sources}/sources.tar`;
    await output(["git", "archive", `--output=${archive}`, commit], ROOT);
    await output(["tar", "xf", archive], sources);
    await output([Deno.execPath(), "run", "-A", "tools/bundle.ts"], sources);
    await Deno.remove(FOLDER, { recursive: true }).catch((error: unknown) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
    await Deno.mkdir(FOLDER, { recursive: true });
    for await (const { name } of Deno.readDir(`${sources}/dist/bundle`)) {
      await compress(`${sources}/dist/bundle/${name}`, `${name}.gz`);
    }
    await Deno.writeTextFile(new URL("commit.txt", FOLDER), `${commit}\n`);
  } finally {
    await Deno.remove(sources, { recursive: true });
  }
}

async function compress(from: string, name: string): Promise<void> {
  // -n: the same bytes whenever it is done.
  const text = await new Deno.Command("gzip", {
    args: ["-9", "-n", "-c", from],
  })
    .output();
  if (!text.success) throw new Error(`gzip ${from} failed`);
  await Deno.writeFile(new URL(name, FOLDER), text.stdout);
}

async function output(
  [command = "", ...args]: readonly string[],
  cwd: string | URL,
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(`${command} ${args.join(" ")}: ${decoder.decode(stderr)}`);
  }
  return decoder.decode(stdout);
}

const [commit] = Deno.args;
if (commit === undefined) {
  throw new Error("Say which commit: deno task previous COMMIT");
}
await keep(commit);
