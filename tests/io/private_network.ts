/**
 * Runs a script in a network of its own: an empty network namespace that is gone
 * with the script, whatever becomes of it.
 *
 * The script is another process because a namespace is a thread's, and Deno has
 * several. It gets the permissions the agent is documented to need, not all.
 *
 * @module
 */

import { listDescriptors } from "@/io/ffi/fd_count.ts";

/** How a script is run. */
export interface ScriptOptions {
  /** A command it is run through, such as one that takes capabilities away. */
  readonly through?: readonly string[];
}

/**
 * Runs one case of a script, and fails with what it printed unless it succeeds.
 *
 * @param script The script; it hands its cases to {@linkcode runCase}.
 * @param testCase The case.
 * @param options How.
 */
export async function inPrivateNetwork(
  script: URL,
  testCase: string,
  options: ScriptOptions = {},
): Promise<void> {
  const namespace = Deno.uid() === 0 ? [] : ["--user", "--map-root-user"];
  const prepare = 'PATH="$PATH:/usr/sbin:/sbin"; ip link set lo up; exec "$@"';
  const output = await new Deno.Command("unshare", {
    args: [
      ...namespace,
      ...["--net", "--mount", "sh", "-c", prepare, "sh"],
      ...(options.through ?? []),
      ...[Deno.execPath(), "run", "--no-prompt", "--no-check", "--allow-ffi"],
      ...["--allow-run=ip,sh", `--allow-read=${ROOT}`],
      ...[script.pathname, testCase],
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(SCRIPT_MS_MAX),
  }).output();
  const decoder = new TextDecoder();
  const printed = decoder.decode(output.stderr) + decoder.decode(output.stdout);
  if (!output.success) throw new Error(`${testCase}: ${printed}`);
}

/**
 * Runs the case a script was asked for.
 *
 * @param cases Every case, by name.
 */
export async function runCase(
  cases: Readonly<Record<string, () => void | Promise<void>>>,
): Promise<void> {
  const [name = ""] = Deno.args;
  const run = cases[name];
  if (run === undefined) throw new Error(`There is no case "${name}"`);
  // What Deno opens once for all commands is open from here on.
  shell("true");
  await run();
}

/**
 * Runs `ip`, and throws what it says when it fails.
 *
 * @param commands Arguments, one command a line.
 */
export function ip(commands: string): void {
  for (const line of commands.trim().split("\n")) shell(`ip ${line.trim()}`);
}

/**
 * Runs a shell script, and throws what it says when it fails.
 *
 * @param script The script.
 * @returns What it printed.
 */
export function shell(script: string): string {
  const { success, stdout, stderr } = new Deno.Command("sh", {
    args: ["-c", script],
    stdin: "null",
  }).outputSync();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${script}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/**
 * What is open of the kinds that system calls of our own make: Deno opens files,
 * pipes and pairs of Unix sockets behind our back.
 *
 * @returns What each descriptor is open on.
 */
export function ownDescriptors(): readonly string[] {
  const open = [...listDescriptors()];
  const unix = new Set(shell("cat /proc/net/unix").match(/\b\d+(?=$| )/gm));
  return open.filter(([, target]) => {
    const inode = /^socket:\[(\d+)\]/.exec(target)?.[1];
    return inode === undefined
      ? /^anon_inode:\[(eventfd|eventpoll|timerfd)\]/.test(target)
      : !unix.has(inode);
  }).map(([fd, target]) => `${fd} ${target}`);
}

const ROOT = new URL("../../", import.meta.url).pathname;
const SCRIPT_MS_MAX = 120_000;
