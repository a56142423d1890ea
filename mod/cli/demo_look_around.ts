/**
 * How to look into a demo that is left running, from another terminal.
 *
 * @module
 */

import { LAB_FOLDER, LAB_KUBECONFIG, sandboxPid, succeeds } from "@/lab/mod.ts";
import { ROUTED_VIPS } from "./demo_router.ts";

/** The commands, for people and for scripts. */
export interface LookAround {
  /** A paragraph. */
  readonly text: string;
  /** The same for scripts. */
  readonly fields: {
    /** Process id of the sandbox, outside. */
    readonly pid: number;
    /** Opens a shell inside. */
    readonly enter: string;
    /** Configuration of the Kubernetes client, inside. */
    readonly kubeconfig: string;
  };
}

/**
 * Makes the commands that work on this machine.
 *
 * @param address An address that answers.
 */
export async function lookAround(address: string): Promise<LookAround> {
  const enter = await enterCommand();
  const host = address.includes(":") ? `[${address}]` : address;
  const [curl, kubectl] = await Promise.all([
    succeeds("curl", ["--version"]),
    succeeds("kubectl", ["version", "--client"]),
  ]);
  const inside = [
    ...(curl ? [`ip netns exec client curl http://${host}/`] : []),
    "ip -n client neigh",
    ...ROUTED_VIPS.map((vip) => `ip -n router route show ${vip}`),
    `tail ${LAB_FOLDER}/n1.log`,
    `export KUBECONFIG=${LAB_KUBECONFIG}`,
    ...(kubectl ? ["kubectl get service web -o yaml"] : []),
  ];
  const text = [
    "",
    "  It keeps running. A shell inside, from another terminal:",
    "",
    `    ${enter}`,
    "",
    "  There, for example:",
    "",
    ...inside.map((line) => `    ${line}`),
    "",
  ].join("\n");
  const pid = sandboxPid();
  return { text, fields: { pid, enter, kubeconfig: LAB_KUBECONFIG } };
}

async function enterCommand(): Promise<string> {
  const pid = sandboxPid();
  const map = await Deno.readTextFile("/proc/self/uid_map");
  const outerUid = Number(map.trim().split(/\s+/)[1]);
  if (outerUid !== 0) {
    return `nsenter -t ${pid} -U -m -n -p --preserve-credentials`;
  }
  const sudo = Deno.env.has("SUDO_USER") ? "sudo " : "";
  return `${sudo}nsenter -t ${pid} -m -n -p`;
}
