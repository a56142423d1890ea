import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { AdmissionRequest } from "@/api/mod.ts";
import { projectBgpConf } from "@/api/mod.ts";
import { MainStage, type Raw } from "./_main_stage_test.ts";
import type { MainEvent } from "./main_events.ts";

const NO_SECRET: MainEvent = {
  kind: "watch",
  watched: "certificate",
  news: { kind: "listed", objects: [], resourceVersion: "1" },
};

Deno.test("MainCore orders a certificate where it is the controller and a configuration is there", () => {
  const stage = new MainStage("n1", { servesAdmission: true });
  stage.step(NO_SECRET);
  stage.links();
  stage.listAll();
  deepStrictEqual(orders(stage), []);
  stage.lead();
  stage.answerAll();
  const [order, ...others] = orders(stage);
  strictEqual(order?.[0], "foghorn-admission.openelb-system.svc");
  strictEqual(others.length, 0);
});

Deno.test("MainCore asks for no configuration where no webhook is served", () => {
  const stage = new MainStage("n1");
  stage.step(NO_SECRET);
  stage.lead();
  stage.answerAll();
  strictEqual(stage.text.includes("foghorn-admission"), false);
});

Deno.test("MainCore names the right that a certificate is missing for, once", () => {
  const stage = new MainStage("n1", { servesAdmission: true });
  stage.step(NO_SECRET);
  stage.lead();
  stage.answerAll();
  // What was refused right after other trouble says nothing yet.
  stage.nowMs += 20_000;
  for (let i = 0; i < 3; i++) {
    stage.step({
      kind: "certificate",
      failure: {
        reason: "forbidden",
        message:
          'secrets "foghorn-admission-certificate" is forbidden: User "u" cannot create resource "secrets" in API group "" in the namespace "openelb-system"',
      },
    });
  }
  strictEqual(stage.text.split("A right in Kubernetes is missing").length, 2);
  const at = { nowMs: stage.nowMs, nowIso: "2026-01-01T00:00:00Z" };
  const [missing] = stage.core.view.rights.missing(at);
  strictEqual(missing?.verb, "create");
});

Deno.test("MainCore judges BgpConfs where it is the controller, and nowhere else", () => {
  const stage = new MainStage("n1");
  const deleted = {
    kind: "watch",
    watched: "bgpconf",
    news: { kind: "listed", objects: [goingBgpConf()], resourceVersion: "1" },
  } as const;
  stage.step(deleted);
  stage.links();
  stage.listAll();
  strictEqual(stage.text.includes("bgpconf/default"), false);
  stage.lead();
  ok(stage.text.includes("bgpconf/default"));
});

Deno.test("MainCore answers no question before everything was listed", () => {
  const stage = new MainStage("n1");
  strictEqual(stage.core.view.review(QUESTION), undefined);
  stage.links();
  stage.listAll();
  strictEqual(stage.core.view.review(QUESTION)?.kind, "denied");
});

const QUESTION: AdmissionRequest = {
  uid: "1",
  group: "network.kubesphere.io",
  kind: "Eip",
  operation: "CREATE",
  object: { metadata: { name: "wrong" }, spec: { address: "none" } },
  oldObject: null,
};

function orders(stage: MainStage): readonly (readonly string[])[] {
  return stage.text.split("\n").flatMap((line) => {
    const name = /make a certificate for (\S+)/.exec(line)?.[1];
    return name === undefined ? [] : [[name]];
  });
}

function goingBgpConf() {
  const raw: Raw = {
    metadata: {
      name: "default",
      uid: "u",
      resourceVersion: "1",
      deletionTimestamp: "2026-01-01T00:00:00Z",
      finalizers: ["finalizer.lb.kubesphere.io/v1alpha1"],
    },
  };
  const conf = projectBgpConf(raw);
  if (!conf.ok) throw new Error(conf.error);
  return conf.value;
}
