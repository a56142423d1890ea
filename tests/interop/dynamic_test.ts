/**
 * Routers of a prefix, which our speaker learns of as they connect.
 *
 * @module
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { BgpPeerSpec } from "@/api/mod.ts";
import { ipBatch } from "@/lab/command.ts";
import { command, USERS } from "../support/needs.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import { stepsOf } from "../support/steps.ts";
import { until } from "../support/waiting.ts";
import { Bird } from "./_bird.ts";
import { Exabgp } from "./_exabgp.ts";
import { Frr } from "./_frr.ts";
import { Gobgp } from "./_gobgp.ts";
import { ADDRESS, buildNetwork, ROUTER, US } from "./_network.ts";
import { Openbgpd } from "./_openbgpd.ts";
import { pathsAt, type Router, TERMS } from "./_router.ts";
import { Speaker } from "./_speaker.ts";
import { BOTH_FAMILIES, CONF } from "./_stage.ts";

const PREFIX = "10.0.0.0/24";
const V4 = "192.0.2.1/32";

testSandboxed("dynamic peers", async (t) => {
  const step = stepsOf(t);
  await using speaker = await startSpeaker();
  await allComeAndGo(step, speaker, ROUTERS);
  await step(
    "the longest prefix counts, and a BgpPeer of its own before all",
    () => nested(speaker),
  );
  await step(
    "one router more than the limit, and another password",
    () => refused(speaker),
  );
}, [
  USERS,
  command("ip"),
  command("bird"),
  command("vtysh"),
  command("gobgpd"),
  command("exabgp"),
  command("bgpctl"),
]);

/** Our speaker, that only waits. */
async function startSpeaker(): Promise<Speaker> {
  await buildNetwork();
  await ipBatch(
    US,
    ["10.0.0.101", "10.0.0.102"].map((one) => `addr add ${one}/24 dev e0`),
  );
  await ipBatch(
    ROUTER,
    ["10.0.0.5", "10.0.0.6", "10.0.0.9"].map((one) =>
      `addr add ${one}/24 dev e0`
    ),
  );
  const speaker = await Speaker.start(US, CONF, { leaves: PEER });
  await speaker.line(`announce ${V4}`);
  await speaker.obeyed();
  deepStrictEqual(await waiting(speaker), [
    `${PREFIX}: No router of ${PREFIX} has connected`,
  ]);
  return speaker;
}

async function allComeAndGo(
  step: ReturnType<typeof stepsOf>,
  speaker: Speaker,
  routers: readonly NamedRouter[],
): Promise<void> {
  const idle = await descriptors(speaker);
  for (const { name, make } of routers) {
    // deno-lint-ignore no-await-in-loop -- one router after the other
    await step(`${name} signs, and is near (RFC 2385, RFC 5082)`, async () => {
      await comesAndGoes(speaker, await make());
      ok(await descriptors(speaker) <= idle, "a descriptor is left");
    });
  }
}

async function comesAndGoes(speaker: Speaker, made: Router): Promise<void> {
  await using router = made;
  const from = speaker.mark;
  await router.begin({ ...TERMS, password: "s3cr3t", gtsmHops: 1 });
  await speaker.up(ADDRESS.router4, from);
  await pathsAt(router, V4, 1);
  deepStrictEqual((await speaker.peers()).map(({ peer }) => peer), [
    ADDRESS.router4,
  ]);
  await router.end();
  await until(async () => (await waiting(speaker)).length === 1, {
    timeoutMs: 15_000,
    what: () => "The router is still known",
  });
  match((await waiting(speaker))[0] ?? "", /^10\.0\.0\.0\/24: 10\.0\.0\.2: /);
}

