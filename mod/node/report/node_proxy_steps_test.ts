import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { assert } from "@/lang/assert.ts";
import { type Raw, ReportStage } from "./_report_stage_test.ts";
import type { WhyReport } from "./report.ts";
import { statusReport } from "./status.ts";
import { whyService } from "./why.ts";

const TYPE = "node-proxy.openelb.kubesphere.io/type";
const FREE = { mode: "iptables", free: ["80/TCP"], taken: [] };
const VIPS = ["192.0.2.11", "192.0.2.12", "192.0.2.13"];
const ASSIGNED: Raw = {
  type: "AddressAssigned",
  status: "True",
  reason: "Assigned",
  message: "",
  lastTransitionTime: "2026-01-01T10:00:00Z",
};
const PUBLISHED = "its kube-proxy forwards what comes to its addresses";

Deno.test("whyService() tells the nodes of a Service in NodeProxy mode", () => {
  const report = why(stage());
  strictEqual(report.verdict, "ok");
  strictEqual(
    report.sentence,
    "reached at 192.0.2.11, 192.0.2.12, 192.0.2.13 since 2026-01-01T10:00:00Z",
  );
  deepStrictEqual(storyOf(report), [
    `ok Opted in: by the annotation ${TYPE}: daemonset, with the addresses of nodes instead of one from an Eip`,
    "ok Nodes: n1, n2, n3",
    `  ok n1: ${PUBLISHED}`,
    `  ok n2: ${PUBLISHED}`,
    `  ok n3: ${PUBLISHED}`,
    `ok Address: ${report.sentence}`,
  ]);
});

Deno.test.each<{
  name: string;
  change: (stage: ReportStage) => unknown;
  story: readonly string[];
}>([
  {
    name: "each reason a node is out for",
    change: (stage) =>
      stage
        .agent("n1", { nodeProxy: { ...FREE, free: [], taken: ["80/TCP"] } })
        .node("n2", {
          ip: "192.0.2.12",
          labels: { "node-proxy.openelb.kubesphere.io/exclude-node": "" },
        })
        .agent("n3", { nodeProxy: FREE, live: false }),
    story: [
      "problem Nodes NoCandidate: No node can be published. n1: listens on TCP port 80 itself: use another port in the Service, or stop what listens there; n3: has an agent that does not renew its Lease: look whether the node runs",
    ],
  },
  {
    name: "IPVS",
    change: (stage) =>
      stage.agent("n2", { nodeProxy: { ...FREE, mode: "ipvs" } }),
    story: [
      `problem Nodes IpvsUnsupported: kube-proxy is in IPVS mode on n2, where it would take the addresses of other nodes for its own: run it in nftables or iptables mode, or remove the annotation ${TYPE} to get an address from an Eip`,
    ],
  },
  {
    name: "a node that has not told yet",
    change: (stage) => {
      stage.service("web", { annotations: { [TYPE]: "deployment" } });
      for (const node of ["n1", "n2", "n3"]) stage.agent(node);
    },
    story: [
      "warning Nodes PortsUnknown: No node can be published yet. n1, n2, n3: has not told yet whether it listens on TCP port 80 itself",
    ],
  },
  {
    name: "addresses that are not written yet",
    change: (stage) =>
      stage.service("web", { annotations: { [TYPE]: "deployment" } }),
    story: [
      "ok Nodes: n1, one being enough",
      "note Address BeingAssigned: 192.0.2.11: chosen for it and not written yet",
    ],
  },
])("whyService() tells $name of NodeProxy", ({ change, story }) => {
  const changed = stage();
  change(changed);
  const told = storyOf(why(changed), true).filter((line) =>
    !line.startsWith("  ") && !line.includes("Opted in")
  );

  deepStrictEqual(told, story);
});

Deno.test("statusReport() tells of a Service in NodeProxy mode, and counts no address of a node", () => {
  const fine = statusReport(stage().source());
  deepStrictEqual(fine.problems, []);
  deepStrictEqual(fine.services.map(({ addresses }) => addresses), [
    VIPS.map((vip, i) => ({ vip, owner: { node: `n${i + 1}`, by: "node" } })),
  ]);
  deepStrictEqual(fine.nodes.map(({ owns }) => owns), [0, 0, 0]);
  const broken = statusReport(
    stage().agent("n3", { nodeProxy: { ...FREE, mode: "ipvs" } }).source(),
  );
  deepStrictEqual(
    broken.problems.map(({ verdict, about, reason }) =>
      `${verdict} ${about} ${reason}`
    ),
    ["problem Service shop/web IpvsUnsupported"],
  );
});

function stage(): ReportStage {
  const stage = new ReportStage();
  for (const [i, ip] of VIPS.entries()) {
    stage.node(`n${i + 1}`, { ip }).agent(`n${i + 1}`, { nodeProxy: FREE });
  }
  return stage.service("web", {
    annotations: { [TYPE]: "daemonset" },
    vips: VIPS,
    conditions: [ASSIGNED],
  });
}

function why(stage: ReportStage): WhyReport {
  const report = whyService(stage.source(), "shop/web");
  assert(report !== undefined, "There is such a Service");
  return report;
}

function storyOf(report: WhyReport, reasons = false): readonly string[] {
  return report.steps.flatMap((step) => [
    `${step.verdict} ${step.step}${
      reasons && step.reason !== undefined ? ` ${step.reason}` : ""
    }: ${step.sentence}`,
    ...step.rows.map((row) => `  ${row.verdict} ${row.name}: ${row.sentence}`),
  ]);
}
