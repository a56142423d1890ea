import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { AgentRole } from "./membership.ts";
import { MainStage } from "./_main_stage_test.ts";

Deno.test("an agent of role node answers, and never asks for the controller's Lease", () => {
  const stage = started("node");
  stage.serve();
  stage.put("service/default/web", {
    ...stage.objects.get("service/default/web"),
    status: { loadBalancer: { ingress: [{ ip: "192.0.2.91" }] } },
  });
  passTime(stage);
  deepStrictEqual(leasesOf(stage), ["lease/openelb-system/foghorn-node-n1"]);
  strictEqual(stage.core.view.isLeader, false);
  ok(linksOf(stage).includes("eth0"));
  leave(stage);
});

Deno.test("an agent of role controller gives addresses out, and has no Lease that makes it one that answers", () => {
  const stage = started("controller");
  stage.lead();
  stage.serve();
  strictEqual(stage.core.view.isLeader, true);
  const service = JSON.stringify(stage.objects.get("service/default/web"));
  ok(service.includes('"ip":"192.0.2.91"'), service);
  passTime(stage);
  deepStrictEqual(leasesOf(stage), ["lease/openelb-system/openelb-controller"]);
  deepStrictEqual(linksOf(stage), []);
  leave(stage);
});

Deno.test("an agent of both roles has both Leases", () => {
  const stage = started("both");
  stage.lead();
  deepStrictEqual(leasesOf(stage), [
    "lease/openelb-system/foghorn-node-n1",
    "lease/openelb-system/openelb-controller",
  ]);
});

function started(role: AgentRole): MainStage {
  const stage = new MainStage("n1", { role });
  stage.links();
  stage.listAll();
  stage.answerAll();
  return stage;
}

/** Long enough for any Lease to be taken. */
function passTime(stage: MainStage): void {
  const untilMs = stage.nowMs + 60_000;
  while (stage.nowMs < untilMs && stage.core.deadlineMs() !== undefined) {
    stage.deadline();
    stage.answerAll();
  }
}

function leasesOf({ objects }: MainStage): readonly string[] {
  return [...objects.keys()].filter((path) => path.startsWith("lease/"))
    .toSorted();
}

/** The links that were given to the wire core. */
function linksOf(stage: MainStage): readonly string[] {
  return stage.commands().flatMap((command) =>
    command.kind === "links" ? command.links.map(({ name }) => name) : []
  );
}

function leave(stage: MainStage): void {
  stage.step({ kind: "shutdown" });
  stage.answerAll();
  stage.step({ kind: "wire", report: { kind: "left" } });
  stage.answerAll();
  stage.step({ kind: "deadline" });
  deepStrictEqual(stage.effects.at(-1), { kind: "exit", code: 0 });
}
