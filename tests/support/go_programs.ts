/**
 * Programs that tests run on, built from Go modules into the user's cache, once
 * per version.
 *
 * A `go.mod` names the version of the module and, as its `toolchain`, that of
 * Go, which any Go from 1.21 on fetches by itself.
 *
 * @module
 */

/** Programs of one Go module. */
export interface GoProgramsSpec {
  /** What they are called in sentences, such as `Kubernetes`. */
  readonly title: string;
  /** Start of the name of their folder in the cache. */
  readonly cacheName: string;
  /** Folder with `go.mod` and `go.sum`. */
  readonly folder: URL;
  /** The module whose version is theirs, such as `k8s.io/kubernetes`. */
  readonly module: string;
  /** Import paths of the programs. */
  readonly packages: readonly string[];
  /** What modules do not know of themselves, as arguments `-X` of the linker. */
  readonly stamps: (version: string) => string;
  /** How long a build takes, a phrase. */
  readonly takes: string;
}

/** Programs that are missing and cannot be built. */
export class GoBuildError extends Error {
  /** The class's name. */
  override readonly name = "GoBuildError";
}

/**
 * The folder of the programs; built first where they are missing, which takes a
 * network and minutes.
 *
 * @param spec What to build.
 * @param print Takes lines about the progress of a build.
 * @returns The folder.
 * @throws {GoBuildError} With one sentence that says what is missing.
 */
export async function goPrograms(
  spec: GoProgramsSpec,
  print: (line: string) => void,
): Promise<string> {
  const recipe = await readRecipe(spec);
  if (await isThere(recipe.folder)) return recipe.folder;
  await Deno.mkdir(cacheFolder(), { recursive: true });
  using lock = await Deno.open(`${recipe.folder}.lock`, {
    create: true,
    write: true,
  });
  if (!await lock.tryLock(true)) {
    print(`Another process builds ${spec.title}: waiting for it`);
    await lock.lock(true);
  }
  // Whoever held the lock before may have built them.
  if (await isThere(recipe.folder)) return recipe.folder;
  return await build(recipe, print);
}

/**
 * The folder of the programs, where an earlier run has built them.
 *
 * @param spec What was built.
 * @returns The folder, or `undefined`.
 */
export async function builtGoPrograms(
  spec: GoProgramsSpec,
): Promise<string | undefined> {
  const { folder } = await readRecipe(spec);
  return await isThere(folder) ? folder : undefined;
}

/** What is built, with what, and where it ends up. */
interface Recipe {
  /** What is built. */
  readonly spec: GoProgramsSpec;
  /** Of the module, such as `v1.37.2`. */
  readonly version: string;
  /** Of Go, such as `go1.26.8`. */
  readonly toolchain: string;
  /** Arguments of `go build`, without what it builds. */
  readonly args: readonly string[];
  /** The finished programs' folder. */
  readonly folder: string;
}

async function readRecipe(spec: GoProgramsSpec): Promise<Recipe> {
  const [mod = "", sum = ""] = await Promise.all(
    ["go.mod", "go.sum"].map((name) =>
      Deno.readTextFile(new URL(name, spec.folder))
    ),
  );
  const version = mod.split("\n").flatMap((line) => {
    const [word, module, version] = line.split(" ");
    return word === "require" && module === spec.module && version !== undefined
      ? [version]
      : [];
  })[0];
  const toolchain = /^toolchain (go[\d.]+)$/m.exec(mod)?.[1];
  if (version === undefined || toolchain === undefined) {
    throw new GoBuildError(
      `Cannot read ${spec.folder.pathname}go.mod: it names no ${spec.module} or no toolchain`,
    );
  }
  const args = [
    ...["-mod=readonly", "-trimpath", "-buildvcs=false"],
    ...["-ldflags", `-s -w ${spec.stamps(version)}`],
  ];
  const { os, arch } = Deno.build;
  const identity = [mod, sum, toolchain, os, arch, ...args].join("\n");
  const hash = await shortHash(identity);
  const folder = `${cacheFolder()}/${spec.cacheName}-${hash}`;
  return { spec, version, toolchain, args, folder };
}

