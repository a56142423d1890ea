/**
 * `deno task sim:tables`: how long a fault lasts for clients, and what the
 * protocol costs, from the real cores; `--write` puts both into
 * docs/failover.md. With words, rows of outages with these words alone;
 * `costs` alone is the other table.
 *
 * @module
 */

import type { LinkFault } from "./fault_kinds.ts";
import { strikeAt } from "./link_faults.ts";
import { LinkWorld } from "./link_world.ts";
import type { WorldPlan } from "./plan.ts";
import { WarmClient } from "./client.ts";
import type { LinkSegment } from "./segment.ts";

/** A row of the table of outages. */
interface OutageRow {
  readonly name: string;
  readonly kinds: readonly LinkFault[];
  readonly nodes: number;
  readonly runs: number;
  readonly lossShare: number;
  /** How long the fault lasts, in milliseconds. */
  readonly forMs: number;
}

/** What a client saw in one run, in milliseconds. */
interface Outage {
  readonly warmMs: number;
  readonly coldMs: number;
}

function main(args: readonly string[]): number {
  const words = args.filter((arg) => !arg.startsWith("--"));
  if (words.length > 0) {
    const rows = OUTAGES.filter(({ name }) =>
      words.some((word) => name.includes(word))
    );
    print(words.includes("costs") ? costTable() : outageTable(rows));
    return 0;
  }
  const outages = outageTable(OUTAGES);
  print(outages);
  const costs = costTable();
  print(costs);
  if (args.includes("--write")) {
    const text = Deno.readTextFileSync(PAGE);
    const written = put(put(text, "outages", outages), "costs", costs);
    Deno.writeTextFileSync(PAGE, written);
  }
  return 0;
}

