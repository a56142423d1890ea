/**
 * Tests that need something of the machine: a command, a namespace, a kernel
 * feature. Where it is missing the test is skipped and its name says what to
 * do; `tests/run.ts` repeats that in one line, and CI lets nothing be skipped.
 *
 * @module
 */

/** Something of the machine a test cannot do without. */
export type Need =
  | { readonly kind: "command"; readonly command: string }
  | { readonly kind: "namespaces" }
  | { readonly kind: "users" }
  | { readonly kind: "link-type"; readonly linkType: string }
  | {
    readonly kind: "told";
    /** What lacks, a phrase with what to do; `undefined` when nothing does. */
    readonly lack: string | undefined;
  };

/** A command of `tests/support/packages.txt`, and where it comes from. */
export interface CommandPackage {
  /** The command. */
  readonly command: string;
  /** The Debian package that has it. */
  readonly debianPackage: string;
}

/** Network and mount namespaces, as root or as an ordinary user who may. */
export const NAMESPACES: Need = { kind: "namespaces" };

/** Users that programs may become, which only root's sandbox has. */
export const USERS: Need = { kind: "users" };

/** Begins the reason in the name of a skipped test. */
export const SKIPPED_MARK = " (skipped: ";

/**
 * The need of a command.
 *
 * @param command One that is listed in `tests/support/packages.txt`.
 */
export function command(command: string): Need {
  return { kind: "command", command };
}

/**
 * The need of a kind of link, which some kernels are built without.
 *
 * @param linkType As `ip link add type` has it, such as `vlan`.
 */
export function linkType(linkType: string): Need {
  return { kind: "link-type", linkType };
}

/**
 * Registers a test that is skipped, with a reason, where a need is not met.
 *
 * @param needs What it needs.
 * @param name The test's name.
 * @param run The test.
 */
export function testNeeding(
  needs: readonly Need[],
  name: string,
  run: (t: Deno.TestContext) => void | Promise<void>,
): void {
  const missing = needs.map(lackOf).filter((lack) => lack !== undefined);
  const reason = `${SKIPPED_MARK}${missing.join("; ")})`;
  Deno.test({
    name: missing.length === 0 ? name : `${name}${reason}`,
    ignore: missing.length > 0,
    fn: run,
  });
}

/**
 * What a need lacks on this machine.
 *
 * @param need The need.
 * @returns A sentence with what to do, or `undefined` when it is met.
 */
export function lackOf(need: Need): string | undefined {
  const key = JSON.stringify(need);
  if (!known.has(key)) known.set(key, probe(need));
  return known.get(key);
}

/**
 * Reads the list of commands.
 *
 * @param text The text of `tests/support/packages.txt`.
 */
export function parsePackages(text: string): readonly CommandPackage[] {
  return text.split("\n").filter((line) => /^[^#\s]/.test(line)).map((line) => {
    const [command = "", debianPackage = ""] = line.split(/\s+/);
    return { command, debianPackage };
  });
}

function probe(need: Need): string | undefined {
  switch (need.kind) {
    case "command":
      return probeCommand(need.command);
    case "told":
      return need.lack;
    case "namespaces":
      return inNamespace("true")
        ? undefined
        : "network namespaces cannot be made: run as root, or allow user namespaces" +
          " (Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0)";
    case "users":
      return hasUsers(Deno.readTextFileSync("/proc/self/uid_map"))
        ? undefined
        : "daemons of others become users of their own: run as root";
    case "link-type": {
      const add = "ip link add foghorn0 type veth peer name foghorn1 && " +
        `ip link add link foghorn0 name foghorn2 type ${need.linkType}`;
      return inNamespace(`${add} ${need.linkType === "vlan" ? "id 5" : ""}`)
        ? undefined
        : `the kernel makes no link of type ${need.linkType}: load its module`;
    }
  }
}

/**
 * Whether there are other users than root.
 *
 * @param uidMap The text of `/proc/self/uid_map`.
 */
export function hasUsers(uidMap: string): boolean {
  const counts = uidMap.trim().split("\n").map((line) =>
    Number(line.trim().split(/\s+/)[2])
  );
  return counts.reduce((sum, count) => sum + count, 0) > 1;
}

function probeCommand(name: string): string | undefined {
  const listed = parsePackages(Deno.readTextFileSync(PACKAGES))
    .find((row) => row.command === name);
  if (listed === undefined) {
    throw new Error(
      `List "${name}" in tests/support/packages.txt: a test needs it`,
    );
  }
  return shell(`PATH="$PATH:/usr/sbin:/sbin" command -v ${name}`)
    ? undefined
    : `${name} is missing: install the package ${listed.debianPackage}`;
}

function inNamespace(script: string): boolean {
  const quoted = `sh -c '${script}'`;
  return shell(`unshare --net --mount ${quoted}`) ||
    shell(`unshare --user --map-root-user --net --mount ${quoted}`);
}

function shell(script: string): boolean {
  return new Deno.Command("sh", {
    args: ["-c", script],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).outputSync().success;
}

const PACKAGES = new URL("packages.txt", import.meta.url);
const known = new Map<string, string | undefined>();
