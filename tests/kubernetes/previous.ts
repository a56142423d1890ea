/**
 * The agent of an earlier version, from `tests/fixtures/previous`.
 *
 * @module
 */

import { parseAllDocuments } from "yaml";
import { must } from "@/lab/command.ts";
import { type LabProgram, programOf } from "@/lab/program.ts";

/** An earlier version. */
export interface PreviousVersion {
  /** How its agents are started. */
  readonly program: LabProgram;
  /** The CustomResourceDefinitions it came with. */
  readonly kinds: readonly unknown[];
}

/** Unpacks it; there may be one in a sandbox. */
export async function unpackPrevious(): Promise<PreviousVersion> {
  await Deno.mkdir(FOLDER, { recursive: true });
  for await (const { name } of Deno.readDir(FIXTURE)) {
    if (!name.endsWith(".gz")) continue;
    const file = await Deno.open(new URL(name, FIXTURE));
    await Deno.writeFile(
      `${FOLDER}/${name.slice(0, -".gz".length)}`,
      file.readable.pipeThrough(new DecompressionStream("gzip")),
    );
  }
  const program = programOf(`${FOLDER}/foghorn.js`);
  const [command = "", ...args] = [...program.helper, "crds"];
  const text = await must(command, args);
  const kinds = parseAllDocuments(text).map((document) => document.toJS());
  return { program, kinds };
}

const FIXTURE = new URL("../fixtures/previous/", import.meta.url);
const FOLDER = "/run/previous";
