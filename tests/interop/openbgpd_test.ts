/**
 * Our speaker and openbgpd.
 *
 * @module
 */

import { strictEqual } from "node:assert/strict";
import { command, USERS } from "../support/needs.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import { stepsOf } from "../support/steps.ts";
import { commonCases } from "./_cases.ts";
import { documented } from "./_documented.ts";
import { ADDRESS, buildNetwork } from "./_network.ts";
import { Openbgpd } from "./_openbgpd.ts";
import { pathsAt, routerUntil } from "./_router.ts";
import { Stage } from "./_stage.ts";

const V4 = "192.0.2.1/32";

testSandboxed("our speaker and openbgpd", async (t) => {
  const step = stepsOf(t);
  await buildNetwork();
  const openbgpd = await Openbgpd.make();
  await using stage = await Stage.build(openbgpd);
  const { speaker } = stage;
  await commonCases(step, stage, {
    extendedCommunities: true,
    addPath: true,
    extendedNextHop: false,
    gtsmHops: false,
    dials: false,
    announces: true,
  });
  await step(
    "the configuration of docs/bgp.md",
    () => documented(stage, openbgpd, "openbgpd"),
  );
  await step("it asks for all routes again (RFC 2918, RFC 7313)", async () => {
    await stage.session();
    await speaker.line(`announce ${V4}`);
    await pathsAt(openbgpd, V4, 1);
    const announced = async () =>
      (await speaker.peer(ADDRESS.router4))?.announced ?? 0;
    const before = await announced();
    await openbgpd.ask("neighbor", ADDRESS.us4, "refresh");
    await routerUntil(
      openbgpd,
      async () => (await announced()) > before,
      "a refresh",
    );
    await pathsAt(openbgpd, V4, 1);
    await speaker.line(`withdraw ${V4}`);
  });
  await step("a shutdown has a text both ways (RFC 9003)", async () => {
    const from = speaker.mark;
    await openbgpd.ask("neighbor", ADDRESS.us4, "down", "Rack 7 is moved");
    const { text } = await speaker.told(
      ({ kind }) => kind === "notification-received",
      { from },
    );
    strictEqual(text, "Rack 7 is moved");
    const again = speaker.mark;
    await openbgpd.ask("neighbor", ADDRESS.us4, "up");
    await speaker.up(ADDRESS.router4, again);
    await speaker.line(`announce ${V4}`);
    await pathsAt(openbgpd, V4, 1);
    await speaker.line("shutdown Node n1 is drained");
    await routerUntil(
      openbgpd,
      async () =>
        (await openbgpd.ask("show", "neighbor", ADDRESS.us4)).includes(
          "Node n1 is drained",
        ),
      "our text",
    );
    strictEqual((await speaker.process.status).code, 0);
  });
}, [USERS, command("ip"), command("bgpctl")]);
