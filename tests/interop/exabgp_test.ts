/**
 * Our speaker and exabgp.
 *
 * @module
 */

import { match, strictEqual } from "node:assert/strict";
import { command, USERS } from "../support/needs.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import { stepsOf } from "../support/steps.ts";
import { commonCases } from "./_cases.ts";
import { documented } from "./_documented.ts";
import { Exabgp, exabgpTold } from "./_exabgp.ts";
import { holdExpiry, twentyRestarts } from "./_lasting.ts";
import { ADDRESS, buildNetwork } from "./_network.ts";
import { pathsAt, routerUntil } from "./_router.ts";
import { Stage } from "./_stage.ts";

const V4 = "192.0.2.1/32";

testSandboxed("our speaker and exabgp", async (t) => {
  const step = stepsOf(t);
  await buildNetwork();
  const exabgp = await Exabgp.make();
  await using stage = await Stage.build(exabgp);
  const { speaker } = stage;
  await commonCases(step, stage, {
    extendedCommunities: true,
    addPath: true,
    answersRefresh: false,
    old: true,
    extendedNextHop: true,
    gtsmHops: false,
    dials: true,
    announces: true,
  });
  await step(
    "the configuration of docs/bgp.md",
    () => documented(stage, exabgp, "exabgp"),
  );
  await step("it asks for all routes again (RFC 2918)", async () => {
    await stage.session();
    await speaker.line(`announce ${V4}`);
    await pathsAt(exabgp, V4, 1);
    const announced = async () =>
      (await speaker.peer(ADDRESS.router4))?.announced ?? 0;
    const before = await announced();
    await exabgp.say(
      `neighbor ${ADDRESS.us4} announce route-refresh ipv4 unicast`,
    );
    await routerUntil(
      exabgp,
      async () => (await announced()) > before,
      "a refresh",
    );
    await speaker.line(`withdraw ${V4}`);
    await pathsAt(exabgp, V4, 0);
  });
  await step("extended messages (RFC 8654)", async () => {
    const large = Array.from({ length: 700 }, (_, i) => `65001:${i}:1`);
    await speaker.line(`announce ${V4} large-community ${large.join(" ")}`);
    const [path] = await pathsAt(exabgp, V4, 1);
    strictEqual(path?.large.length, 700);
    await speaker.line(`withdraw ${V4}`);
  });
  await step("a router that hangs", () => holdExpiry(stage));
  await step("20 restarts leave nothing behind", async () => {
    // Of two connections that collide it may close both.
    await twentyRestarts(stage, { passive: true });
  });
  await step("it is told that we shut down", async () => {
    await stage.session();
    await speaker.line(`announce ${V4}`);
    await pathsAt(exabgp, V4, 1);
    await speaker.line("shutdown");
    const { neighbor } = await exabgpTold(
      exabgp,
      ({ neighbor }) => neighbor?.state === "down",
    );
    match(neighbor?.reason ?? "", /\(6,2\)/);
    strictEqual((await speaker.process.status).code, 0);
  });
}, [USERS, command("ip"), command("exabgp")]);
