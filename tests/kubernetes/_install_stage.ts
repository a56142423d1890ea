/**
 * A control plane on which `deploy/foghorn.yaml` is applied, and an agent that
 * has the token of its ServiceAccount and the arguments of its DaemonSet.
 *
 * There is no kubelet: the agent is a process of this machine.
 *
 * @module
 */

import { FOGHORN_NAME, NAMESPACE_DEFAULT } from "@/api/names.ts";
import { AGENT_ARGS } from "@/manifests/mod.ts";
import {
  arrayAt,
  type JsonObject,
  objectAt,
  stringAt,
} from "@/lab/apiserver/json.ts";
import { ipBatch } from "@/lab/command.ts";
import { eipObject, serviceObject } from "@/lab/objects.ts";
import { LabProcess } from "@/lab/process.ts";
import { programOf } from "@/lab/program.ts";
import { builtHelmBinary } from "../helm/build.ts";
import type { Need } from "../support/needs.ts";
import { MAIN } from "../support/sandboxed.ts";
import { until } from "../support/waiting.ts";
import type { KubernetesBinaries } from "./build.ts";
import { ControlPlane } from "./control_plane.ts";

/** What became of a command. */
export interface CommandResult {
  readonly code: number;
  /** What it said, on both outputs. */
  readonly text: string;
  readonly tookMs: number;
}

/** A control plane, a Node and a link. */
export class InstallStage implements AsyncDisposable {
  /** The control plane. */
  readonly plane: ControlPlane;
  readonly #kubectl: string;
  readonly #agents: LabProcess[] = [];
  #serial = 0;

  private constructor(plane: ControlPlane, kubectl: string) {
    this.plane = plane;
    this.#kubectl = kubectl;
  }

  /** Starts the control plane. */
  static async open(binaries: KubernetesBinaries): Promise<InstallStage> {
    await ipBatch("", [
      `link add ${LINK} type veth peer name ${LINK}-peer`,
      `address add 198.51.100.11/24 dev ${LINK}`,
      `link set ${LINK} up`,
      `link set ${LINK}-peer up`,
    ]);
    await Deno.mkdir(FOLDER, { recursive: true });
    const plane = await ControlPlane.start({
      binaries,
      folder: await Deno.makeTempDir({ dir: FOLDER }),
    });
    const stage = new InstallStage(plane, binaries.kubectl);
    await Deno.writeTextFile(ADMIN, plane.kubeconfig(plane.pki.admin));
    await plane.admin.must("POST", "/api/v1/nodes", {
      metadata: { name: NODE },
    });
    await plane.admin.must(
      "PATCH",
      `/api/v1/nodes/${NODE}/status`,
      { status: { conditions: [{ type: "Ready", status: "True" }] } },
      "application/strategic-merge-patch+json",
    );
    return stage;
  }

