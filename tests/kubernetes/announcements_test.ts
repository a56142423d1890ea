/**
 * Announcements that do not get there at once: the repeats do.
 *
 * @module
 */

import { ok, strictEqual } from "node:assert/strict";
import { programOf } from "@/lab/program.ts";
import { setSysctl } from "@/lab/network.ts";
import { pass, until } from "../support/waiting.ts";
import { MAIN } from "../support/sandboxed.ts";
import { freeze, thaw } from "./faults.ts";
import {
  deafenToAnnouncements,
  dropEverySecondAnnouncement,
} from "./frame_loss.ts";
import { type Fault, OutageStage, type Round } from "./outage_stage.ts";
import { testWithKubernetes } from "./_stage.ts";

const FROZEN: Fault = {
  name: "node frozen",
  breaks: ({ owner }) => freeze(owner),
  mends: ({ owner }) => thaw(owner),
};

testWithKubernetes(
  "whoever does not hear of a new owner at once hears of it later",
  async (t, binaries) => {
    await using stage = await OutageStage.build(binaries, programOf(MAIN));
    const step = async (name: string, fn: () => Promise<void>) => {
      await t.step({ name, fn, sanitizeOps: false, sanitizeResources: false });
    };
    await step("a client with a long lock time", () => lockTime(stage));
    await step("every second announcement lost", () => everySecond(stage));
    await step(
      "a client that heeds none for most of a second",
      () => deaf(stage),
    );
  },
);

/** Linux heeds announcements even then; it learned the address a moment ago. */
async function lockTime(stage: OutageStage): Promise<void> {
  const { name } = stage.lab.client.host;
  // Ten seconds, in hundredths.
  await setSysctl(name, { "net/ipv4/neigh/eth0/locktime": "1000" });
  await stage.lab.client.forget(stage.vip);
  isOver(await stage.breakOnce(FROZEN));
  await setSysctl(name, { "net/ipv4/neigh/eth0/locktime": "100" });
}

async function everySecond(stage: OutageStage): Promise<void> {
  await using _drops = await dropEverySecondAnnouncement(stage.vip);
  isOver(await stage.breakOnce(FROZEN));
}

async function deaf(stage: OutageStage): Promise<void> {
  const { lab, vip, cold } = stage;
  const drops = await deafenToAnnouncements(vip, lab.client.host.name);
  const hears = Promise.withResolvers<void>();
  await using capture = await lab.capture();
  const round = await stage.breakOnce({
    ...FROZEN,
    breaks: async (owners) => {
      await FROZEN.breaks(owners);
      const { owner } = owners;
      void until(
        () => cold.claims(vip).at(-1)?.mac !== owner.host.mac,
        { timeoutMs: TAKEN_MS_MAX, what: () => "Nobody took over" },
      ).then(() => pass(DEAF_MS)).then(() => drops[Symbol.asyncDispose]())
        .then(hears.resolve, hears.reject);
    },
  });
  await hears.promise;
  ok(round.warmMs > DEAF_MS, `it was answered after ${round.warmMs} ms`);
  ok(round.warmMs <= LATE_MS_MAX, `no answer for ${round.warmMs} ms`);
  // It was told; it did not have to ask everybody.
  const asked = capture.frames().filter(({ host, message }) =>
    host === lab.client.host.name && "operation" in message &&
    message.operation === "request" && message.targetIp === vip
  );
  const everybody = asked.filter(({ ethernet }) =>
    ethernet.destination === "ff:ff:ff:ff:ff:ff"
  );
  strictEqual(everybody.length, 0, "it asked everybody");
}

function isOver(round: Round): void {
  ok(round.warmMs <= OUTAGE_MS_MAX, `no answer for ${round.warmMs} ms`);
}

/** Three times what is promised: the machine may be busy. */
const OUTAGE_MS_MAX = 3_000;
const TAKEN_MS_MAX = 39_000;
/** Announcements go out at 0, 200 and 1,000 ms. */
const DEAF_MS = 800;
/** The silence, the repeat at a second, three times that. */
const LATE_MS_MAX = 3 * 1_600;
