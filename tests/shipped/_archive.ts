/**
 * The archive that `deno task bundle` has made for this machine, unpacked.
 *
 * @module
 */

import { must } from "@/lab/mod.ts";
import { archiveName } from "../../tools/archive.ts";
import { ROOT } from "../../tools/entry_points.ts";
import { ownPlatform } from "../../tools/platforms.ts";
import type { Need } from "../support/needs.ts";

/** Unpacks it, as docs/install.md has it, to a folder that is only in this sandbox. */
export async function unpackArchive(): Promise<void> {
  await must("mount", ["-t", "tmpfs", "tmpfs", TOP]);
  await must("tar", ["-xzf", ARCHIVE.pathname, "-C", TOP]);
  await Deno.symlink(NAME, FOLDER);
}

/** The need of an archive that was built. */
export function archiveNeed(): Need {
  let lack: string | undefined;
  try {
    Deno.statSync(ARCHIVE);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    lack = `there is no ${ARCHIVE.pathname}: run deno task bundle`;
  }
  return { kind: "told", lack };
}

/** Where the archive is found. */
export const FOLDER = "/opt/foghorn";

const TOP = "/opt";
const NAME = archiveName(ownPlatform());
const ARCHIVE = new URL(`dist/${NAME}.tar.gz`, ROOT);
