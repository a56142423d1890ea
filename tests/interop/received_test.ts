/**
 * A router that announces a full table: it is counted, and costs neither memory
 * nor a session.
 *
 * 100,000 routes; `FOGHORN_RECEIVED_ROUTES=1000000` makes it a million, as
 * `deno task bgp:received` does.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { command, USERS } from "../support/needs.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import { pass } from "../support/waiting.ts";
import { Bird } from "./_bird.ts";
import { ADDRESS, buildNetwork, US } from "./_network.ts";
import { TERMS } from "./_router.ts";
import { CONF, peerSpec } from "./_stage.ts";
import { Speaker } from "./_speaker.ts";

const ROUTES = Number(Deno.env.get("FOGHORN_RECEIVED_ROUTES") ?? 100_000);
/** Routes by which code and heap grow warm before memory is measured. */
const WARM_ROUTES = 20_000;

testSandboxed(
  `${ROUTES} routes of a router cost no memory and no keepalive`,
  async () => {
    await buildNetwork();
    await using bird = await Bird.make();
    await bird.beginWith(CONFIG);
    await using speaker = await Speaker.start(US, CONF, {
      full: peerSpec(TERMS, HURRIED),
      quiet: peerSpec({ ...TERMS, local: ADDRESS.router6 }, HURRIED),
    });
    await speaker.up(ADDRESS.router4);
    await speaker.up(ADDRESS.router6);
    await flood(speaker, bird, "warm", WARM_ROUTES);
    const from = speaker.mark;
    await pass(1_000);
    const before = await speaker.residentMiB();
    const { tookMs, peakMiB, slowestMs } = await flood(
      speaker,
      bird,
      "many",
      WARM_ROUTES + ROUTES,
    );
    // Longer than the Hold Time: who missed a keepalive has been told by now.
    await pass(4_000);
    const after = await speaker.residentMiB();
    print(
      `${ROUTES} routes in ${Math.round(tookMs)} ms; resident ${
        mib(before)
      } MiB before, ${mib(peakMiB)} at most, ${
        mib(after)
      } after; slowest answer ${Math.round(slowestMs)} ms`,
    );
    const ended = speaker.process.lines.slice(from - speaker.mark)
      .filter((line) => /"kind":"(peer-state|notification)/.test(line));
    deepStrictEqual(ended, []);
    for (const { state, hint } of await speaker.peers()) {
      strictEqual(state, "Established");
      strictEqual(hint, undefined);
    }
    ok(
      after - before <= GROWTH_MIB_MAX,
      `It has grown by ${mib(after - before)} MiB`,
    );
  },
  [USERS, command("ip"), command("bird")],
);

/** Has it announce some of its routes, and waits until they were counted. */
async function flood(
  speaker: Speaker,
  bird: Bird,
  which: "warm" | "many",
  total: number,
): Promise<{ tookMs: number; peakMiB: number; slowestMs: number }> {
  const beganMs = performance.now();
  let peakMiB = 0;
  let slowestMs = 0;
  await bird.ask("enable", which);
  for (;;) {
    const askedMs = performance.now();
    // deno-lint-ignore no-await-in-loop -- one look after the other
    const view = await speaker.peer(ADDRESS.router4);
    const nowMs = performance.now();
    slowestMs = Math.max(slowestMs, nowMs - askedMs);
    // deno-lint-ignore no-await-in-loop -- one look after the other
    peakMiB = Math.max(peakMiB, await speaker.residentMiB());
    if ((view?.received["ipv4-unicast"] ?? 0) >= total) {
      return { tookMs: nowMs - beganMs, peakMiB, slowestMs };
    }
    if (nowMs - beganMs > FLOOD_MS_MAX) {
      throw new Error(`Of ${total} routes came ${JSON.stringify(view)}`);
    }
    // deno-lint-ignore no-await-in-loop -- one look after the other
    await pass(50);
  }
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function mib(value: number): string {
  return value.toFixed(1);
}

/** Each route a /32 of its own, from an address on. */
function routesFrom(first: number, count: number): string {
  return Array.from({ length: count }, (_, i) => {
    const bytes = [24, 16, 8, 0].map((shift) => (first + i) >>> shift & 0xff);
    return `route ${bytes.join(".")}/32 blackhole;`;
  }).join("\n");
}

const HURRIED = { timers: { config: { holdTime: "3", connectRetry: "1" } } };
const FLOOD_MS_MAX = 120_000;
const GROWTH_MIB_MAX = 10;
const session = (name: string, local: string, peer: string, sent: string) =>
  `protocol bgp ${name} { local ${local} as 65002; neighbor ${peer} as 65001; hold time 3; keepalive time 1; ` +
  `ipv4 { import all; export where ${sent}; next hop self; }; ipv6 { import all; export none; }; }`;
const CONFIG = [
  "router id 10.0.0.2;",
  "protocol device { scan time 1; }",
  `protocol static warm { disabled; ipv4;\n${
    routesFrom(0x14_00_00_00, WARM_ROUTES)
  }\n}`,
  `protocol static many { disabled; ipv4;\n${
    routesFrom(0x15_00_00_00, ROUTES)
  }\n}`,
  session("full", ADDRESS.router4, ADDRESS.us4, "source = RTS_STATIC"),
  session("quiet", ADDRESS.router6, ADDRESS.us6, "false"),
  "",
].join("\n");
