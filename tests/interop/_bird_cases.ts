/**
 * Cases that only bird can show.
 *
 * @module
 */

import { match, ok, strictEqual } from "node:assert/strict";
import type { StepFunction } from "../support/steps.ts";
import { ipBatch } from "@/lab/mod.ts";
import { pass, until } from "../support/waiting.ts";
import type { Bird } from "./_bird.ts";
import { refreshByIt, wrongRole } from "./_cases.ts";
import { connections } from "./_lasting.ts";
import { ADDRESS, ROUTER, US } from "./_network.ts";
import { pathsAt, routerUntil, TERMS } from "./_router.ts";
import { CONF, peerSpec, type Stage } from "./_stage.ts";
import type { Peers } from "./_speaker.ts";

/** Runs them. */
export async function birdCases(
  step: StepFunction,
  stage: Stage,
): Promise<void> {
  const bird = stage.router as Bird;
  await step(
    "it asks for all routes again (RFC 2918, RFC 7313)",
    () => refreshByIt(stage, () => bird.ask("reload", "in", "up")),
  );
  await step(
    "roles that do not fit are refused (RFC 9234)",
    () => wrongRole(stage),
  );
  await step(
    "a shutdown has a text both ways (RFC 9003)",
    () => shutdownText(stage, bird),
  );
  await step("roles and OTC (RFC 9234)", () => roles(stage, bird));
  await step("extended messages (RFC 8654)", () => extendedMessages(stage));
  await step(
    "both dial, 200 times: always one session (RFC 4271 §6.8)",
    () => collisions(stage, bird),
  );
}

async function shutdownText(stage: Stage, bird: Bird): Promise<void> {
  const { speaker } = stage;
  await stage.session();
  const from = speaker.mark;
  await bird.ask("disable", "up", '"Rack 7 is moved, Grüße"');
  const told = await speaker.told(
    ({ kind }) => kind === "notification-received",
    { from },
  );
  strictEqual(told.text, "Rack 7 is moved, Grüße");
  match(told.message ?? "", /shut the session down: Rack 7 is moved/);
  const again = speaker.mark;
  await bird.ask("enable", "up");
  await speaker.up(ADDRESS.router4, again);
  await speaker.line("shutdown Node n1 is drained");
  await routerUntil(
    bird,
    async () =>
      (await bird.ask("show", "protocols", "all", "up")).includes(
        "Node n1 is drained",
      ),
    "our text",
  );
  strictEqual((await speaker.process.status).code, 0);
}

async function roles(stage: Stage, bird: Bird): Promise<void> {
  const { speaker } = stage;
  await stage.session({ role: "customer" }, { role: "provider" });
  await speaker.line(`announce ${V4}`);
  await pathsAt(bird, V4, 1);
  match(
    await bird.ask("show", "route", "all", V4),
    /BGP\.(otc|only_to_customer): 65001/,
  );
  await stage.session({ role: "provider" }, { role: "customer" });
  await pathsAt(bird, V4, 1);
  ok(!/BGP\.(otc|only_to)/.test(await bird.ask("show", "route", "all", V4)));
  await speaker.line(`withdraw ${V4}`);
}

async function extendedMessages(stage: Stage): Promise<void> {
  const { speaker, router } = stage;
  const large = Array.from({ length: 700 }, (_, i) => `65001:${i}:1`);
  const line = `announce ${V4} large-community ${large.join(" ")}`;
  await stage.session({ extendedMessages: true });
  await speaker.line(line);
  // bird shows the first of them only.
  const [path] = await pathsAt(router, V4, 1);
  ok((path?.large.length ?? 0) >= 20);
  // To a peer without them such a route cannot be told; the session stays.
  await stage.session();
  await speaker.line("announce 192.0.2.2/32");
  await pathsAt(router, "192.0.2.2/32", 1);
  await pathsAt(router, V4, 0);
  strictEqual((await speaker.peer(ADDRESS.router4))?.tooLong, 1);
  await speaker.line(`withdraw ${V4}\nwithdraw 192.0.2.2/32`);
}

/**
 * Bird waits a second before it dials. It is stopped meanwhile, so that all our
 * dials wait in its kernel when it goes on: each session then has two
 * connections, whose OPENs cross.
 */
