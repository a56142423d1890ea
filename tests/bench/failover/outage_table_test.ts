/**
 * The shape of the tables of outages, with peers and without.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  type Measured,
  outageTable,
  type PeerMeasured,
  type PeerRound,
  peerTable,
} from "./outage_table.ts";

const ROUND = {
  warmMs: 463,
  coldMs: 464,
  doubleMs: 0,
  returnedMs: 0,
  lost: { length: 43 },
  cut: [],
};
const MEASURED: readonly Measured[] = [
  { fault: { name: "node frozen" }, rounds: [ROUND] },
  { fault: { name: "agent killed", forwards: true }, rounds: [ROUND] },
  { fault: { name: "something else" }, rounds: [ROUND] },
];
const OTHERS = ["OpenELB", "MetalLB", "kube-vip"];

Deno.test("outageTable() has what others were measured at once, and no more, without peers", () => {
  const { columns, rows } = outageTable(MEASURED, []);
  deepStrictEqual(columns.slice(9), OTHERS);
  deepStrictEqual(rows.map((row) => row.length), [12, 12, 12]);
  deepStrictEqual(rows[0], [
    ...["node frozen", "463", "463", "43 (at most 43)", "0", "464", "464"],
    ...["0", "0", "5,240", "5,740", "8,925"],
  ]);
  deepStrictEqual(rows[2]?.slice(9), ["", "", ""]);
});

Deno.test("outageTable() has a column for each peer, and says which figures are from elsewhere", () => {
  const { columns, rows } = outageTable(MEASURED, [
    peer("kube-vip", { "node frozen": [taken(8_925), taken(6_910)] }),
    peer("metallb", {}),
  ]);
  deepStrictEqual(columns.slice(9), [
    ...OTHERS.map((name) => `${name}, elsewhere`),
    ...["kube-vip, this run", "metallb, this run"],
  ]);
  deepStrictEqual(rows.map((row) => row.length), [14, 14, 14]);
  deepStrictEqual(rows[0]?.slice(11), [
    "8,925",
    "7,918 (at most 8,925)",
    "",
  ]);
});

Deno.test.each<{
  readonly name: string;
  readonly fault?: string;
  readonly rounds: readonly PeerRound[];
  readonly cell: string;
}>([
  {
    name: "fails over never",
    rounds: [never(0), never(0)],
    cell: "does not fail over within 30 s",
  },
  {
    name: "fails over now and then",
    rounds: [taken(5_000), never(0)],
    cell: "5,000 (at most 5,000); 1 of 2: does not fail over within 30 s",
  },
  {
    name: "drops its addresses with the API server",
    rounds: [{ kind: "silent" }],
    cell: "nobody answers once the API server is away",
  },
  {
    name: "has two owners for long",
    rounds: [taken(5_000, 15_000)],
    cell: "5,000 (at most 5,000); two at once for 15,000",
  },
  {
    name: "goes on forwarding: by ARP",
    fault: "agent killed",
    rounds: [{ ...taken(20), coldMs: 5_920 }],
    cell: "5,920 (at most 5,920)",
  },
])(
  "outageTable() says of a peer that it $name",
  ({ fault = "node frozen", rounds, cell }) => {
    const table = outageTable(MEASURED, [
      peer("kube-vip", { [fault]: rounds }),
    ]);
    strictEqual(table.rows.find(([name]) => name === fault)?.at(-1), cell);
  },
);

Deno.test("peerTable() has a row for each fault and peer", () => {
  const { columns, rows } = peerTable(MEASURED.map(({ fault }) => fault), [
    peer("kube-vip", { "node frozen": [taken(8_925, 30), never(9_700)] }),
    peer("metallb", { "agent killed": [{ kind: "silent" }] }),
  ]);
  deepStrictEqual(rows.map((row) => row.length), Array(6).fill(columns.length));
  deepStrictEqual(rows[0], [
    ...["node frozen", "kube-vip", "2", "8,925", "8,925", "7"],
    ...["8,925", "8,925", "9,700", "1"],
  ]);
  deepStrictEqual(rows[3], [
    ...["agent killed", "metallb", "1", "", "", "", "", "", "", "1"],
  ]);
});

function peer(
  name: string,
  rounds: Readonly<Record<string, readonly PeerRound[]>>,
): PeerMeasured {
  return { name, rounds: new Map(Object.entries(rounds)) };
}

function taken(ms: number, doubleMs = 0): PeerRound & { kind: "taken" } {
  return { kind: "taken", warmMs: ms, coldMs: ms, lost: 7, doubleMs };
}

function never(doubleMs: number): PeerRound {
  return { kind: "never", doubleMs };
}
