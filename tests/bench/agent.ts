/**
 * The whole agent, three of them in the lab with the embedded API server: from
 * start to ready, from a Service's creation to its first answer, memory.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- what is timed goes one after the other
import { Capture, LabCluster, type LabNode, programOf } from "@/lab/mod.ts";
import { cpuPercent, residentMib } from "./cpu.ts";
import type { PartReport, Table } from "./report.ts";
import {
  formatCount,
  formatDigits,
  formatSpread,
  type Spread,
  spread,
} from "./statistics.ts";

/** How soon new Services answered. */
interface FirstAnswers {
  /** Until the first ARP frame for its address. */
  readonly arpMs: Spread;
  /** Until the first HTTP answer at its address. */
  readonly httpMs: Spread;
}

/** Many Services at once. */
interface Burst {
  /** How long their creation took. */
  readonly creatingMs: number;
  /** From the last creation until all had their addresses. */
  readonly waitingMs: number;
}

/** What agents use while nothing happens. */
interface Footprint {
  /** Resident memory of the controller's agent. */
  readonly leaderMib: number;
  /** Resident memory of the others. */
  readonly othersMib: Spread;
  /** Processor time of the controller's agent, percent of a core. */
  readonly leaderCpu: number;
  /** Processor time of the others. */
  readonly othersCpu: Spread;
}

/** Measures it all; inside a sandbox. */
export async function benchAgent(): Promise<PartReport> {
  await using lab = await LabCluster.build({
    program: programOf(new URL("../../main.ts", import.meta.url).href),
    vips: VIPS,
  });
  const readyMs = await measureStarts(lab);
  await waitLeader(lab);
  lab.api.createEip({ name: "few", address: "192.168.0.100-192.168.0.199" });
  lab.api.createEip({ name: "many", address: "198.18.0.0/16" });
  await measureCreations(lab, VIPS.slice(0, WARM_UP));
  const few = await measureCreations(lab, VIPS.slice(WARM_UP, FEW));
  const idle = await measureFootprint(lab);
  const burst = await createMany(lab);
  const many = await measureCreations(lab, VIPS.slice(FEW));
  const loaded = await measureFootprint(lab);
  return {
    title: "Agent",
    method: [
      `Three nodes in namespaces on one bridge, an agent each, run from the sources; the API server shares the two cores with them. A client that knows the address tries HTTP without pause, ${
        FEW - WARM_UP
      } Services one after the other.`,
      `${formatCount(MANY)} Services were created within ${
        (burst.creatingMs / 1_000).toFixed(1)
      } s; the last had its address ${
        (burst.waitingMs / 1_000).toFixed(1)
      } s after that.`,
    ],
    tables: [
      creationTable(few, many),
      footprintTable(idle, loaded),
      {
        title: "From the start of an agent to /readyz, in ms",
        columns: ["what", "median and range"],
        rows: [["start to ready", formatSpread(readyMs, formatCount)]],
      },
    ],
    figures: [
      {
        name: "first-http",
        what: "Service created to first HTTP answer, median",
        value: `${formatCount(few.httpMs.median)} ms`,
      },
      {
        name: "first-arp",
        what: "Service created to first ARP frame, median",
        value: `${formatCount(few.arpMs.median)} ms`,
      },
      {
        name: "ready",
        what: "start of an agent to ready, median",
        value: `${formatCount(readyMs.median)} ms`,
      },
      {
        name: "rss-idle",
        what: "resident memory of an agent with hardly any Service",
        value: `${formatCount(idle.othersMib.median)} MiB`,
      },
      {
        name: "rss-1000",
        what: `with ${formatCount(MANY)} Services`,
        value: `${formatCount(loaded.othersMib.median)} MiB`,
      },
    ],
    floors: [{
      promise: "Service created to first answer, median, at most 250 ms",
      measured: `${formatCount(few.httpMs.median)} ms`,
      met: few.httpMs.median <= 250,
    }],
  };
}

async function measureStarts(lab: LabCluster): Promise<Spread> {
  const samples: number[] = [];
  for (const node of lab.nodes) samples.push(await timeStart(node));
  for (const node of lab.nodes) {
    await node.stopAgent();
    samples.push(await timeStart(node));
  }
  return spread(samples);
}

/** Waits until one agent gives out addresses: after a restart that may take a while. */
async function waitLeader(lab: LabCluster): Promise<void> {
  const deadlineMs = performance.now() + LEADER_MS_MAX;
  while (performance.now() < deadlineMs) {
    const metrics = await Promise.all(lab.nodes.map((node) => node.metrics()));
    if (metrics.some(leads)) return;
    await pause(100);
  }
  throw new Error("No agent became the controller");
}

function leads(metrics: ReadonlyMap<string, number>): boolean {
  return metrics.get("foghorn_leader") === 1;
}

