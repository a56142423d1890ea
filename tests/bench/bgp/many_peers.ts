/**
 * Two hundred peers at once.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one step after the other
import { pass } from "../../support/waiting.ts";
import type { PartReport } from "../report.ts";
import { formatCount, formatSpread, median, spread } from "../statistics.ts";
import { announcements, prefixAt, routesOf } from "./announcers.ts";
import { Bird } from "./bird.ts";
import {
  addAddress,
  ANNOUNCER,
  buildCable,
  type End,
  peakMemory,
  RECEIVER,
} from "./cable.ts";
import { ExaBgp } from "./exabgp.ts";
import { Gobgp } from "./gobgp.ts";
import { tell } from "./progress.ts";
import { Speaker } from "./speaker.ts";

/** A speaker that dials all peers as soon as it runs. */
interface Dialler extends AsyncDisposable {
  readonly pid: number;
}

/** A kind of speaker. */
interface DiallerKind {
  readonly name: string;
  /** How often it is measured. */
  readonly rounds: number;
  readonly start: (peers: readonly string[]) => Promise<Dialler>;
}

/** What a kind of speaker took. */
interface Measured {
  readonly ms: readonly number[];
  readonly memory: readonly number[];
}

/** Measures it. */
export async function benchPeers(): Promise<PartReport> {
  await using _cable = await buildCable();
  const peers = Array.from(
    { length: PEERS },
    (_, i) => `10.0.${1 + (i >> 7)}.${1 + (i & 127)}`,
  );
  for (const address of peers) await addAddress(RECEIVER, address);
  await using started = new AsyncDisposableStack();
  const receivers: Bird[] = [];
  for (const address of peers) {
    receivers.push(started.use(await Bird.start(RECEIVER, listener(address))));
  }
  const measured = new Map<string, Measured>();
  for (const kind of DIALLERS) {
    measured.set(kind.name, await measure(kind, peers, receivers));
  }
  return report(measured);
}

function report(measured: ReadonlyMap<string, Measured>): PartReport {
  const [ours, theirs] = ["Foghorn", "BIRD"].map((name) =>
    median(measured.get(name)?.ms ?? [])
  );
  const ratio = (ours ?? NaN) / (theirs ?? NaN);
  return {
    title: `${PEERS} peers`,
    method: [
      `The speaker is started and dials ${PEERS} passive BIRDs, each with an address of its own, and gives each ${
        formatCount(ROUTES)
      } routes: from the start of the process until all are imported. ${NEAR_ROUNDS} rounds of Foghorn and BIRD, one of the others. GoBGP waits for five to ten seconds by chance before it dials, BIRD for a part of one.`,
    ],
    tables: [{
      title: "All up and full",
      columns: ["speaker", "ms", "MB"],
      rows: [...measured].map(([name, { ms, memory }]) => [
        name,
        ...[ms, memory].map((samples) =>
          formatSpread(spread(samples), formatCount)
        ),
      ]),
    }],
    figures: [],
    floors: [{
      promise: `${PEERS} peers with ${
        formatCount(ROUTES)
      } routes each: at most what BIRD takes`,
      measured: `${ratio.toFixed(2)} times`,
      met: ratio <= 1,
    }],
  };
}

async function measure(
  kind: DiallerKind,
  peers: readonly string[],
  receivers: readonly Bird[],
): Promise<Measured> {
  const ms: number[] = [];
  const memory: number[] = [];
  for (let i = 0; i < kind.rounds; i++) {
    {
      const startMs = performance.now();
      await using dialler = await kind.start(peers);
      await allFull(receivers);
      ms.push(performance.now() - startMs);
      memory.push(await peakMemory(dialler.pid));
    }
    tell(
      `${kind.name}, ${PEERS} peers: ${formatCount(ms.at(-1) ?? NaN)} ms, ${
        formatCount(memory.at(-1) ?? NaN)
      } MB`,
    );
    await allEmpty(receivers);
  }
  return { ms, memory };
}

/** One after the other: the last one to be full is not missed by that. */
async function allFull(receivers: readonly Bird[]): Promise<void> {
  const giveUpMs = performance.now() + WAIT_MS_MAX;
  for (const receiver of receivers) {
    while (await receiver.imported("up") < ROUTES) {
      if (performance.now() > giveUpMs) {
        throw new Error(
          `A receiver has ${await receiver.imported("up")} routes`,
        );
      }
      await pass(5);
    }
  }
}

async function allEmpty(receivers: readonly Bird[]): Promise<void> {
  for (const receiver of receivers) {
    while (await receiver.imported("up") > 0) await pass(50);
  }
  await pass(3_000);
}

/** A BIRD of its own for each: one alone cannot tell 200 sessions with one neighbor apart. */
function listener(address: string): string {
  return `${header({ ...RECEIVER, address })}
protocol bgp up { passive on; strict bind on; local ${address} as ${RECEIVER.as}; neighbor ${ANNOUNCER.address} as ${ANNOUNCER.as};
  error wait time 1,1; hold time 90; ipv4 { import all; export none; }; }
`;
}

function dialler(peers: readonly string[]): string {
  const routes = Array.from(
    { length: ROUTES },
    (_, i) => `route ${prefixAt(i)} blackhole;`,
  );
  const protocols = peers.map((address, i) =>
    `protocol bgp p${i} { local ${ANNOUNCER.address} as ${ANNOUNCER.as}; neighbor ${address} as ${RECEIVER.as};
  connect delay time 0; connect retry time 1; error wait time 1,1; hold time 90;
  ipv4 { import none; export all; next hop self; }; }`
  );
  return `${header(ANNOUNCER)}protocol static many { ipv4; ${
    routes.join("\n")
  } }\n${protocols.join("\n")}`;
}

function header({ address }: End): string {
  return `log "/dev/null" all; router id ${address};\nprotocol device { scan time 10; }\n`;
}

const PEERS = 200;
const ROUTES = 1_000;
const LOAD = { routes: ROUTES, sets: 1 } as const;
const NEAR_ROUNDS = 3;
const DIALLERS: readonly DiallerKind[] = [
  {
    name: "Foghorn",
    rounds: NEAR_ROUNDS,
    async start(peers) {
      const speaker = await Speaker.start(peers, false);
      await speaker.write(announcements(LOAD));
      return speaker;
    },
  },
  {
    name: "BIRD",
    rounds: NEAR_ROUNDS,
    start: (peers) => Bird.start(ANNOUNCER, dialler(peers)),
  },
  {
    name: "GoBGP",
    rounds: 1,
    async start(peers) {
      const gobgp = await Gobgp.start(peers, false);
      await gobgp.announceAll(routesOf(LOAD));
      return gobgp;
    },
  },
  {
    name: "ExaBGP",
    rounds: 1,
    start: (peers) =>
      ExaBgp.start(peers, { passive: false, routes: routesOf(LOAD) }),
  },
];
const WAIT_MS_MAX = 120_000;