async function collisions(stage: Stage, bird: Bird): Promise<void> {
  const { speaker } = stage;
  const locals = Array.from({ length: PEERS }, (_, i) => `10.0.0.${i + 101}`);
  await ipBatch(
    ROUTER,
    locals.map((local) => `addr add ${local}/32 dev e0`),
  );
  await ipBatch(
    US,
    locals.flatMap((local, i) => [
      `addr add ${oursOf(i)}/32 dev e0`,
      `route add ${local}/32 dev e0 src ${oursOf(i)}`,
    ]),
  );
  await ipBatch(
    ROUTER,
    locals.map((_, i) => `route add ${oursOf(i)}/32 dev e0`),
  );
  await speaker.configure({});
  await bird.beginWith(manyPeers(bird, locals));
  const peers = Object.fromEntries(
    locals.map((local, i) => [`p${i}`, peerSpec({ ...TERMS, local })]),
  );
  let collided = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // Once we have the higher identifier, once bird.
    const routerId = round % 2 === 0 ? "10.0.0.1" : "10.0.0.9";
    // deno-lint-ignore no-await-in-loop -- one round after the other
    collided += await collide(stage, bird, { peers, routerId });
  }
  ok(
    collided > PEERS * ROUNDS / 2,
    `Of ${PEERS * ROUNDS} sessions only ${collided} had a collision`,
  );
  await speaker.configure({}, CONF);
}

async function collide(
  { speaker }: Stage,
  bird: Bird,
  { peers, routerId }: { readonly peers: Peers; readonly routerId: string },
): Promise<number> {
  await bird.ask("disable", '"p*"');
  await speaker.configure({}, { ...CONF, routerId });
  await until(async () => (await connections()) === 0, {
    timeoutMs: 10_000,
    what: () => "There are connections of before",
  });
  const from = speaker.mark;
  await bird.ask("enable", '"p*"');
  await bird.ask("enable", '"p*"');
  let shown = "";
  await until(async () => {
    shown = await bird.ask("show", "protocols");
    return shown.match(/\bActive\b/g)?.length === PEERS;
  }, { timeoutMs: 900, what: () => `bird does not listen: ${shown}` });
  bird.process.kill("SIGSTOP");
  try {
    await speaker.configure(peers);
    await until(
      async () =>
        (await speaker.peers()).every(({ state }) => state === "OpenSent"),
      {
        timeoutMs: 5_000,
        what: () => "Not all are dialled",
      },
    );
    await pass(BIRD_DIALS_AFTER_MS);
  } finally {
    bird.process.kill("SIGCONT");
  }
  for (const { conf } of Object.values(peers)) {
    // deno-lint-ignore no-await-in-loop -- they come up at once
    await speaker.up(conf?.neighborAddress ?? "", from);
  }
  await until(async () => (await connections()) === PEERS, {
    timeoutMs: 10_000,
    what: () => "There is not one connection for each session",
  });
  const views = await speaker.peers();
  strictEqual(views.length, PEERS);
  ok(views.every(({ state }) => state === "Established"));
  const lines = speaker.process.lines.slice(from - speaker.mark);
  return lines.filter((line) =>
    line.includes('"code":6') && line.includes('"subcode":7')
  ).length;
}

/** Bird wants another address of ours for each session. */
function oursOf(index: number): string {
  return `10.0.0.${index + 51}`;
}

function manyPeers(bird: Bird, locals: readonly string[]): string {
  return [
    "router id 10.0.0.2;",
    "protocol device { scan time 1; }",
    ...locals.map((local, i) =>
      `protocol bgp p${i} { local ${local} as 65002; neighbor ${
        oursOf(i)
      } as 65001; ` +
      // A listening socket for each, since few connections wait at one.
      "strict bind on; connect delay time 1; connect retry time 2; error wait time 1,2; " +
      "hold time 30; ipv4 { import all; export none; }; ipv6 { import all; export none; }; }"
    ),
    `# ${bird.name}`,
    "",
  ].join("\n");
}

const PEERS = 40;
const ROUNDS = 5;
/** Its connect delay, and a little. */
const BIRD_DIALS_AFTER_MS = 1_100;
const V4 = "192.0.2.1/32";
