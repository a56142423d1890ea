/**
 * What tests and benchmarks on a real control plane need of the machine.
 *
 * @module
 */

import { isSandboxed } from "@/lab/sandbox.ts";
import { command, type Need } from "../support/needs.ts";
import { builtKubernetesBinaries } from "./build.ts";

/**
 * The needs of a lab with a real control plane; Kubernetes is built before, out
 * of the sandbox.
 */
export async function kubernetesNeeds(): Promise<readonly Need[]> {
  const task = "run deno task test:kubernetes";
  const built = await builtKubernetesBinaries();
  return [
    ...COMMANDS.map(command),
    {
      kind: "told",
      lack: isSandboxed() ? undefined : `outside the sandbox: ${task}`,
    },
    {
      kind: "told",
      lack: built === undefined
        ? Deno.env.get(LACK_VARIABLE) ?? `Kubernetes is not built: ${task}`
        : undefined,
    },
  ];
}

/** Environment variable that says why Kubernetes could not be built. */
export const LACK_VARIABLE = "FOGHORN_KUBERNETES_LACK";

const COMMANDS = ["conntrack", "etcd", "iptables", "nft", "openssl"] as const;