/** Three routers: one of the wide prefix, one of a narrow one in it, one by its own name. */
async function nested(speaker: Speaker): Promise<void> {
  await using bird = await Bird.make();
  const passive = { transport: { passiveMode: true } };
  const conf = { peerAs: 65_002 };
  await speaker.configure({
    leaves: PEER,
    near: {
      ...COMMON,
      conf: { ...conf, authPassword: "narrow" },
      dynamicNeighbors: { prefix: "10.0.0.4/30" },
    },
    spine: {
      ...COMMON,
      ...passive,
      conf: { ...conf, authPassword: "own", neighborAddress: "10.0.0.5" },
    },
  });
  const routers = [
    { local: "10.0.0.9", us: ADDRESS.us4, password: "s3cr3t" },
    { local: "10.0.0.6", us: "10.0.0.101", password: "narrow" },
    { local: "10.0.0.5", us: "10.0.0.102", password: "own" },
  ];
  const from = speaker.mark;
  await bird.beginWith(
    HEAD + routers.map(birdProtocol).join(""),
  );
  for (const { local } of routers) {
    // deno-lint-ignore no-await-in-loop -- all have begun
    await speaker.up(local, from);
  }
  deepStrictEqual(
    (await speaker.peers()).map(({ name }) => name).sort(),
    ["leaves/10.0.0.9", "near/10.0.0.6", "spine"],
  );
  // Who gets a BgpPeer of its own is taken out of the prefix, and is that one.
  const again = speaker.mark;
  await speaker.configure({
    leaves: PEER,
    leaf: {
      ...COMMON,
      ...passive,
      conf: { ...PEER.conf, neighborAddress: "10.0.0.9" },
    },
  });
  await speaker.up("10.0.0.9", again);
  const names = (await speaker.peers()).map(({ name }) => name);
  ok(names.includes("leaf") && !names.includes("leaves/10.0.0.9"), `${names}`);
  await bird.end();
  await speaker.configure({ leaves: PEER });
}

async function refused(speaker: Speaker): Promise<void> {
  await using bird = await Bird.make();
  const first = {
    local: ADDRESS.router4,
    us: ADDRESS.us4,
    password: "s3cr3t",
  };
  const second = { local: "10.0.0.9", us: "10.0.0.101", password: "s3cr3t" };
  const from = speaker.mark;
  await bird.beginWith(HEAD + birdProtocol(first));
  await speaker.up(ADDRESS.router4, from);
  // The first one has its connection; the second one tries again and again.
  await bird.beginWith(
    HEAD + birdProtocol(first) + birdProtocol(second),
  );
  const states = async () =>
    (await bird.ask("show", "protocols")).match(/Established/g)?.length ?? 0;
  await until(async () => await states() === 1, {
    timeoutMs: 10_000,
    what: () => "bird has no session",
  });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  strictEqual(await states(), 1);
  strictEqual((await speaker.peers()).length, 1);
  await bird.beginWith(HEAD + birdProtocol({ ...first, password: "other" }));
  await until(
    async () =>
      (await speaker.peers()).every(({ state }) => state === "Active"),
    { timeoutMs: 10_000, what: () => "A wrong password is let in" },
  );
  await until(
    async () => (await waiting(speaker)).join().includes("password differs"),
    {
      timeoutMs: 10_000,
      what: () => "It is not told that the password differs",
    },
  );
}

/** It has one session at most with each address of ours. */
function birdProtocol(
  { local, us, password }: {
    readonly local: string;
    readonly us: string;
    readonly password: string;
  },
): string {
  return `protocol bgp { local ${local} as 65002; neighbor ${us} as 65001;
    password "${password}"; ttl security on; connect delay time 0;
    connect retry time 1; error wait time 1,1; ipv4 { import all; export none; }; }\n`;
}

/** Prefixes that nobody of has a session, and why. */
async function waiting(speaker: Speaker): Promise<readonly string[]> {
  return (await speaker.peers()).flatMap(({ peer, missing }) =>
    missing === undefined ? [] : [`${peer}: ${missing}`]
  );
}

async function descriptors(speaker: Speaker): Promise<number> {
  const folder = `/proc/${speaker.process.pid}/fd`;
  return (await Array.fromAsync(Deno.readDir(folder))).length;
}

const COMMON: BgpPeerSpec = {
  ttlSecurity: {},
  afiSafis: BOTH_FAMILIES,
  timers: { config: { holdTime: "9" } },
};

const PEER: BgpPeerSpec = {
  ...COMMON,
  conf: { peerAs: 65_002, authPassword: "s3cr3t" },
  dynamicNeighbors: { prefix: PREFIX, limit: 1 },
};

interface NamedRouter {
  readonly name: string;
  readonly make: () => Promise<Router>;
}

const HEAD = "router id 10.0.0.2; protocol device { }\n";

const ROUTERS: readonly NamedRouter[] = [
  { name: "bird", make: () => Bird.make() },
  { name: "frr", make: () => Frr.make() },
  { name: "gobgpd", make: () => Gobgp.make() },
  { name: "exabgp", make: () => Exabgp.make() },
  { name: "openbgpd", make: () => Openbgpd.make() },
];
