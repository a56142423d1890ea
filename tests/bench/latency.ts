/**
 * How soon a request is answered, by three answerers in turn.
 *
 * @module
 */

import {
  type Answerer,
  ANSWERERS,
  type NeighborStage,
  type Protocol,
} from "./neighbor_stage.ts";
import type { Table } from "./report.ts";
import {
  formatDigits,
  formatSpread,
  percentile,
  type Spread,
  spread,
} from "./statistics.ts";

/** One round of one answerer. */
interface Round {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly lost: number;
}

/** The rounds of all answerers. */
export type LatencyRounds = ReadonlyMap<Answerer, readonly Round[]>;

/**
 * Measures all answerers in turn, round by round.
 *
 * @param stage The hosts.
 * @param protocol How to ask.
 * @param options How many rounds, and requests in each.
 */
export async function measureLatency(
  stage: NeighborStage,
  protocol: Protocol,
  options: { readonly rounds: number; readonly samples: number },
): Promise<LatencyRounds> {
  const rounds = new Map<Answerer, Round[]>();
  for (let i = 0; i < options.rounds; i++) {
    for (const answerer of ANSWERERS.keys()) {
      // deno-lint-ignore no-await-in-loop -- two at once would disturb each other
      const got = await stage.latency(answerer, protocol, options.samples);
      const us = got.samplesNs.map((ns) => ns / 1_000);
      const round = us.length === 0
        ? { p50Us: Infinity, p99Us: Infinity, lost: got.lost }
        : {
          p50Us: percentile(us, 0.5),
          p99Us: percentile(us, 0.99),
          lost: got.lost,
        };
      rounds.set(answerer, [...rounds.get(answerer) ?? [], round]);
    }
  }
  return rounds;
}

/** The medians of the rounds' medians. */
export function latencyP50(
  rounds: LatencyRounds,
  answerer: Answerer,
): Spread {
  return spread((rounds.get(answerer) ?? []).map(({ p50Us }) => p50Us));
}

/** Foghorn's median over another's, compared within each round. */
export function latencyRatio(rounds: LatencyRounds, to: Answerer): Spread {
  const others = rounds.get(to) ?? [];
  return spread(
    (rounds.get("foghorn") ?? []).map(({ p50Us }, i) =>
      p50Us / (others[i]?.p50Us ?? NaN)
    ),
  );
}

/** The rounds as a table. */
export function latencyTable(rounds: LatencyRounds): Table {
  const oneDigit = formatDigits(1);
  const base = latencyP50(rounds, "kernel").median;
  return {
    title:
      "Request sent to answer read, in µs: median of the rounds, and their range",
    columns: ["who answers", "p50", "p99", "lost", "p50 / kernel"],
    rows: [...rounds].map(([answerer, list]) => [
      ANSWERERS.get(answerer) ?? answerer,
      formatSpread(spread(list.map(({ p50Us }) => p50Us)), oneDigit),
      formatSpread(spread(list.map(({ p99Us }) => p99Us)), oneDigit),
      `${list.reduce((sum, { lost }) => sum + lost, 0)}`,
      (latencyP50(rounds, answerer).median / base).toFixed(2),
    ]),
  };
}
