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
import type { Floor, PartReport } from "../report.ts";
import { formatCount, median } from "../statistics.ts";
import {
  outageTable,
  type PeerMeasured,
  type PeerRound,
  peerTable,
  worst,
} from "./outage_table.ts";
import { givenPeers } from "./given_peers.ts";
import { PeerStage } from "./peer_stage.ts";
import type { Peer } from "./peers.ts";
import { roundsOf } from "./rounds.ts";

/** A fault and its rounds. */
interface Measured {
  readonly fault: Fault;
  readonly rounds: readonly Round[];
}

/** A part of which peers are measured, too. */
interface Compared {
  readonly title: string;
  readonly measured: readonly Measured[];
  readonly peers: readonly PeerMeasured[];
}

/** Faults while the API server runs; inside a sandbox. */
export async function benchFaults(): Promise<PartReport> {
  const measured = await measureFaults();
  const peers = await measurePeers(FAULTS);
  return report({ title: "The owner breaks", measured, peers });
}

async function measureFaults(): Promise<readonly Measured[]> {
  await using stage = await buildStage();
  return await measure(stage, FAULTS);
}

/** The same while it is away. */
export async function benchFaultsWithoutApi(): Promise<PartReport> {
  const measured = await measureFaultsWithoutApi();
  const peers = await measurePeers(FAULTS_WITHOUT_API, FAULTS);
  const title = "The owner breaks while the API server is away";
  return report({ title, measured, peers });
}

async function measureFaultsWithoutApi(): Promise<readonly Measured[]> {
  await using stage = await buildStage();
  // What needs the API server to be mended takes it away itself.
  const own = FAULTS_WITHOUT_API.filter(({ prepares }) => prepares);
  const others = FAULTS_WITHOUT_API.filter(({ prepares }) => !prepares);
  await stage.lab.plane.killApiserver();
  const measured = await measure(stage, others);
  await stage.lab.plane.startApiserver();
  return [...measured, ...await measure(stage, own)];
}

/** The same while frames get lost. */
export async function benchLossyFaults(): Promise<PartReport> {
  await using stage = await buildStage();
  await using _loss = await dropFrames(LOSS_SHARE);
  const half = Math.ceil(roundsOf() / 2);
  const measured = await measure(stage, FAULTS_WITH_LOSS, half);
  return {
    ...report({
      title: "The owner breaks while 1 % of all frames are lost",
      ...{ measured, peers: [] },
    }),
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

/** Measures the peers that are given, one after the other, as often as ourselves. */
async function measurePeers(
  faults: readonly Fault[],
  plain?: readonly Fault[],
): Promise<readonly PeerMeasured[]> {
  const measured: PeerMeasured[] = [];
  for (const peer of givenPeers()) {
    const { name } = peer;
    const rounds = new Map<string, PeerRound[]>();
    try {
      await measurePeer(peer, { faults, plain, rounds });
      measured.push({ name, rounds });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // Ours are measured: that a peer does not work here does not undo it.
      Deno.stderr.writeSync(new TextEncoder().encode(`${error.message}\n`));
      const [failure = ""] = error.message.split("\n");
      measured.push({ name, rounds, failure });
    }
  }
  return measured;
}

async function measurePeer(
  peer: Peer,
  { faults, plain, rounds }: {
    readonly faults: readonly Fault[];
    readonly plain: readonly Fault[] | undefined;
    readonly rounds: Map<string, PeerRound[]>;
  },
): Promise<void> {
  const binaries = await builtKubernetesBinaries();
  if (binaries === undefined) throw new Error("Kubernetes is not built");
  const program = programOf(BUNDLE);
  await using stage = await PeerStage.build(peer, binaries, program);
  for (const fault of faults) {
    // What takes the API server away by itself is done here around the fault.
    const bare = plain?.find(({ name }) => fault.name.startsWith(name));
    const all: PeerRound[] = [];
    rounds.set(fault.name, all);
    for (let i = 0; i < roundsOf(); i++) {
      const round = await stage.breakOnce(bare ?? fault, bare !== undefined);
      const text = `${peer.name}, ${fault.name}: ${JSON.stringify(round)}\n`;
      Deno.stderr.writeSync(new TextEncoder().encode(text));
      all.push(round);
    }
  }
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

function report({ title, measured, peers }: Compared): PartReport {
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
      ...(peers.length === 0 ? [] : [PEERS_METHOD]),
      ...peers.flatMap(({ name, failure }) =>
        failure === undefined
          ? []
          : [`Not all of ${name} could be measured: ${failure}.`]
      ),
    ],
    tables: [
      outageTable(measured, peers),
      ...(peers.length === 0
        ? []
        : [peerTable(measured.map(({ fault }) => fault), peers)]),
    ],
    figures: [],
    floors: measured.flatMap(floorsOf),
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

/** What is counted apart from lost requests. */
export const CUT_METHOD =
  "A request that was under way when the next owner was first heard, and failed, is cut, not lost: its connection was known to the conntrack of the node before alone, and no announcement can bring that along.";

const PEERS_METHOD =
  "Peers of this run had the same lab to themselves after us, with their own defaults and all rights; what ended by itself was started anew, as a kubelet does. Each had 30 s to fail over, and 40 s until one node alone answered again. Without the API server means that it had been away for 10 s before something broke.";
const DOUBLE_MS_MAX = 200;
const STRANGE_MS = 1_000;
const DOUBLE_MS_MAX_LOSSY = 600;
const LOSS_SHARE = 0.01;
