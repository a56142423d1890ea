/**
 * Two hundred peers at once.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one step after the other
import { pass } from "../../support/waiting.ts";
import type { PartReport } from "../report.ts";
import { formatCount } from "../statistics.ts";
import {
  announcements,
  drain,
  linesOf,
  prefixAt,
  speakerFile,
} from "./announcers.ts";
import { Bird } from "./bird.ts";
import {
  addAddress,
  ANNOUNCER,
  buildCable,
  type End,
  peakMemory,
  RECEIVER,
  spawnAt,
} from "./cable.ts";

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
  const ours = await measureOurs(peers, receivers);
  const theirs = await measureBird(peers, receivers);
  return {
    title: `${PEERS} peers`,
    method: [
      `The speaker is started and dials ${PEERS} passive BIRDs, each with an address of its own, and gives each ${
        formatCount(ROUTES)
      } routes: from the start of the process until all are imported.`,
    ],
    tables: [{
      title: "All up and full",
      columns: ["speaker", "ms", "MB"],
      rows: [
        ["Foghorn", formatCount(ours.ms), formatCount(ours.memory)],
        ["BIRD", formatCount(theirs.ms), formatCount(theirs.memory)],
      ],
    }],
    figures: [],
    floors: [{
      promise: `${PEERS} peers with ${
        formatCount(ROUTES)
      } routes each: at most what BIRD takes`,
      measured: `${(ours.ms / theirs.ms).toFixed(2)} times`,
      met: ours.ms <= theirs.ms,
    }],
  };
}

interface Measured {
  readonly ms: number;
  readonly memory: number;
}

async function measureOurs(
  peers: readonly string[],
  receivers: readonly Bird[],
): Promise<Measured> {
  const folder = await Deno.makeTempDir({ prefix: "foghorn-speaker-" });
  const file = `${folder}/speaker.yaml`;
  await Deno.writeTextFile(file, speakerFile(peers, false));
  const startMs = performance.now();
  const process = spawnAt(ANNOUNCER, [
    Deno.execPath(),
    ...["run", "-A", "--no-check", FOGHORN_MAIN, "speaker"],
    ...["--config", file],
  ], { stdin: "piped", stdout: "piped" });
  const writer = process.stdin.getWriter();
  const drained = drain(linesOf(process.stdout));
  await writer.write(
    new TextEncoder().encode(announcements({ routes: ROUTES, sets: 1 })),
  );
  await allFull(receivers);
  const ms = performance.now() - startMs;
  const memory = await peakMemory(process.pid);
  process.kill("SIGKILL");
  await process.status;
  await writer.abort().catch(() => {});
  await drained;
  await Deno.remove(folder, { recursive: true });
  await allEmpty(receivers);
  return { ms, memory };
}

async function measureBird(
  peers: readonly string[],
  receivers: readonly Bird[],
): Promise<Measured> {
  const startMs = performance.now();
  await using bird = await Bird.start(ANNOUNCER, dialler(peers));
  await allFull(receivers);
  return {
    ms: performance.now() - startMs,
    memory: await peakMemory(bird.pid),
  };
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
const WAIT_MS_MAX = 120_000;
const FOGHORN_MAIN =
  new URL("../../../dist/bundle/foghorn.js", import.meta.url).pathname;
