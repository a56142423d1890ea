/**
 * Who may import whom: the table of `docs/architecture.md` as data.
 *
 * @module
 */

import { posix } from "node:path";

/** What a folder under `mod/` may reach. */
export interface Layer {
  /** Folders it may import, besides itself. */
  readonly folders: readonly string[];
  /** Packages and built-ins it may import; `node:*` stands for all built-ins. */
  readonly packages: readonly string[];
  /** Whether it may touch the clock, timers, randomness, `Deno` and `async`. */
  readonly pure: boolean;
}

/** An import as it stands in a file. */
export interface Import {
  /** How the file is reached: `url` is `new URL(…, import.meta.url)`. */
  readonly kind: "import" | "type" | "dynamic" | "url" | "unknown";
  /** The specifier as written; empty for kind `unknown`. */
  readonly specifier: string;
  /** The names that are asked for; `*` for all of them. */
  readonly names: readonly string[];
}

const CORES = ["layer2", "bgp", "bfd", "vrrp"] as const;
const WIRE = ["lang", "addr", "wire"] as const;
const NODE = [
  ...WIRE,
  ...CORES,
  "ipam",
  "election",
  "api",
  "reconcile",
] as const;
const RIM = [
  ...NODE,
  "manifests",
  "node",
  "obs",
  "port",
  "host",
  "io",
  "http",
] as const;

/** The table. `lab` and `cli` compose the whole, so they may use every package. */
export const LAYERS: ReadonlyMap<string, Layer> = new Map([
  ["lang", pure([])],
  ["addr", pure(["lang"], ["ip-address"])],
  ["wire", pure(["lang", "addr"])],
  ...CORES.map((core) => [core, pure(WIRE)] as const),
  ["ipam", pure(["lang", "addr"])],
  ["election", pure(["lang"])],
  ["api", pure(["lang", "addr"], ["zod"])],
  ["manifests", pure(["api"])],
  ["reconcile", pure(["lang", "addr", "api", "ipam"])],
  ["node", pure(NODE)],
  ["obs", pure(["lang"])],
  ["port", pure(["lang", "addr", "api"])],
  ["host", pure([...WIRE, "bgp", "obs", "port", "node"])],
  [
    "io",
    rim(["lang", "addr", "wire", "api", "obs", "port"], [
      "node:*",
      "@logtape/logtape",
      "yaml",
      "zod",
    ]),
  ],
  [
    "http",
    rim(["lang", "api", "obs", "port", "node"], ["node:*", "prom-client"]),
  ],
  ["lab", rim(RIM, ["*"])],
  ["cli", rim([...RIM, "lab"], ["*"])],
]);

/**
 * The folder under `mod/` a file belongs to.
 *
 * @param path A path from the root of the repository, such as `mod/wire/arp.ts`.
 * @returns The folder's name, or `undefined` outside `mod/`.
 */
export function layerOf(path: string): string | undefined {
  return path.match(/^mod\/([^/]+)\//)?.[1];
}

/**
 * Whether a file is a test or a benchmark, or belongs to them.
 *
 * @param path A path from the root of the repository.
 */
export function isTest(path: string): boolean {
  return /_(test|bench)\.ts$/.test(path) || path.startsWith("tests/");
}

/**
 * Whether a file has to be pure: no `Deno`, clock, timer, randomness, `async`.
 *
 * @param path A path from the root of the repository.
 */
export function isPure(path: string): boolean {
  const layer = layerOf(path);
  return layer !== undefined && !isTest(path) &&
    LAYERS.get(layer)?.pure === true;
}

/**
 * The file a specifier means.
 *
 * @param from The importing file, from the root of the repository.
 * @param specifier The specifier as written.
 * @returns A path from the root, or `undefined` for packages and built-ins.
 */
export function resolveImport(
  from: string,
  specifier: string,
): string | undefined {
  if (specifier.startsWith("@/")) return `mod/${specifier.slice(2)}`;
  if (!specifier.startsWith(".")) return undefined;
  return posix.join(posix.dirname(from), specifier);
}

/**
 * Why an import is refused.
 *
 * @param from The importing file, from the root of the repository.
 * @param imported What it imports.
 * @returns A sentence, or `undefined` when the import is allowed.
 */
export function refusedImport(
  from: string,
  imported: Import,
): string | undefined {
  const layer = layerOf(from);
  if (imported.kind === "unknown") {
    return "Name the imported file as a literal, so that its layer can be checked";
  }
  const target = resolveImport(from, imported.specifier);
  if (target === undefined) {
    return layer === undefined
      ? undefined
      : refusedPackage(from, layer, imported.specifier);
  }
  return refusedSpelling(from, target, imported) ??
    refusedFolder(from, layer, target);
}

function refusedFolder(
  from: string,
  layer: string | undefined,
  target: string,
): string | undefined {
  if (layer === undefined) {
    const allowed = from !== "main.ts" || layerOf(target) === "cli";
    return allowed ? undefined : "main.ts imports only mod/cli";
  }
  const rule = LAYERS.get(layer);
  if (rule === undefined) {
    return `Add "${layer}" to the table in tests/tidy/layers.ts and docs/architecture.md: it is not a known folder`;
  }
  const targetLayer = layerOf(target);
  if (targetLayer === undefined) {
    // The version is told by deno.json alone.
    const allowed = (isTest(from) && target.startsWith("tests/")) ||
      (layer === "cli" && target === "deno.json");
    return allowed ? undefined : `${layer} may not import ${target}`;
  }
  if (targetLayer === layer || rule.folders.includes(targetLayer)) {
    return undefined;
  }
  return `${layer} may not import ${targetLayer}: it may import ${
    list(rule.folders)
  }`;
}

function refusedPackage(
  from: string,
  layer: string,
  specifier: string,
): string | undefined {
  if (isTest(from)) return undefined;
  const rule = LAYERS.get(layer);
  const allowed = (rule?.packages ?? []).some((name) =>
    name === "*" || name === specifier || specifier.startsWith(`${name}/`) ||
    (name === "node:*" && specifier.startsWith("node:"))
  );
  if (allowed || (rule?.pure === true && specifier === HASHING)) {
    return undefined;
  }
  return `${layer} may not import "${specifier}": it may import ${
    list(rule?.packages ?? [])
  }`;
}

function refusedSpelling(
  from: string,
  target: string,
  imported: Import,
): string | undefined {
  const layer = layerOf(from);
  const targetLayer = layerOf(target);
  const relative = imported.specifier.startsWith(".");
  if (relative && targetLayer !== undefined && targetLayer !== layer) {
    if (imported.kind === "url" || !from.startsWith("mod/")) return undefined;
    return `Write "@/${
      target.slice(4)
    }": relative imports stay in their folder`;
  }
  if (!relative && posix.dirname(from) === posix.dirname(target)) {
    return `Write "./${posix.basename(target)}" inside a folder`;
  }
  if (
    posix.basename(target).startsWith("_") &&
    posix.dirname(from) !== posix.dirname(target)
  ) return `${target} is private to its folder`;
  return undefined;
}

function list(names: readonly string[]): string {
  return names.length === 0 ? "nothing" : names.join(", ");
}

function pure(
  folders: readonly string[],
  packages: readonly string[] = [],
): Layer {
  return { folders, packages, pure: true };
}

function rim(folders: readonly string[], packages: readonly string[]): Layer {
  return { folders, packages, pure: false };
}

// A hash is a pure function; Web Crypto's is asynchronous, this one is not.
const HASHING = "node:crypto";
