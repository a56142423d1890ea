/**
 * From a Service to an HTTP answer, with kube-proxy behind the address.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { CLIENT_PATH } from "@/lab/backend.ts";
import type { LabClient } from "@/lab/client.ts";
import { until } from "../support/waiting.ts";
import { type LabStep, testOnKubernetes } from "./_stage.ts";
import {
  type Exposed,
  FAR_IPV4,
  FAR_IPV6,
  type KubernetesLab,
  MOVE_MS_MAX,
} from "./lab.ts";
import { servicePath } from "./objects.ts";

const VIP4 = "192.168.0.91";
const VIP6 = "2001:db8::91";

for (const mode of ["iptables", "nftables"] as const) {
  testOnKubernetes(
    `Services are reached through kube-proxy in ${mode} mode`,
    { proxyModes: [mode, mode] },
    async (lab, step) => {
      await step("nobody answers while no agent runs", async () => {
        await lab.expose({ name: "web", vips: [VIP4, VIP6], on: ["n1", "n2"] });
        for (const vip of [VIP4, VIP6]) {
          const { hosts, backend } = await lab.askTheWire(vip);
          deepStrictEqual({ hosts, backend }, {
            hosts: [],
            backend: undefined,
          });
        }
      });
      await reached(lab, step);
      await step("endpoints move", () => moves(lab));
      await step("a Service that is deleted falls silent", () => falls(lab));
    },
  );
}

async function reached(lab: KubernetesLab, step: LabStep): Promise<void> {
  for (const vips of [[VIP4], [VIP6], [VIP4, VIP6]]) {
    const families = vips.map((vip) => vip.includes(":") ? "IPv6" : "IPv4");
    for (const externalTrafficPolicy of ["Cluster", "Local"] as const) {
      await step(
        `${families.join(" and ")}, ${externalTrafficPolicy}`,
        () =>
          isReached(lab, { name: "web", vips, on: [], externalTrafficPolicy }),
      );
    }
  }
}

/** One Pod, on the node that is not first in rank: under Cluster another node forwards to it, under Local that node answers. */
async function isReached(lab: KubernetesLab, service: Exposed): Promise<void> {
  const [vip = ""] = service.vips;
  const { name: podNode } = lab.order(vip)[1] ?? { name: "" };
  const web = { ...service, on: [podNode] };
  await lab.expose(web);
  await lab.hasAddresses(web);
  const isLocal = web.externalTrafficPolicy === "Local";
  for (const vip of web.vips) {
    const owner = isLocal ? lab.node(podNode) : lab.order(vip)[0];
    if (owner === undefined) throw new Error("There are nodes");
    await lab.isAnsweredBy(vip, owner, [podNode]);
    const { host } = lab.client;
    const isIpv6 = vip.includes(":");
    // Under Cluster whoever forwards puts its own address in the client's place;
    // here Pods have the network of their node, where nothing is forwarded.
    const kept = isLocal || owner.name === podNode;
    const seen = isIpv6
      ? { near: host.ipv6, far: FAR_IPV6, node: owner.host.ipv6 }
      : { near: host.ipv4, far: FAR_IPV4, node: owner.host.ipv4 };
    strictEqual(
      await clientSeen(lab.client, vip),
      kept ? seen.near : seen.node,
    );
    strictEqual(await clientSeen(lab.far, vip), kept ? seen.far : seen.node);
  }
}

/** By which address a backend was asked. */
async function clientSeen(client: LabClient, vip: string): Promise<string> {
  let body = "";
  await until(async () => {
    const options = { path: CLIENT_PATH, timeoutMs: 500 };
    const sample = await client.request(vip, options);
    body = sample.body ?? "";
    return sample.status === 200;
  }, {
    timeoutMs: MOVE_MS_MAX,
    what: () => `${client.host.name} does not reach ${vip}`,
  });
  // IPv4 at an IPv6 socket.
  return body.replace(/^::ffff:/, "");
}

async function moves(lab: KubernetesLab): Promise<void> {
  const [first, second] = lab.order(VIP4);
  if (first === undefined || second === undefined) throw new Error("Two nodes");
  const near = { name: "near", vips: [VIP4], on: [first.name] };
  await lab.expose({ ...near, externalTrafficPolicy: "Local" });
  await lab.isAnsweredBy(VIP4, first, [first.name]);
  // To another node.
  await lab.addPod("near", second.name);
  await lab.removePod("near", first.name);
  await lab.isAnsweredBy(VIP4, second, [second.name]);
  // Away, and back.
  await lab.objects.setPodReady(`near-${second.name}`, false);
  await lab.isSilent(VIP4);
  await lab.objects.setPodReady(`near-${second.name}`, true);
  await lab.isAnsweredBy(VIP4, second, [second.name]);
  // Under Cluster it stays where it is, wherever the Pod is: what has just moved has a minute's rest.
  const spec = { externalTrafficPolicy: "Cluster" };
  await lab.objects.patch(servicePath("near"), { spec });
  await lab.isAnsweredBy(VIP4, second, [second.name]);
  await lab.addPod("near", first.name);
  await lab.removePod("near", second.name);
  await lab.isAnsweredBy(VIP4, second, [first.name]);
  await lab.removePod("near", first.name);
  await lab.isSilent(VIP4);
}

async function falls(lab: KubernetesLab): Promise<void> {
  const vips = [VIP4, VIP6];
  const web = { name: "web", vips, on: ["n1", "n2"] };
  await lab.expose(web);
  await lab.hasAddresses(web);
  for (const vip of vips) {
    const [owner] = lab.order(vip);
    if (owner === undefined) throw new Error("There are nodes");
    await lab.isAnsweredBy(vip, owner, ["n1", "n2"]);
  }
  await lab.objects.hasUsed("web-v4", { "default/web": VIP4 });
  await lab.objects.remove(servicePath("web"));
  for (const vip of vips) await lab.isSilent(vip);
  await lab.objects.hasUsed("web-v4", {});
}
