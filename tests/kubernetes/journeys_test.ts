/**
 * The journeys of OpenELB's documentation, as its readers make them: the page's
 * commands and YAML, and what the page says is seen then.
 *
 * Each is looked at without an agent first, where it must not hold. Those of
 * BGP are in `journeys_bgp_test.ts`; those of VIP mode, KubeSphere's console and
 * NodeProxy are not among them.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- a page's steps follow each other
import { match, ok, rejects, strictEqual } from "node:assert/strict";
import { command } from "../support/needs.ts";
import { type StepFunction, stepsOf } from "../support/steps.ts";
import { CHART, HELM_NEED, MANIFESTS } from "./_install_stage.ts";
import { type Journey, JourneyStage } from "./_journey_stage.ts";
import { testWithKubernetes } from "./_stage.ts";
import { ASSIGNMENT } from "./journey_assignment.ts";
import { LAYER2, LAYER2_PINGED, POOLS, TUTORIAL } from "./journeys.ts";

testWithKubernetes(
  "OpenELB's documented journeys",
  async (t, binaries) => {
    await using stage = await JourneyStage.build(binaries);
    const step = stepsOf(t);
    await stage.install();
    await withoutAgents(stage, step);
    stage.kubelets.startAgents();
    await step("J1 install (kubectl, K8s)", async () => {
      await stage.hasSpeakers(ALL, PATIENCE_MS);
    });
    for (const journey of [POOLS, ASSIGNMENT]) {
      await step(journey.name, () => walk(stage, journey));
    }
    await step(`${LAYER2.name}, as kube-proxy in IPVS mode`, async () => {
      await stage.kubectl(
        ...["patch", "ds", "foghorn", "-n", "openelb-system", "--type=json"],
        ...["-p", JSON.stringify([ENABLE_LAYER2])],
      );
      await bound(stage, "192.168.0.91", () => walk(stage, LAYER2));
    });
    await step(
      `${LAYER2.name}, as kube-proxy in iptables and nftables mode`,
      () => walk(stage, LAYER2_PINGED),
    );
    await step(
      TUTORIAL.name,
      () => bound(stage, "192.168.0.70", () => walk(stage, TUTORIAL)),
    );
    await step(SPEAKERS.name, () => walk(stage, SPEAKERS));
    await step("J2 uninstall (kubectl)", () => uninstalls(stage));
    await step("J4 K3s, kubectl and another webhook port", () => k3s(stage));
    await step("J3 install/uninstall (Helm, K8s)", () => helm(stage));
  },
  [HELM_NEED, command("curl"), command("ping")],
);

/** J11 "multiple speakers": on some nodes by a label, an affinity, a taint. */
const SPEAKERS: Journey = {
  name: "J11 multiple speakers",
  async apply(stage) {
    await stage.kubectl(
      ...["label", "--overwrite", "nodes", "n1", "n2", "openelb-speaker=true"],
    );
    await template(stage, { nodeSelector: { "openelb-speaker": "true" } });
    await LAYER2.apply(stage);
  },
  async holds(stage, patienceMs) {
    await stage.hasSpeakers(["n1", "n2"], patienceMs);
    await stage.hasExternalIp("layer2-svc", "192.168.0.91", { patienceMs });
    const owner = await stage.hasOneMac("192.168.0.91", patienceMs);
    ok(["n1", "n2"].includes(owner), owner);
    await template(stage, {
      nodeSelector: { "openelb-speaker": null },
      affinity: { nodeAffinity: onNodes("n2", "n3") },
    });
    await stage.hasSpeakers(["n2", "n3"], patienceMs);
    const next = await stage.hasOneMac("192.168.0.91", patienceMs);
    ok(["n2", "n3"].includes(next), next);
    await stage.kubectl("taint", "nodes", "n2", `${TAINT}=no:NoExecute`);
    await stage.hasSpeakers(["n3"], patienceMs);
    strictEqual(await stage.hasOneMac("192.168.0.91", patienceMs), "n3");
  },
  async remove(stage) {
    await LAYER2.remove(stage);
    await stage.tryKubectl("taint", "nodes", "--all", `${TAINT}-`);
    await template(stage, {
      nodeSelector: { "openelb-speaker": null },
      affinity: null,
    });
  },
};

/** None holds while no agent runs, whatever else does. */
async function withoutAgents(
  stage: JourneyStage,
  step: StepFunction,
): Promise<void> {
  await step("without an agent none of them holds", async () => {
    await rejects(stage.hasSpeakers(ALL, IMPATIENCE_MS), /0\/1/);
    for (
      const journey of [
        POOLS,
        ASSIGNMENT,
        LAYER2,
        LAYER2_PINGED,
        TUTORIAL,
        SPEAKERS,
      ]
    ) {
      await journey.apply(stage);
      await rejects(
        journey.holds(stage, IMPATIENCE_MS),
        / after \d+ ms$/,
        journey.name,
      );
      await journey.remove(stage);
    }
  });
}