async function build(
  { spec, version, toolchain, args, folder }: Recipe,
  print: (line: string) => void,
): Promise<string> {
  const { title, packages, takes } = spec;
  const go = await findGo(title, toolchain);
  // We hold the lock: whoever left it is gone.
  const unfinished = `${folder}.unfinished`;
  await removeIfThere(unfinished);
  await Deno.mkdir(unfinished);
  try {
    print(`Building ${title} ${version} with ${toolchain}, once: ${takes}`);
    await runGo(
      [go, "build", "-v", ...args, "-o", `${unfinished}/`, ...packages],
      { spec, toolchain, print },
    );
    await Deno.rename(unfinished, folder);
  } catch (error) {
    await removeIfThere(unfinished);
    throw error;
  }
  print(`${title} ${version} is built in ${folder}`);
  return folder;
}

interface GoRun {
  readonly spec: GoProgramsSpec;
  readonly toolchain: string;
  readonly print: (line: string) => void;
}

async function runGo(
  [go = "", ...args]: readonly string[],
  { spec: { title, folder }, toolchain, print }: GoRun,
): Promise<void> {
  const startedMs = performance.now();
  const child = new Deno.Command(go, {
    args,
    cwd: folder,
    env: { ...GO_ENVIRONMENT, GOTOOLCHAIN: toolchain },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let compiled = 0;
  const progress = setInterval(() => {
    const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1);
    print(`Building ${title}: ${compiled} packages in ${minutes} min`);
  }, PROGRESS_INTERVAL_MS);
  const said: string[] = [];
  try {
    for await (const line of linesOf(child.stderr)) {
      if (IMPORT_PATH.test(line)) compiled += 1;
      else if (!line.startsWith("go: downloading ")) said.push(line);
    }
    const { success } = await child.status;
    if (success) return;
  } finally {
    clearInterval(progress);
  }
  const why = said.slice(-SAID_LINES_MAX).join("; ");
  throw new GoBuildError(
    `Cannot build ${title}: ${why}; it takes the Go module proxy or a filled module cache`,
  );
}

async function findGo(title: string, toolchain: string): Promise<string> {
  const found = await Promise.all(
    ["go", "/usr/local/go/bin/go"].map(async (command) => ({
      command,
      version: await goVersion(command),
    })),
  );
  return chooseGo(found, toolchain, title);
}

/** A command that may be Go. */
export interface FoundGo {
  /** The command. */
  readonly command: string;
  /** Its version, such as `1.26.8`; `undefined` when it is not there. */
  readonly version: string | undefined;
}

/**
 * The first Go that is new enough to fetch another by itself.
 *
 * @param found What was found, by preference.
 * @param toolchain The Go it has to fetch.
 * @param title What is to be built.
 * @returns Its command.
 * @throws {GoBuildError} When there is none; says what would be right.
 */
export function chooseGo(
  found: readonly FoundGo[],
  toolchain: string,
  title: string,
): string {
  const fit = found.find(({ version = "" }) => {
    const [major = 0, minor = 0] = version.split(".").map(Number);
    return major > 1 || major === 1 && minor >= 21;
  });
  if (fit !== undefined) return fit.command;
  const old = found.find(({ version }) => version !== undefined)?.version;
  throw new GoBuildError(
    `Cannot build ${title}: ${
      old === undefined ? "Go is missing" : `Go ${old} is too old`
    }, install 1.21 or newer, it fetches ${toolchain} by itself (Debian 12: golang-go from bookworm-backports, elsewhere https://go.dev/dl)`,
  );
}

/** Such as `1.26.8`; `undefined` when the command is not there. */
async function goVersion(go: string): Promise<string | undefined> {
  try {
    const { stdout } = await new Deno.Command(go, {
      args: ["version"],
      env: { GOTOOLCHAIN: "local" },
      stdin: "null",
      stderr: "null",
    }).output();
    return / go(\d+\.\d+(?:\.\d+)?)/.exec(new TextDecoder().decode(stdout))
      ?.[1];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function removeIfThere(folder: string): Promise<void> {
  try {
    await Deno.remove(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function isThere(folder: string): Promise<boolean> {
  try {
    await Deno.stat(folder);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function cacheFolder(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") ||
    `${Deno.env.get("HOME") ?? ""}/.cache`;
  return `${cache}/foghorn`;
}

async function shortHash(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest).toHex().slice(0, 16);
}

async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

// What a user's own settings could make different.
const GO_ENVIRONMENT = { CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off" };
const IMPORT_PATH = /^[\w.~-]+(\/[\w.~-]+)*$/;
const PROGRESS_INTERVAL_MS = 30_000;
const SAID_LINES_MAX = 5;
