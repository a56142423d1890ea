/**
 * Our speaker and gobgpd.
 *
 * @module
 */

import { strictEqual } from "node:assert/strict";
import { command, USERS } from "../support/needs.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import type { StepFunction } from "../support/steps.ts";
import { commonCases } from "./_cases.ts";
import { collisions } from "./_collisions.ts";
import { gobgpDials } from "./_diallers.ts";
import { documented } from "./_documented.ts";
import { Gobgp } from "./_gobgp.ts";
import {
  holdExpiry,
  longLived,
  staysStale,
  twentyRestarts,
} from "./_lasting.ts";
import { asInMatrix } from "./_matrix.ts";
import { ADDRESS, buildNetwork } from "./_network.ts";
import { pathsAt, routerUntil } from "./_router.ts";
import { Stage } from "./_stage.ts";
import { sendHold } from "./_stuck.ts";

const V4 = "192.0.2.1/32";

testSandboxed("our speaker and gobgpd", async (t) => {
  await buildNetwork();
  const gobgp = await Gobgp.make();
  await using stage = await Stage.build(gobgp);
  await asInMatrix(t, "gobgpd", (step) => cases(step, stage, gobgp));
}, [USERS, command("ip"), command("gobgpd")]);

async function cases(
  step: StepFunction,
  stage: Stage,
  gobgp: Gobgp,
): Promise<void> {
  await commonCases(step, stage, {
    extendedCommunities: true,
    addPath: true,
    answersRefresh: true,
    old: false,
    extendedNextHop: true,
    gtsmHops: true,
    dials: false,
    announces: true,
  });
  await step(
    "the configuration of docs/bgp.md",
    () => documented(stage, gobgp, "gobgp"),
  );
  await step(
    "killed and away, its routes are long-lived stale (RFC 9494)",
    () => longLived(stage, { hasKernel: false }),
  );
  await step("a router that hangs", () => holdExpiry(stage));
  await step(
    "a router that talks and takes nothing (RFC 9687)",
    () => sendHold(stage),
  );
  await step("20 restarts leave nothing behind", () => twentyRestarts(stage));
  await step(
    "killed and back, its route is stale meanwhile and stays (RFC 4724)",
    () =>
      staysStale(
        stage,
        async () =>
          (await gobgp.ask("-j", "global", "rib", "-a", "ipv4")).includes(
            '"stale":true',
          ),
      ),
  );
  await step(
    "both dial, 200 times: always one session (RFC 4271 §6.8)",
    () => collisions(stage, gobgpDials(gobgp)),
  );
  await step(
    "a shutdown has a text both ways (RFC 9003)",
    () => shutdownText(stage, gobgp),
  );
}

/** It shows the text of a peer in its log only. */
async function shutdownText(stage: Stage, gobgp: Gobgp): Promise<void> {
  const { speaker } = stage;
  await stage.session();
  await speaker.line(`announce ${V4}`);
  await pathsAt(gobgp, V4, 1);
  const from = speaker.mark;
  const reason = ["--reason", "Rack 7 is moved"];
  // `disable`, which is its newer name, loses the reason.
  await gobgp.ask("neighbor", ADDRESS.us4, "shutdown", ...reason);
  const { text, subcode } = await speaker.told(
    ({ kind }) => kind === "notification-received",
    { from },
  );
  strictEqual(subcode, 2);
  strictEqual(text, "Rack 7 is moved");
  const again = speaker.mark;
  await gobgp.ask("neighbor", ADDRESS.us4, "enable");
  await speaker.up(ADDRESS.router4, again);
  await pathsAt(gobgp, V4, 1);
  await speaker.line("shutdown Node n1 is drained");
  await routerUntil(
    gobgp,
    () =>
      Promise.resolve(
        gobgp.process.lines.join().includes(
          'Communicated-Reason="Node n1 is drained"',
        ),
      ),
    "our text",
  );
  strictEqual((await speaker.process.status).code, 0);
}