/** Does what a page says, and sees what it says. */
async function walk(stage: JourneyStage, journey: Journey): Promise<void> {
  await journey.apply(stage);
  try {
    await journey.holds(stage, PATIENCE_MS);
  } finally {
    await journey.remove(stage);
  }
}

async function bound(
  stage: JourneyStage,
  vip: string,
  run: () => Promise<void>,
): Promise<void> {
  await stage.bindAsIpvs([vip]);
  try {
    await run();
  } finally {
    await stage.unbind();
  }
}

/** The page deletes the Services first; that takes an agent, which lets go of them. */
async function uninstalls(stage: JourneyStage): Promise<void> {
  await LAYER2.apply(stage);
  await stage.hasExternalIp("layer2-svc", "192.168.0.91", PATIENCE);
  await stage.kubelets.stopAgents();
  const impatient = `--timeout=${IMPATIENCE_MS}ms`;
  const held = await stage.tryKubectl("delete", "svc", "layer2-svc", impatient);
  strictEqual(held.code, 1, held.text);
  match(held.text, /timed out/);
  stage.kubelets.startAgents();
  await LAYER2.remove(stage);
  await isDeleted(stage);
}

/** J3; without an agent it is installed, and not ready. */
async function helm(stage: JourneyStage): Promise<void> {
  await stage.kubelets.stopAgents();
  await stage.helm(
    ...["install", "openelb", CHART, "-n", "openelb-system"],
    ...["--create-namespace", "--set", "speaker.layer2=true"],
    ...["--set", "speaker.vip=true"],
  );
  await rejects(stage.hasSpeakers(ALL, IMPATIENCE_MS), /0\/1/);
  stage.kubelets.startAgents();
  await stage.hasSpeakers(ALL, PATIENCE_MS);
  await LAYER2.apply(stage);
  await stage.hasExternalIp("layer2-svc", "192.168.0.91", PATIENCE);
  await stage.hasOneMac("192.168.0.91", PATIENCE_MS);
  await LAYER2.remove(stage);
  await stage.helm("delete", "openelb", "-n", "openelb-system");
  const left = await stage.helm("ls", "-n", "openelb-system", "--short");
  strictEqual(left.trim(), "");
  await stage.hasSpeakers([], PATIENCE_MS);
}

/** J4: K3s has port 443 for itself, so the page moves the webhook; without an agent it is not ready. */
async function k3s(stage: JourneyStage): Promise<void> {
  await stage.kubelets.stopAgents();
  await stage.install();
  await stage.kubectl(
    ...["patch", "ds", "foghorn", "-n", "openelb-system", "--type=json"],
    ...["-p", JSON.stringify(MOVE_WEBHOOK)],
  );
  await rejects(stage.hasSpeakers(ALL, IMPATIENCE_MS), /0\/1/);
  stage.kubelets.startAgents();
  await stage.hasSpeakers(ALL, PATIENCE_MS);
  await LAYER2.apply(stage);
  await stage.hasExternalIp("layer2-svc", "192.168.0.91", PATIENCE);
  await stage.hasOneMac("192.168.0.91", PATIENCE_MS);
  for (const { name } of stage.lab.nodes) {
    strictEqual(await stage.listens(name, 30_443), true);
    strictEqual(await stage.listens(name, 7475), false);
  }
  await LAYER2.remove(stage);
  await isDeleted(stage);
}

async function isDeleted(stage: JourneyStage): Promise<void> {
  await stage.kubectl("delete", "-f", MANIFESTS, "--timeout=60s");
  const namespaces = await stage.kubectl("get", "ns");
  ok(!namespaces.includes("openelb-system"), namespaces);
}

/** Edits the Pods' part of the DaemonSet. */
async function template(stage: JourneyStage, spec: object): Promise<void> {
  await stage.kubectl(
    ...["patch", "ds", "foghorn", "-n", "openelb-system", "--type=merge"],
    ...["-p", JSON.stringify({ spec: { template: { spec } } })],
  );
}

function onNodes(...values: readonly string[]): object {
  return {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{
        matchExpressions: [{
          key: "kubernetes.io/hostname",
          operator: "In",
          values,
        }],
      }],
    },
  };
}

const ALL = ["n1", "n2", "n3"];
const TAINT = "openelb-speaker";
const PATIENCE_MS = 30_000;
const PATIENCE = { patienceMs: PATIENCE_MS };
/** An agent does in a tenth of it what a journey begins with. */
const IMPATIENCE_MS = 1_000;
const ARGS = "/spec/template/spec/containers/0/args";
const PORTS = "/spec/template/spec/containers/0/ports";
/** `kubectl edit` of the page, as a patch. */
const ENABLE_LAYER2 = {
  op: "add",
  path: `${ARGS}/-`,
  value: "--enable-layer2=true",
};
const MOVE_WEBHOOK = [
  { op: "replace", path: `${ARGS}/2`, value: "--webhook-port=30443" },
  { op: "replace", path: `${PORTS}/1/containerPort`, value: 30_443 },
];
