/**
 * Whether an address is really free before it is handed out, and really alive
 * afterwards: what the wire says reaches the status.
 *
 * @module
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { type LabCluster, must } from "@/lab/mod.ts";
import {
  addressed,
  addressesOf,
  conditionOf,
  eipPath,
  EIPS,
  event,
  servicePath,
} from "../support/lab_services.ts";
import { cutReplies, NFT } from "./_silence.ts";
import { type Stage, testOnStage } from "./_stage.ts";
import { Stranger } from "./_stranger.ts";

const TAKEN = "192.168.0.95";
const FREE = "192.168.0.96";
const POOL = `${TAKEN}-192.168.0.97`;
const VIP = "192.168.0.91";

testOnStage(
  "what the wire says of addresses is in the status",
  {
    needs: [NFT],
    services: [{ name: "four", vips: [VIP] }],
  },
  async (stage, step) => {
    await step(
      "an address that a foreign host has is handed out to nobody",
      () => isPassedOver(stage.lab),
    );
    await step(
      "an address of a node is handed out to nobody",
      () => nodesKeepTheirs(stage.lab),
    );
    await step(
      "an address whose owner is not heard any more by ARP is told of",
      () => isMissed(stage),
    );
  },
);

async function isPassedOver(lab: LabCluster): Promise<void> {
  const { api } = lab;
  const stranger = await Stranger.plug();
  try {
    await must("ip", ["addr", "add", `${TAKEN}/24`, "dev", "stranger"]);
    api.createEip({
      name: "pool",
      address: POOL,
    });
    await reads(lab, "pool", /^True AddressConflict/);
    match(degraded(lab, "pool"), new RegExp(`${stranger.mac}.* has ${TAKEN}`));
    lab.createService({ name: "first", eip: "pool" });
    deepStrictEqual(await addressed(api, "first"), [FREE]);
    lab.createService({
      name: "named",
      eip: "pool",
      spec: { loadBalancerIP: TAKEN },
    });
    await event(api, "named", new RegExp(`AssignIPFailed.*${stranger.mac}`));
    deepStrictEqual(addressesOf(api, "named"), []);
    match(
      conditionOf(api, servicePath("named"), "AddressAssigned"),
      /^False AddressConflict/,
    );
  } finally {
    await stranger[Symbol.asyncDispose]();
  }
  // The one that waits for it is the first to get it.
  await api.until("services", () => addressesOf(api, "named").length > 0, {
    timeoutMs: GONE_MS_MAX,
    what: () => `Nobody got ${TAKEN}: ${degraded(lab, "pool")}`,
  });
  deepStrictEqual(addressesOf(api, "named"), [TAKEN]);
  await reads(lab, "pool", /^False AsExpected/);
}

async function nodesKeepTheirs(lab: LabCluster): Promise<void> {
  const { api, nodes } = lab;
  const ip = nodes[0]?.host.ipv4 ?? "";
  api.createEip({ name: "nodes", address: ip });
  lab.createService({ name: "node", eip: "nodes" });
  await api.until(
    "services",
    () =>
      conditionOf(api, servicePath("node"), "AddressAssigned")
        .startsWith("False PoolExhausted"),
    {
      timeoutMs: GONE_MS_MAX,
      what: () => `${ip} was given to ${addressesOf(api, "node")}`,
    },
  );
  api.deleteService("node");
}

async function isMissed(stage: Stage): Promise<void> {
  const { lab } = stage;
  const owner = stage.owner(VIP);
  const [checker = ""] = stage.order(VIP).filter((node) => node !== owner);
  const gauge = 'foghorn_addresses_unanswered{link="eth0"}';
  strictEqual(await stage.metric(checker, gauge), 0);
  {
    await using _ = await cutReplies(owner);
    await reads(lab, "four-v4", /^True AddressUnanswered/);
    match(
      degraded(lab, "four-v4"),
      new RegExp(`${VIP} does not answer on eth0 although ${owner} owns it`),
    );
    match(degraded(lab, "four-v4"), new RegExp(`nodes ${checker}\\)`));
    await event(lab.api, "four", new RegExp(`AddressUnanswered: ${VIP}`));
    // What agents say to each other is no ARP.
    strictEqual(
      await stage.metric(owner, 'foghorn_owned_addresses{link="eth0"}') > 0,
      true,
    );
  }
  await reads(lab, "four-v4", /^False AsExpected/);
  const checks = 'foghorn_address_checks_total{link="eth0",result="nobody"}';
  ok(await stage.metric(checker, checks) >= 3);
}

function degraded(lab: LabCluster, eip: string): string {
  return conditionOf(lab.api, eipPath(eip), "Degraded");
}

async function reads(
  lab: LabCluster,
  eip: string,
  wanted: RegExp,
): Promise<void> {
  await lab.api.until(EIPS, () => wanted.test(degraded(lab, eip)), {
    timeoutMs: GONE_MS_MAX,
    what: () => `Degraded of ${eip} is "${degraded(lab, eip)}", not ${wanted}`,
  });
}

/** An address is checked once a minute and probed for every 10 s while a foreign host has it: three times that. */
const GONE_MS_MAX = 180_000;
