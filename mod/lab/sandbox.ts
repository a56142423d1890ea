/**
 * A sandbox of the kernel's own namespaces in which a whole network can be built
 * and leaves nothing behind: when its first process ends, however it ends,
 * everything in it is gone.
 *
 * The program starts itself again under `unshare` with its own network, mounts
 * and process ids; as an ordinary user also with its own user namespace, in
 * which it is root. Inside, `/proc` shows the sandbox's processes and `/run` is
 * empty, a place for `ip netns` and for files of the lab.
 *
 * @module
 */

import { succeeds } from "./command.ts";

/** A sandbox that cannot be had on this machine. */
export class SandboxError extends Error {
  /** The class's name. */
  override readonly name = "SandboxError";
}

/** Whether this process runs inside the sandbox. */
export function isSandboxed(): boolean {
  return Deno.env.has(SANDBOX_VARIABLE);
}

/** The process id of the sandbox's first process as the machine outside sees it; 0 outside a sandbox. */
export function sandboxPid(): number {
  return Number(Deno.env.get(SANDBOX_VARIABLE) ?? 0);
}

/**
 * Runs a command inside a new sandbox and waits for it.
 *
 * Its stdin ends when we are asked to end, or have died: that is how it learns
 * of it, see {@linkcode outsideGone}. Ctrl-C reaches it from the terminal.
 *
 * @param command The program and its arguments.
 * @param env Environment variables to add.
 * @returns Its exit code.
 * @throws {SandboxError} When the machine or the kernel does not allow it.
 */
export async function runSandboxed(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  await checkSandbox();
  const [tool, ...args] = sandboxCommand(command);
  const child = new Deno.Command(tool, {
    args,
    env: { ...env, DENO_NO_UPDATE_CHECK: "1" },
    stdin: "piped",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  let grace: ReturnType<typeof setTimeout> | undefined;
  // unshare itself blocks SIGTERM, so it cannot pass it on.
  const end = (): void => {
    if (grace !== undefined) return;
    grace = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    child.stdin.close().catch(() => {});
  };
  // A terminal sends SIGINT to the inside, too; others send it only here.
  for (const signal of END_SIGNALS) Deno.addSignalListener(signal, end);
  try {
    const { code } = await child.status;
    return code;
  } finally {
    clearTimeout(grace);
    for (const signal of END_SIGNALS) Deno.removeSignalListener(signal, end);
    await child.stdin.close().catch(() => {});
  }
}

/**
 * The command that runs a command inside a new sandbox, for those who start it
 * themselves.
 *
 * @param command The program and its arguments.
 * @returns The program and its arguments.
 */
export function sandboxCommand(
  command: readonly string[],
): readonly [string, ...string[]] {
  return ["unshare", ...unshareArgs(), "--", ...PROLOGUE, ...command];
}

/**
 * Waits, inside a sandbox, until whoever started it is gone or wants an end.
 *
 * @returns Resolves when stdin has ended.
 */
export async function outsideGone(): Promise<void> {
  const buffer = new Uint8Array(64);
  try {
    // deno-lint-ignore no-await-in-loop -- the parts come one after the other
    while (await Deno.stdin.read(buffer) !== null);
  } catch {
    // A stdin that cannot be read has nobody at its other end.
  }
}

/**
 * Finds out whether a sandbox can be had.
 *
 * @throws {SandboxError} With one sentence that says what is missing.
 */
export async function checkSandbox(): Promise<void> {
  for (
    const [tool, args, source] of [
      ["ip", ["-V"], "iproute2"],
      ["unshare", ["--version"], "util-linux"],
    ] as const
  ) {
    // deno-lint-ignore no-await-in-loop -- the first that is missing is told
    if (!await succeeds(tool, args)) {
      throw new SandboxError(
        `Cannot find "${tool}": install the package ${source}`,
      );
    }
  }
  const [tool, ...args] = sandboxCommand(["true"]);
  if (await succeeds(tool, args)) return;
  throw new SandboxError(await whyRefused());
}

async function whyRefused(): Promise<string> {
  const start = "Cannot make network namespaces";
  if (await setting("kernel/apparmor_restrict_unprivileged_userns") === "1") {
    return `${start}: AppArmor restricts user namespaces on this system (Ubuntu does since 23.10), run as root, or once: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`;
  }
  if (await setting("kernel/unprivileged_userns_clone") === "0") {
    return `${start}: this kernel allows user namespaces to root only, run as root, or once: sudo sysctl -w kernel.unprivileged_userns_clone=1`;
  }
  if (await setting("user/max_user_namespaces") === "0") {
    return `${start}: user.max_user_namespaces is 0, run as root, or once: sudo sysctl -w user.max_user_namespaces=10000`;
  }
  return Deno.uid() === 0
    ? `${start}: CAP_SYS_ADMIN is missing, run on the host or in a privileged container`
    : `${start}: the kernel refused a user namespace, run as root`;
}

function unshareArgs(): readonly string[] {
  const spaces = ["--net", "--mount", "--pid", "--fork", "--kill-child"];
  return Deno.uid() === 0 ? spaces : ["--user", "--map-root-user", ...spaces];
}

async function setting(path: string): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile(`/proc/sys/${path}`)).trim();
  } catch {
    // The kernel does not have it.
    return undefined;
  }
}

/** Says that the sandbox is around us, and our process id outside. */
const SANDBOX_VARIABLE = "FOGHORN_SANDBOX";

// The first line is read while /proc is still that of the machine outside.
const PROLOGUE = [
  "sh",
  "-ec",
  `read -r pid rest </proc/self/stat
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
ip link set lo up
export ${SANDBOX_VARIABLE}="$pid"
exec "$@"`,
  "sh",
] as const;

const END_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

// Time for the inside to tidy up before it is killed.
const GRACE_MS = 10_000;
