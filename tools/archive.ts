/**
 * The archive for hosts without a way to a registry: Deno, the bundles, what
 * starts them, the systemd unit, the manifests and the bill of materials.
 *
 * ```text
 * foghorn-0.1.0-linux-x86_64/
 *   foghorn              starts the command with the permissions it needs
 *   deno
 *   lib/foghorn.js, …    the bundles
 *   foghorn.service
 *   foghorn.yaml
 *   foghorn.spdx.json
 *   LICENSE
 * ```
 *
 * @module
 */

import { AGENT_PERMISSIONS, AGENT_V8_FLAGS } from "@/lab/program.ts";
import { VERSION } from "@/cli/version.ts";
import { writeBill } from "./bill.ts";
import { ROOT } from "./entry_points.ts";
import { RUN_FLAGS } from "./image/image_config.ts";
import { tarFlags } from "./image/oci_image.ts";
import {
  copyDeno,
  output,
  ownPlatform,
  type Platform,
  print,
  sourceDateSeconds,
} from "./platforms.ts";

/**
 * The name of an archive, and of the one folder in it.
 *
 * @param platform The machine it is for.
 */
export function archiveName(platform: Platform): string {
  return `foghorn-${VERSION}-linux-${platform.machine}`;
}

/**
 * Writes archives to `dist`.
 *
 * @param platforms The machines. One that is not this machine is left out, with
 * a sentence, where its Deno cannot be had.
 * @param bundles The folder of the bundles.
 * @param names Their names.
 */
export async function writeArchives(
  platforms: readonly Platform[],
  bundles: URL,
  names: readonly string[],
): Promise<void> {
  for (const platform of platforms) {
    // deno-lint-ignore no-await-in-loop -- one after the other is as fast
    await writeArchive(platform, bundles, names).catch((error) => {
      if (platform === ownPlatform()) throw error;
      print(`No archive for ${platform.machine}: ${error.message}`);
    });
  }
}

async function writeArchive(
  platform: Platform,
  bundles: URL,
  names: readonly string[],
): Promise<void> {
  const dateSeconds = await sourceDateSeconds(ROOT);
  const scratch = await Deno.makeTempDir();
  try {
    const name = archiveName(platform);
    const folder = `${scratch}/${name}`;
    await Deno.mkdir(`${folder}/lib`, { recursive: true });
    await copyDeno(platform, `${folder}/deno`);
    await Promise.all([
      ...names.map((file) =>
        Deno.copyFile(new URL(file, bundles), `${folder}/lib/${file}`)
      ),
      ...CARRIED.map((path) =>
        Deno.copyFile(
          new URL(path, ROOT),
          `${folder}/${path.slice(path.lastIndexOf("/") + 1)}`,
        )
      ),
    ]);
    await Deno.writeTextFile(`${folder}/foghorn`, launcherText());
    await Deno.chmod(`${folder}/foghorn`, 0o755);
    await writeBill(`${folder}/foghorn.spdx.json`, {
      subject: name,
      platform,
      deno: `${folder}/deno`,
      dateSeconds,
    });
    const file = new URL(`dist/${name}.tar.gz`, ROOT).pathname;
    await output("tar", [
      ...["--create", `--file=${file}`, "--use-compress-program=gzip -n -6"],
      ...tarFlags(dateSeconds),
      ...["-C", scratch, name],
    ]);
    const { size } = await Deno.stat(file);
    print(`dist/${name}.tar.gz ${Math.ceil(size / 2 ** 20)} MiB`);
  } finally {
    await Deno.remove(scratch, { recursive: true });
  }
}

/** The script that starts Foghorn out of the archive. */
export function launcherText(): string {
  return `#!/bin/sh
# Starts Foghorn by the Deno beside it, with what its command needs and no more.
# FOGHORN_DENO_FLAGS adds flags of deno run, such as --allow-write=/var/tmp.
set -eu
here=$(dirname -- "$(readlink -f -- "$0")")
export DENO_NO_UPDATE_CHECK=1 DENO_NO_PACKAGE_JSON=1
# Deno wants a name for its cache, also for a user without a home; it does without the folder.
export DENO_DIR="\${DENO_DIR:-$here/cache}"
case \${1:-} in
  # It builds a network, and starts programs on it.
  demo) allow=--allow-all ;;
  *) allow='${AGENT_PERMISSIONS.join(" ")}' ;;
esac
# Flags, a word each.
# shellcheck disable=SC2086
exec "$here/deno" run ${RUN_FLAGS.join(" ")} \\
  ${AGENT_V8_FLAGS} \\
  $allow \${FOGHORN_DENO_FLAGS:-} "$here/lib/foghorn.js" "$@"
`;
}

// Beside the bundles, under their own names.
const CARRIED = [
  "LICENSE",
  "deploy/foghorn.yaml",
  "deploy/systemd/foghorn.service",
] as const;
