/**
 * The groups `tests/run.ts` runs, one `deno test` each.
 *
 * @module
 */

/** Tests that run together. */
export interface Group {
  /** Its name on the command line and in reports. */
  readonly name: string;
  /** What it proves, in a few words. */
  readonly what: string;
  /** Arguments of `deno`. */
  readonly args: readonly string[];
  /** Longest it may take; then it is stopped and counts as failed. */
  readonly limitMs: number;
  /** Whether it runs in a sandbox of namespaces, and tells of each test as it ends. */
  readonly lab: boolean;
  /** Whether it runs only when it is named. */
  readonly onRequest: boolean;
}

/** A folder of tests, and what they prove. */
interface Folder {
  readonly name: string;
  readonly what: string;
}

/** A folder of tests that build networks. */
interface LabFolder extends Folder {
  readonly onRequest: boolean;
}

/**
 * The groups of a repository, in the order they run.
 *
 * @param paths Paths of all test files, from the root.
 * @param pureFolders Folders under `mod/` that need no permission.
 * @returns A group for types, two for `mod/`, one for each folder of `tests/`.
 */
export function groupsOf(
  paths: readonly string[],
  pureFolders: readonly string[],
): readonly Group[] {
  const under = (prefix: string) =>
    paths.some((path) => path.startsWith(prefix));
  const pure = pureFolders.map((folder) => `mod/${folder}`).filter((folder) =>
    under(`${folder}/`)
  );
  const rim = foldersOf(paths, "mod").filter((folder) =>
    !pure.includes(folder)
  );
  const known = FOLDERS.filter(({ name }) => under(`tests/${name}/`));
  const other = foldersOf(paths, "tests").map((folder) => folder.slice(6))
    .filter((name) => !FOLDERS.some((folder) => folder.name === name))
    .map((name) => ({ name, what: `tests/${name}` }));
  return [
    group("types", "every file type-checks", ["check", "."]),
    ...(pure.length === 0 ? [] : [
      group("pure", "pure folders, run without any permission", [
        ...["test", "--doc", "--no-prompt", "--parallel", "--no-check"],
        ...pure,
      ]),
    ]),
    ...(rim.length === 0 ? [] : [
      group("rim", "folders that touch the machine", [...TEST, ...rim]),
    ]),
    ...(under("tools/")
      ? [group("tools", "how bundles are made", [...TEST, "tools"])]
      : []),
    ...[...other, ...known].filter(({ name }) =>
      LAB_FOLDERS.every((folder) => folder.name !== name)
    )
      .map(({ name, what }) => ({
        ...group(name, what, [
          ...TEST,
          `tests/${name}`,
          // Worlds of links have a group, and a limit, of their own.
          ...(name === SIM ? [`--ignore=${SIM_LINK}`] : []),
        ]),
        ...(name === SIM ? { limitMs: SIM_LIMIT_MS } : {}),
      })),
    ...(under(`${SIM_LINK}/`)
      ? [{
        ...group("sim.link", "the fail-over of a link from one seed", [
          ...TEST,
          SIM_LINK,
        ]),
        limitMs: SIM_LIMIT_MS,
      }]
      : []),
    ...LAB_FOLDERS.flatMap((folder) => labGroups(folder, paths)),
  ];
}

function group(name: string, what: string, args: readonly string[]): Group {
  const limitMs = 5 * MINUTE;
  return { name, what, args, lab: false, onRequest: false, limitMs };
}

/** Tests that build networks, each file in a sandbox of its own: what one leaves behind another does not meet. */
function labGroups(
  { name, what, onRequest }: LabFolder,
  paths: readonly string[],
): readonly Group[] {
  const folder = `tests/${name}/`;
  return paths.filter((path) => path.startsWith(folder)).toSorted()
    .map((path) => ({
      name: `${name}.${path.slice(folder.length).replace(/_test\.ts$/, "")}`,
      what,
      args: [...TEST, path],
      lab: true,
      onRequest,
      limitMs: 15 * MINUTE,
    }));
}

/**
 * Whether a name on the command line means a group: its own name, or that of
 * the groups it belongs to (`e2e` for `e2e.layer2`).
 */
export function meansGroup(name: string, group: Group): boolean {
  return group.name === name || group.name.startsWith(`${name}.`);
}

function foldersOf(paths: readonly string[], root: string): readonly string[] {
  const folders = paths.map((path) => path.split("/").slice(0, 2).join("/"))
    .filter((folder) =>
      folder.startsWith(`${root}/`) && !folder.endsWith(".ts")
    );
  return [...new Set(folders)].toSorted();
}

const MINUTE = 60_000;
const SIM = "sim";
const SIM_LINK = "tests/sim/link";
/** The seeds of a group take four to eight minutes of two quiet cores; what counts is their number. */
const SIM_LIMIT_MS = 15 * MINUTE;
const TEST = ["test", "-A", "--no-check"] as const;

// In the order they run: what is quick and tells most comes first.
const FOLDERS: readonly Folder[] = [
  { name: "support", what: "what the other tests stand on" },
  { name: "tidy", what: "layers, purity, dead files, true words" },
  { name: "vectors", what: "bytes read and written" },
  { name: "conformance", what: "one test per MUST" },
  { name: "contract", what: "the embedded API server against its contract" },
  { name: "parity", what: "the embedded API server against a real one" },
  { name: "node", what: "the loops of a node over ports made by hand" },
  { name: "sim", what: "a whole cluster from one seed" },
  { name: "fuzz", what: "the committed corpus" },
];

// At the end, since they take longest.
const LAB_FOLDERS: readonly LabFolder[] = [
  {
    name: "e2e",
    what: "real agents on real (virtual) Ethernet",
    onRequest: false,
  },
  {
    name: "interop",
    what: "our BGP speaker with the daemons of others",
    // The daemons of others have timers of their own, which a busy machine upsets.
    onRequest: true,
  },
  {
    name: "kubernetes",
    what: "real agents on a real control plane",
    // It builds Kubernetes first, where that was never done.
    onRequest: true,
  },
  {
    name: "shipped",
    what: "image, archive and unit, as a node runs them",
    // They are built before, by `deno task image` and `deno task bundle`.
    onRequest: true,
  },
];
