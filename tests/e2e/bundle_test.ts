/**
 * An agent as a cluster runs it: with the permissions of its manifest and no
 * others, on a file system nothing can be written to, from the sources and from
 * the bundle.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  AGENT_PERMISSIONS,
  LabCluster,
  type LabProgram,
  must,
  programOf,
} from "@/lab/mod.ts";
import { addressed } from "../support/lab_services.ts";
import { testSandboxed } from "../support/sandboxed.ts";

testSandboxed("an agent from the sources needs no writable file", async () => {
  await serves(programOf(new URL("main.ts", ROOT).href));
});

testSandboxed(
  "an agent from the bundle needs no writable file, and no sources",
  async () => {
    // Needs a bundler that was downloaded before: the sandbox has no way to a registry.
    const tool = [TOOL.pathname, "--no-archive"];
    await must(Deno.execPath(), ["run", "-A", "--cached-only", ...tool]);
    await Deno.mkdir(BUNDLE);
    await must("cp", ["-r", `${FOLDER.pathname}.`, BUNDLE]);
    try {
      await serves(programOf(`${BUNDLE}/foghorn.js`));
    } finally {
      await Deno.remove(BUNDLE, { recursive: true });
    }
  },
);

/** Checks that a Service gets an address and is answered for. */
async function serves(program: LabProgram): Promise<void> {
  await using lab = await LabCluster.build({
    program: { ...program, agent: onReadOnly(program.agent) },
    nodes: 1,
    vips: [VIP],
  });
  await lab.nobodyAnswers(VIP);
  await lab.startAgents();
  lab.api.createEip({ name: "pool", address: VIP });
  lab.createService({ name: "web", eip: "pool" });
  deepStrictEqual(await addressed(lab.api, "web"), [VIP]);
  await lab.answeredBy(VIP, "n1");
  const { agent } = lab.node("n1");
  ok(agent !== undefined);
  deepStrictEqual(permissionsOf(agent.pid), [...AGENT_PERMISSIONS].sort());
  deepStrictEqual(await writableMounts(agent.pid), []);
  strictEqual(await lab.node("n1").stopAgent(), 0);
  const complaints = agent.lines.filter((line) =>
    /"level":"(WARN|ERROR)"|read-only|denied/i.test(line)
  );
  deepStrictEqual(complaints, []);
}

/** The command in mounts of its own, of which none can be written to. */
function onReadOnly(command: readonly string[]): readonly string[] {
  return ["unshare", "--mount", "sh", "-ec", READ_ONLY, "sh", ...command];
}

/** The permissions a process of Deno was started with. */
function permissionsOf(pid: number): readonly string[] {
  const command = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
  return command.filter((word) => word === "-A" || word.startsWith("--allow"))
    .sort();
}

/** The mounts a process could write files to. */
async function writableMounts(pid: number): Promise<readonly string[]> {
  const text = await Deno.readTextFile(`/proc/${pid}/mountinfo`);
  const isWritable = new Map<string, boolean>();
  for (const line of text.trim().split("\n")) {
    const fields = line.split(" ");
    const [, , , , point = "", flags = ""] = fields;
    const type = fields[fields.indexOf("-") + 1] ?? "";
    const isReadOnly = flags.split(",").includes("ro");
    // Of several mounts at one point the last one is seen.
    isWritable.set(point, !isReadOnly && !KERNEL_FILES.has(type));
  }
  const found = [...isWritable].flatMap(([point, is]) => is ? [point] : []);
  // Another mount may lie over the one it is in, as `ip netns exec` leaves /sys.
  const stat = ["-t", `${pid}`, "-m", "stat", "-f", "-c", "%T"];
  const seen = await Promise.all(
    found.map((point) => must("nsenter", [...stat, point])),
  );
  return found.filter((_, i) => !KERNEL_FILES.has(seen[i]?.trim() ?? ""));
}

const ROOT = new URL("../../", import.meta.url);
const TOOL = new URL("tools/bundle.ts", ROOT);
const FOLDER = new URL("dist/bundle/", ROOT);
const BUNDLE = "/run/bundle";
const VIP = "192.168.0.91";

/** What the kernel shows as files, where none can be made. */
const KERNEL_FILES: ReadonlySet<string> = new Set([
  "proc",
  "sysfs",
  "devpts",
  "mqueue",
  "cgroup",
  "cgroup2",
]);

const READ_ONLY = `
mount --make-rprivate /
while read -r id parent device root point flags rest; do
  case "$rest" in *"- proc "*|*"- sysfs "*|*"- devpts "*|*"- mqueue "*|*"- cgroup"*) continue;; esac
  # Another mount may lie over the one it is in.
  case "$(stat -f -c %T "$point")" in proc|sysfs|devpts|mqueue|cgroup*) continue;; esac
  mount -o remount,bind,ro "$point"
done </proc/self/mountinfo
exec "$@"
`;