function outageTable(rows: readonly OutageRow[]): string {
  const lines = rows.map((row) => {
    const outages = Array.from(
      { length: row.runs },
      (_, run) => outageOf(row, run + 1),
    );
    const warm = spread(outages.map(({ warmMs }) => warmMs));
    const cold = spread(outages.map(({ coldMs }) => coldMs));
    return `| ${row.name} | ${row.runs} | ${warm} | ${cold} |`;
  });
  return [
    "| fault | runs | warm | cold |",
    "| --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

function outageOf(row: OutageRow, seed: number): Outage {
  const world = new LinkWorld({
    ...PLAN,
    seed,
    nodes: row.nodes,
    cabling: { lossShare: row.lossShare, delayMsMax: JITTER_MS },
  });
  const vip = world.random.pick(world.api.vips);
  world.run(row.nodes > MANY_NODES ? BOOTED_MS : ANNOUNCED_MS);
  const segment = world.segments.get(vip.link) as LinkSegment;
  const client = new WarmClient(world, { segment, vip: vip.vip });
  // Faults do not wait for a beacon.
  world.run(500 + world.random.next() * 300);
  const [node] = world.rules.answerers(vip.vip);
  if (node === undefined) throw new Error(`Nobody owns ${vip.vip}`);
  const kind = world.random.pick(row.kinds);
  const fromMs = world.nowMs;
  client.lostMsMax = 0;
  client.silentMsMax = 0;
  const { forMs } = row;
  const begun = strikeAt(world, { kind, atMs: fromMs, forMs }, { vip, node });
  world.run(forMs);
  if (row.forMs < FOR_GOOD_MS) begun?.end();
  world.run(AFTERMATH_MS);
  return { warmMs: client.lostMsMax, coldMs: client.silentMsMax };
}

function costTable(): string {
  const lines = COSTS.map(({ nodes, vips }) => {
    const world = new LinkWorld({
      ...PLAN,
      seed: 1,
      nodes,
      vips,
      cabling: { lossShare: 0.01, delayMsMax: JITTER_MS },
    });
    world.run(COST_FROM_MS);
    const segment = world.segments.get("eth0") as LinkSegment;
    const before = sums(segment, nodes);
    world.run(COST_FOR_MS);
    const steady = sums(segment, nodes);
    const perSecond = (from: number, to: number): string =>
      ((to - from) / nodes / (COST_FOR_MS / 1_000)).toFixed(1);
    const [vip] = world.api.vips;
    const [node] = vip === undefined ? [] : world.rules.answerers(vip.vip);
    if (vip === undefined || node === undefined) throw new Error("No owner");
    const fault = { kind: "freeze", atMs: world.nowMs, forMs: 2_000 } as const;
    strikeAt(world, fault, { vip, node });
    world.run(2_000);
    const after = sums(segment, nodes);
    return [
      "",
      nodes,
      vips.toLocaleString("en"),
      `${Math.min(300, Math.max(100, 3 * nodes))} ms`,
      perSecond(before.sent, steady.sent),
      perSecond(before.received, steady.received),
      ((after.said - steady.said) / (nodes - 1)).toFixed(0),
      "",
    ].join(" | ").trim();
  });
  return [
    "| nodes | VIPs | interval | sent | received | sent in 2 s after a death |",
    "| --- | --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

function sums(
  { sent, said, received }: LinkSegment,
  nodes: number,
): { readonly sent: number; readonly said: number; readonly received: number } {
  const sum = (counts: readonly number[]): number =>
    counts.slice(0, nodes).reduce((all, count) => all + count, 0);
  return { sent: sum(sent), said: sum(said), received: sum(received) };
}

function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    `${Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0)}`;
  return `${at(0.5)} / ${at(0.99)} / ${at(1)}`;
}

/** Puts a table between its markers. */
function put(text: string, name: string, table: string): string {
  const [begin, end] = [`<!-- begin: ${name} -->`, `<!-- end: ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) {
    throw new RangeError(`docs/failover.md has no place for ${name}`);
  }
  return `${text.slice(0, from + begin.length)}\n\n${table}\n\n${
    text.slice(to)
  }`;
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n\n`));
}

const PAGE = new URL("../../../docs/failover.md", import.meta.url);
const JITTER_MS = 20;
const BOOTED_MS = 4_000;
/** When the owners have sent their last announcement, too. */
const ANNOUNCED_MS = 6_500;
const MANY_NODES = 10;
const AFTERMATH_MS = 1_500;
/** A fault that is not ended. */
const FOR_GOOD_MS = 2_000;
/** When no announcement is left. */
const COST_FROM_MS = 8_000;
const COST_FOR_MS = 5_000;

const PLAN: WorldPlan = {
  isPreferring: false,
  preferAtMs: undefined,
  seed: 1,
  mood: "theme",
  nodes: 3,
  links: 1,
  vips: 6,
  sixShare: 0.3,
  cabling: { lossShare: 0.01, delayMsMax: JITTER_MS },
  isFiltered: false,
  isSigned: false,
  hasGateway: true,
  bootSpreadMs: 200,
  lateMsMax: 1,
  watchDelayMsMax: 60,
  faults: [],
  faultsEndMs: 0,
  isLong: false,
};

const DEAD = {
  kinds: ["freeze", "link-down", "cable-cut"],
  nodes: 3,
  runs: 200,
  lossShare: 0.01,
  forMs: FOR_GOOD_MS,
} as const;

const OUTAGES: readonly OutageRow[] = [
  { ...DEAD, name: "node freeze, data link down with or without carrier" },
  { ...DEAD, name: "the same at 5 % loss", lossShare: 0.05 },
  { ...DEAD, name: "the same, 20 nodes", nodes: 20, runs: 20 },
  { ...DEAD, name: "the same, 100 nodes", nodes: 100, runs: 4 },
  {
    ...DEAD,
    name: "agent SIGKILL, SIGSTOP for seconds",
    kinds: ["kill", "stop"],
  },
  { ...DEAD, name: "receive path dead", kinds: ["deaf"] },
  { ...DEAD, name: "transmit path dead", kinds: ["mute"] },
  {
    ...DEAD,
    name: "owner and next in line die together",
    kinds: ["pair-freeze"],
  },
  {
    ...DEAD,
    name: "agent stopped for 400 ms",
    kinds: ["stop"],
    forMs: 400,
  },
  {
    ...DEAD,
    name: "API outage of 15 s",
    kinds: ["api-outage"],
    forMs: 15_000,
    runs: 50,
  },
  {
    ...DEAD,
    name: "drain, upgrade, endpoint move, without loss",
    kinds: ["drain", "upgrade", "endpoint-move"],
    lossShare: 0,
    forMs: 3_000,
  },
];

const COSTS = [
  { nodes: 3, vips: 1_000 },
  { nodes: 20, vips: 400 },
  { nodes: 100, vips: 100 },
] as const;

if (import.meta.main) Deno.exit(main(Deno.args));
