/**
 * A path that takes nothing of ours any more, while the router's KEEPALIVEs come.
 *
 * No daemon can be stopped from reading alone: bird, exabgp and openbgpd read
 * and write in one loop, gobgpd is one process, and frr reads on, without end,
 * while the thread is stopped that takes what was read. So a relay on the way
 * to the real daemon stands in for a router that is stuck.
 *
 * @module
 */

import { match, ok, strictEqual } from "node:assert/strict";
import { LabProcess, must } from "@/lab/mod.ts";
import { until } from "../support/waiting.ts";
import { ADDRESS, MID, US } from "./_network.ts";
import { pathsAt, type Terms } from "./_router.ts";
import { peerSpec, type Stage } from "./_stage.ts";

/**
 * TCP fills up, and our Hold Timer does not expire: the Send Hold Timer does
 * (RFC 9687). Nothing is told to the router, and the operator is.
 */
export async function sendHold(stage: Stage): Promise<void> {
  const { speaker, router } = stage;
  const program = new URL("relay.ts", import.meta.url).pathname;
  const run = [Deno.execPath(), "run", "-A", "--no-check", program];
  const relay = new LabProcess(MID, [
    ...[...run, ADDRESS.midUs, ADDRESS.farRouter],
  ], { name: "relay", stdin: true });
  try {
    await buffers("4096 16384 32768");
    await relay.line((line) => line === "ready", { timeoutMs: 20_000 });
    const terms: Terms = {
      local: ADDRESS.farRouter,
      localAs: 65_002,
      peer: ADDRESS.midRouter,
      peerAs: 65_001,
      holdTime: 3,
      passive: true,
    };
    if (speaker.process.ended) await speaker.begin();
    await speaker.configure({});
    await router.begin(terms);
    const begun = speaker.mark;
    await speaker.configure({
      router: peerSpec({ ...terms, local: ADDRESS.midUs }, {
        timers: {
          config: {
            holdTime: "3",
            connectRetry: "1",
            sendHoldTime: `${SEND_HOLD_SECONDS}`,
          },
        },
      }),
    });
    await speaker.up(ADDRESS.midUs, begun);
    await speaker.line(`announce ${V4} next-hop ${ADDRESS.midRouter}`);
    await pathsAt(router, V4, 1);
    await endsByItself(stage, relay);
    const again = speaker.mark;
    await relay.write("go");
    await speaker.up(ADDRESS.midUs, again);
    await pathsAt(router, V4, 1);
    await speaker.line(`withdraw ${V4}`);
    await pathsAt(router, V4, 0);
  } finally {
    await relay.stop("SIGKILL");
    await buffers("4096 131072 6291456");
  }
}

async function endsByItself(
  { speaker }: Stage,
  relay: LabProcess,
): Promise<void> {
  const from = speaker.mark;
  await relay.write("hold");
  await relay.line((line) => line === "holds", { timeoutMs: 5_000 });
  const sinceMs = performance.now();
  const indices = Array.from({ length: ROUTES }, (_, i) => i);
  await speaker.line(indices.map(announce).join("\n"));
  let reason = "";
  await until(async () => {
    reason = (await speaker.peer(ADDRESS.midUs))?.lastEnd?.reason ?? "";
    return reason !== "";
  }, {
    timeoutMs: 20_000,
    what: () => "The session stands although nothing is read",
  });
  match(reason, /read nothing for the whole Send Hold Time/);
  const tookMs = performance.now() - sinceMs;
  ok(tookMs > SEND_HOLD_SECONDS * 900, `It took ${tookMs} ms`);
  const lines = speaker.process.lines.slice(from - speaker.mark);
  // Nothing gets through that could be told, and the router told nothing.
  strictEqual(
    lines.filter((line) => line.includes('"notification-')).join(""),
    "",
  );
  await speaker.line(
    indices.map((i) => `withdraw ${prefixOf(i)}`).join("\n"),
  );
}

/** How much TCP holds, least, at first and most, of connections to come. */
async function buffers(sizes: string): Promise<void> {
  for (const host of [US, MID]) {
    const set = ["wmem", "rmem"].map((name) => `net.ipv4.tcp_${name}=${sizes}`);
    // deno-lint-ignore no-await-in-loop -- one after the other
    await must("ip", ["netns", "exec", host, "sysctl", "-qw", ...set]);
  }
}

/** A route that nearly fills a message. */
function announce(index: number): string {
  const large = Array.from({ length: 300 }, (_, i) => `65001:${index}:${i}`);
  return `announce ${prefixOf(index)} large-community ${large.join(" ")}`;
}

function prefixOf(index: number): string {
  return `198.51.100.${index}/32`;
}

const V4 = "192.0.2.1/32";
const ROUTES = 200;
const SEND_HOLD_SECONDS = 4;
