/**
 * The Kubernetes programs the tests run on, built from their Go modules: see
 * `tests/support/go_programs.ts`.
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
  return binariesOf(await goPrograms(SPEC, print));
}

/**
 * The programs, where an earlier run has built them.
 *
 * @returns Where they are, or `undefined`.
 */
export async function builtKubernetesBinaries(): Promise<
  KubernetesBinaries | undefined
> {
  const folder = await builtGoPrograms(SPEC);
  return folder === undefined ? undefined : binariesOf(folder);
}

function binariesOf(folder: string): KubernetesBinaries {
  return {
    apiserver: `${folder}/kube-apiserver`,
    controllerManager: `${folder}/kube-controller-manager`,
    proxy: `${folder}/kube-proxy`,
    kubectl: `${folder}/kubectl`,
  };
}

// Modules do not know their own version; without it /version answers v0.0.0.
function versionStamps(version: string): string {
  const [major, minor] = version.slice(1).split(".");
  const stamps = [
    `gitVersion=${version}`,
    `gitMajor=${major}`,
    `gitMinor=${minor}`,
  ];
  return stamps.map((stamp) => `-X k8s.io/component-base/version.${stamp}`)
    .join(" ");
}

const SPEC: GoProgramsSpec = {
  title: "Kubernetes",
  cacheName: "kubernetes",
  folder: new URL("./", import.meta.url),
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
