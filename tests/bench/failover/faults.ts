/**
 * Outages: the node breaks that answers for an address.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one fault after the other
import { programOf } from "@/lab/program.ts";
import { builtKubernetesBinaries } from "../../kubernetes/build.ts";
import {
  FAULTS,
  FAULTS_WITH_LOSS,
  FAULTS_WITHOUT_API,
} from "../../kubernetes/faults.ts";
import { dropFrames } from "../../kubernetes/frame_loss.ts";
import {
  type Fault,
  OutageStage,
  type Round,
} from "../../kubernetes/outage_stage.ts";
import { BUNDLE, LAB_METHOD, OTHERS_METHOD } from "../kubernetes/lab.ts";
import type { Floor, PartReport, Table } from "../report.ts";
import { formatCount, median } from "../statistics.ts";
import { roundsOf } from "./rounds.ts";

/** A fault and its rounds. */
interface Measured {
  readonly fault: Fault;
  readonly rounds: readonly Round[];
}

/** Faults while the API server runs; inside a sandbox. */
export async function benchFaults(): Promise<PartReport> {
  await using stage = await buildStage();
  return report("The owner breaks", await measure(stage, FAULTS));
}

/** The same while it is away. */
export async function benchFaultsWithoutApi(): Promise<PartReport> {
  await using stage = await buildStage();
  // What needs the API server to be mended takes it away itself.
  const own = FAULTS_WITHOUT_API.filter(({ prepares }) => prepares);
  const others = FAULTS_WITHOUT_API.filter(({ prepares }) => !prepares);
  await stage.lab.plane.killApiserver();
  const measured = await measure(stage, others);
  await stage.lab.plane.startApiserver();
  return report("The owner breaks while the API server is away", [
    ...measured,
    ...await measure(stage, own),
  ]);
}

/** The same while frames get lost. */
export async function benchLossyFaults(): Promise<PartReport> {
  await using stage = await buildStage();
  await using _loss = await dropFrames(LOSS_SHARE);
  const half = Math.ceil(roundsOf() / 2);
  const measured = await measure(stage, FAULTS_WITH_LOSS, half);
  return {
    ...report("The owner breaks while 1 % of all frames are lost", measured),
    floors: measured.flatMap(({ rounds }) => [
      floor(
        "1 % of frames lost: two owners at once, worst",
        worst(rounds.map(({ doubleMs }) => doubleMs)),
        DOUBLE_MS_MAX_LOSSY,
      ),
    ]),
  };
}

/** A stage with agents from the bundle. */
export async function buildStage(): Promise<OutageStage> {
  const binaries = await builtKubernetesBinaries();
  if (binaries === undefined) throw new Error("Kubernetes is not built");
  return await OutageStage.build(binaries, programOf(BUNDLE));
}

async function measure(
  stage: OutageStage,
  faults: readonly Fault[],
  count: number = roundsOf(),
): Promise<readonly Measured[]> {
  const measured: Measured[] = [];
  for (const fault of faults) {
    const rounds: Round[] = [];
    for (let i = 0; i < count; i++) {
      const round = await stage.breakOnce(fault);
      tell(fault.name, round);
      rounds.push(round);
    }
    measured.push({ fault, rounds });
  }
  return measured;
}

/** Says how a round went: a long run is watched. */
export function tell(name: string, round: Round): void {
  const { owners, took, warmMs, coldMs, doubleMs, returnedMs } = round;
  const { lost, cut } = round;
  const figures = [warmMs, coldMs, doubleMs, returnedMs].map((value) =>
    value.toFixed(0)
  );
  const text = `${name}: ${owners.owner.name} to ${took.name}, ${
    figures.join(" ")
  }, lost ${lost.length} ${lost[0]?.error ?? ""} cut ${cut.length}\n`;
  Deno.stderr.writeSync(new TextEncoder().encode(text));
  if (coldMs <= STRANGE_MS) return;
  for (const { name, agent } of owners.lab.agentNodes) {
    const tail = (agent?.lines ?? []).slice(-12).join("\n");
    Deno.stderr.writeSync(new TextEncoder().encode(`${name}:\n${tail}\n`));
  }
}

