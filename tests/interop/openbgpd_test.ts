/**
 * Our speaker and openbgpd.
 *
 * @module
 */

import { match, strictEqual } from "node:assert/strict";
import { command, USERS } from "../support/needs.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import { stepsOf } from "../support/steps.ts";
import { commonCases } from "./_cases.ts";
import { documented } from "./_documented.ts";
import { holdExpiry, twentyRestarts } from "./_lasting.ts";
import { ADDRESS, buildNetwork } from "./_network.ts";
import { Openbgpd } from "./_openbgpd.ts";
import { pathsAt, routerUntil, TERMS } from "./_router.ts";
import { peerSpec, Stage } from "./_stage.ts";

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
    old: false,
    answersRefresh: false,
    extendedNextHop: false,
    gtsmHops: false,
    dials: false,
    announces: true,
  });
  await step(
    "the configuration of docs/bgp.md",
    () => documented(stage, openbgpd, "openbgpd"),
  );
  await step("a router that hangs", () => holdExpiry(stage));
  await step("20 restarts leave nothing behind", async () => {
    // Its OPEN to a connection of its own that was refused goes out again on ours, as a second one.
    await twentyRestarts(stage, { passive: true });
  });
  await step("roles (RFC 9234)", () => roles(stage));
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

/** It has no field for OTC; what it thinks of our role shows. */
async function roles(stage: Stage): Promise<void> {
  const { speaker } = stage;
  await stage.session({ role: "customer" }, { role: "provider" });
  const from = speaker.mark;
  await speaker.configure({ router: peerSpec(TERMS, { role: "peer" }) });
  const { message } = await speaker.told(
    ({ code, subcode }) => code === 2 && subcode === 11,
    { from },
  );
  match(message ?? "", /^The roles do not fit/);
}