async function timeStart(node: LabNode): Promise<number> {
  const startMs = performance.now();
  node.startAgent();
  while (performance.now() - startMs < START_MS_MAX) {
    const answer = await node.ask("/readyz");
    if (answer.ok && answer.status === 200) return performance.now() - startMs;
    await pause(POLL_MS);
  }
  await node.waitReady(0); // Says why not.
  return Infinity;
}

async function measureCreations(
  lab: LabCluster,
  vips: readonly string[],
): Promise<FirstAnswers> {
  const arp: number[] = [];
  const http: number[] = [];
  for (const vip of vips) {
    await using capture = await Capture.start(
      lab.nodes.map(({ host }) => host),
    );
    const startMs = performance.now();
    lab.createService({
      name: `web-${vip.replaceAll(".", "-")}`,
      eip: "few",
      spec: { loadBalancerIP: vip },
    });
    http.push(await timeFirstAnswer(lab, vip, startMs));
    const frame = capture.frames().find(({ message }) =>
      "operation" in message && message.senderIp === vip
    );
    if (frame === undefined) throw new Error(`No ARP frame named ${vip}`);
    arp.push(frame.atMs - startMs);
    await pause(BETWEEN_MS);
  }
  return { arpMs: spread(arp), httpMs: spread(http) };
}

async function timeFirstAnswer(
  lab: LabCluster,
  vip: string,
  startMs: number,
): Promise<number> {
  while (performance.now() - startMs < ANSWER_MS_MAX) {
    const sample = await lab.client.request(vip, { timeoutMs: TRY_MS });
    if (sample.status === 200) return performance.now() - startMs;
  }
  const { conditions } = lab.api.service(`web-${vip.replaceAll(".", "-")}`) ??
    {};
  throw new Error(`${vip} never answered: ${JSON.stringify(conditions)}`);
}

/** Creates many Services as fast as the API server takes them. */
async function createMany(lab: LabCluster): Promise<Burst> {
  const startMs = performance.now();
  for (let i = 0; i < MANY; i++) {
    lab.createService({ name: `many-${i}`, eip: "many" });
    // The API server lives in this thread: let it do its work.
    if (i % 20 === 19) await pause(0);
  }
  const createdMs = performance.now();
  for (let i = MANY - 1; i >= 0; i--) {
    await lab.api.waitForAddress(`many-${i}`, { timeoutMs: 60_000 });
  }
  return {
    creatingMs: createdMs - startMs,
    waitingMs: performance.now() - createdMs,
  };
}

async function measureFootprint(lab: LabCluster): Promise<Footprint> {
  await pause(SETTLE_MS);
  const measured = await Promise.all(lab.nodes.map(async (node) => {
    const pid = node.agent?.pid ?? 0;
    const cpu = await cpuPercent(pid, () => pause(IDLE_MS));
    const metrics = await node.metrics();
    return {
      mib: await residentMib(pid),
      cpu,
      isLeader: leads(metrics),
    };
  }));
  const leader = measured.find(({ isLeader }) => isLeader);
  const others = measured.filter(({ isLeader }) => !isLeader);
  return {
    leaderMib: leader?.mib ?? NaN,
    leaderCpu: leader?.cpu ?? NaN,
    othersMib: spread(others.map(({ mib }) => mib)),
    othersCpu: spread(others.map(({ cpu }) => cpu)),
  };
}

function creationTable(few: FirstAnswers, many: FirstAnswers): Table {
  const row = (what: string, { arpMs, httpMs }: FirstAnswers) => [
    what,
    formatSpread(arpMs, formatCount),
    formatSpread(httpMs, formatCount),
  ];
  return {
    title:
      "From the creation of a Service to the first frame and the first answer, in ms",
    columns: ["Services there", "first ARP frame", "first HTTP answer"],
    rows: [row("a few", few), row(formatCount(MANY), many)],
  };
}

function footprintTable(idle: Footprint, loaded: Footprint): Table {
  const row = (what: string, footprint: Footprint) => [
    what,
    footprint.leaderMib.toFixed(0),
    formatSpread(footprint.othersMib, formatDigits(0)),
    footprint.leaderCpu.toFixed(2),
    formatSpread(footprint.othersCpu, formatDigits(2)),
  ];
  return {
    title:
      "Agents while nothing happens: resident memory in MiB, processor time in percent of a core",
    columns: [
      "Services",
      "memory of the controller",
      "of the others",
      "processor of the controller",
      "of the others",
    ],
    rows: [row("a few", idle), row(formatCount(MANY), loaded)],
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const WARM_UP = 3;
const FEW = 18;
const VIPS: readonly string[] = Array.from(
  { length: 28 },
  (_, i) => `192.168.0.${100 + i}`,
);
const MANY = 1_000;
const POLL_MS = 5;
const START_MS_MAX = 30_000;
const LEADER_MS_MAX = 30_000;
const TRY_MS = 50;
const ANSWER_MS_MAX = 10_000;
const BETWEEN_MS = 150;
const SETTLE_MS = 6_000;
const IDLE_MS = 5_000;
