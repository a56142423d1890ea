/**
 * The journeys of OpenELB's documentation on BGP, as its readers make them, on
 * bird. Each is looked at without an agent first, where it must not hold.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- a page's steps follow each other
import { rejects } from "node:assert/strict";
import { BIRD } from "../support/bird_router.ts";
import { stepsOf } from "../support/steps.ts";
import { JourneyStage } from "./_journey_stage.ts";
import { testWithKubernetes } from "./_stage.ts";
import { BGP, MULTI_ROUTER, REFERENCE } from "./journeys_bgp.ts";

testWithKubernetes(
  "OpenELB's documented journeys on BGP",
  async (t, binaries) => {
    await using stage = await JourneyStage.build(binaries);
    const step = stepsOf(t);
    await stage.install();
    await step("without an agent none of them holds", async () => {
      for (const journey of JOURNEYS) {
        await journey.apply(stage);
        await rejects(
          journey.holds(stage, IMPATIENCE_MS),
          / after \d+ ms$/,
          journey.name,
        );
        await journey.remove(stage);
      }
    });
    stage.kubelets.startAgents();
    for (const journey of JOURNEYS) {
      await step(journey.name, async () => {
        await journey.apply(stage);
        try {
          await journey.holds(stage, PATIENCE_MS);
        } finally {
          await journey.remove(stage);
        }
      });
    }
  },
  [BIRD],
);

const JOURNEYS = [BGP, MULTI_ROUTER, REFERENCE];
const PATIENCE_MS = 30_000;
/** An agent does in a tenth of it what a journey begins with. */
const IMPATIENCE_MS = 1_000;
