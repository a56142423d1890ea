/**
 * Our speaker and frr.
 *
 * @module
 */

import { match, strictEqual } from "node:assert/strict";
import { command, USERS } from "../support/needs.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import type { StepFunction } from "../support/steps.ts";
import {
  commonCases,
  extendedMessages,
  refreshByIt,
  refreshByUs,
  withoutPolicy,
  wrongRole,
} from "./_cases.ts";
import { collisions } from "./_collisions.ts";
import { frrDials } from "./_diallers.ts";
import { documented } from "./_documented.ts";
import { Frr } from "./_frr.ts";
import {
  gracefulRestart,
  holdExpiry,
  longLived,
  twentyRestarts,
} from "./_lasting.ts";
import { asInMatrix } from "./_matrix.ts";
import { ADDRESS, buildNetwork } from "./_network.ts";
import { pathsAt, routerUntil } from "./_router.ts";
import { Stage } from "./_stage.ts";
import { sendHold } from "./_stuck.ts";

const V4 = "192.0.2.1/32";

testSandboxed("our speaker and frr", async (t) => {
  await buildNetwork();
  const frr = await Frr.make();
  await using stage = await Stage.build(frr);
  await asInMatrix(t, "frr", (step) => cases(step, stage, frr));
}, [USERS, command("ip"), command("vtysh")]);

async function cases(
  step: StepFunction,
  stage: Stage,
  frr: Frr,
): Promise<void> {
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
    () => documented(stage, frr, "frr"),
  );
  await step(
    "killed and back, the kernel's route never leaves (RFC 4724)",
    () => gracefulRestart(stage),
  );
  await step(
    "killed and away, its routes are long-lived stale (RFC 9494)",
    () => longLived(stage, { hasKernel: true }),
  );
  await step(
    "a router without a policy is doubted (RFC 8212)",
    () => withoutPolicy(stage, () => permitAll(frr)),
  );
  await step("a router that hangs", () => holdExpiry(stage));
  await step(
    "a router that talks and takes nothing (RFC 9687)",
    () => sendHold(stage),
  );
  await step("20 restarts leave nothing behind", () => twentyRestarts(stage));
  await step(
    "it asks for all routes again (RFC 2918, RFC 7313)",
    () =>
      refreshByIt(
        stage,
        () => softIn(frr),
      ),
  );
  await step(
    "we ask for its routes again (RFC 2918)",
    () => refreshByUs(stage, () => refreshByIt(stage, () => softIn(frr))),
  );
  await step(
    "extended messages (RFC 8654)",
    () => extendedMessages(stage),
  );
  await step(
    "roles that do not fit are refused (RFC 9234)",
    () => wrongRole(stage),
  );
  await step("roles and OTC (RFC 9234)", () => roles(stage, frr));
  await step(
    "both dial, 200 times: always one session (RFC 4271 §6.8)",
    () => collisions(stage, frrDials(frr)),
  );
  await step(
    "a shutdown has a text both ways (RFC 9003)",
    () => shutdownText(stage, frr),
  );
}

async function shutdownText(stage: Stage, frr: Frr): Promise<void> {
  const { speaker } = stage;
  await stage.session();
  const from = speaker.mark;
  const neighbor = `neighbor ${ADDRESS.us4}`;
  const change = ["configure terminal", "router bgp 65002"];
  await frr.ask(...change, `${neighbor} shutdown message Rack 7 is moved`);
  const told = await speaker.told(
    ({ kind }) => kind === "notification-received",
    { from },
  );
  strictEqual(told.text, "Rack 7 is moved");
  const again = speaker.mark;
  await frr.ask(...change, `no ${neighbor} shutdown`);
  await speaker.up(ADDRESS.router4, again);
  await speaker.line(`announce ${V4}`);
  await pathsAt(frr, V4, 1);
  await speaker.line("shutdown Node n1 is drained");
  await routerUntil(
    frr,
    async () =>
      (await frr.ask(`show bgp neighbors ${ADDRESS.us4} json`)).includes(
        "Node n1 is drained",
      ),
    "our text",
  );
  strictEqual((await speaker.process.status).code, 0);
}

async function roles(stage: Stage, frr: Frr): Promise<void> {
  await stage.session({ role: "customer" }, { role: "provider" });
  await stage.speaker.line(`announce ${V4}`);
  await pathsAt(frr, V4, 1);
  match(await frr.ask(`show bgp ipv4 unicast ${V4} json`), /"otc":\s*65001/);
  await stage.speaker.line(`withdraw ${V4}`);
}

/** Before it had asked itself, it was seen not to answer ours. */
function softIn(frr: Frr): Promise<string> {
  return frr.ask(`clear bgp ipv4 unicast ${ADDRESS.us4} soft in`);
}

async function permitAll(frr: Frr): Promise<void> {
  await frr.ask(
    ...["configure terminal", "router bgp 65002"],
    "no bgp ebgp-requires-policy",
  );
  await frr.ask("clear bgp *");
}
