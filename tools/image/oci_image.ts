/**
 * An image as the Open Container Initiative has it (image-spec 1.0): blobs
 * named by their hash, and the JSON that leads to them.
 *
 * ```text
 * oci-layout  index.json ──▶ manifest ──▶ config
 *                                    └──▶ layers, tar.gz each
 * ```
 *
 * The same folders make the same bytes: times are bounded, owners are root, and
 * names are in order.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { output, type Platform } from "../platforms.ts";

/** What an image is made of. */
export interface ImageOptions {
  /** The machine it runs on. */
  readonly platform: Platform;
  /** Its name with a tag, as `docker load` shows it. */
  readonly name: string;
  /** Folders whose content becomes a layer each, the lowest first. */
  readonly layers: readonly LayerSource[];
  /** What it runs. */
  readonly entrypoint: readonly string[];
  /** Environment variables. */
  readonly environment: readonly (readonly [string, string])[];
  /** Labels, also as annotations of the manifest. */
  readonly labels: readonly (readonly [string, string])[];
  /** Seconds since 1970: nothing in it is younger. */
  readonly dateSeconds: number;
}

/** What a layer is made of. */
export interface LayerSource {
  /** What it is, for the image's history. */
  readonly name: string;
  /** The folder. */
  readonly folder: string;
}

/** How blobs are pointed at. */
interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** A layer that was written. */
interface Layer {
  readonly descriptor: Descriptor;
  /** The hash of its archive before it was compressed. */
  readonly diffId: string;
}

/**
 * Writes an image as a folder.
 *
 * @param folder An empty folder.
 * @param options What it is made of.
 * @returns The digest of its manifest.
 */
export async function writeImage(
  folder: string,
  options: ImageOptions,
): Promise<string> {
  await Deno.mkdir(`${folder}/${BLOBS}`, { recursive: true });
  const layers: Layer[] = [];
  for (const { folder: source } of options.layers) {
    // deno-lint-ignore no-await-in-loop -- one after the other takes less memory
    layers.push(await writeLayer(folder, source, options.dateSeconds));
  }
  const config = await writeJson(folder, CONFIG, configOf(options, layers));
  const labels = Object.fromEntries(options.labels);
  const manifest = await writeJson(folder, MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config,
    layers: layers.map(({ descriptor }) => descriptor),
    annotations: labels,
  });
  const { arch: architecture } = options.platform;
  await Deno.writeTextFile(
    `${folder}/index.json`,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [{
        ...manifest,
        platform: { architecture, os: "linux" },
        annotations: {
          "org.opencontainers.image.ref.name": tagOf(options.name),
          "io.containerd.image.name": options.name,
        },
      }],
    }),
  );
  await Deno.writeTextFile(
    `${folder}/oci-layout`,
    JSON.stringify({ imageLayoutVersion: "1.0.0" }),
  );
  return manifest.digest;
}

/**
 * The arguments by which `tar` makes the same archive of the same files.
 *
 * @param dateSeconds Seconds since 1970: no time in it is later.
 */
export function tarFlags(dateSeconds: number): readonly string[] {
  return [
    ...["--sort=name", "--format=posix", "--numeric-owner"],
    ...["--owner=0", "--group=0", `--mtime=@${dateSeconds}`, "--clamp-mtime"],
    "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
  ];
}

function tagOf(name: string): string {
  return name.slice(name.lastIndexOf(":") + 1);
}

function configOf(options: ImageOptions, layers: readonly Layer[]): unknown {
  const created = new Date(options.dateSeconds * 1000).toISOString();
  return {
    created,
    architecture: options.platform.arch,
    os: "linux",
    config: {
      User: "0:0",
      Env: options.environment.map(([name, value]) => `${name}=${value}`),
      Entrypoint: options.entrypoint,
      WorkingDir: "/",
      Labels: Object.fromEntries(options.labels),
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: options.layers.map(({ name }) => ({
      created,
      created_by: `deno task image: ${name}`,
    })),
  };
}

async function writeLayer(
  folder: string,
  source: string,
  dateSeconds: number,
): Promise<Layer> {
  const scratch = `${folder}/layer`;
  await output("tar", [
    ...["--create", `--file=${scratch}`, ...tarFlags(dateSeconds)],
    ...["-C", source, "."],
  ]);
  const diffId = await hashOf(scratch);
  // No name and no time in the header, so the same bytes every time.
  await output("gzip", ["--no-name", "-6", scratch]);
  const digest = await hashOf(`${scratch}.gz`);
  const { size } = await Deno.stat(`${scratch}.gz`);
  await Deno.rename(`${scratch}.gz`, `${folder}/${pathOf(digest)}`);
  return { descriptor: { mediaType: LAYER, digest, size }, diffId };
}

async function writeJson(
  folder: string,
  mediaType: string,
  value: unknown,
): Promise<Descriptor> {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const hash = createHash("sha256").update(bytes).digest("hex");
  const digest = `sha256:${hash}`;
  await Deno.writeFile(`${folder}/${pathOf(digest)}`, bytes);
  return { mediaType, digest, size: bytes.length };
}

/**
 * The hash of a file, as blobs are named.
 *
 * @param path The file.
 */
export async function hashOf(path: string): Promise<string> {
  using file = await Deno.open(path);
  const hash = createHash("sha256");
  const buffer = new Uint8Array(1 << 20);
  for (;;) {
    // deno-lint-ignore no-await-in-loop -- the parts come one after the other
    const length = await file.read(buffer);
    if (length === null) return `sha256:${hash.digest("hex")}`;
    hash.update(buffer.subarray(0, length));
  }
}

function pathOf(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

const BLOBS = "blobs/sha256";
// OCI image-spec 1.0, media types.
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
