/**
 * How the lab starts this program again on its hosts: from the sources, from
 * the bundle or as one executable.
 *
 * @module
 */

/** Command lines that commands are appended to. */
export interface LabProgram {
  /** Starts agents, with the permissions of a cluster's manifest. */
  readonly agent: readonly string[];
  /** Starts backends and the client's probe. */
  readonly helper: readonly string[];
  /** Starts what builds the lab, inside the sandbox. */
  readonly builder: readonly string[];
}

/**
 * The command lines for a main module.
 *
 * @param main URL or path of `main.ts`, or of the bundle.
 */
export function programOf(main: string): LabProgram {
  const path = main.startsWith("file:") ? new URL(main).pathname : main;
  if (Deno.build.standalone) {
    const self = [Deno.execPath()];
    return { agent: self, helper: self, builder: self };
  }
  const run = (permissions: readonly string[]): readonly string[] => [
    Deno.execPath(),
    "run",
    "--no-prompt",
    // The sandbox has no way to a registry: say so at once.
    "--cached-only",
    ...permissions,
    path,
  ];
  return {
    agent: run([AGENT_V8_FLAGS, ...AGENT_PERMISSIONS]),
    helper: run(HELPER_PERMISSIONS),
    builder: run(["--allow-all"]),
  };
}

const HELPER_PERMISSIONS = [
  "--allow-net",
  "--allow-read",
  "--allow-env",
  "--allow-sys",
] as const;

/** What an agent is allowed, here as in a cluster. */
export const AGENT_PERMISSIONS: readonly string[] = [
  "--allow-ffi",
  ...HELPER_PERMISSIONS,
];

/**
 * How V8 is told to keep an agent small: it runs on every node, mostly idle, and
 * V8's defaults trade tens of MiB for a speed that only bursts would notice.
 */
export const AGENT_V8_FLAGS: string =
  "--v8-flags=--max-semi-space-size=1,--optimize-for-size";
