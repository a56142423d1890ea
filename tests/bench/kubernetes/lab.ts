/**
 * The lab that figures are measured on: three nodes with kube-proxy in iptables
 * mode, agents from the bundle.
 *
 * @module
 */

import { programOf } from "@/lab/program.ts";
import { until } from "../../support/waiting.ts";
import { builtKubernetesBinaries } from "../../kubernetes/build.ts";
import { KubernetesLab } from "../../kubernetes/lab.ts";
import type { KubeNode } from "../../kubernetes/node.ts";

/** Builds it, with agents that run and one that gives out addresses. */
export async function buildBenchLab(): Promise<KubernetesLab> {
  const binaries = await builtKubernetesBinaries();
  if (binaries === undefined) throw new Error("Kubernetes is not built");
  const lab = await KubernetesLab.build({
    binaries,
    program: programOf(BUNDLE),
    proxyModes: ["iptables", "iptables", "iptables"],
  });
  try {
    await lab.startAgents();
    await until(async () => await leaderOf(lab) !== undefined, {
      timeoutMs: LEADER_MS_MAX,
      what: () => "No agent became the controller",
    });
    return lab;
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}

/** The node whose agent gives out addresses. */
export async function leaderOf(
  lab: KubernetesLab,
): Promise<KubeNode | undefined> {
  const metrics = await Promise.all(lab.nodes.map((node) => node.metrics()));
  return lab.nodes.find((_, i) => metrics[i]?.get("foghorn_leader") === 1);
}

/** How the lab is described on the page. */
export const LAB_METHOD =
  "etcd, kube-apiserver, kube-controller-manager and kube-proxy of their own releases as processes on one machine; three nodes in network namespaces with a data link and a management link; agents from the bundle.";

/** What the figures of others are. */
export const OTHERS_METHOD =
  "OpenELB (master, f35d3f16), MetalLB 0.16.2 and kube-vip 1.2.3 were measured once, on 2026-11-23, in the same kind of lab (etcd 3.6 there), each with its own defaults: medians, to compare by.";

/** The bundle that agents are started from. */
export const BUNDLE: string =
  new URL("../../../dist/bundle/foghorn.js", import.meta.url)
    .pathname;
const LEADER_MS_MAX = 30_000;
