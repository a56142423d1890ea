/**
 * The bill of materials of what is made on this machine: reads the lock, the
 * graph of modules and what `dpkg` noted, for `sbom.ts`.
 *
 * @module
 */

import { VERSION } from "@/cli/version.ts";
import { entryPoints, modulesOf, ROOT, sourceOf } from "./entry_points.ts";
import { hashOf } from "./image/oci_image.ts";
import { DENO_VERSION, output, type Platform } from "./platforms.ts";
import {
  billOf,
  type DebianPackage,
  type LockFile,
  type ModuleGraph,
  parseDebianPackage,
  scriptPackages,
} from "./sbom.ts";

/** What a bill is about. */
export interface BillSources {
  /** What it is about, such as `foghorn-0.1.0-amd64`. */
  readonly subject: string;
  /** The machine. */
  readonly platform: Platform;
  /** Deno's program. */
  readonly deno: string;
  /** A root file system of `debian.sh`; absent: there is none. */
  readonly debian?: string;
  /** Seconds since 1970. */
  readonly dateSeconds: number;
}

/**
 * Writes a bill.
 *
 * @param path Where.
 * @param sources What it is about.
 */
export async function writeBill(
  path: string,
  sources: BillSources,
): Promise<void> {
  const { subject, platform, dateSeconds, debian } = sources;
  const graph = await moduleGraph();
  const lock: LockFile = JSON.parse(
    await Deno.readTextFile(new URL("deno.lock", ROOT)),
  );
  const packages = debian === undefined ? [] : await debianPackages(debian);
  const release = packages.length === 0 ? undefined : await releaseOf(debian);
  const bill = billOf({
    subject,
    version: VERSION,
    deno: {
      version: DENO_VERSION,
      npmPackage: platform.denoPackage,
      sha256: (await hashOf(sources.deno)).replace("sha256:", ""),
    },
    debian: packages,
    ...(release === undefined ? {} : { debianVersion: release }),
    scripts: scriptPackages(graph, lock),
    dateSeconds,
  });
  await Deno.writeTextFile(path, `${JSON.stringify(bill, undefined, 2)}\n`);
}

/** What main and its Workers reach. */
async function moduleGraph(): Promise<ModuleGraph> {
  const entries = await entryPoints(modulesOf, sourceOf);
  const graphs: readonly ModuleGraph[] = await Promise.all(
    entries.map(async (entry) => {
      const args = ["info", "--json", entry];
      const options = { cwd: ROOT.pathname };
      return JSON.parse(await output(Deno.execPath(), args, options));
    }),
  );
  return {
    modules: graphs.flatMap(({ modules }) => modules),
    npmPackages: Object.assign({}, ...graphs.map((graph) => graph.npmPackages)),
    packages: Object.assign({}, ...graphs.map((graph) => graph.packages)),
  };
}

/**
 * The packages of a root file system.
 *
 * @param folder A root file system of `debian.sh`.
 * @returns In the order of their names.
 */
export async function debianPackages(
  folder: string,
): Promise<readonly DebianPackage[]> {
  const status = `${folder}/var/lib/dpkg/status.d`;
  const names = (await Array.fromAsync(Deno.readDir(status))).map(({ name }) =>
    name
  );
  const texts = names.toSorted().map((name) =>
    Deno.readTextFile(`${status}/${name}`)
  );
  return (await Promise.all(texts)).map(parseDebianPackage);
}

async function releaseOf(
  folder: string | undefined,
): Promise<string | undefined> {
  const text = await Deno.readTextFile(`${folder}/usr/lib/os-release`);
  return /^VERSION_ID="?([\d.]+)"?$/m.exec(text)?.[1];
}
