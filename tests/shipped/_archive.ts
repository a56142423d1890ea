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

/**
 * Unpacks it to a folder that is only in this sandbox.
 *
 * @param folder Where its content shall be; what was there is hidden.
 */
export async function unpackArchive(folder: string): Promise<void> {
  await must("mount", ["-t", "tmpfs", "tmpfs", TOP]);
  await Deno.mkdir(folder, { recursive: true });
  const strip = "--strip-components=1";
  await must("tar", ["-xzf", ARCHIVE.pathname, strip, "-C", folder]);
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

/** Where the archive is unpacked, as docs/install.md has it. */
export const FOLDER = "/opt/foghorn";

const TOP = "/opt";
const ARCHIVE = new URL(`dist/${archiveName(ownPlatform())}.tar.gz`, ROOT);
