/**
 * Half an hour of trouble, and what is left of it.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one deed after the other
import { NAMESPACE_DEFAULT } from "@/api/names.ts";
import { type JsonObject, stringAt } from "@/lab/apiserver/json.ts";
import { Random } from "@/lang/random.ts";
import { programOf } from "@/lab/program.ts";
import { builtKubernetesBinaries } from "../../kubernetes/build.ts";
import { ColdClient } from "../../kubernetes/cold_client.ts";
import { KubernetesLab } from "../../kubernetes/lab.ts";
import type { KubeNode } from "../../kubernetes/node.ts";
import {
  eipPath,
  EIPS,
  servicePath,
  servicesPath,
} from "../../kubernetes/objects.ts";
import { openDescriptors } from "../../support/descriptors.ts";
import { pass, until } from "../../support/waiting.ts";
import { residentMib } from "../cpu.ts";
import { BUNDLE, LAB_METHOD } from "../kubernetes/lab.ts";
import type { Floor, PartReport } from "../report.ts";
import { formatCount } from "../statistics.ts";
import { type LogTally, tallyLogs } from "./explained.ts";
import { RANGE, Troubles } from "./trouble.ts";

/** What the flag for its length begins with. */
export const MINUTES_FLAG = "--minutes=";
/** What the flag for its seed begins with. */
export const SEED_FLAG = "--seed=";

/** What an agent holds. */
interface Held {
  readonly node: string;
  readonly descriptors: number;
  readonly mib: number;
}

/** Runs it; inside a sandbox. */
export async function soak(): Promise<PartReport> {
  const minutes = numberOf(MINUTES_FLAG) ?? MINUTES;
  const seed = numberOf(SEED_FLAG) ??
    crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  say(`seed ${seed}`);
  await using lab = await buildLab();
  await using cold = await ColdClient.start();
  const [kept] = lab.agentNodes;
  if (kept === undefined) throw new Error("There are nodes with agents");
  await createServices(lab);
  await allAnswer(lab, cold);
  await pass(REST_MS);
  const before = await heldBy(lab.agentNodes);
  const leases = await leaseNames(lab);
  const troubles = new Troubles(
    { lab, kept, pool: POOL, app: APP },
    new Random(seed),
  );
  const deeds = await trouble(lab, kept, troubles, minutes);
  await allAnswer(lab, cold);
  await pass(REST_MS);
  const after = await heldBy(lab.agentNodes);
  const floors = [
    ...heldFloors(before, after, kept.name),
    equalFloor(
      "Leases are those of the beginning",
      await leaseNames(lab),
      leases,
    ),
    ...await leftovers(lab),
  ];
  const logs = tallyLogs(
    await Promise.all(
      lab.agentNodes.map(async ({ name: node, logFile }) => ({
        node,
        text: await Deno.readTextFile(logFile),
      })),
    ),
    { silent: troubles.silent, deletedMs: troubles.deletedMs },
  );
  const unexplained = logs.filter(({ why }) => why === undefined).length;
  return report({ minutes, seed, deeds, before, after, logs }, [
    {
      promise: "every address answers by one node, also over HTTP",
      measured: "it does",
      met: true,
    },
    ...floors,
    {
      promise: "no unexplained line in any agent's log",
      measured: unexplained === 0 ? "none" : `${unexplained} kinds`,
      met: unexplained === 0,
    },
  ]);
}

async function buildLab(): Promise<KubernetesLab> {
  const binaries = await builtKubernetesBinaries();
  if (binaries === undefined) throw new Error("Kubernetes is not built");
  const lab = await KubernetesLab.build({
    ...{ binaries, program: programOf(BUNDLE), agents: 3 },
    proxyModes: ["iptables", "nftables", "iptables", "iptables"],
  });
  await lab.startAgents();
  return lab;
}

async function createServices(lab: KubernetesLab): Promise<void> {
  await lab.objects.createEip({ name: POOL, address: RANGE });
  // On the node that nothing happens to.
  await lab.addPod(APP, "n4");
  for (let i = 0; i < STANDING; i++) {
    const spec = { selector: { app: APP } };
    await lab.objects.createService({ name: `standing-${i}`, eip: POOL, spec });
  }
}

/** Makes trouble for so long, then mends all of it. */
async function trouble(
  lab: KubernetesLab,
  kept: KubeNode,
  troubles: Troubles,
  minutes: number,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const endMs = performance.now() + minutes * 60_000;
  let nextMs = performance.now();
  while (performance.now() < endMs) {
    const deed = troubles.next();
    say(`${deed.name}; ${await memoryText(kept)}`);
    counts.set(deed.name, (counts.get(deed.name) ?? 0) + 1);
    await deed.run();
    nextMs = Math.max(nextMs + INTERVAL_MS, performance.now());
    await pass(nextMs - performance.now());
  }
  for (const deed of troubles.mend()) {
    say(`${deed.name}, at the end`);
    await deed.run();
  }
  await Promise.all(lab.agentNodes.map((node) => node.waitReady()));
  return counts;
}

/** A leak shows as a slope. */
async function memoryText({ name, agent }: KubeNode): Promise<string> {
  const mib = await residentMib(agent?.pid ?? 0);
  return `${name} has ${mib.toFixed(0)} MiB`;
}

/** Waits until each Service is answered for by one node alone, and over HTTP. */
async function allAnswer(lab: KubernetesLab, cold: ColdClient): Promise<void> {
  for (let i = 0; i < STANDING; i++) {
    const [vip = ""] = await lab.objects.addressed(`standing-${i}`);
    let macs: readonly string[] = [];
    let status: number | undefined;
    await until(async () => {
      macs = await cold.answerers(vip);
      status = (await lab.client.request(vip)).status;
      return macs.length === 1 && status === 200;
    }, {
      timeoutMs: ANSWER_MS_MAX,
      what: () =>
        `${vip}: ${macs.join(" and ") || "nobody"} answers, HTTP ${status}`,
    });
  }
}

