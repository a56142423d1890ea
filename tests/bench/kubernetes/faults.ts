/**
 * How long a client is without answers when something breaks under an address.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one fault after the other
import { outageOf } from "@/lab/outage.ts";
import { EXPIRY_MS_MAX, type KubernetesLab } from "../../kubernetes/lab.ts";
import type { KubeNode } from "../../kubernetes/node.ts";
import { pass, until } from "../../support/waiting.ts";
import type { PartReport } from "../report.ts";
import { formatCount, formatSpread, spread } from "../statistics.ts";
import { buildBenchLab, LAB_METHOD, OTHERS_METHOD } from "./lab.ts";

/** Something that breaks, and how it is mended. */
interface Fault {
  readonly name: string;
  /** Medians of OpenELB, MetalLB and kube-vip. */
  readonly others: readonly string[];
  readonly breaks: (scene: Scene) => Promise<void>;
  readonly mends: (scene: Scene) => Promise<void>;
  /** Whether the next in rank answers meanwhile. */
  readonly moves: boolean;
}

/** Two nodes that answer in turn, and one on which the Pods run. */
interface Stage {
  readonly lab: KubernetesLab;
  readonly pair: readonly [KubeNode, KubeNode];
  readonly last: KubeNode;
}

/** Who answers when something breaks, and who will. */
interface Scene {
  readonly lab: KubernetesLab;
  readonly owner: KubeNode;
  readonly next: KubeNode;
}

/** Measures it; inside a sandbox. */
export async function benchFaults(): Promise<PartReport> {
  await using lab = await buildBenchLab();
  const stage = await setStage(lab);
  const rows: (readonly string[])[] = [];
  for (const fault of FAULTS) {
    const outagesMs: number[] = [];
    const lost: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      const { durationMs, failed } = await measure(stage, fault);
      outagesMs.push(durationMs);
      lost.push(failed);
    }
    rows.push([
      fault.name,
      formatSpread(spread(outagesMs), formatCount),
      formatSpread(spread(lost), formatCount),
      ...fault.others,
    ]);
  }
  return {
    title: "Outages",
    method: [
      LAB_METHOD,
      OTHERS_METHOD,
      `A client asks every ${INTERVAL_MS} ms over HTTP, ${ROUNDS} rounds each; the longest time between two answers. Pods run on a node that nothing happens to.`,
    ],
    tables: [{
      title: "Longest time without an answer, in ms",
      columns: [
        "what breaks",
        "Foghorn",
        "requests lost",
        "OpenELB",
        "MetalLB",
        "kube-vip",
      ],
      rows,
    }],
    figures: [],
    floors: [],
  };
}

async function setStage(lab: KubernetesLab): Promise<Stage> {
  const [first, second, last] = lab.order(VIP);
  if (first === undefined || second === undefined || last === undefined) {
    throw new Error("Three nodes are needed");
  }
  const web = { name: "web", vips: [VIP], on: [last.name] };
  await lab.expose(web);
  await lab.hasAddresses(web);
  return { lab, pair: [first, second], last };
}

/** Waits until one node alone answers. It is not always the first in rank: an address that moved stays for a minute. */
async function sceneOf({ lab, pair, last }: Stage): Promise<Scene> {
  let owner: KubeNode | undefined;
  await until(async () => {
    const { hosts, backend } = await lab.askTheWire(VIP, ASK_MS);
    owner = pair.find(({ name }) => hosts.length === 1 && hosts[0] === name);
    return owner !== undefined && backend === last.name;
  }, {
    timeoutMs: EXPIRY_MS_MAX,
    what: () =>
      `One of ${pair.map(({ name }) => name)} should answer for ${VIP}`,
  });
  const [first, second] = pair;
  return owner === first
    ? { lab, owner: first, next: second }
    : { lab, owner: second, next: first };
}

async function measure(
  stage: Stage,
  fault: Fault,
): Promise<{ readonly durationMs: number; readonly failed: number }> {
  const scene = await sceneOf(stage);
  const { lab, next } = scene;
  const stream = await lab.client.stream(VIP, { intervalMs: INTERVAL_MS });
  await stream.until(({ status }) => status === 200, EXPIRY_MS_MAX);
  await fault.breaks(scene);
  const giveUpMs = performance.now() + EXPIRY_MS_MAX;
  while (fault.moves && performance.now() < giveUpMs) {
    if (
      await lab.client.neighbor(VIP).then((entry) => entry?.lladdr) ===
        next.host.mac
    ) break;
    await pass(LOOK_MS);
  }
  await pass(fault.moves ? AFTER_MS : STANDING_MS);
  const samples = await stream.stop();
  await fault.mends(scene);
  const outage = outageOf(samples);
  if (outage === undefined) throw new Error(`${VIP} hardly ever answered`);
  // Who came back may own again only when it has heard all others.
  await pass(SETTLE_MS);
  return outage;
}

const FAULTS: readonly Fault[] = [
  {
    name: "the owner loses power",
    others: ["5,240", "5,740", "8,925"],
    moves: true,
    breaks: ({ owner }) => owner.powerOff(),
    mends: async ({ owner }) => {
      await owner.powerOn();
      await owner.waitReady();
    },
  },
  {
    name: "the owner's data link is cut",
    others: ["5,220", "6,051", "never"],
    moves: true,
    breaks: ({ owner }) => owner.linkDown("eth0"),
    mends: ({ owner }) => owner.linkUp("eth0"),
  },
  {
    name: "the owner's agent is killed",
    others: ["0", "0", "0"],
    moves: true,
    breaks: ({ owner }) => owner.killAgent(),
    mends: async ({ owner }) => {
      owner.startAgent();
      await owner.waitReady();
    },
  },
  {
    name: "the owner's agent is frozen",
    others: ["0", "0", "0"],
    moves: true,
    breaks: ({ owner }) => Promise.resolve(owner.pauseAgent()),
    mends: ({ owner }) => Promise.resolve(owner.resumeAgent()),
  },
  {
    name: "the owner's management link is cut",
    others: ["", "", ""],
    moves: true,
    breaks: ({ owner }) => owner.linkDown("eth1"),
    mends: ({ owner }) => owner.linkUp("eth1"),
  },
  {
    name: "the API server is killed, and back after a while",
    others: ["0", "0", "0"],
    moves: false,
    breaks: async ({ lab }) => {
      await lab.plane.killApiserver();
      await pass(STANDING_MS);
      await lab.plane.startApiserver();
    },
    mends: () => Promise.resolve(),
  },
];
const VIP = "192.168.0.91";
const ROUNDS = 3;
const INTERVAL_MS = 10;
const LOOK_MS = 50;
const ASK_MS = 500;
const SETTLE_MS = 3_000;
const AFTER_MS = 2_000;
const STANDING_MS = 15_000;
