/**
 * Our speaker and gobgpd.
 *
 * @module
 */

import { strictEqual } from "node:assert/strict";
import { command, USERS } from "../support/needs.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import { stepsOf } from "../support/steps.ts";
import { commonCases } from "./_cases.ts";
import { documented } from "./_documented.ts";
import { Gobgp } from "./_gobgp.ts";
import { holdExpiry, longLived, twentyRestarts } from "./_lasting.ts";
import { ADDRESS, buildNetwork } from "./_network.ts";
import { pathsAt, routerUntil } from "./_router.ts";
import { Stage } from "./_stage.ts";

const V4 = "192.0.2.1/32";

testSandboxed("our speaker and gobgpd", async (t) => {
  const step = stepsOf(t);
  await buildNetwork();
  const gobgp = await Gobgp.make();
  await using stage = await Stage.build(gobgp);
  const { speaker } = stage;
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
  await step("20 restarts leave nothing behind", () => twentyRestarts(stage));
  await step(
    "killed and back, its route is stale meanwhile and stays (RFC 4724)",
    () => staysStale(stage, gobgp),
  );
  await step(
    "a reset has a text (RFC 9003)",
    async () => {
      await stage.session();
      await speaker.line(`announce ${V4}`);
      await pathsAt(gobgp, V4, 1);
      const from = speaker.mark;
      const reason = ["--reason", "Rack 7 is moved"];
      await gobgp.ask("neighbor", ADDRESS.us4, "reset", ...reason);
      const { text, subcode } = await speaker.told(
        ({ kind }) => kind === "notification-received",
        { from },
      );
      strictEqual(subcode, 4);
      strictEqual(text, "Rack 7 is moved");
    },
  );
}, [USERS, command("ip"), command("gobgpd")]);

async function staysStale(stage: Stage, gobgp: Gobgp): Promise<void> {
  const { speaker } = stage;
  await stage.session({ gracefulRestart: true }, {
    gracefulRestart: { enabled: true, restartTime: 20 },
  });
  await speaker.line(`announce ${V4}`);
  await pathsAt(gobgp, V4, 1);
  const isStale = async () =>
    (await gobgp.ask("-j", "global", "rib", "-a", "ipv4")).includes(
      '"stale":true',
    );
  strictEqual(await isStale(), false);
  await speaker.kill();
  await routerUntil(gobgp, isStale, "a stale route");
  strictEqual((await gobgp.paths(V4)).length, 1);
  await speaker.begin([`announce ${V4}`]);
  await routerUntil(gobgp, async () => {
    strictEqual((await gobgp.paths(V4)).length, 1);
    return !await isStale();
  }, "a fresh route");
  await speaker.line(`withdraw ${V4}`);
  await pathsAt(gobgp, V4, 0);
}
