/**
 * Outages as a table: ours, what others were measured at elsewhere, and those of
 * the peers that were measured in the same run.
 *
 * @module
 */

import type { Fault, Round } from "../../kubernetes/outage_stage.ts";
import type { Table } from "../report.ts";
import { formatCount, median } from "../statistics.ts";

/** What a round of ours showed, as far as it is told. */
export type RoundFigures =
  & Pick<Round, "warmMs" | "coldMs" | "doubleMs" | "returnedMs">
  & { readonly lost: ArrayLike<unknown>; readonly cut: ArrayLike<unknown> };

/** A fault and our rounds. */
export interface Measured<R extends RoundFigures = RoundFigures> {
  readonly fault: Pick<Fault, "name" | "forwards">;
  readonly rounds: readonly R[];
}

/** What a round of a peer showed. */
export type PeerRound =
  | {
    /** Another node answered in time. */
    readonly kind: "taken";
    /** Longest time without an answer over HTTP. */
    readonly warmMs: number;
    /** Requests that got no answer. */
    readonly lost: number;
    /** Longest time without an answer by ARP. */
    readonly coldMs: number;
    /** Longest time for which two claimed the address, until it was one again. */
    readonly doubleMs: number;
  }
  | {
    /** No other node answered within {@linkcode PATIENCE_MS}. */
    readonly kind: "never";
    readonly doubleMs: number;
  }
  | {
    /** Nobody answered any more before anything broke: the API server was away. */
    readonly kind: "silent";
  };

/** A peer, and its rounds by the name of the fault. */
export interface PeerMeasured {
  /** Its name. */
  readonly name: string;
  /** Its rounds. */
  readonly rounds: ReadonlyMap<string, readonly PeerRound[]>;
  /** Why there are no more of them. */
  readonly failure?: string;
}

/**
 * The table of outages, a row for each fault.
 *
 * @param measured Our rounds.
 * @param peers What peers showed in this run; they get a column each.
 */
export function outageTable(
  measured: readonly Measured[],
  peers: readonly PeerMeasured[],
): Table {
  const elsewhere = peers.length === 0 ? "" : ", elsewhere";
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
      ...OTHER_NAMES.map((name) => `${name}${elsewhere}`),
      ...peers.map(({ name }) => `${name}, this run`),
    ],
    rows: measured.map(({ fault, rounds }) => {
      const of = (what: (round: RoundFigures) => number) => rounds.map(what);
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
        ...OTHERS.get(fault.name) ?? OTHER_NAMES.map(() => ""),
        ...peers.map((peer) =>
          peerCell(peer.rounds.get(fault.name) ?? [], fault.forwards ?? false)
        ),
      ];
    }),
  };
}

/**
 * What peers showed, in full: a row for each peer and fault.
 *
 * @param faults The faults, in order.
 * @param peers The peers.
 */
export function peerTable(
  faults: readonly Pick<Fault, "name">[],
  peers: readonly PeerMeasured[],
): Table {
  return {
    title: "Peers in this run, longest time without an answer in ms",
    columns: [
      "what breaks",
      "peer",
      "rounds",
      "HTTP, median",
      "worst",
      "requests lost, worst",
      "ARP, median",
      "worst",
      "two at once, worst",
      "not within 30 s",
    ],
    rows: faults.flatMap(({ name }) =>
      peers.map((peer) => [
        name,
        peer.name,
        ...peerFigures(peer.rounds.get(name) ?? []),
      ])
    ),
  };
}

/** What a peer showed, in one cell: what the table's method says of others. */
function peerCell(rounds: readonly PeerRound[], forwards: boolean): string {
  if (rounds.length === 0) return "";
  const taken = rounds.filter((round) => round.kind === "taken");
  const silent = rounds.filter((round) => round.kind === "silent").length;
  const never = rounds.length - taken.length - silent;
  const of = (some: number, text: string): readonly string[] =>
    some === 0 ? [] : [
      some === rounds.length ? text : `${some} of ${rounds.length}: ${text}`,
    ];
  const times = taken.map(({ warmMs, coldMs }) => forwards ? coldMs : warmMs);
  const doubleMs = worst(doublesOf(rounds));
  return [
    ...(times.length === 0 ? [] : [
      `${formatCount(median(times))} (at most ${formatCount(worst(times))})`,
    ]),
    ...of(never, NEVER),
    ...of(silent, SILENT),
    ...(doubleMs > DOUBLE_MS_TOLD
      ? [`two at once for ${formatCount(doubleMs)}`]
      : []),
  ].join("; ");
}

function peerFigures(rounds: readonly PeerRound[]): readonly string[] {
  const taken = rounds.filter((round) => round.kind === "taken");
  const both = (values: readonly number[]): readonly string[] =>
    values.length === 0
      ? ["", ""]
      : [median(values), worst(values)].map(formatCount);
  const doubles = doublesOf(rounds);
  return [
    formatCount(rounds.length),
    ...both(taken.map(({ warmMs }) => warmMs)),
    taken.length === 0 ? "" : formatCount(worst(taken.map(({ lost }) => lost))),
    ...both(taken.map(({ coldMs }) => coldMs)),
    doubles.length === 0 ? "" : formatCount(worst(doubles)),
    formatCount(rounds.length - taken.length),
  ];
}

function doublesOf(rounds: readonly PeerRound[]): readonly number[] {
  return rounds.flatMap((round) =>
    round.kind === "silent" ? [] : [round.doubleMs]
  );
}

/** The largest of some numbers. */
export function worst(values: readonly number[]): number {
  return Math.max(...values);
}

/** How long a peer is given to fail over. */
export const PATIENCE_MS = 30_000;

const NEVER = `does not fail over within ${PATIENCE_MS / 1_000} s`;
const SILENT = "nobody answers once the API server is away";
/** Longer is told in the cell of a peer. */
const DOUBLE_MS_TOLD = 200;

const OTHER_NAMES = ["OpenELB", "MetalLB", "kube-vip"] as const;
// Measured in the same kind of lab: medians.
const OTHERS: ReadonlyMap<string, readonly string[]> = new Map([
  ["node frozen", ["5,240", "5,740", "8,925"]],
  ["data link cut, carrier lost", ["5,220", "6,051", "never"]],
  ["agent killed", ["5,466", "5,920", "50, then two for 21 s"]],
  ["agent stopped", ["5,301", "5,192", "41, then two for 10 s"]],
  ["node frozen, API server away", ["7,020", "7,578", "never"]],
]);
