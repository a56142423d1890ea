/**
 * A router that has no policy for us takes none of our routes and says nothing
 * (RFC 8212 §2): frr as it is installed. What its operator reads of it here.
 *
 * @module
 */

import { match, ok, strictEqual } from "node:assert/strict";
import { arrayAt, isObject, stringAt, valueAt } from "@/lab/apiserver/json.ts";
import {
  LAB_FOLDER,
  LAB_KUBECONFIG,
  type LabCluster,
  LabProcess,
  must,
} from "@/lab/mod.ts";
import { ROUTE_MS_MAX, ROUTER_AS } from "../support/bird_router.ts";
import { command } from "../support/needs.ts";
import {
  buildLab,
  programUnderTest,
  testSandboxed,
} from "../support/sandboxed.ts";
import { createConf, createPeer, NODES_AS, PEER, serve } from "./_bgp.ts";
import { stepsOf, until } from "./_stage.ts";

const VIP = "10.99.0.1";

testSandboxed(
  "a router without a policy for us is doubted, where its operator looks",
  async (t) => {
    const step = stepsOf(t);
    await using lab = await buildLab({ vips: [VIP], nodes: 2 });
    await using frr = await Frr.start(lab);
    createConf(lab);
    createPeer(lab);
    serve(lab, VIP);
    await lab.startAgents();
    await step("the condition Established says what may be amiss", async () => {
      await untilEstablished(lab, /^True n1, n2: The peer announces nothing/);
      strictEqual(await frr.hasRoute(), false, "frr took the route");
    });
    // Written by the nodes, before the elected agent makes its condition of it.
    for (const node of ["n1", "n2"]) {
      const at = ["status", "nodesPeerStatus", node];
      match(told(lab, ...at, "hint"), /has no policy for us .*RFC 8212/);
      strictEqual(told(lab, ...at, "advertised"), "1");
    }
    await step("so do foghorn status and foghorn why", async () => {
      const status = await foghorn("status");
      match(status, /^✓ Nothing is wrong/);
      match(status, /· BgpPeer router +n1, n2: The peer announces nothing/);
      match(
        status,
        /· router .* n1 +Established .* 1 +announces nothing to us/,
      );
      const why = await foghorn("why", "service", "default/web");
      match(why, /· router .*: told by n1, n2\. The peer .*RFC 8212/);
    });
    await step("a policy lets our routes in", async () => {
      await frr.configure("no bgp ebgp-requires-policy");
      await until(() => frr.hasRoute(), {
        timeoutMs: ROUTE_MS_MAX,
        what: () => "frr has no route",
      });
    });
    await step("a router that announces something is not doubted", async () => {
      await frr.configure(
        "no bgp network import-check",
        "network 203.0.113.0/24",
      );
      await untilEstablished(lab, /^True $/);
      strictEqual(
        told(lab, "status", "nodesPeerStatus", "n1", "hint"),
        "undefined",
      );
      ok(!(await foghorn("status")).includes("announces nothing"));
    });
  },
  [command("vtysh")],
);

/** bgpd alone, with what it forbids by default. */
class Frr implements AsyncDisposable {
  readonly #bgpd: LabProcess;
  readonly #folder: string;

  private constructor(bgpd: LabProcess, folder: string) {
    this.#bgpd = bgpd;
    this.#folder = folder;
  }

  static async start({ client, nodes }: LabCluster): Promise<Frr> {
    const folder = await Deno.makeTempDir({ dir: LAB_FOLDER });
    await Deno.writeTextFile(
      `${folder}/bgpd.conf`,
      [
        `router bgp ${ROUTER_AS}`,
        ` bgp router-id ${client.host.ipv4}`,
        ...nodes.map(({ host }) =>
          ` neighbor ${host.ipv4} remote-as ${NODES_AS}`
        ),
        "",
      ].join("\n"),
    );
    await must("chown", ["-R", "frr:frr", folder]);
    const bgpd = new LabProcess(client.host.name, [
      ...["/usr/lib/frr/bgpd", "--no_zebra", "--log", "stdout"],
      ...["-f", `${folder}/bgpd.conf`, "-i", `${folder}/bgpd.pid`],
      ...["--vty_socket", folder, "-P", "0"],
    ], { name: "bgpd" });
    const frr = new Frr(bgpd, folder);
    await until(async () => (await frr.#ask("show bgp summary json")) !== "", {
      timeoutMs: ROUTE_MS_MAX,
      what: () => `bgpd does not run: ${bgpd.lines.join("\n")}`,
    });
    return frr;
  }

  /** Whether it has taken the route of the Service. */
  async hasRoute(): Promise<boolean> {
    const text = await this.#ask(`show bgp ipv4 unicast ${VIP}/32 json`);
    return text.includes("nexthops");
  }

  /** Adds lines below `router bgp`. */
  async configure(...lines: readonly string[]): Promise<void> {
    await this.#ask(
      "configure terminal",
      `router bgp ${ROUTER_AS}`,
      ...lines,
    );
    await this.#ask("clear bgp *");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bgpd.stop();
  }

  async #ask(...commands: readonly string[]): Promise<string> {
    const args = commands.flatMap((one) => ["-c", one]);
    const socket = ["--vty_socket", this.#folder];
    return await must("vtysh", [...socket, "-d", "bgpd", ...args])
      .catch(() => "");
  }
}

async function untilEstablished(
  lab: LabCluster,
  wanted: RegExp,
): Promise<void> {
  const condition = (): string =>
    arrayAt(lab.api.read(PEER), "status", "conditions").filter(isObject)
      .filter((one) => stringAt(one, "type") === "Established")
      .map((one) => `${stringAt(one, "status")} ${stringAt(one, "message")}`)
      .join();
  await until(() => wanted.test(condition()), {
    timeoutMs: 2 * ROUTE_MS_MAX,
    what: () => `Established is ${condition()}`,
  });
}

function told(lab: LabCluster, ...path: readonly string[]): string {
  return `${valueAt(lab.api.read(PEER), ...path)}`;
}

async function foghorn(...args: readonly string[]): Promise<string> {
  const process = new LabProcess("", [
    ...programUnderTest().helper,
    ...args,
    `--kubeconfig=${LAB_KUBECONFIG}`,
  ], { name: `foghorn ${args.join(" ")}` });
  await process.status;
  return process.lines.join("\n");
}
