/**
 * How each peer is run on the lab: what it needs there, how its programs are
 * started, and a Service it gives its address to. All have the defaults of their
 * documentation, and all rights: those are not what is measured.
 *
 * @module
 */

import type { JsonObject } from "@/lab/apiserver/json.ts";
import { LAB_FOLDER } from "@/lab/cluster.ts";
import { DATA_IPV4, type LabHost } from "@/lab/network.ts";
import { LabProcess } from "@/lab/process.ts";
import type { KubernetesLab } from "../../kubernetes/lab.ts";
import type { ForeignAgent } from "../../kubernetes/node.ts";
import type { Peer, PeerName } from "./peers.ts";

/** A peer on the lab. */
export interface PeerDriver {
  /** What is run on each node. */
  readonly agent: ForeignAgent;
  /** Annotations of a Service that is to get an address. */
  readonly annotations: (vip: string) => Readonly<Record<string, string>>;
  /**
   * Creates what it needs, before its agents start.
   *
   * @param lab The lab.
   * @param vip The address that it is to give out.
   * @returns What runs beside its agents, to be ended.
   */
  readonly install: (
    lab: KubernetesLab,
    vip: string,
  ) => Promise<readonly LabProcess[]>;
}

/**
 * How a peer is run.
 *
 * @param peer The peer.
 */
export function driverOf({ name, programs }: Peer): PeerDriver {
  return DRIVERS[name](programs);
}

// kube-vip: the kernel answers for addresses that the holder of a Lease adds.

function kubeVip([program = ""]: readonly string[]): PeerDriver {
  const home = `${LAB_FOLDER}/kube-vip`;
  return {
    agent: {
      command: ({ name }) => [
        // It reads its kubeconfig from there and from nowhere else.
        ...["env", `HOME=${home}`, "vip_arp=true", "svc_enable=true"],
        // A Lease for each Service, with the times of its documentation.
        ...["svc_election=true", "vip_leaseduration=5"],
        ...["vip_renewdeadline=3", "vip_retryperiod=1"],
        ...["vip_interface=eth0", `vip_nodename=${name}`, program, "manager"],
      ],
      readyLine: /beginning watching services/,
    },
    annotations: (vip) => ({ "kube-vip.io/loadbalancerIPs": vip }),
    install: async (lab) => {
      const kubeconfig = await account(lab, "kube-system", "kube-vip");
      await Deno.mkdir(`${home}/.kube`, { recursive: true });
      await Deno.writeTextFile(`${home}/.kube/config`, kubeconfig);
      return [];
    },
  };
}

// MetalLB: speakers answer themselves; they know of each other by memberlist.

function metalLb(
  [controller = "", speaker = ""]: readonly string[],
): PeerDriver {
  const kubeconfig = `${LAB_FOLDER}/metallb.kubeconfig`;
  const common = [
    `--kubeconfig=${kubeconfig}`,
    `--namespace=${METALLB}`,
    "--port=0",
  ];
  return {
    agent: {
      command: ({ name, ipv4 }) => [
        ...[speaker, ...common],
        ...[`--node-name=${name}`, `--pod-name=speaker-${name}`],
        ...[
          `--ml-bindaddr=${ipv4}`,
          "--ml-labels=app=metallb,component=speaker",
        ],
      ],
      readyLine: /Starting Manager/,
    },
    annotations: (vip) => ({ "metallb.io/loadBalancerIPs": vip }),
    install: async (lab, vip) => {
      await namespace(lab, METALLB);
      await Deno.writeTextFile(
        kubeconfig,
        await account(lab, METALLB, "metallb"),
      );
      await metalLbKinds(lab);
      const pods = `/api/v1/namespaces/${METALLB}/pods`;
      for (const { host } of lab.agentNodes) {
        // deno-lint-ignore no-await-in-loop -- so few
        await pod(lab, pods, `speaker-${host.name}`, {
          component: "speaker",
          host,
        });
      }
      const [first] = lab.nodes;
      if (first === undefined) throw new Error("There are nodes");
      const host = first.host;
      await pod(lab, pods, "controller", { component: "controller", host });
      await metalLbPool(lab, vip);
      const command = [
        ...common,
        "--pod-name=controller",
        "--webhook-mode=disabled",
      ];
      const process = new LabProcess("", [controller, ...command], {
        name: "MetalLB's controller",
        logFile: `${LAB_FOLDER}/controller.log`,
      });
      await process.line((line) => /Starting Manager/.test(line), {
        timeoutMs: START_MS_MAX,
      });
      return [process];
    },
  };
}

async function metalLbPool(lab: KubernetesLab, vip: string): Promise<void> {
  const create = async (kind: string, spec: JsonObject): Promise<void> => {
    const plural = `${kind.toLowerCase()}s`;
    const path = `/apis/metallb.io/v1beta1/namespaces/${METALLB}/${plural}`;
    await lab.objects.create(path, {
      ...{ apiVersion: "metallb.io/v1beta1", kind, spec },
      metadata: { name: "lab", namespace: METALLB },
    });
  };
  await create("IPAddressPool", { addresses: [`${vip}/32`] });
  await create("L2Advertisement", { interfaces: ["eth0"] });
}

