/**
 * Moves on purpose: what a stream of requests loses meanwhile.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one move after the other
import { Kubelets } from "../../kubernetes/kubelets.ts";
import {
  clusterMoves,
  GRACE_SECONDS,
  LOCAL,
  localMoves,
} from "../../kubernetes/moves.ts";
import {
  type Move,
  type OutageStage,
  type Round,
  SERVICE,
  VIP,
} from "../../kubernetes/outage_stage.ts";
import { LAB_METHOD, OTHERS_METHOD } from "../kubernetes/lab.ts";
import type { PartReport } from "../report.ts";
import { formatCount, median } from "../statistics.ts";
import { buildStage, CUT_METHOD, floor, tell } from "./faults.ts";
import { worst } from "./outage_table.ts";
import { roundsOf } from "./rounds.ts";

/** A move and its rounds. */
interface Measured {
  readonly move: Move;
  readonly rounds: readonly Round[];
}

/** Measures them; inside a sandbox. */
export async function benchMoves(): Promise<PartReport> {
  await using stage = await buildStage();
  await using _kubelets = new Kubelets(stage.lab);
  const moves = clusterMoves(SERVICE, VIP);
  const cluster = await measure(stage, moves);
  const local = await stage.beside(LOCAL);
  const [first] = stage.lab.order(local.vip);
  await stage.lab.addPod(LOCAL.name, first?.name ?? "", GRACE_SECONDS);
  const measured = [
    ...cluster,
    ...await measure(local, localMoves(LOCAL.name)),
  ];
  const established = [
    ...await measureEstablished(stage, moves.filter(isOneForEstablished)),
    ...await measureEstablished(
      local,
      localMoves(LOCAL.name).filter(isOneForEstablished),
    ),
  ];
  return {
    title: "Moves on purpose",
    method: [
      LAB_METHOD,
      OTHERS_METHOD,
      CUT_METHOD,
      `${roundsOf()} rounds each. A client asks every 10 ms over HTTP, a connection each, from before the move until after it was taken back; another one asks every 10 ms by ARP. Pods that are deleted serve for ${GRACE_SECONDS} s more.`,
    ],
    tables: [{
      title: "Requests lost, and the longest time without an ARP answer in ms",
      columns: [
        "what is done",
        "requests lost, worst",
        "requests cut, in all rounds",
        "ARP, median",
        "worst",
        "two at once, worst",
        "OpenELB",
        "MetalLB",
        "kube-vip",
      ],
      rows: measured.map(rowOf),
    }, {
      title:
        "Answers of 3 s, a byte each 100 ms, that were under way when the address moved",
      columns: ["what is done", "arrived whole"],
      rows: established,
    }],
    figures: [],
    floors: measured.map(({ move, rounds }) =>
      floor(
        `${move.name}: requests lost in all rounds`,
        sumOf(rounds, ({ lost }) => lost.length),
        0,
        "",
      )
    ),
  };
}

async function measure(
  stage: OutageStage,
  moves: readonly Move[],
): Promise<readonly Measured[]> {
  const measured: Measured[] = [];
  for (const move of moves) {
    const rounds: Round[] = [];
    for (let i = 0; i < roundsOf(); i++) {
      const round = await stage.moveOnce(move);
      tell(move.name, round);
      rounds.push(round);
    }
    measured.push({ move, rounds });
  }
  return measured;
}

/** How many of the long answers arrive whole. */
async function measureEstablished(
  stage: OutageStage,
  moves: readonly Move[],
): Promise<readonly (readonly string[])[]> {
  const rows: (readonly string[])[] = [];
  const rounds = Math.min(ESTABLISHED_ROUNDS, roundsOf());
  for (const move of moves) {
    let whole = 0;
    for (let i = 0; i < rounds; i++) {
      if (await stage.moveUnder(move)) whole++;
    }
    rows.push([move.name, `${whole} of ${rounds}`]);
  }
  return rows;
}

function isOneForEstablished({ established = false }: Move): boolean {
  return established;
}

function rowOf({ move, rounds }: Measured): readonly string[] {
  const lost = rounds.map(({ lost }) => lost.length);
  const cold = rounds.map(({ coldMs }) => coldMs);
  return [
    move.name,
    formatCount(worst(lost)),
    formatCount(sumOf(rounds, ({ cut }) => cut.length)),
    ...[median(cold), worst(cold)].map(formatCount),
    formatCount(worst(rounds.map(({ doubleMs }) => doubleMs))),
    ...OTHERS.get(move.name) ?? ["", "", ""],
  ];
}

function sumOf(
  rounds: readonly Round[],
  what: (round: Round) => number,
): number {
  return rounds.reduce((sum, round) => sum + what(round), 0);
}

// Lost of 100/s, and how long ARP was silent.
const OTHERS: ReadonlyMap<string, readonly string[]> = new Map([
  [
    "agent upgraded: SIGTERM, then the next one started",
    ["1, 5,114 ms", "0, 32 ms", "0 (at most 1), 340 ms"],
  ],
]);

/** They take seconds each, and what comes of them is always the same. */
const ESTABLISHED_ROUNDS = 5;
