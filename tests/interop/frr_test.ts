/**
 * Our speaker and frr.
 *
 * @module
 */

import { match, strictEqual } from "node:assert/strict";
import { command, USERS } from "../support/needs.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import { stepsOf } from "../support/steps.ts";
import { commonCases } from "./_cases.ts";
import { documented } from "./_documented.ts";
import { Frr } from "./_frr.ts";
import {
  gracefulRestart,
  holdExpiry,
  longLived,
  twentyRestarts,
} from "./_lasting.ts";
import { ADDRESS, buildNetwork } from "./_network.ts";
import { pathsAt, routerUntil } from "./_router.ts";
import { Stage } from "./_stage.ts";

const V4 = "192.0.2.1/32";

testSandboxed("our speaker and frr", async (t) => {
  const step = stepsOf(t);
  await buildNetwork();
  const frr = await Frr.make();
  await using stage = await Stage.build(frr);
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
    () => withoutPolicy(stage, frr),
  );
  await step("a router that hangs", () => holdExpiry(stage));
  await step("20 restarts leave nothing behind", () => twentyRestarts(stage));
  await step(
    "routes are refreshed both ways (RFC 2918, RFC 7313)",
    () => refresh(stage, frr),
  );
  await step("extended messages (RFC 8654)", async () => {
    const large = Array.from({ length: 700 }, (_, i) => `65001:${i}:1`);
    await stage.speaker.line(
      `announce ${V4} large-community ${large.join(" ")}`,
    );
    const [path] = await pathsAt(frr, V4, 1);
    strictEqual(path?.large.length, 700);
    await stage.speaker.line(`withdraw ${V4}`);
  });
  await step("roles and OTC (RFC 9234)", async () => {
    await stage.session({ role: "customer" }, { role: "provider" });
    await stage.speaker.line(`announce ${V4}`);
    await pathsAt(frr, V4, 1);
    match(await frr.ask(`show bgp ipv4 unicast ${V4} json`), /"otc":\s*65001/);
    await stage.speaker.line(`withdraw ${V4}`);
  });
  await step(
    "a shutdown has a text both ways (RFC 9003)",
    () => shutdownText(stage, frr),
  );
}, [USERS, command("ip"), command("vtysh")]);

/** It takes no route, and announces none, until its operator permits it. */
async function withoutPolicy(stage: Stage, frr: Frr): Promise<void> {
  const { speaker } = stage;
  await stage.session({ policyless: true });
  await speaker.line(`announce ${V4}`);
  const hint = async () => (await speaker.peer(ADDRESS.router4))?.hint;
  await routerUntil(
    frr,
    async () => /no policy for us/.test(await hint() ?? ""),
    "that it is silent",
  );
  await pathsAt(frr, V4, 0);
  await frr.ask(
    ...["configure terminal", "router bgp 65002"],
    "no bgp ebgp-requires-policy",
  );
  await frr.ask("clear bgp *");
  await pathsAt(frr, V4, 1);
  await routerUntil(
    frr,
    async () => {
      const view = await speaker.peer(ADDRESS.router4);
      return (view?.received["ipv4-unicast"] ?? 0) > 0;
    },
    "its route",
  );
  strictEqual(await hint(), undefined);
  await speaker.line(`withdraw ${V4}`);
  await pathsAt(frr, V4, 0);
}

async function refresh(stage: Stage, frr: Frr): Promise<void> {
  const { speaker } = stage;
  await stage.session();
  const view = () => speaker.peer(ADDRESS.router4);
  await speaker.line(`announce ${V4}`);
  await pathsAt(frr, V4, 1);
  const announced = (await view())?.announced ?? 0;
  await frr.ask(`clear bgp ipv4 unicast ${ADDRESS.us4} soft in`);
  await routerUntil(
    frr,
    async () => ((await view())?.announced ?? 0) > announced,
    "a refresh",
  );
  await pathsAt(frr, V4, 1);
  // frr collects for a second before it announces.
  const received = async () => (await view())?.received["ipv4-unicast"] ?? 0;
  await routerUntil(frr, async () => (await received()) > 0, "its route");
  const before = await received();
  await speaker.line(`refresh ${ADDRESS.router4}`);
  await routerUntil(frr, async () => (await received()) > before, "an answer");
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
