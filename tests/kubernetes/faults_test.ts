/**
 * What breaks under an address: its owner, the owner's cables, the API server.
 *
 * The Pods run on the last in rank, which survives everything here; n1 to n3
 * forward in different ways.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { Capture } from "@/lab/capture.ts";
import type { Sample } from "@/lab/outage.ts";
import { pass } from "../support/waiting.ts";
import { announcementsOf, speakersOf } from "../support/wire_evidence.ts";
import { testOnKubernetes } from "./_stage.ts";
import { EXPIRY_MS_MAX, type KubernetesLab } from "./lab.ts";
import type { KubeNode } from "./node.ts";

const VIP4 = "192.168.0.91";
const VIP6 = "2001:db8::92";

/** A Service on the lab, and who is entitled to both of its addresses. */
interface Scene {
  readonly lab: KubernetesLab;
  readonly first: KubeNode;
  readonly second: KubeNode;
  readonly last: KubeNode;
}

testOnKubernetes(
  "addresses survive what breaks",
  { proxyModes: ["iptables", "nftables", "iptables"] },
  async (lab, step) => {
    await lab.startAgents();
    const breaks: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
      "the owner's agent is killed": agentIsKilled,
      "the owner's agent is frozen": agentIsFrozen,
      "the owner loses power": losesPower,
      "the owner's data link is cut": dataLinkIsCut,
      "the owner's management link is cut": managementLinkIsCut,
      "the API server is killed": apiserverIsKilled,
    };
    for (const [name, run] of Object.entries(breaks)) {
      await step(name, async () => await run(await setScene(lab)));
    }
  },
);

async function setScene(lab: KubernetesLab): Promise<Scene> {
  // Both families have the same order: what happens to one happens to both.
  deepStrictEqual(
    lab.order(VIP4).map(({ name }) => name),
    lab.order(VIP6).map(({ name }) => name),
  );
  const [first, second, last] = lab.order(VIP4);
  if (first === undefined || second === undefined || last === undefined) {
    throw new Error("Three nodes are needed");
  }
  const web = { name: "web", vips: [VIP4, VIP6], on: [last.name] };
  await lab.expose(web);
  await lab.hasAddresses(web);
  const scene = { lab, first, second, last };
  await bothAnsweredBy(scene, first);
  return scene;
}

async function agentIsKilled(scene: Scene): Promise<void> {
  const { first, second } = scene;
  await fallsTo(scene, second, () => first.killAgent());
  await staysWith(scene, second, async () => {
    first.startAgent();
    await first.waitReady();
  });
  // Once it has run for a while, and they have had their rest.
  await bothAnsweredBy(scene, first, RANK_MS_MAX);
}

async function agentIsFrozen(scene: Scene): Promise<void> {
  const { first, second } = scene;
  await fallsTo(scene, second, () => Promise.resolve(first.pauseAgent()));
  await staysWith(scene, second, () => Promise.resolve(first.resumeAgent()));
}

async function losesPower(scene: Scene): Promise<void> {
  const { first, second } = scene;
  await fallsTo(scene, second, () => first.powerOff());
  await staysWith(scene, second, async () => {
    await first.powerOn();
    await first.waitReady();
  });
}

async function dataLinkIsCut(scene: Scene): Promise<void> {
  const { first, second } = scene;
  await fallsTo(scene, second, () => first.linkDown("eth0"));
  await staysWith(scene, second, () => first.linkUp("eth0"));
}

async function managementLinkIsCut(scene: Scene): Promise<void> {
  const { lab, first, second } = scene;
  const stream = await lab.client.stream(VIP4, { intervalMs: 100 });
  await fallsTo(scene, second, () => first.linkDown("eth1"));
  // It answered until it heard the other: whoever asked was served throughout.
  servedThroughout(await stream.stop());
  await staysWith(scene, second, () => first.linkUp("eth1"));
}

async function apiserverIsKilled(scene: Scene): Promise<void> {
  const { lab, first } = scene;
  await using capture = await lab.capture();
  const stream = await lab.client.stream(VIP4, { intervalMs: 100 });
  await lab.plane.killApiserver();
  // Longer than any Lease lasts.
  await pass(OUTAGE_MS);
  await bothAnsweredBy(scene, first);
  await lab.plane.startApiserver();
  for (const node of lab.nodes) await node.waitReady();
  await pass(OUTAGE_MS);
  await bothAnsweredBy(scene, first);
  servedThroughout(await stream.stop());
  for (const vip of [VIP4, VIP6]) {
    deepStrictEqual(speakers(capture, lab, vip), [first.name], `${vip} moved`);
  }
}

/** Breaks something: the next takes over, and nobody else says anything. */
async function fallsTo(
  scene: Scene,
  next: KubeNode,
  breaks: () => Promise<void>,
): Promise<void> {
  const { lab, first } = scene;
  await using capture = await lab.capture();
  await breaks();
  await bothAnsweredBy(scene, next);
  for (const vip of [VIP4, VIP6]) {
    const announced = announcementsOf(capture, vip)
      .some(({ host }) => host === next.name);
    ok(announced, `${next.name} has not announced ${vip}`);
    const allowed = [first.name, next.name];
    deepStrictEqual(
      speakers(capture, lab, vip).filter((host) => !allowed.includes(host)),
      [],
      `${vip} was answered by somebody else`,
    );
  }
}

/** Mends it: whoever took over keeps what it has, and nobody else says anything. */
async function staysWith(
  scene: Scene,
  owner: KubeNode,
  mends: () => Promise<void>,
): Promise<void> {
  await using capture = await scene.lab.capture();
  await mends();
  await pass(SETTLED_MS);
  await bothAnsweredBy(scene, owner);
  for (const vip of [VIP4, VIP6]) {
    deepStrictEqual(
      [...new Set(capture.answersFor(vip).map(({ host }) => host))],
      [owner.name],
      `another one answered for ${vip}`,
    );
  }
}

async function bothAnsweredBy(
  scene: Scene,
  node: KubeNode,
  timeoutMs: number = EXPIRY_MS_MAX,
): Promise<void> {
  for (const vip of [VIP4, VIP6]) {
    await scene.lab.isAnsweredBy(vip, node, [scene.last.name], timeoutMs);
  }
}

/** Nodes that said anything as if the address were theirs. */
function speakers(
  capture: Capture,
  lab: KubernetesLab,
  vip: string,
): readonly string[] {
  return speakersOf(capture, vip).filter((host) =>
    lab.nodes.some(({ name }) => name === host)
  );
}

function servedThroughout(samples: readonly Sample[]): void {
  const failed = samples.filter(({ status }) => status !== 200);
  // One that was under way when the address moved may be lost.
  strictEqual(failed.length <= 1, true, JSON.stringify(failed.slice(0, 5)));
}

const OUTAGE_MS = 15_000;
const SETTLED_MS = 2_000;
/** A minute's rest, doubled where it lost them by a fault, and three times that. */
const RANK_MS_MAX = 360_000;
