/**
 * `deno task image`: an OCI archive per machine in `dist/image`, with its bill
 * of materials, without a container engine. Then it runs the one for this machine
 * as a node would, see `tests/shipped/image_test.ts`.
 *
 * It needs Debian's `apt-get` and `dpkg-deb`, `tar` and `gzip`; for the other
 * machine also `npm`, by which Deno's program for it comes.
 *
 * @module
 */

import { VERSION } from "@/cli/version.ts";
import { imageOf } from "@/manifests/mod.ts";
import { writeBill } from "../bill.ts";
import { BUNDLE_FOLDER, writeBundles } from "../bundle.ts";
import { ROOT } from "../entry_points.ts";
import {
  copyDeno,
  output,
  ownPlatform,
  type Platform,
  platformsOf,
  print,
  sourceDateSeconds,
} from "../platforms.ts";
import {
  ENTRYPOINT,
  ENVIRONMENT,
  IMAGE_LABELS,
  PARTS,
  PROGRAM_FOLDER,
} from "./image_config.ts";
import { tarFlags, writeImage } from "./oci_image.ts";

/** Where images are. */
export const IMAGE_FOLDER: URL = new URL("dist/image/", ROOT);

/** The profile that stands for `RuntimeDefault` when the image is run: CRI-O's and Podman's, from Debian. */
export const SECCOMP_PROFILE: URL = new URL("seccomp.json", IMAGE_FOLDER);

/**
 * The name of an image's files, without what they end in.
 *
 * @param platform The machine it is for.
 */
export function imageName(platform: Platform): string {
  return `foghorn-${VERSION}-${platform.arch}`;
}

async function build(
  platform: Platform,
  bundles: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const folder = new URL(`${platform.arch}/`, IMAGE_FOLDER).pathname;
  await removeOld(folder);
  const partOf = (part: typeof PARTS[number]) => `${folder}${part}`;
  const rootfs = [platform.arch, partOf("debian")];
  await output("sh", [DEBIAN.pathname, "rootfs", ...rootfs], { env });
  const program = (part: typeof PARTS[number]) =>
    `${partOf(part)}${PROGRAM_FOLDER}`;
  await Deno.mkdir(program("deno"), { recursive: true });
  await copyDeno(platform, `${program("deno")}/deno`);
  await Deno.mkdir(program("foghorn"), { recursive: true });
  for (const name of bundles) {
    const target = `${program("foghorn")}/${name}`;
    // deno-lint-ignore no-await-in-loop -- two small files
    await Deno.copyFile(new URL(name, BUNDLE_FOLDER), target);
  }
  await Deno.copyFile(
    new URL("LICENSE", ROOT),
    `${program("foghorn")}/LICENSE`,
  );
  await pack(platform, folder);
}

async function pack(platform: Platform, folder: string): Promise<void> {
  const dateSeconds = await sourceDateSeconds(ROOT);
  const layout = `${folder}layout`;
  await Deno.mkdir(layout);
  const digest = await writeImage(layout, {
    platform,
    name: imageOf(VERSION),
    layers: PARTS.map((name) => ({ name, folder: `${folder}${name}` })),
    entrypoint: ENTRYPOINT,
    environment: ENVIRONMENT,
    labels: IMAGE_LABELS,
    dateSeconds,
  });
  const name = imageName(platform);
  const archive = new URL(`${name}.oci.tar`, IMAGE_FOLDER).pathname;
  await output("tar", [
    ...["--create", `--file=${archive}`, ...tarFlags(dateSeconds)],
    ...["-C", layout, "oci-layout", "index.json", "blobs"],
  ]);
  await Deno.remove(layout, { recursive: true });
  await writeBill(new URL(`${name}.spdx.json`, IMAGE_FOLDER).pathname, {
    subject: name,
    platform,
    deno: `${folder}deno${PROGRAM_FOLDER}/deno`,
    debian: `${folder}debian`,
    dateSeconds,
  });
  const { size } = await Deno.stat(archive);
  print(
    `dist/image/${name}.oci.tar ${Math.ceil(size / 2 ** 20)} MiB ${digest}`,
  );
}

async function fetchProfile(
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const name = "golang-github-containers-common";
    await output("sh", [DEBIAN.pathname, "unpack", name, folder], { env });
    const profile = `${folder}/usr/share/containers/seccomp.json`;
    await Deno.copyFile(profile, SECCOMP_PROFILE);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs the image for this machine as a node would; the exit code. */
async function runOnce(): Promise<number> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "tests/run.ts", "shipped.image"],
    cwd: ROOT,
  }).spawn().status;
  return code;
}

async function removeOld(folder: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(folder, { recursive: true });
}

const DEBIAN = new URL("debian.sh", import.meta.url);

if (import.meta.main) {
  const platforms = platformsOf(Deno.args);
  await Deno.mkdir(IMAGE_FOLDER, { recursive: true });
  const bundles = await writeBundles();
  const state = await Deno.makeTempDir();
  const env = { APT_STATE: state };
  try {
    await Promise.all(platforms.map(async (platform) => {
      if (platform === ownPlatform()) {
        await build(platform, bundles, env);
        await fetchProfile(env);
        return;
      }
      await build(platform, bundles, env).catch((error) => {
        print(`No image for ${platform.arch}: ${error.message}`);
      });
    }));
  } finally {
    await Deno.remove(state, { recursive: true });
  }
  if (platforms.includes(ownPlatform())) Deno.exit(await runOnce());
}
