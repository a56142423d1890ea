/**
 * ARP: latency, the highest rate without loss, processor time.
 *
 * @module
 */

import { cpuPercent } from "./cpu.ts";
import {
  latencyP50,
  latencyRatio,
  type LatencyRounds,
  latencyTable,
  measureLatency,
} from "./latency.ts";
import {
  type Answerer,
  ANSWERERS,
  NeighborStage,
  type RateSample,
} from "./neighbor_stage.ts";
import type { Floor, KeyFigure, PartReport, Table } from "./report.ts";
import {
  formatCount,
  formatDigits,
  formatSpread,
  median,
  type Spread,
  spread,
} from "./statistics.ts";

/** One round of rates of one answerer. */
interface RateRound {
  /** The highest rate at which every request was answered; 0 for none. */
  readonly losslessPerSecond: number;
  /** The lowest rate that the asking side could not keep up; undefined: none. */
  readonly askerLimit: number | undefined;
  /** Answers a second under a flood. */
  readonly floodPerSecond: number;
  /** Share of a flood that was not answered, in percent. */
  readonly floodLossPercent: number;
}

type RateRounds = ReadonlyMap<Answerer, readonly RateRound[]>;

/** Percent of one core, by who answers. */
type CpuShares = ReadonlyMap<
  "c" | "foghorn",
  { readonly idle: number; readonly busy: number }
>;

/** What is said in short. */
interface Figures {
  readonly p50Us: number;
  readonly toC: Spread;
  readonly toKernel: Spread;
  readonly lossless: readonly number[];
  readonly idle: number;
  readonly busy: number;
}

/** Measures it all. */
export async function benchArp(): Promise<PartReport> {
  await using stage = await NeighborStage.open();
  for (const answerer of ANSWERERS.keys()) {
    // deno-lint-ignore no-await-in-loop -- warms up the code, one at a time
    await stage.rate(answerer, "arp", { perSecond: 50_000, seconds: 0.5 });
  }
  const latency = await measureLatency(stage, "arp", {
    rounds: LATENCY_ROUNDS,
    samples: LATENCY_SAMPLES,
  });
  const rates = await measureRates(stage);
  const cpu = await measureCpu(stage);
  return reportOf(latency, rates, cpu);
}

async function measureRates(stage: NeighborStage): Promise<RateRounds> {
  const rounds = new Map<Answerer, RateRound[]>();
  for (let i = 0; i < RATE_ROUNDS; i++) {
    for (const answerer of ANSWERERS.keys()) {
      // deno-lint-ignore no-await-in-loop -- two at once would disturb each other
      const round = await measureRateRound(stage, answerer);
      rounds.set(answerer, [...rounds.get(answerer) ?? [], round]);
    }
  }
  return rounds;
}

async function measureRateRound(
  stage: NeighborStage,
  answerer: Answerer,
): Promise<RateRound> {
  let losslessPerSecond = 0;
  let askerLimit: number | undefined;
  for (const perSecond of RATES) {
    // deno-lint-ignore no-await-in-loop -- the next rate is asked when this one held
    const got = await askAtRate(stage, answerer, perSecond);
    if (got === undefined) {
      askerLimit = perSecond;
      break;
    }
    if (got.answers !== got.sent) break;
    losslessPerSecond = perSecond;
  }
  const flood = await stage.rate(answerer, "arp", {
    perSecond: 0,
    seconds: RATE_SECONDS,
  });
  return {
    losslessPerSecond,
    askerLimit,
    floodPerSecond: flood.answers / flood.seconds,
    floodLossPercent: (1 - flood.answers / flood.sent) * 100,
  };
}

/** Undefined when the asker cannot send that fast. */
async function askAtRate(
  stage: NeighborStage,
  answerer: Answerer,
  perSecond: number,
): Promise<RateSample | undefined> {
  const options = { perSecond, seconds: RATE_SECONDS };
  for (let tries = 0; tries < ASKER_TRIES; tries++) {
    // deno-lint-ignore no-await-in-loop -- tried again when other work got in between
    const got = await stage.rate(answerer, "arp", options);
    if (got.sent >= perSecond * got.seconds * SENT_SHARE_MIN) return got;
    // What was lost of fewer requests would be lost of more.
    if (got.answers !== got.sent) return got;
  }
  return undefined;
}

async function measureCpu(stage: NeighborStage): Promise<CpuShares> {
  const shares = new Map<"c" | "foghorn", { idle: number; busy: number }>();
  for (const answerer of ["c", "foghorn"] as const) {
    const pid = stage.pidOf(answerer);
    // deno-lint-ignore no-await-in-loop -- two at once would disturb each other
    const idle = await cpuPercent(
      pid,
      () => new Promise((resolve) => setTimeout(resolve, IDLE_MS)),
    );
    // deno-lint-ignore no-await-in-loop -- two at once would disturb each other
    const busy = await cpuPercent(
      pid,
      () => stage.rate(answerer, "arp", { perSecond: 10_000, seconds: 3 }),
    );
    shares.set(answerer, { idle, busy });
  }
  return shares;
}

