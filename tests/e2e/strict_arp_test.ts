/**
 * Nodes whose kernels hold the addresses themselves, as under kube-proxy in IPVS
 * mode. A bridge stands in for the dummy interface `kube-ipvs0`: IPVS itself is
 * in few kernels, and ARP does not know the difference.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { type Condition, projectEip } from "@/api/mod.ts";
import { type LabCluster, setSysctl } from "@/lab/mod.ts";
import { type Stage, testOnStage, until } from "./_stage.ts";
import { ARPING, arping, ipOn } from "../support/link_tools.ts";

const VIP = "192.168.0.91";

testOnStage(
  "a node whose kernel would answer, too, is told of and mended by arp_ignore",
  {
    needs: [ARPING],
    services: [{ name: "web", vips: [VIP] }],
    prepare: holdByIpvs,
  },
  async (stage, step) => {
    const { mac } = stage.lab.node(stage.owner(VIP)).host;
    await step("arp_ignore=1: exactly one answers, all is well", async () => {
      deepStrictEqual((await arping(VIP, { args: ["-d"] })).macs, [mac]);
      await isStrict(stage, true);
    });
    await step(
      "arp_ignore=0: every kernel answers, and it is told",
      async () => {
        for (const { name } of stage.lab.nodes) await ignore(name, "0");
        let hosts = "";
        await until(async () => {
          hosts = `${[...(await stage.lab.askTheWire(VIP)).hosts].sort()}`;
          return hosts === "n1,n2,n3";
        }, {
          timeoutMs: NOTICED_MS_MAX,
          what: () => `${hosts} answer, not every kernel`,
        });
        const { macs } = await arping(VIP, { args: ["-d"] });
        ok(macs.length > 1, `${macs}`);
        await isStrict(stage, false);
        await until(() => /nodes n1, n2, n3/.test(degradedText(stage)), {
          timeoutMs: NOTICED_MS_MAX,
          what: () => `Not all nodes are named: ${degradedText(stage)}`,
        });
        match(degradedText(stage), /strictARP: true.*arp_ignore=1/);
      },
    );
    await step(
      "mended for all interfaces, or for that one",
      async () => {
        await setSysctl("n2", { "net/ipv4/conf/eth0/arp_ignore": "1" });
        await ignore("n1", "1");
        await ignore("n3", "1");
        await isStrict(stage, true);
        await stage.ownersAnswer();
      },
    );
  },
);

/** Waits until all nodes and the Eip say whether the kernels leave ARP to the agents. */
async function isStrict(stage: Stage, strict: boolean): Promise<void> {
  const { nodes } = stage.lab;
  for (const { name } of nodes) {
    const sample = 'foghorn_strict_arp_off{link="eth0"}';
    const expected = strict ? 0 : 1;
    await until(async () => await stage.metric(name, sample) === expected, {
      timeoutMs: NOTICED_MS_MAX,
      what: () => `${sample} of ${name} is not ${expected}`,
    });
  }
  const status = strict ? "False" : "True";
  await until(() => conditionOf(stage, "Degraded")?.status === status, {
    timeoutMs: NOTICED_MS_MAX,
    what: () =>
      `Degraded is not ${status}: ${
        JSON.stringify(conditionOf(stage, "Degraded"))
      }`,
  });
  const { reason } = conditionOf(stage, "Degraded") ?? {};
  strictEqual(reason, strict ? "AsExpected" : "StrictArpOff");
  strictEqual(conditionOf(stage, "Ready")?.status, "True");
}

function degradedText(stage: Stage): string {
  return conditionOf(stage, "Degraded")?.message ?? "";
}

function conditionOf(stage: Stage, type: string): Condition | undefined {
  const path = "/apis/network.kubesphere.io/v1alpha2/eips/web-v4";
  const eip = projectEip(stage.lab.api.read(path));
  if (!eip.ok) throw new Error(eip.error);
  return eip.value.status.conditions.find((condition) =>
    condition.type === type
  );
}

async function holdByIpvs(lab: LabCluster): Promise<() => Promise<void>> {
  for (const { name } of lab.nodes) {
    await ipOn(name, "link", "add", "kube-ipvs0", "type", "bridge");
    await ipOn(name, "addr", "del", `${VIP}/32`, "dev", "lo");
    await ipOn(name, "addr", "add", `${VIP}/32`, "dev", "kube-ipvs0");
  }
  return () => Promise.resolve();
}

function ignore(node: string, value: "0" | "1"): Promise<void> {
  return setSysctl(node, { "net/ipv4/conf/all/arp_ignore": value });
}

/** Nobody tells of the setting, so agents look every ten seconds; three times that. */
const NOTICED_MS_MAX = 30_000;
