/**
 * Which nodes an Eip lets answer, and which it prefers, on the wire: labels of
 * Nodes are changed while agents run, and addresses follow.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { projectService } from "@/api/mod.ts";
import type { JsonObject } from "@/lab/apiserver/mod.ts";
import {
  eipName,
  MOVE_MS_MAX,
  type Stage,
  type StepFunction,
  testOnStage,
  until,
} from "./_stage.ts";
import {
  ARPING,
  arpingMacs,
  arpingResult,
  NDISC6,
  startArping,
} from "../support/link_tools.ts";

const VIPS = ["192.168.0.91", "2001:db8::91"];

testOnStage(
  "an Eip's preferred nodes answer, and nodes that it does not select never do",
  {
    needs: [ARPING, NDISC6],
    services: [{ name: "chosen", vips: VIPS }],
  },
  async (stage, step) => {
    await step("addresses move to the node that is preferred", async () => {
      label(stage, "n3", { rack: "r1" });
      edit(stage, PREFERRED);
      await answers(stage, "n3", STABLE_MS_MAX);
    });
    await step("without preferences the hash decides", async () => {
      edit(stage, { preferredNodes: null });
      for (const vip of VIPS) {
        await stage.isAnsweredBy(vip, stage.owner(vip), STABLE_MS_MAX);
      }
      edit(stage, PREFERRED);
      await answers(stage, "n3", STABLE_MS_MAX);
    });
    await step(
      "they follow labels, and are answered all the while",
      async () => {
        const asking = startArping("192.168.0.91", { count: 10_000 });
        await until(() => arpingMacs(asking.lines).length > 0, {
          timeoutMs: MOVE_MS_MAX,
          what: () => "arping gets no answer",
        });
        label(stage, "n3", { rack: null });
        label(stage, "n1", { rack: "r2" });
        await answers(stage, "n1", STABLE_MS_MAX);
        await asking.stop("SIGINT");
        const { macs, sent, answered } = arpingResult(asking.lines);
        strictEqual(macs.length, 2, "It moved while it was asked for");
        // A busy machine stops an agent now and then; a fail-over loses five.
        ok(
          sent - answered <= 2 + sent * 0.02,
          `${answered} of ${sent} requests were answered`,
        );
        const known = stage.lab.nodes.map(({ host }) => host.mac);
        ok(macs.every((mac) => known.includes(mac)), `${macs}`);
        // The heavier weight goes first.
        label(stage, "n2", { rack: "r1" });
        await answers(stage, "n2", STABLE_MS_MAX);
      },
    );
    await step("the preferred node fails, the next one answers", async () => {
      await stage.lab.node("n2").linkDown("eth0");
      await answers(stage, "n1", MOVE_MS_MAX);
      await stage.lab.node("n2").linkUp("eth0");
    });
    await selecting(stage, step);
  },
);

async function selecting(stage: Stage, step: StepFunction): Promise<void> {
  await step("nodes that are not selected hand over", async () => {
    for (const node of ["n1", "n2", "n3"]) label(stage, node, { rack: node });
    const [first = "", second = ""] = stage.order("192.168.0.91");
    edit(stage, {
      nodeSelector: {
        matchExpressions: [{
          key: "rack",
          operator: "NotIn",
          values: [first],
        }],
      },
    });
    await stage.isAnsweredBy("192.168.0.91", second);
    for (const node of ["n1", "n2", "n3"]) {
      select(stage, node);
      await answers(stage, node, MOVE_MS_MAX);
    }
  });
  await step(
    "where none is selected nobody answers, and the Service keeps its addresses",
    async () => {
      select(stage, "none");
      for (const vip of VIPS) await stage.isSilent(vip);
      const service = stage.lab.api.read(SERVICE);
      deepStrictEqual(ingressOf(service).toSorted(), VIPS.toSorted());
      edit(stage, { nodeSelector: null });
      for (const vip of VIPS) await stage.holder([vip]);
    },
  );
}

/** Waits until a node alone answers for all addresses. */
async function answers(
  stage: Stage,
  node: string,
  timeoutMs: number,
): Promise<void> {
  for (const vip of VIPS) await stage.isAnsweredBy(vip, node, timeoutMs);
}

function label(stage: Stage, node: string, labels: JsonObject): void {
  stage.lab.api.patch(`/api/v1/nodes/${node}`, { metadata: { labels } });
}

/** Changes the Eips of all addresses. */
function edit(stage: Stage, spec: JsonObject): void {
  for (const service of stage.services) {
    for (const vip of service.vips) {
      stage.lab.api.patch(`${EIPS}/${eipName(service, vip)}`, { spec });
    }
  }
}

function select(stage: Stage, rack: string): void {
  edit(stage, {
    nodeSelector: { matchLabels: { rack }, matchExpressions: null },
  });
}

function ingressOf(raw: JsonObject): readonly string[] {
  const service = projectService(raw);
  if (!service.ok) throw new Error(service.error);
  return service.value.ingress.map(({ ip = "" }) => ip);
}

const PREFERRED: JsonObject = {
  preferredNodes: [
    { weight: 100, preference: { matchLabels: { rack: "r1" } } },
    {
      weight: 1,
      preference: {
        matchExpressions: [{ key: "rack", operator: "In", values: ["r2"] }],
      },
    },
  ],
};
const EIPS = "/apis/network.kubesphere.io/v1alpha2/eips";
const SERVICE = "/api/v1/namespaces/default/services/chosen";
/**
 * A planned move waits until agent and link have been undisturbed for 30 s, which
 * begin anew when a busy machine stops an agent for a quarter of a second.
 */
const STABLE_MS_MAX = 120_000;
