/**
 * Our speaker and bird.
 *
 * @module
 */

import { command, USERS } from "../support/needs.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import type { StepFunction } from "../support/steps.ts";
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
import { asInMatrix } from "./_matrix.ts";
import { buildNetwork } from "./_network.ts";
import { Stage } from "./_stage.ts";
import { sendHold } from "./_stuck.ts";

testSandboxed("our speaker and bird", async (t) => {
  await buildNetwork();
  const bird = await Bird.make();
  await using stage = await Stage.build(bird);
  await asInMatrix(t, "bird", (step) => cases(step, stage, bird));
}, [USERS, command("ip"), command("bird")]);

async function cases(
  step: StepFunction,
  stage: Stage,
  bird: Bird,
): Promise<void> {
  await commonCases(step, stage, {
    extendedCommunities: true,
    addPath: true,
    answersRefresh: true,
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
  await step(
    "a router that talks and takes nothing (RFC 9687)",
    () => sendHold(stage),
  );
  await step("20 restarts leave nothing behind", () => twentyRestarts(stage));
  await birdCases(step, stage);
}
