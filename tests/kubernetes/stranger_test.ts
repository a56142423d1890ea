/**
 * A host that is no node holds an address of a pool.
 *
 * @module
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { arrayAt, stringAt } from "@/lab/apiserver/json.ts";
import { addAddress, addHost, type LabHost } from "@/lab/network.ts";
import { pass, until } from "../support/waiting.ts";
import { speakersOf } from "../support/wire_evidence.ts";
import { testOnKubernetes } from "./_stage.ts";
import type { KubernetesLab } from "./lab.ts";
import { eipPath, servicePath } from "./objects.ts";

const HELD = "192.168.0.101";
const NEXT = "192.168.0.102";
const POOL = "192.168.0.101-192.168.0.105";

testOnKubernetes(
  "an address that somebody else holds is left to them",
  { proxyModes: ["iptables", "iptables"] },
  async (lab, step) => {
    await lab.startAgents();
    const stranger = await addHost("stranger", 77, { management: false });
    await addAddress(stranger.name, "eth0", `${HELD}/24`);
    // Nobody knows of it yet: it is found before anybody wants it.
    await step(
      "the next Service gets another one",
      () => getsAnother(lab, stranger),
    );
    await step(
      "a Service that wants it does not get it on the link",
      () => isLeftAlone(lab, stranger),
    );
  },
);

async function isLeftAlone(
  lab: KubernetesLab,
  stranger: LabHost,
): Promise<void> {
  await using capture = await lab.capture();
  await lab.objects.createEip({ name: "pool", address: POOL });
  await lab.addPod("web", "n1");
  const spec = { loadBalancerIP: HELD };
  await lab.objects.createService({ name: "web", eip: "pool", spec });
  await tellsOf(lab, stranger);
  await pass(HELD_MS);
  deepStrictEqual(nodesAmong(lab, speakersOf(capture, HELD)), []);
  await isStillReached(lab, stranger);
}

async function getsAnother(
  lab: KubernetesLab,
  stranger: LabHost,
): Promise<void> {
  await using capture = await lab.capture();
  await lab.objects.createEip({ name: "pool", address: POOL });
  await tellsOf(lab, stranger);
  await lab.addPod("web", "n1");
  await lab.objects.createService({ name: "web", eip: "pool" });
  deepStrictEqual(await lab.objects.addressed("web"), [NEXT]);
  const [owner] = lab.order(NEXT);
  ok(owner !== undefined);
  await lab.isAnsweredBy(NEXT, owner, ["n1"]);
  deepStrictEqual(nodesAmong(lab, speakersOf(capture, HELD)), []);
  await isStillReached(lab, stranger);
  await lab.objects.remove(servicePath("web"));
}

/** Waits until the pool tells whose the address is. */
async function tellsOf(lab: KubernetesLab, stranger: LabHost): Promise<void> {
  let message = "";
  await until(async () => {
    const eip = await lab.objects.read(eipPath("pool"));
    const degraded = arrayAt(eip ?? {}, "status", "conditions")
      .find((condition) => stringAt(condition, "type") === "Degraded");
    message = stringAt(degraded ?? {}, "message");
    return message.includes(HELD);
  }, { timeoutMs: TOLD_MS_MAX, what: () => `The pool says "${message}"` });
  match(message, new RegExp(stranger.mac));
}

async function isStillReached(
  lab: KubernetesLab,
  stranger: LabHost,
): Promise<void> {
  await lab.client.forget(HELD);
  await lab.client.request(HELD, { timeoutMs: 500 });
  const entry = await lab.client.neighbor(HELD);
  strictEqual(entry?.lladdr, stranger.mac);
}

function nodesAmong(
  lab: KubernetesLab,
  hosts: readonly string[],
): readonly string[] {
  return hosts.filter((host) => lab.nodes.some(({ name }) => name === host));
}

/** Longer than a node waits before it asks again. */
const HELD_MS = 6_000;
const TOLD_MS_MAX = 60_000;
