/**
 * The Kubernetes programs the tests run on, built from their Go modules: see
 * `tests/support/go_programs.ts`. The newest version is that of `go.mod` beside
 * this file; older ones are in `versions`.
 *
 * @module
 */

import {
  builtGoPrograms,
  GoBuildError,
  goPrograms,
  type GoProgramsSpec,
} from "../support/go_programs.ts";

/** Paths of the programs. */
export interface KubernetesBinaries {
  /** `kube-apiserver`. */
  readonly apiserver: string;
  /** `kube-controller-manager`. */
  readonly controllerManager: string;
  /** `kube-proxy`. */
  readonly proxy: string;
  /** `kubectl`. */
  readonly kubectl: string;
  /** Their version: 25 of 1.25. */
  readonly minor: number;
}

/** Environment variable that chooses a folder of `versions`. */
export const VERSION_VARIABLE = "FOGHORN_KUBERNETES_VERSION";

/** The versions beside the newest one that can be built. */
export function olderVersions(): readonly string[] {
  return [...Deno.readDirSync(VERSIONS)].map(({ name }) => name).sort();
}

/**
 * The programs; built first where they are missing, which takes a network and
 * ten to twenty minutes.
 *
 * @param print Takes lines about the progress of a build; stderr when absent.
 * @returns Where they are.
 * @throws {GoBuildError} With one sentence that says what is missing.
 */
export async function kubernetesBinaries(
  print: (line: string) => void = printError,
): Promise<KubernetesBinaries> {
  return binariesOf(await goPrograms(spec(), print));
}

/**
 * The programs, where an earlier run has built them.
 *
 * @returns Where they are, or `undefined`.
 */
export async function builtKubernetesBinaries(): Promise<
  KubernetesBinaries | undefined
> {
  const folder = await builtGoPrograms(spec());
  return folder === undefined ? undefined : binariesOf(folder);
}

function binariesOf(folder: string): KubernetesBinaries {
  return {
    apiserver: `${folder}/kube-apiserver`,
    controllerManager: `${folder}/kube-controller-manager`,
    proxy: `${folder}/kube-proxy`,
    kubectl: `${folder}/kubectl`,
    minor: minorOf(Deno.readTextFileSync(new URL("go.mod", spec().folder))),
  };
}

function minorOf(goMod: string): number {
  const [, minor] = /^require k8s\.io\/kubernetes v1\.(\d+)\./m.exec(goMod) ??
    [];
  return Number(minor);
}

// Modules do not know their own version; without it /version answers v0.0.0.
function versionStamps(version: string): string {
  const [major, minor] = version.slice(1).split(".");
  const stamps = [
    `gitVersion=${version}`,
    `gitMajor=${major}`,
    `gitMinor=${minor}`,
  ];
  // Before 1.28 /version is told by another package than --version.
  const packages = Number(minor) < 28
    ? ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"]
    : ["k8s.io/component-base/version"];
  return packages.flatMap((name) =>
    stamps.map((stamp) => `-X ${name}.${stamp}`)
  ).join(" ");
}

function spec(): GoProgramsSpec {
  const version = Deno.env.get(VERSION_VARIABLE);
  return {
    title: "Kubernetes",
    cacheName: "kubernetes",
    folder: version === undefined
      ? new URL("./", import.meta.url)
      : new URL(`${version}/`, VERSIONS),
    module: "k8s.io/kubernetes",
    packages: [
      "kube-apiserver",
      "kube-controller-manager",
      "kube-proxy",
      "kubectl",
    ].map((name) => `k8s.io/kubernetes/cmd/${name}`),
    stamps: versionStamps,
    takes: "10–20 min",
  };
}

const VERSIONS = new URL("versions/", import.meta.url);

function printError(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  try {
    const binaries = await kubernetesBinaries();
    for (const path of Object.values(binaries)) printLine(path);
  } catch (error) {
    if (!(error instanceof GoBuildError)) throw error;
    printError(error.message);
    Deno.exit(1);
  }
}

function printLine(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
