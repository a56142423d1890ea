/**
 * The helm that the chart is tested with, built from its Go module: see
 * `tests/support/go_programs.ts`.
 *
 * @module
 */

import {
  builtGoPrograms,
  goPrograms,
  type GoProgramsSpec,
} from "../support/go_programs.ts";

/**
 * Path of `helm`; built first where it is missing, which takes a network and a
 * few minutes.
 *
 * @param print Takes lines about the progress of a build.
 * @throws {GoBuildError} With one sentence that says what is missing.
 */
export async function helmBinary(
  print: (line: string) => void,
): Promise<string> {
  return `${await goPrograms(SPEC, print)}/helm`;
}

/** Path of `helm`, where an earlier run has built it. */
export async function builtHelmBinary(): Promise<string | undefined> {
  const folder = await builtGoPrograms(SPEC);
  return folder === undefined ? undefined : `${folder}/helm`;
}

const SPEC: GoProgramsSpec = {
  title: "Helm",
  cacheName: "helm",
  folder: new URL("./", import.meta.url),
  module: "helm.sh/helm/v3",
  packages: ["helm.sh/helm/v3/cmd/helm"],
  stamps: (version) => `-X helm.sh/helm/v3/internal/version.version=${version}`,
  takes: "2–5 min",
};
