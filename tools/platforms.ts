/**
 * The machines that images, archives and executables are made for, by all the
 * names they have, and Deno's own program for each.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** A kind of machine. */
export interface Platform {
  /** As Debian and the Open Container Initiative call it. */
  readonly arch: "amd64" | "arm64";
  /** As compilers call it. */
  readonly target: "x86_64-unknown-linux-gnu" | "aarch64-unknown-linux-gnu";
  /** As `uname -m` calls it. */
  readonly machine: "x86_64" | "aarch64";
  /** Where the GNU C library is. */
  readonly libraries: string;
  /** `e_machine` in the header of its ELF files. */
  readonly elfMachine: number;
  /** The npm package that holds Deno's program. */
  readonly denoPackage: string;
  /** What npm says that the package of {@linkcode DENO_VERSION} hashes to. */
  readonly denoIntegrity: string;
}

/** The version of Deno that everything is tested with. */
export const DENO_VERSION = "2.9.6";

/** All of them. */
export const PLATFORMS: readonly Platform[] = [
  {
    arch: "amd64",
    target: "x86_64-unknown-linux-gnu",
    machine: "x86_64",
    libraries: "x86_64-linux-gnu",
    elfMachine: 62,
    denoPackage: "@deno/linux-x64-glibc",
    denoIntegrity:
      "sha512-3md4TKLCuzsLDmfOoC5KN7NAZaxSVkMgm64vg6foD00JBADCpYS2/5QqXfzgnP5ZQz3iLP9vBQJtEgc116OAoQ==",
  },
  {
    arch: "arm64",
    target: "aarch64-unknown-linux-gnu",
    machine: "aarch64",
    libraries: "aarch64-linux-gnu",
    elfMachine: 183,
    denoPackage: "@deno/linux-arm64-glibc",
    denoIntegrity:
      "sha512-poqhoH9B3nYloigEMPT5t8HY+wBeiuea1An5Q7fqgJzP0SYmWsoS/oUnWO/pEiA4ofzIBy1Elt/in58xKtxEoQ==",
  },
];

/** The machine this runs on. */
export function ownPlatform(): Platform {
  const own = PLATFORMS.find(({ target }) => target === Deno.build.target);
  if (own === undefined) {
    throw new Error(`Nothing is made for ${Deno.build.target}`);
  }
  return own;
}

/**
 * The machines that a command line asks for.
 *
 * @param args Values of `--arch=`; none: all machines.
 * @throws {Error} For a name that is none of them.
 */
export function platformsOf(args: readonly string[]): readonly Platform[] {
  const asked = args.map((arg) => {
    const [, name = ""] = /^--arch=(.+)$/.exec(arg) ?? [];
    const platform = PLATFORMS.find(({ arch }) => arch === name);
    if (platform === undefined) {
      const names = PLATFORMS.map(({ arch }) => `--arch=${arch}`).join(" or ");
      throw new Error(`Cannot read "${arg}": write ${names}`);
    }
    return platform;
  });
  return asked.length === 0 ? PLATFORMS : asked;
}

/**
 * Makes a copy of Deno's program: of the one that runs where it fits, else out
 * of its npm package, whose hash is compared.
 *
 * @param platform For which machine.
 * @param target Where to write it.
 * @throws {Error} When it cannot be had, or is another than expected.
 */
export async function copyDeno(
  platform: Platform,
  target: string,
): Promise<void> {
  if (Deno.version.deno !== DENO_VERSION) {
    throw new Error(
      `Cannot pack Deno ${Deno.version.deno}: ${DENO_VERSION} is what this is tested with`,
    );
  }
  if (platform === ownPlatform()) {
    await Deno.copyFile(Deno.execPath(), target);
  } else await unpackDeno(platform, target);
  await Deno.chmod(target, 0o755);
  const machine = elfMachineOf(await readStart(target));
  if (machine !== platform.elfMachine) {
    throw new Error(`Cannot use ${target}: it is not for ${platform.machine}`);
  }
}

async function unpackDeno(platform: Platform, target: string): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const name = `${platform.denoPackage}@${DENO_VERSION}`;
    const packed = await output("npm", [
      ...["pack", "--silent", name, `--pack-destination=${folder}`],
    ]);
    const file = `${folder}/${packed.trim().split("\n").at(-1)}`;
    const found = integrityOf(await Deno.readFile(file));
    if (found !== platform.denoIntegrity) {
      throw new Error(
        `Cannot use ${name}: it hashes to ${found}, not ${platform.denoIntegrity}`,
      );
    }
    await output("tar", ["-xzf", file, "-C", folder, "package/deno"]);
    await Deno.copyFile(`${folder}/package/deno`, target);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The hash of a package, as npm writes it. */
export function integrityOf(bytes: Uint8Array): string {
  return `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
}

/**
 * Which machine an ELF file is for.
 *
 * @param start Its first bytes, 20 at least.
 * @returns `e_machine`, or `undefined` when it is no ELF file of ours: 64 bits, little-endian.
 */
export function elfMachineOf(start: Uint8Array): number | undefined {
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  if (start.length < 20 || view.getUint32(0) !== 0x7f454c46) return undefined;
  if (start[4] !== 2 || start[5] !== 1) return undefined;
  return view.getUint16(18, true);
}

/** The first bytes of a file. */
export async function readStart(path: string): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(64);
  const length = await file.read(bytes);
  return bytes.subarray(0, length ?? 0);
}

/**
 * Runs a command to its end.
 *
 * @param tool The program.
 * @param args Its arguments.
 * @param options Where, and with which environment variables added.
 * @returns What it printed.
 * @throws {Error} With what it printed on stderr, when it fails or is missing.
 */
export async function output(
  tool: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(tool, {
    ...options,
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout);
  throw new Error(
    `Cannot run ${tool} ${args.join(" ")}: ${decoder.decode(stderr).trim()}`,
  );
}

/** Writes a line to stdout. */
export function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/**
 * The time that what is made carries, so that the same sources make the same
 * bytes: `SOURCE_DATE_EPOCH`, else that of the last commit, else zero.
 *
 * @returns Seconds since 1970.
 */
export async function sourceDateSeconds(root: URL): Promise<number> {
  const told = Deno.env.get("SOURCE_DATE_EPOCH");
  if (told !== undefined) return Number(told);
  try {
    const args = ["log", "-1", "--format=%ct"];
    return Number(await output("git", args, { cwd: root.pathname }));
  } catch {
    // Sources without their history, or a machine without git.
    return 0;
  }
}