  /** Runs kubectl as the user who may do everything. */
  kubectl(...args: readonly string[]): Promise<CommandResult> {
    return runCommand([this.#kubectl, `--kubeconfig=${ADMIN}`, ...args]);
  }

  /** Runs helm as that user. */
  helm(...args: readonly string[]): Promise<CommandResult> {
    if (HELM === undefined) throw new Error("Helm is not built");
    return runCommand([HELM, `--kubeconfig=${ADMIN}`, ...args]);
  }

  /** Runs a command of ours as that user. */
  foghorn(...args: readonly string[]): Promise<CommandResult> {
    const flags = ["--no-prompt", "--allow-net", "--allow-read"];
    return runCommand([
      ...[Deno.execPath(), "run", "--no-check", ...flags, "--allow-env"],
      ...["--allow-sys", MAIN, ...args, `--kubeconfig=${ADMIN}`],
    ]);
  }

  /** Starts an agent as its DaemonSet would, and waits until it is ready. */
  async startAgent(extra: readonly string[] = []): Promise<InstalledAgent> {
    const token = await this.plane.serviceAccountToken(
      NAMESPACE_DEFAULT,
      FOGHORN_NAME,
    );
    const kubeconfig = `${FOLDER}/agent.kubeconfig`;
    await Deno.writeTextFile(kubeconfig, this.plane.kubeconfigFor(token));
    const process = new LabProcess("", [
      ...programOf(MAIN).agent,
      ...AGENT_ARGS,
      "--http-address=127.0.0.1:0",
      `--kubeconfig=${kubeconfig}`,
      `--node-name=${NODE}`,
      ...extra,
    ], { name: "agent" });
    this.#agents.push(process);
    const started = await process.line(
      (line) => line.includes('"Agent started"'),
      { timeoutMs: WAIT_MS_MAX },
    );
    const agent = new InstalledAgent(process, JSON.parse(started).http);
    await this.until("the agent is ready", async () => {
      if (process.ended) throw new Error(process.lines.slice(-10).join("\n"));
      return (await agent.notReady()).length === 0;
    });
    return agent;
  }

  /** Creates a pool, and a Service that has an address of it. */
  async serve(): Promise<string> {
    const name = `web-${++this.#serial}`;
    await this.#createPool(this.#serial);
    const service = serviceObject({
      name,
      namespace: "default",
      eip: `pool-${this.#serial}`,
      spec: { allocateLoadBalancerNodePorts: false },
    });
    const { selector: _, ...spec } = objectAt(service, "spec");
    await this.plane.admin.must("POST", SERVICES, { ...service, spec });
    await this.until(
      "it has an address",
      async () => (await this.addresses(name)).length > 0,
    );
    return name;
  }

  /** Creates the pools of all Services anew, as they were. */
  async createPoolsAgain(): Promise<void> {
    for (let serial = 1; serial <= this.#serial; serial++) {
      // deno-lint-ignore no-await-in-loop -- one after the other
      await this.#createPool(serial);
    }
  }

  async #createPool(serial: number): Promise<void> {
    const pool = eipObject({
      name: `pool-${serial}`,
      address: `198.51.100.${100 + 4 * serial}/30`,
      spec: { interface: LINK },
    });
    await this.until("pools can be made", async () => {
      const { code } = await this.plane.request("POST", EIPS, pool);
      return code < 300;
    });
  }

  /** A Service of the namespace `default`. */
  async service(name: string): Promise<JsonObject> {
    return await this.plane.admin.must("GET", `${SERVICES}/${name}`);
  }

  /** The addresses of a Service. */
  async addresses(name: string): Promise<readonly string[]> {
    const service = await this.service(name);
    return arrayAt(service, "status", "loadBalancer", "ingress").map((entry) =>
      stringAt(entry, "ip")
    );
  }

  /** Whether an object is there. */
  async isThere(path: string): Promise<boolean> {
    return (await this.plane.request("GET", path)).code !== 404;
  }

  /** Waits until something holds. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    await until(holds, {
      timeoutMs: WAIT_MS_MAX,
      what: () => `It is not so that ${what}`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.stop("SIGKILL")));
    await this.plane[Symbol.asyncDispose]();
    await ipBatch("", [`link delete ${LINK}`]);
  }
}

/** An agent that runs. */
export class InstalledAgent {
  /** Its process. */
  readonly process: LabProcess;
  readonly #url: string;

  /**
   * @param process Its process.
   * @param port Where it serves its health.
   */
  constructor(process: LabProcess, port: number) {
    this.process = process;
    this.#url = `http://127.0.0.1:${port}`;
  }

  /** What it is not ready for, a line each. */
  async notReady(): Promise<readonly string[]> {
    const { status, text } = await this.ask("/readyz");
    return status === 200 ? [] : text.trim().split("\n");
  }

  /** Asks its HTTP server. */
  async ask(
    path: string,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`${this.#url}${path}`);
    return { status: response.status, text: await response.text() };
  }
}

/** Runs a command to its end; what became of it, also a failure. */
export async function runCommand(
  [command = "", ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const startedMs = performance.now();
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    text: decoder.decode(stdout) + decoder.decode(stderr),
    tookMs: performance.now() - startedMs,
  };
}

const HELM = await builtHelmBinary();

/** What lacks for helm. */
export const HELM_NEED: Need = {
  kind: "told",
  lack: HELM === undefined
    ? "Helm is not built: run deno task test:kubernetes"
    : undefined,
};

/** Longest that anything is waited for, on a busy machine. */
export const WAIT_MS_MAX = 60_000;

/** The manifests. */
export const MANIFESTS: string =
  new URL("../../deploy/foghorn.yaml", import.meta.url).pathname;

/** The chart. */
export const CHART: string =
  new URL("../../deploy/chart", import.meta.url).pathname;

/** Path of the Eips. */
export const EIPS = "/apis/network.kubesphere.io/v1alpha2/eips";

const SERVICES = "/api/v1/namespaces/default/services";
const NODE = "n1";
const LINK = "lab0";
const FOLDER = "/run/install";
const ADMIN = `${FOLDER}/admin.kubeconfig`;
