/**
 * Our speaker and exabgp.
 *
 * @module
 */

import { match, strictEqual } from "node:assert/strict";
import { command, USERS } from "../support/needs.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import type { StepFunction } from "../support/steps.ts";
import { commonCases, extendedMessages, refreshByIt } from "./_cases.ts";
import { collisions } from "./_collisions.ts";
import { exabgpDials } from "./_diallers.ts";
import { documented } from "./_documented.ts";
import { Exabgp, exabgpTold } from "./_exabgp.ts";
import { holdExpiry, twentyRestarts } from "./_lasting.ts";
import { asInMatrix } from "./_matrix.ts";
import { ADDRESS, buildNetwork } from "./_network.ts";
import { pathsAt } from "./_router.ts";
import { Stage } from "./_stage.ts";
import { sendHold } from "./_stuck.ts";

const V4 = "192.0.2.1/32";

testSandboxed("our speaker and exabgp", async (t) => {
  await buildNetwork();
  const exabgp = await Exabgp.make();
  await using stage = await Stage.build(exabgp);
  await asInMatrix(t, "exabgp", (step) => cases(step, stage, exabgp));
}, [USERS, command("ip"), command("exabgp")]);

async function cases(
  step: StepFunction,
  stage: Stage,
  exabgp: Exabgp,
): Promise<void> {
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
  await step(
    "it asks for all routes again (RFC 2918, RFC 7313)",
    () =>
      refreshByIt(
        stage,
        () =>
          exabgp.say(
            `neighbor ${ADDRESS.us4} announce route-refresh ipv4 unicast`,
          ),
      ),
  );
  await step(
    "extended messages (RFC 8654)",
    () => extendedMessages(stage),
  );
  await step("a router that hangs", () => holdExpiry(stage));
  await step(
    "a router that talks and takes nothing (RFC 9687)",
    () => sendHold(stage),
  );
  await step("20 restarts leave nothing behind", async () => {
    // Of two connections that collide it may close both.
    await twentyRestarts(stage, { passive: true });
  });
  await step(
    "both dial, 200 times: always one session (RFC 4271 §6.8)",
    () => collisions(stage, exabgpDials(exabgp)),
  );
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
}