async function heldBy(nodes: readonly KubeNode[]): Promise<readonly Held[]> {
  return await Promise.all(nodes.map(async ({ name, agent }) => {
    const pid = agent?.pid ?? 0;
    return {
      node: name,
      descriptors: openDescriptors(pid).size,
      mib: await residentMib(pid),
    };
  }));
}

function heldFloors(
  before: readonly Held[],
  after: readonly Held[],
  kept: string,
): readonly Floor[] {
  const [was, is] = [before, after].map((all) =>
    all.find(({ node }) => node === kept)
  );
  const descriptors = (is?.descriptors ?? NaN) - (was?.descriptors ?? NaN);
  const mib = (is?.mib ?? NaN) - (was?.mib ?? NaN);
  return [
    {
      promise:
        `descriptors of the agent that was never ended, at most ${DESCRIPTORS_MORE_MAX} more`,
      measured: `${descriptors} more`,
      met: descriptors <= DESCRIPTORS_MORE_MAX,
    },
    {
      promise: `its memory, at most ${MIB_MORE_MAX} MiB more`,
      measured: `${mib.toFixed(1)} MiB more`,
      met: mib <= MIB_MORE_MAX,
    },
  ];
}

async function leaseNames(lab: KubernetesLab): Promise<readonly string[]> {
  const path =
    `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE_DEFAULT}/leases`;
  return namesOf(await lab.objects.list(path));
}

/** What is left in objects, before the last Services are deleted and after. */
async function leftovers(lab: KubernetesLab): Promise<readonly Floor[]> {
  const standing = Array.from({ length: STANDING }, (_, i) => `standing-${i}`);
  const services = namesOf(await lab.objects.list(servicesPath("default")));
  const used = Object.values(await lab.objects.used(POOL));
  for (const name of standing) await lab.objects.remove(servicePath(name));
  await lab.objects.hasUsed(POOL, {});
  await lab.objects.remove(eipPath(POOL));
  return [
    equalFloor("Services are those of the beginning", services, [
      "kubernetes",
      ...standing,
    ]),
    equalFloor(
      "the pool lists their addresses alone",
      used,
      standing.map((name) => `default/${name}`),
    ),
    equalFloor(
      "no Eip is left once it was deleted",
      namesOf(await lab.objects.list(EIPS)),
      [],
    ),
  ];
}

function namesOf(objects: readonly JsonObject[]): readonly string[] {
  return objects.map((object) => stringAt(object, "metadata", "name"));
}

function equalFloor(
  promise: string,
  is: readonly string[],
  wanted: readonly string[],
): Floor {
  const [found, expected] = [is, wanted].map((names) =>
    names.toSorted().join(", ")
  );
  const met = found === expected;
  return { promise, measured: met ? "so it is" : found || "none", met };
}

interface SoakRun {
  readonly minutes: number;
  readonly seed: number;
  readonly deeds: ReadonlyMap<string, number>;
  readonly before: readonly Held[];
  readonly after: readonly Held[];
  readonly logs: readonly LogTally[];
}

function report(
  { minutes, seed, deeds, before, after, logs }: SoakRun,
  floors: readonly Floor[],
): PartReport {
  return {
    title: "What happened, and what is left",
    method: [
      LAB_METHOD,
      `${minutes} minutes, something every ${
        INTERVAL_MS / 1_000
      } s, drawn from seed ${seed}: at most two of three agents' nodes are in trouble at once. ${STANDING} Services stand throughout; the Pods run on a fourth node. The agent of ${
        before[0]?.node
      } is stopped, cut off and frozen, but never ended.`,
    ],
    tables: [
      {
        title: "What was done",
        columns: ["what", "how often"],
        rows: [...deeds].toSorted().map((
          [name, count],
        ) => [name, formatCount(count)]),
      },
      {
        title: "What agents hold at rest",
        columns: [
          "agent of",
          "descriptors before",
          "after",
          "MiB before",
          "after",
        ],
        rows: before.map((was, i) => [
          was.node,
          formatCount(was.descriptors),
          formatCount(after[i]?.descriptors ?? NaN),
          was.mib.toFixed(0),
          after[i]?.mib.toFixed(0) ?? "",
        ]),
      },
      {
        title: "Lines in the agents' logs",
        columns: ["line", "how often", "why"],
        rows: logs.map(({ text, count, why }) => [
          text.replaceAll("|", "/").slice(0, 120),
          formatCount(count),
          why ?? "**unexplained**",
        ]),
      },
    ],
    figures: [],
    floors,
  };
}

function numberOf(flag: string): number | undefined {
  const text = Deno.args.find((arg) => arg.startsWith(flag))?.slice(
    flag.length,
  );
  if (text === undefined) return undefined;
  const number = Number(text);
  if (Number.isFinite(number) && number >= 0) return number;
  throw new RangeError(`"${flag}${text}" is no number`);
}

function say(text: string): void {
  const line = `${new Date().toISOString().slice(11, 19)} ${text}\n`;
  Deno.stderr.writeSync(new TextEncoder().encode(line));
}

const POOL = "soak";
const APP = "soak";
const STANDING = 4;
const MINUTES = 30;
const INTERVAL_MS = 5_000;
/** Longer than Leases last and caches take to settle. */
const REST_MS = 20_000;
const ANSWER_MS_MAX = 60_000;
const DESCRIPTORS_MORE_MAX = 4;
const MIB_MORE_MAX = 25;
