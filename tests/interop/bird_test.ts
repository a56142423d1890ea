/**
 * Our speaker and bird.
 *
 * @module
 */

import { command, USERS } from "../support/needs.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import { stepsOf } from "../support/steps.ts";
import { Bird } from "./_bird.ts";
import { birdCases } from "./_bird_cases.ts";
import { commonCases } from "./_cases.ts";
import { documented } from "./_documented.ts";
import {
  gracefulRestart,
  holdExpiry,
  longLived,
  twentyRestarts,
} from "./_lasting.ts";
import { buildNetwork } from "./_network.ts";
import { Stage } from "./_stage.ts";

testSandboxed("our speaker and bird", async (t) => {
  const step = stepsOf(t);
  await buildNetwork();
  const bird = await Bird.make();
  await using stage = await Stage.build(bird);
  await commonCases(step, stage, {
    extendedCommunities: true,
    addPath: true,
    answersRefresh: false,
    old: false,
    extendedNextHop: true,
    gtsmHops: true,
    dials: true,
    announces: true,
  });
  await step(
    "the configuration of docs/bgp.md",
    () => documented(stage, bird, "bird"),
  );
  await step(
    "killed and back, the kernel's route never leaves (RFC 4724)",
    () => gracefulRestart(stage),
  );
  await step(
    "killed and away, its routes are long-lived stale (RFC 9494)",
    () => longLived(stage, { hasKernel: true }),
  );
  await step("a router that hangs", () => holdExpiry(stage));
  await step("20 restarts leave nothing behind", () => twentyRestarts(stage));
  await birdCases(step, stage);
}, [USERS, command("ip"), command("bird")]);
