/**
 * Two of our speakers and a router: connections of a client are spread over both.
 *
 * ```text
 *   client 10.9.0.1 ── router ─┬─ n1 10.1.1.1   each with 192.0.2.80 and
 *                              └─ n2 10.1.2.1   2001:db8:a::80, and a server
 * ```
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { ipBatch, LabProcess, must, programOf } from "@/lab/mod.ts";
import { command, USERS } from "../support/needs.ts";
import { MAIN, testSandboxed } from "../support/sandboxed.ts";
import { type StepFunction, stepsOf } from "../support/steps.ts";
import { until } from "../support/waiting.ts";
import { Bird } from "./_bird.ts";
import { Frr } from "./_frr.ts";
import { addNamespace, cable, ROUTER } from "./_network.ts";
import type { Router } from "./_router.ts";
import { peerSpec } from "./_stage.ts";
import { Speaker } from "./_speaker.ts";

const NODES = [1, 2] as const;

testSandboxed("ECMP over two speakers", async (t) => {
  const step = stepsOf(t);
  await build();
  const servers = NODES.map((n) =>
    new LabProcess(`n${n}`, [
      ...programOf(MAIN).helper,
      ...["lab-backend", "--name", `n${n}`, "--port", "80"],
    ], { name: `backend n${n}` })
  );
  try {
    await Promise.all(
      servers.map((server) =>
        server.line((line) => line === "ready", { timeoutMs: 20_000 })
      ),
    );
    {
      await using bird = await Bird.make();
      await bird.beginWith(BIRD_CONFIG);
      await shares(step, bird);
    }
    await using frr = await Frr.make();
    await frr.beginWith(FRR_CONFIG);
    await shares(step, frr);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}, [USERS, command("ip"), command("bird"), command("vtysh"), command("curl")]);

/** A router shares connections out among the nodes. */
async function shares(step: StepFunction, { name }: Router): Promise<void> {
  const speakers = await Promise.all(
    NODES.map((n) =>
      Speaker.start(`n${n}`, { as: 65_001, routerId: `10.1.${n}.1` }, {
        router: peerSpec({
          local: `10.1.${n}.254`,
          localAs: 65_002,
          peer: `10.1.${n}.1`,
          peerAs: 65_001,
        }),
      }, ["announce 192.0.2.80/32", "announce 2001:db8:a::80/128"])
    ),
  );
  try {
    for (const url of ["http://192.0.2.80/", "http://[2001:db8:a::80]/"]) {
      // deno-lint-ignore no-await-in-loop -- one family after the other
      await step(`${name}: both answer ${url}`, () => bothAnswer(url));
    }
    await step(
      `${name}: a node that shuts down takes no more connections`,
      async () => {
        await speakers[0]?.line("shutdown");
        strictEqual((await speakers[0]?.process.status)?.code, 0);
        await nextHops("-4", "192.0.2.80", 1);
        deepStrictEqual([...(await answers("http://192.0.2.80/")).keys()], [
          "n2",
        ]);
      },
    );
  } finally {
    await Promise.all(
      speakers.map((speaker) => speaker[Symbol.asyncDispose]()),
    );
  }
}

async function bothAnswer(url: string): Promise<void> {
  const isIpv6 = url.includes("[");
  await nextHops(
    isIpv6 ? "-6" : "-4",
    isIpv6 ? "2001:db8:a::80" : "192.0.2.80",
    2,
  );
  const counts = await answers(url);
  deepStrictEqual([...counts.keys()].toSorted(), ["n1", "n2"]);
  // By chance alone a node gets less than 60 of 200 once in 10^8.
  for (const count of counts.values()) ok(count >= 60, `${count} of 200`);
}

/** Waits until the router's kernel has so many next hops. */
async function nextHops(
  family: "-4" | "-6",
  address: string,
  count: number,
): Promise<void> {
  const look = () =>
    must("ip", ["-n", ROUTER, family, "route", "show", address]);
  await until(async () => {
    const text = await look();
    const hops = text.match(/\bvia\b/g)?.length ?? 0;
    return hops === count;
  }, {
    timeoutMs: 15_000,
    what: () => `${address} has not ${count} next hops`,
  });
}

/** Who answers 200 connections. */
async function answers(url: string): Promise<ReadonlyMap<string, number>> {
  const script = `for i in $(seq 200); do curl -sS -g -m 5 '${url}'; done`;
  const text = await must("ip", [
    ...["netns", "exec", "client", "sh", "-c", script],
  ]);
  const counts = new Map<string, number>();
  for (const name of text.trim().split("\n")) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

async function build(): Promise<void> {
  await Promise.all(["client", ROUTER, "n1", "n2"].map(addNamespace));
  await cable(["client", "e0"], [ROUTER, "e0"]);
  await cable(["n1", "e0"], [ROUTER, "e1"]);
  await cable(["n2", "e0"], [ROUTER, "e2"]);
  await ipBatch("client", [
    "addr add 10.9.0.1/24 dev e0",
    "addr add 2001:db8:9::1/64 dev e0 nodad",
    "route add default via 10.9.0.254",
    "route add default via 2001:db8:9::fe",
  ]);
  await ipBatch(ROUTER, [
    "addr add 10.9.0.254/24 dev e0",
    "addr add 2001:db8:9::fe/64 dev e0 nodad",
    ...NODES.flatMap((n) => [
      `addr add 10.1.${n}.254/24 dev e${n}`,
      `addr add 2001:db8:1:${n}::fe/64 dev e${n} nodad`,
    ]),
  ]);
  for (const n of NODES) {
    // deno-lint-ignore no-await-in-loop -- two only
    await ipBatch(`n${n}`, [
      `addr add 10.1.${n}.1/24 dev e0`,
      `addr add 2001:db8:1:${n}::1/64 dev e0 nodad`,
      "addr add 192.0.2.80/32 dev lo",
      "addr add 2001:db8:a::80/128 dev lo nodad",
      `route add default via 10.1.${n}.254`,
      `route add default via 2001:db8:1:${n}::fe`,
    ]);
  }
}

const BIRD_CONFIG = [
  "router id 10.9.0.254;",
  "protocol device { scan time 1; }",
  "protocol kernel k4 { merge paths on; ipv4 { export all; }; }",
  "protocol kernel k6 { merge paths on; ipv6 { export all; }; }",
  ...NODES.map((n) =>
    `protocol bgp n${n} { local 10.1.${n}.254 as 65002; neighbor 10.1.${n}.1 as 65001; ` +
    "ipv4 { import all; export none; }; ipv6 { import all; export none; }; }"
  ),
  "",
].join("\n");

const FRR_CONFIG = [
  "router bgp 65002",
  " bgp router-id 10.9.0.254",
  " no bgp ebgp-requires-policy",
  ...NODES.flatMap((n) => [
    ` neighbor 10.1.${n}.1 remote-as 65001`,
    ` neighbor 10.1.${n}.1 timers connect 2`,
  ]),
  ...["ipv4", "ipv6"].flatMap((family) => [
    ` address-family ${family} unicast`,
    ...NODES.map((n) => `  neighbor 10.1.${n}.1 activate`),
    "  maximum-paths 8",
    " exit-address-family",
  ]),
  "",
].join("\n");