function reportOf(
  latency: LatencyRounds,
  rates: RateRounds,
  cpu: CpuShares,
): PartReport {
  const figures: Figures = {
    p50Us: latencyP50(latency, "foghorn").median,
    toC: latencyRatio(latency, "c"),
    toKernel: latencyRatio(latency, "kernel"),
    lossless: (rates.get("foghorn") ?? []).map((round) =>
      round.losslessPerSecond
    ),
    idle: cpu.get("foghorn")?.idle ?? NaN,
    busy: cpu.get("foghorn")?.busy ?? NaN,
  };
  return {
    title: "ARP",
    method: [
      `One veth pair, ${LATENCY_ROUNDS} rounds of ${LATENCY_SAMPLES} requests a millisecond apart, answerers in turn; the time includes the wake-up of the asker, a C program.`,
      `Rates: ${RATE_ROUNDS} rounds of ${RATE_SECONDS} s each at ${
        RATES.map(formatCount).join(", ")
      } requests a second until one is not answered, then as many as the asker can send. A rate that the asker cannot send ends the search too.`,
    ],
    tables: [latencyTable(latency), rateTable(rates), cpuTable(cpu)],
    figures: keyFigures(figures),
    floors: floorsOf(figures),
  };
}

function keyFigures(figures: Figures): readonly KeyFigure[] {
  const { p50Us, toC, toKernel, lossless, idle, busy } = figures;
  return [
    {
      name: "arp-p50",
      what: "ARP request to answer, median",
      value: `${p50Us.toFixed(1)} µs`,
    },
    {
      name: "arp-to-c",
      what: "that, as a multiple of a small C program's",
      value: toC.median.toFixed(2),
    },
    {
      name: "arp-to-kernel",
      what: "that, as a multiple of the kernel's own",
      value: toKernel.median.toFixed(2),
    },
    {
      name: "arp-lossless",
      what: "ARP requests answered without loss",
      value: `${formatCount(median(lossless))}/s`,
    },
    {
      name: "arp-cpu",
      what: "processor time at 10,000 ARP requests a second",
      value: `${busy.toFixed(1)} % of a core`,
    },
    {
      name: "idle-cpu",
      what: "processor time when nobody asks",
      value: `${idle.toFixed(1)} %`,
    },
  ];
}

function floorsOf(figures: Figures): readonly Floor[] {
  const { toC, toKernel, lossless, idle } = figures;
  const twoDigits = formatDigits(2);
  const held = lossless.filter((rate) => rate >= RATE_FLOOR).length;
  return [
    {
      promise: "ARP p50 at most 1.5 times the C program's",
      measured: formatSpread(toC, twoDigits),
      met: toC.median <= 1.5,
    },
    {
      promise: "ARP p50 at most 4 times the kernel's",
      measured: formatSpread(toKernel, twoDigits),
      met: toKernel.median <= 4,
    },
    {
      promise: `${formatCount(RATE_FLOOR)} ARP requests a second without loss`,
      measured: `${
        formatCount(median(lossless))
      }; ${held} of ${lossless.length} rounds`,
      met: median(lossless) >= RATE_FLOOR,
    },
    {
      promise: "0 % of a core when idle, rounded to whole percents",
      measured: `${idle.toFixed(2)} %`,
      met: idle < IDLE_PERCENT_MAX,
    },
  ];
}

function rateTable(rates: RateRounds): Table {
  return {
    title:
      "Requests a second: the highest rate without loss, and what became of a flood",
    columns: [
      "who answers",
      "without loss",
      "answered of a flood",
      "not answered",
    ],
    rows: [...rates].map(([answerer, rounds]) => [
      ANSWERERS.get(answerer) ?? answerer,
      formatSpread(
        spread(rounds.map((round) => round.losslessPerSecond)),
        formatCount,
      ) + (rounds.some((round) =>
          round.askerLimit !== undefined
        )
        ? " or more"
        : ""),
      formatSpread(
        spread(rounds.map((round) => round.floodPerSecond)),
        formatCount,
      ),
      formatSpread(
        spread(rounds.map((round) => round.floodLossPercent)),
        (value) => `${value.toFixed(1)} %`,
      ),
    ]),
  };
}

function cpuTable(cpu: CpuShares): Table {
  return {
    title: "Processor time of all threads, in percent of one core",
    columns: ["who answers", "idle", "10,000 requests a second"],
    rows: [...cpu].map(([answerer, { idle, busy }]) => [
      ANSWERERS.get(answerer) ?? answerer,
      idle.toFixed(2),
      busy.toFixed(1),
    ]),
  };
}

const LATENCY_ROUNDS = 5;
const LATENCY_SAMPLES = 1_000;
const RATE_ROUNDS = 3;
const RATE_SECONDS = 0.4;
const RATES = [50_000, 100_000, 150_000, 200_000, 300_000, 400_000] as const;
const RATE_FLOOR = 100_000;
/** Below it the asking side did not send what it should have. */
const SENT_SHARE_MIN = 0.98;
/** Rates that the asker misses are tried so often. */
const ASKER_TRIES = 3;
const IDLE_MS = 4_000;
/**
 * What rounds to 0 %. A process that only looks at the clock ten times a second,
 * as an agent must to notice that it was stopped, takes about 0.05 %.
 */
const IDLE_PERCENT_MAX = 0.5;
