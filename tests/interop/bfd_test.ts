/**
 * BFD between our speaker and bird and frr, and what both make of it in BGP.
 *
 * @module
 */

import { match, strictEqual } from "node:assert/strict";
import { command } from "../support/needs.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import { type StepFunction, stepsOf } from "../support/steps.ts";
import { bfdCases, cut, heal, isBfd, LONG_HOLD, tellsOfState } from "./_bfd.ts";
import { BirdWithBfd } from "./_bird_bfd.ts";
import { Frr } from "./_frr.ts";
import { ADDRESS, buildNetwork } from "./_network.ts";
import { routerUntil } from "./_router.ts";
import { Stage } from "./_stage.ts";

testSandboxed("BFD of our speaker, bird and frr", async (t) => {
  await buildNetwork();
  await t.step("bird", (birds) => withBird(stepsOf(birds)));
  await t.step("frr", (frrs) => withFrr(stepsOf(frrs)));
}, ["ip", "nft", "bird", "vtysh"].map(command));

async function withBird(step: StepFunction): Promise<void> {
  const bird = await BirdWithBfd.makeWith(150);
  await using stage = await Stage.build(bird);
  const isUp = (intervalMs: number) => bird.hasBfd(intervalMs);
  await bfdCases(step, stage, { router: bird, isUp }, { extra: "bfd on;" });
  await step("over several hops (RFC 5883), and passively", async () => {
    const { local } = await stage.session({
      local: ADDRESS.farRouter,
      peer: ADDRESS.farUs,
      multihop: 3,
      extra: "bfd on;",
    }, {
      ebgpMultihop: { enabled: true },
      bfd: { minTxMs: 150, minRxMs: 150, passive: true },
      ...LONG_HOLD,
    });
    await stage.speaker.told(isBfd(local, "up"));
    await routerUntil(bird, () => isUp(150), "BFD over several hops");
    const { bfd } = await stage.speaker.peer(local) ?? {};
    strictEqual(bfd?.local, ADDRESS.farUs);
    strictEqual(bfd?.link, undefined);
    const from = stage.speaker.mark;
    await cut("e1");
    await stage.speaker.told(
      ({ kind, subcode }) => kind === "notification-sent" && subcode === 10,
      { from },
    );
    await heal();
    await stage.speaker.up(local, from);
  });
}

async function withFrr(step: StepFunction): Promise<void> {
  const frr = await Frr.make();
  await using stage = await Stage.build(frr);
  await frr.beginBfd([
    "profile p",
    " transmit-interval 150",
    " receive-interval 150",
  ]);
  const router = {
    router: frr,
    async isUp(intervalMs: number): Promise<boolean> {
      const text = await frr.askBfd("show bfd peers json");
      const [peer] = JSON.parse(text === "" ? "[]" : text);
      return peer?.status === "up" &&
        peer["remote-transmit-interval"] === intervalMs;
    },
  };
  const extra = `neighbor ${ADDRESS.us4} bfd profile p`;
  await bfdCases(step, stage, router, { extra });
  await step("switched off by the router's operator, BGP stays", async () => {
    const { speaker } = stage;
    const profile = ["configure terminal", "bfd", "profile p"];
    const from = speaker.mark;
    await frr.askBfd(...profile, "shutdown");
    const { message, blocks } = await speaker.told(
      isBfd(ADDRESS.router4, "down"),
      { from },
    );
    match(message ?? "", /switched BFD off/);
    strictEqual(blocks, false);
    await frr.askBfd(...profile, "no shutdown");
    await speaker.told(isBfd(ADDRESS.router4, "up"), { from });
    strictEqual(tellsOfState(stage, from), false);
  });
  await step("a shutdown ends both, and tells the router so", async () => {
    await stage.speaker.line("shutdown");
    strictEqual((await stage.speaker.process.status).code, 0);
    await routerUntil(frr, async () => {
      const [peer] = JSON.parse(await frr.askBfd("show bfd peers json"));
      // RFC 5880 §4.1: 3, Neighbor Signaled Session Down.
      return peer?.status === "down" &&
        /neighbor signaled/i.test(`${peer.diagnostic}`);
    }, "that BFD was switched off, not lost");
  });
}