function report(title: string, measured: readonly Measured[]): PartReport {
  return {
    title,
    method: [
      LAB_METHOD,
      OTHERS_METHOD,
      `Three nodes with an agent; the Pods run on a fourth without. ${
        measured[0]?.rounds.length ?? 0
      } rounds each, median and worst. Two clients ask every 10 ms: one knows the address and asks by HTTP, a connection each; one knows nothing and asks by ARP. An outage is the longest time between two answers.`,
      CUT_METHOD,
      "Two at once: the longest time for which two nodes claimed the address on the wire. Claimed again: for how long a node that was mended still claimed what another had taken over.",
      "Of the others: what the HTTP client saw; where the agent alone broke, how long ARP was silent.",
    ],
    tables: [table(measured)],
    figures: [],
    floors: measured.flatMap(floorsOf),
  };
}

function table(measured: readonly Measured[]): Table {
  return {
    title: "Longest time without an answer, in ms",
    columns: [
      "what breaks",
      "HTTP, median",
      "worst",
      "requests lost",
      "and cut",
      "ARP, median",
      "worst",
      "two at once, worst",
      "claimed again, worst",
      "OpenELB",
      "MetalLB",
      "kube-vip",
    ],
    rows: measured.map(({ fault, rounds }) => {
      const of = (what: (round: Round) => number) => rounds.map(what);
      const warm = of(({ warmMs }) => warmMs);
      const cold = of(({ coldMs }) => coldMs);
      const lost = of(({ lost }) => lost.length);
      return [
        fault.name,
        ...[median(warm), worst(warm)].map(formatCount),
        `${formatCount(median(lost))} (at most ${formatCount(worst(lost))})`,
        formatCount(worst(of(({ cut }) => cut.length))),
        ...[median(cold), worst(cold)].map(formatCount),
        formatCount(worst(of(({ doubleMs }) => doubleMs))),
        formatCount(worst(of(({ returnedMs }) => returnedMs))),
        ...OTHERS.get(fault.name) ?? ["", "", ""],
      ];
    }),
  };
}

function floorsOf({ fault, rounds }: Measured): readonly Floor[] {
  const { name, both = false, forwards = false, answersOn = false } = fault;
  const [medianMsMax, worstMsMax] = both ? [700, 1_200] : [600, 1_000];
  const outage = (who: string, all: readonly number[]): readonly Floor[] => [
    floor(`${name}: ${who}, median`, median(all), medianMsMax),
    floor(`${name}: ${who}, worst`, worst(all), worstMsMax),
  ];
  const double = worst(rounds.map(({ doubleMs }) => doubleMs));
  const returned = worst(rounds.map(({ returnedMs }) => returnedMs));
  return [
    ...outage("ARP", rounds.map(({ coldMs }) => coldMs)),
    ...(forwards
      ? [floor(
        `${name}: requests lost of one that knows the address`,
        worst(rounds.map(({ lost }) => lost.length)),
        0,
        "",
      )]
      : outage("HTTP", rounds.map(({ warmMs }) => warmMs))),
    floor(`${name}: two at once, worst`, double, DOUBLE_MS_MAX),
    floor(
      `${name}: claimed again, worst`,
      returned,
      answersOn ? DOUBLE_MS_MAX : 0,
    ),
  ];
}

/** A promise that something is at most so much. */
export function floor(
  promise: string,
  value: number,
  max: number,
  unit: string = " ms",
): Floor {
  return {
    promise: `${promise}, at most ${formatCount(max)}${unit}`,
    measured: `${formatCount(value)}${unit}`,
    met: value <= max,
  };
}

/** The largest of some numbers. */
export function worst(values: readonly number[]): number {
  return Math.max(...values);
}

/** What is counted apart from lost requests. */
export const CUT_METHOD =
  "A request that was under way when the next owner was first heard, and failed, is cut, not lost: its connection was known to the conntrack of the node before alone, and no announcement can bring that along.";

// Measured in the same kind of lab: medians.
const OTHERS: ReadonlyMap<string, readonly string[]> = new Map([
  ["node frozen", ["5,240", "5,740", "8,925"]],
  ["data link cut, carrier lost", ["5,220", "6,051", "never"]],
  ["agent killed", ["5,466", "5,920", "50, then two for 21 s"]],
  ["agent stopped", ["5,301", "5,192", "41, then two for 10 s"]],
  ["node frozen, API server away", ["7,020", "7,578", "never"]],
]);
const DOUBLE_MS_MAX = 200;
const STRANGE_MS = 1_000;
const DOUBLE_MS_MAX_LOSSY = 600;
const LOSS_SHARE = 0.01;
