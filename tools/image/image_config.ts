/**
 * What the image runs and how: for the OCI image that `deno task image` writes
 * and for `deploy/Dockerfile`, so that both are the same.
 *
 * @module
 */

import { AGENT_PERMISSIONS, AGENT_V8_FLAGS } from "@/lab/program.ts";
import { VERSION } from "@/cli/version.ts";

/** Where Deno and the bundles are in the image. */
export const PROGRAM_FOLDER = "/opt/foghorn";

/** The parts of the image, the one that changes least first: a layer each. */
export const PARTS = ["debian", "deno", "foghorn"] as const;

/** Flags of `deno run` for a bundle that lies beside it: nothing is looked for elsewhere. */
export const RUN_FLAGS: readonly string[] = [
  "--no-prompt",
  "--no-config",
  "--no-lock",
  "--cached-only",
];

/** What the container runs; the DaemonSet adds arguments. */
export const ENTRYPOINT: readonly string[] = [
  `${PROGRAM_FOLDER}/deno`,
  "run",
  ...RUN_FLAGS,
  ...AGENT_PERMISSIONS,
  `${PROGRAM_FOLDER}/foghorn.js`,
];

/** Its environment; the DaemonSet's own flags for V8 take the place of these. */
export const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["PATH", PROGRAM_FOLDER],
  // A name is enough: nothing can be written there.
  ["DENO_DIR", `${PROGRAM_FOLDER}/cache`],
  ["DENO_NO_UPDATE_CHECK", "1"],
  ["DENO_NO_PACKAGE_JSON", "1"],
  ["DENO_V8_FLAGS", AGENT_V8_FLAGS.replace("--v8-flags=", "")],
];

/** What registries and tools show of the image. */
export const IMAGE_LABELS: readonly (readonly [string, string])[] = [
  ["org.opencontainers.image.title", "Foghorn"],
  [
    "org.opencontainers.image.description",
    "A load balancer for Kubernetes on bare metal",
  ],
  ["org.opencontainers.image.licenses", "Apache-2.0"],
  ["org.opencontainers.image.version", VERSION],
  [
    "org.opencontainers.image.source",
    "https://github.com/foghorn-lb/foghorn",
  ],
];

/**
 * The Dockerfile, for those who build by a container engine: it copies what
 * `deno task image` has made.
 */
export function dockerfileText(): string {
  const quoted = (pairs: typeof ENVIRONMENT) =>
    pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join(" \\\n  ");
  return [
    "# Made of the folders that `deno task image` leaves, from the root of the sources:",
    "#   deno task image && buildah build --file deploy/Dockerfile --build-arg TARGETARCH=amd64 .",
    "FROM scratch",
    "ARG TARGETARCH=amd64",
    ...PARTS.map((part) => `COPY dist/image/\${TARGETARCH}/${part}/ /`),
    `ENV ${quoted(ENVIRONMENT)}`,
    `LABEL ${quoted(IMAGE_LABELS)}`,
    'USER "0:0"',
    "WORKDIR /",
    `ENTRYPOINT ${JSON.stringify(ENTRYPOINT)}`,
    "",
  ].join("\n");
}
