/**
 * The Kubernetes programs the tests run on, built from their Go modules into the
 * user's cache, once per version.
 *
 * `go.mod` names the version of Kubernetes and, as its `toolchain`, that of Go,
 * which any Go from 1.21 on fetches by itself.
 *
 * @module
 */

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

/** Programs that are missing and cannot be built. */
export class KubernetesBuildError extends Error {
  /** The class's name. */
  override readonly name = "KubernetesBuildError";
}

/**
 * The programs; built first where they are missing, which takes a network and
 * ten to twenty minutes.
 *
 * @param print Takes lines about the progress of a build; stderr when absent.
 * @returns Where they are.
 * @throws {KubernetesBuildError} With one sentence that says what is missing.
 */
export async function kubernetesBinaries(
  print: (line: string) => void = printError,
): Promise<KubernetesBinaries> {
  const recipe = await readRecipe();
  const built = await builtIn(recipe.folder);
  if (built !== undefined) return built;
  await Deno.mkdir(cacheFolder(), { recursive: true });
  using lock = await Deno.open(`${recipe.folder}.lock`, {
    create: true,
    write: true,
  });
  if (!await lock.tryLock(true)) {
    print("Another process builds Kubernetes: waiting for it");
    await lock.lock(true);
  }
  // Whoever held the lock before may have built them.
  const meanwhile = await builtIn(recipe.folder);
  if (meanwhile !== undefined) return meanwhile;
  return await build(recipe, print);
}

/**
 * The programs, where an earlier run has built them.
 *
 * @returns Where they are, or `undefined`.
 */
export async function builtKubernetesBinaries(): Promise<
  KubernetesBinaries | undefined
> {
  return await builtIn((await readRecipe()).folder);
}

/** What is built, with what, and where it ends up. */
interface Recipe {
  /** Of Kubernetes, such as `v1.37.2`. */
  readonly version: string;
  /** Of Go, such as `go1.26.8`. */
  readonly toolchain: string;
  /** Arguments of `go build`, without what it builds. */
  readonly args: readonly string[];
  /** The finished programs' folder. */
  readonly folder: string;
}

async function readRecipe(): Promise<Recipe> {
  const [mod, sum] = await Promise.all(
    ["go.mod", "go.sum"].map((name) => Deno.readTextFile(new URL(name, HERE))),
  );
  const version = /^require k8s\.io\/kubernetes (v[\d.]+)$/m.exec(mod ?? "")
    ?.[1];
  const toolchain = /^toolchain (go[\d.]+)$/m.exec(mod ?? "")?.[1];
  if (version === undefined || toolchain === undefined) {
    throw new KubernetesBuildError(
      "Cannot read tests/kubernetes/go.mod: it names no k8s.io/kubernetes or no toolchain",
    );
  }
  const args = [
    ...["-mod=readonly", "-trimpath", "-buildvcs=false"],
    ...["-ldflags", `-s -w ${versionStamps(version)}`],
  ];
  const { os, arch } = Deno.build;
  const identity = [mod, sum, toolchain, os, arch, ...args].join("\n");
  const folder = `${cacheFolder()}/kubernetes-${await shortHash(identity)}`;
  return { version, toolchain, args, folder };
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

async function build(
  { version, toolchain, args, folder }: Recipe,
  print: (line: string) => void,
): Promise<KubernetesBinaries> {
  const go = await findGo(toolchain);
  // We hold the lock: whoever left it is gone.
  const unfinished = `${folder}.unfinished`;
  await removeIfThere(unfinished);
  await Deno.mkdir(unfinished);
  try {
    print(`Building Kubernetes ${version} with ${toolchain}, once: 10–20 min`);
    await runGo(
      [go, "build", "-v", ...args, "-o", `${unfinished}/`, ...PACKAGES],
      toolchain,
      print,
    );
    await Deno.rename(unfinished, folder);
  } catch (error) {
    await removeIfThere(unfinished);
    throw error;
  }
  print(`Kubernetes ${version} is built in ${folder}`);
  return binariesOf(folder);
}

async function runGo(
  [go = "", ...args]: readonly string[],
  toolchain: string,
  print: (line: string) => void,
): Promise<void> {
  const startedMs = performance.now();
  const child = new Deno.Command(go, {
    args,
    cwd: HERE,
    env: { ...GO_ENVIRONMENT, GOTOOLCHAIN: toolchain },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let compiled = 0;
  const progress = setInterval(() => {
    const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1);
    print(`Building Kubernetes: ${compiled} packages in ${minutes} min`);
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
  throw new KubernetesBuildError(
    `Cannot build Kubernetes: ${why}; it takes the Go module proxy or a filled module cache`,
  );
}

async function findGo(toolchain: string): Promise<string> {
  const found = await Promise.all(
    ["go", "/usr/local/go/bin/go"].map(async (command) => ({
      command,
      version: await goVersion(command),
    })),
  );
  return chooseGo(found, toolchain);
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
 * @returns Its command.
 * @throws {KubernetesBuildError} When there is none; says what would be right.
 */
export function chooseGo(
  found: readonly FoundGo[],
  toolchain: string,
): string {
  const fit = found.find(({ version = "" }) => {
    const [major = 0, minor = 0] = version.split(".").map(Number);
    return major > 1 || major === 1 && minor >= 21;
  });
  if (fit !== undefined) return fit.command;
  const old = found.find(({ version }) => version !== undefined)?.version;
  throw new KubernetesBuildError(
    `Cannot build Kubernetes: ${
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

async function builtIn(
  folder: string,
): Promise<KubernetesBinaries | undefined> {
  try {
    await Deno.stat(folder);
    return binariesOf(folder);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function binariesOf(folder: string): KubernetesBinaries {
  return {
    apiserver: `${folder}/kube-apiserver`,
    controllerManager: `${folder}/kube-controller-manager`,
    proxy: `${folder}/kube-proxy`,
    kubectl: `${folder}/kubectl`,
  };
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

function printError(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

const HERE = new URL("./", import.meta.url);
const PACKAGES = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-proxy",
  "kubectl",
].map((name) => `k8s.io/kubernetes/cmd/${name}`);
// What a user's own settings could make different.
const GO_ENVIRONMENT = { CGO_ENABLED: "0", GOFLAGS: "", GOWORK: "off" };
const IMPORT_PATH = /^[\w.~-]+(\/[\w.~-]+)*$/;
const PROGRESS_INTERVAL_MS = 30_000;
const SAID_LINES_MAX = 5;

if (import.meta.main) {
  try {
    const binaries = await kubernetesBinaries();
    for (const path of Object.values(binaries)) printLine(path);
  } catch (error) {
    if (!(error instanceof KubernetesBuildError)) throw error;
    printError(error.message);
    Deno.exit(1);
  }
}

function printLine(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