/** Its kinds, with no schema: what is created here is valid. */
async function metalLbKinds({ objects }: KubernetesLab): Promise<void> {
  const schema = {
    openAPIV3Schema: {
      type: "object",
      "x-kubernetes-preserve-unknown-fields": true,
    },
  };
  for (const [kind, plural, versions] of METALLB_KINDS) {
    // deno-lint-ignore no-await-in-loop -- so few
    await objects.create(
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
      {
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        metadata: { name: `${plural}.metallb.io` },
        spec: {
          group: "metallb.io",
          scope: "Namespaced",
          names: {
            ...{ kind, listKind: `${kind}List`, plural },
            singular: kind.toLowerCase(),
          },
          versions: versions.map((name, i) => ({
            ...{
              name,
              served: true,
              storage: i === versions.length - 1,
              schema,
            },
            subresources: { status: {} },
          })),
        },
      },
    );
  }
}

// Objects that all peers have.

/** A ServiceAccount that may do everything, as a kubeconfig. */
async function account(
  { objects, plane }: KubernetesLab,
  where: string,
  name: string,
): Promise<string> {
  await objects.create(`/api/v1/namespaces/${where}/serviceaccounts`, {
    ...{ apiVersion: "v1", kind: "ServiceAccount" },
    metadata: { name, namespace: where },
  });
  const rbac = "rbac.authorization.k8s.io";
  await objects.create(`/apis/${rbac}/v1/clusterrolebindings`, {
    ...{ apiVersion: `${rbac}/v1`, kind: "ClusterRoleBinding" },
    metadata: { name },
    roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "ServiceAccount", name, namespace: where }],
  });
  const day = { expirationSeconds: 86_400 };
  const token = await plane.serviceAccountToken(where, name, day);
  return plane.kubeconfigFor(token);
}

async function namespace(
  { objects }: KubernetesLab,
  name: string,
): Promise<void> {
  await objects.create("/api/v1/namespaces", {
    ...{ apiVersion: "v1", kind: "Namespace", metadata: { name } },
  });
}

/** A Pod on the network of its node: by it the programs find each other. */
async function pod(
  { objects }: KubernetesLab,
  collection: string,
  name: string,
  { component, host }: { readonly component: string; readonly host: LabHost },
): Promise<void> {
  await objects.create(collection, {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { name, labels: { app: "metallb", component } },
    spec: {
      ...{ nodeName: host.name, hostNetwork: true },
      containers: [{ name: component, image: `registry.invalid/${component}` }],
    },
  });
  const ready = ["Ready", "ContainersReady"].map((type) => ({
    ...{ type, status: "True" },
  }));
  await objects.patch(`${collection}/${name}/status`, {
    status: {
      ...{ phase: "Running", hostIP: host.ipv4, podIP: host.ipv4 },
      ...{ podIPs: [{ ip: host.ipv4 }], conditions: ready },
    },
  });
}

/**
 * Takes the addresses away that a dead agent has left on its node, as a node that
 * boots has none of them.
 *
 * @param vip The address.
 * @param hosts The nodes.
 */
export async function forgetAddress(
  vip: string,
  hosts: readonly LabHost[],
): Promise<void> {
  for (const { name } of hosts) {
    for (const lengthBits of [32, DATA_IPV4.lengthBits]) {
      const args = ["-n", name, "addr", "del", `${vip}/${lengthBits}`, "dev"];
      // It fails where there is none.
      // deno-lint-ignore no-await-in-loop -- so few
      await new Deno.Command("ip", { args: [...args, "eth0"] }).output();
    }
  }
}

const DRIVERS: Readonly<
  Record<PeerName, (programs: readonly string[]) => PeerDriver>
> = { "kube-vip": kubeVip, "metallb": metalLb };

const METALLB = "metallb-system";
const METALLB_KINDS: readonly (readonly [string, string, readonly string[]])[] =
  [
    ["BFDProfile", "bfdprofiles", ["v1beta1"]],
    ["BGPAdvertisement", "bgpadvertisements", ["v1beta1"]],
    ["BGPPeer", "bgppeers", ["v1beta1", "v1beta2"]],
    ["Community", "communities", ["v1beta1"]],
    ["ConfigurationState", "configurationstates", ["v1beta1"]],
    ["IPAddressPool", "ipaddresspools", ["v1beta1"]],
    ["L2Advertisement", "l2advertisements", ["v1beta1"]],
    ["ServiceBGPStatus", "servicebgpstatuses", ["v1beta1"]],
    ["ServiceL2Status", "servicel2statuses", ["v1beta1"]],
  ];
// A cold start on a busy machine.
const START_MS_MAX = 60_000;
