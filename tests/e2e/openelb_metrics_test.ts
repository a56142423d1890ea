/**
 * The metrics under OpenELB's names say what is true, by Eip and by address, and
 * are there only where they are asked for.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { OPENELB_METRICS } from "@/obs/mod.ts";
import { addressed } from "../support/lab_services.ts";
import { type Stage, testOnStage, until } from "./_stage.ts";
import { allAnswered, ARPING } from "../support/link_tools.ts";

const VIPS = ["192.168.0.91", "2001:db8::91"] as const;

testOnStage(
  "metrics under OpenELB's names",
  {
    nodes: 1,
    services: [{ name: "web", vips: VIPS }],
    needs: [ARPING],
  },
  async (stage, step) => {
    const { lab } = stage;
    const node = lab.node("n1");
    const [vip4] = VIPS;
    await step("they are not there unless asked for", async () => {
      const names = [...(await node.metrics()).keys()];
      deepStrictEqual(
        names.filter((name) => !name.startsWith("foghorn_")),
        [],
      );
    });
    await node.stopAgent();
    node.startAgent(["--openelb-metrics"]);
    await node.waitReady();
    await stage.isAnsweredBy(vip4, "n1");
    await step(
      "an Eip: addresses, those in use, Services",
      () => countsPools(stage),
    );
    await step(
      "an address: requests, answers, announcements",
      () => countsAddresses(stage),
    );
    await step("all of them were there", async () => {
      const names = [...(await node.metrics()).keys()].map((series) =>
        series.replace(/\{.*/, "")
      );
      for (const [name, { labels }] of Object.entries(OPENELB_METRICS)) {
        // There is no session here.
        if (labels.includes("peerIP")) continue;
        ok(names.includes(name), name);
      }
    });
    await step("an address that is given back is forgotten", async () => {
      lab.api.deleteService("web");
      await until(
        async () =>
          Number.isNaN(await value(stage, `responses_sent{ip="${vip4}"}`)),
        { timeoutMs: WAIT_MS_MAX, what: () => "It is still counted" },
      );
    });
  },
);

async function countsPools(stage: Stage): Promise<void> {
  const { lab } = stage;
  const ofPool = (name: string, eip: string) =>
    value(stage, `${name}{eipName="${eip}"}`);
  await until(
    async () => await ofPool("services_allocated_total", "web-v4") === 1,
    { timeoutMs: WAIT_MS_MAX, what: () => "The Service is not counted" },
  );
  lab.api.createEip({ name: "pool", address: "192.168.0.160/30" });
  for (const name of ["a", "b"]) lab.createService({ name, eip: "pool" });
  await addressed(lab.api, "a");
  await addressed(lab.api, "b");
  strictEqual(await ofPool("addresses_total", "pool"), 4);
  strictEqual(await ofPool("addresses_in_use_total", "pool"), 2);
  strictEqual(await ofPool("services_allocated_total", "pool"), 2);
  strictEqual(await ofPool("addresses_in_use_total", "web-v6"), 1);
}

async function countsAddresses(stage: Stage): Promise<void> {
  const node = stage.lab.node("n1");
  const [vip4, vip6] = VIPS;
  const counts = () =>
    Promise.all(
      ["requests_received", "responses_sent", "gratuitous_sent"].flatMap(
        (name) => VIPS.map((ip) => value(stage, `${name}{ip="${ip}"}`)),
      ),
    );
  // Announced when it was claimed; counters come once a second.
  await until(
    async () => (await counts()).every((count) => !Number.isNaN(count)),
    { timeoutMs: WAIT_MS_MAX, what: () => "An address is not counted" },
  );
  ok(await value(stage, `gratuitous_sent{ip="${vip6}"}`) >= 1);
  const before = await counts();
  await allAnswered(vip4, node.host.mac, { count: 7, intervalMs: 20 });
  let after: readonly number[] = [];
  await until(async () => {
    after = await counts();
    return (after[0] ?? 0) - (before[0] ?? 0) >= 7;
  }, { timeoutMs: WAIT_MS_MAX, what: () => `${before} became ${after}` });
  strictEqual(after[2], after[0]);
  // Nobody asked for the other one.
  deepStrictEqual([after[1], after[3]], [before[1], before[3]]);
  const metrics = await node.metrics();
  const sum = (name: string) =>
    [...metrics].filter(([series]) => series.startsWith(`${name}{`))
      .reduce((total, [, count]) => total + count, 0);
  strictEqual(sum("responses_sent"), sum("foghorn_answers_total"));
  strictEqual(sum("gratuitous_sent"), sum("foghorn_announcements_total"));
}

/** A value on the page of the node's agent; NaN where there is no such series. */
async function value(stage: Stage, name: string): Promise<number> {
  return (await stage.lab.node("n1").metrics()).get(name) ?? NaN;
}

const WAIT_MS_MAX = 30_000;
