/**
 * What moves an address on purpose, and what looks as if it might.
 *
 * @module
 */

import { EXCLUDE_NODE_LABEL } from "@/api/names.ts";
import { must } from "@/lab/command.ts";
import { LAB_FOLDER } from "@/lab/cluster.ts";
import { pass } from "../support/waiting.ts";
import { builtKubernetesBinaries } from "./build.ts";
import type { Move, Owners } from "./outage_stage.ts";
import { eipName, type Exposed, type KubernetesLab } from "./lab.ts";
import type { KubeNode } from "./node.ts";
import { eipPath, PODS } from "./objects.ts";

/** Moves of an address under `externalTrafficPolicy: Cluster`. */
export function clusterMoves(service: string, vip: string): readonly Move[] {
  return [
    {
      name: "agent upgraded: SIGTERM, then the next one started",
      moves: async ({ owner }) => void await owner.stopAgent(),
      restores: async ({ owner }) => {
        owner.startAgent();
        await owner.waitReady();
        // It listens for a second before it may claim anything.
        await pass(1_000);
      },
    },
    {
      name: "node labelled exclude-from-external-load-balancers",
      established: true,
      moves: ({ lab, owner }) => label(lab, owner, "true"),
      restores: ({ lab, owner }) => label(lab, owner, null),
    },
    ...TAINTS.map(([name, key]): Move => ({
      name,
      moves: ({ lab, owner }) =>
        taint(lab, owner, [{ key, effect: "NoSchedule" }]),
      restores: ({ lab, owner }) => taint(lab, owner, null),
    })),
    {
      name: "kubectl drain, the address stays: cordoning alone moves nothing",
      stays: true,
      prepares: ({ lab, owner }) =>
        lab.addPod(service, owner.name, GRACE_SECONDS),
      moves: drain,
      restores: uncordon,
    },
    {
      name:
        "Eip edited, the address stays: range grown, interface named otherwise",
      stays: true,
      moves: ({ lab }) =>
        edit(lab, eipName(service, vip), {
          address: `${vip}-${vip.replace(/\d+$/, "99")}`,
          interface: "can_reach:192.168.0.2",
        }),
      restores: ({ lab }) =>
        edit(lab, eipName(service, vip), {
          address: vip,
          interface: "eth0",
        }),
    },
  ];
}

/** Moves of an address under `externalTrafficPolicy: Local`, with a Pod on the owner alone. */
export function localMoves(service: string): readonly Move[] {
  return [
    {
      name: "Pod moved under Local, the new one ready first",
      established: true,
      moves: async ({ lab, owner, next }) => {
        await lab.addPod(service, next.name, GRACE_SECONDS);
        await pass(READY_MS);
        await lab.objects.delete(`${PODS}/${service}-${owner.name}`);
      },
      restores: ({ lab, owner }) =>
        lab.objects.gone(`${PODS}/${service}-${owner.name}`),
    },
    {
      name: "kubectl drain under Local, with a second Pod elsewhere",
      prepares: async ({ lab, next }) => {
        await lab.addPod(service, next.name, GRACE_SECONDS);
        await pass(READY_MS);
      },
      moves: drain,
      restores: uncordon,
    },
  ];
}

async function label(
  lab: KubernetesLab,
  node: KubeNode,
  value: string | null,
): Promise<void> {
  const labels = { [EXCLUDE_NODE_LABEL]: value };
  await lab.objects.patch(`/api/v1/nodes/${node.name}`, {
    metadata: { labels },
  });
}

async function taint(
  lab: KubernetesLab,
  node: KubeNode,
  taints: { key: string; effect: string }[] | null,
): Promise<void> {
  await lab.objects.patch(`/api/v1/nodes/${node.name}`, { spec: { taints } });
}

async function edit(
  lab: KubernetesLab,
  eip: string,
  spec: Readonly<Record<string, string>>,
): Promise<void> {
  await lab.objects.patch(eipPath(eip), { spec });
}

/** As an operator does it. */
async function drain({ lab, owner }: Owners): Promise<void> {
  const flags = ["--ignore-daemonsets", "--force", "--timeout=60s"];
  await kubectl(lab, ["drain", owner.name, ...flags]);
}

async function uncordon({ lab, owner }: Owners): Promise<void> {
  await kubectl(lab, ["uncordon", owner.name]);
}

/** Runs kubectl as the user who may do everything. */
export async function kubectl(
  lab: KubernetesLab,
  args: readonly string[],
): Promise<string> {
  const binaries = await builtKubernetesBinaries();
  if (binaries === undefined) throw new Error("Kubernetes is not built");
  const file = `${LAB_FOLDER}/admin.kubeconfig`;
  await Deno.writeTextFile(file, lab.plane.kubeconfig(lab.plane.pki.admin));
  return await must(binaries.kubectl, [`--kubeconfig=${file}`, ...args]);
}

const TAINTS = [
  [
    "node tainted ToBeDeletedByClusterAutoscaler",
    "ToBeDeletedByClusterAutoscaler",
  ],
  ["node tainted out-of-service", "node.kubernetes.io/out-of-service"],
] as const;
/** A Service under Local; its first Pod is added by hand. */
export const LOCAL: Exposed = {
  name: "near",
  vips: ["192.168.0.120"],
  on: [],
  externalTrafficPolicy: "Local",
};
/** How long Pods go on serving after they were deleted. */
export const GRACE_SECONDS = 1;
/** Until every kube-proxy knows of a Pod. */
const READY_MS = 500;
