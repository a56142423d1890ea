/**
 * `foghorn status` and `foghorn why` on a real control plane, by a user with a
 * kubeconfig and on a node without one; and what is written of owners there.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one host after the other is asked
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { type JsonObject, stringAt } from "@/lab/apiserver/json.ts";
import { LAB_FOLDER } from "@/lab/cluster.ts";
import { LabProcess } from "@/lab/process.ts";
import { programOf } from "@/lab/program.ts";
import type { StatusReport, WhyReport } from "@/node/mod.ts";
import { MAIN } from "../support/sandboxed.ts";
import { until } from "../support/waiting.ts";
import { testOnKubernetes } from "./_stage.ts";
import { EXPIRY_MS_MAX, type KubernetesLab, MOVE_MS_MAX } from "./lab.ts";

testOnKubernetes(
  "status and why on a real control plane",
  { proxyModes: ["iptables", "nftables"] },
  async (lab, step) => {
    await Deno.writeTextFile(
      USER,
      lab.plane.kubeconfig(lab.plane.pki.admin),
    );
    await lab.startAgents();
    await step(
      "they tell who answers, from anywhere and on the nodes",
      () => told(lab),
    );
    await step("a new owner is written, and nothing before", () => moved(lab));
    await step("why ends where the Service does", () => ends(lab));
  },
);

async function told(lab: KubernetesLab): Promise<void> {
  const owner = await exposed(lab);
  for (const host of ["", "n1", "n2"]) {
    const user = host === "" ? ["--kubeconfig", USER] : [];
    const { problems, services } = await status(host, ...user);
    deepStrictEqual(problems, []);
    deepStrictEqual(
      services.map(({ service, verdict, addresses }) => [
        service,
        verdict,
        ...addresses.map(({ vip, eip, owner }) =>
          `${vip} ${eip} ${owner?.node}`
        ),
      ]),
      [["default/web", "ok", `${VIP} web-v4 ${owner}`]],
    );
    const { verdict, steps } = await why(host, "web", ...user);
    strictEqual(verdict, "ok");
    deepStrictEqual(steps.map(({ step }) => step), [
      "Opted in",
      "Pool",
      "Address",
      "Candidates",
      "Owner",
      "On the wire",
    ]);
  }
}

async function moved(lab: KubernetesLab): Promise<void> {
  const owner = await exposed(lab);
  const [, next] = lab.order(VIP);
  if (next === undefined) throw new Error("There are two nodes");
  // The floor: one PATCH of its status, and two Events.
  strictEqual(await announced(lab), undefined);
  deepStrictEqual((await eventsOf(lab, "web")).toSorted(), [
    `AssignIP success to assign ip: ${VIP}`,
    `SetBalancer success to add nexthops [${owner}]`,
  ]);
  await lab.node(owner).killAgent();
  await lab.isAnsweredBy(VIP, next, ["n1", "n2"], EXPIRY_MS_MAX);
  const wanted = new RegExp(
    `^True Announced owner ${next.name} of ${VIP} since `,
  );
  let reads: string | undefined;
  await until(async () => {
    reads = await announced(lab);
    return wanted.test(reads ?? "");
  }, { timeoutMs: MOVE_MS_MAX, what: () => `Announced is ${reads}` });
  let events: readonly string[] = [];
  await until(async () => {
    events = await eventsOf(lab, "web-v4");
    return events.some((text) =>
      text ===
        `OwnerChanged ${next.name} answers for ${VIP} now, in place of another node`
    );
  }, { timeoutMs: MOVE_MS_MAX, what: () => `The Eip was told ${events}` });
  const { sentence } = await why("", "web", "--kubeconfig", USER);
  match(
    sentence,
    new RegExp(
      `^${VIP} is answered for by ${next.name} since .*, by the condition Announced$`,
    ),
  );
}

async function ends(lab: KubernetesLab): Promise<void> {
  await lab.objects.createService({ name: "lost", eip: "nowhere" });
  await lab.objects.createEip({ name: "pool", address: VIP });
  await lab.objects.createService({ name: "empty", eip: "pool" });
  await lab.objects.addressed("empty");
  for (const host of ["", "n1"]) {
    const user = host === "" ? ["--kubeconfig", USER] : [];
    const found: string[] = [];
    for (const name of ["lost", "empty"]) {
      const last = (await why(host, name, ...user)).steps.at(-1);
      found.push(`${last?.verdict} ${last?.step} ${last?.reason}`);
    }
    deepStrictEqual(found, [
      "problem Pool PoolNotFound",
      "problem Candidates NoReadyEndpoint",
    ]);
  }
}

/** A Service that is answered for; by whom. */
async function exposed(lab: KubernetesLab): Promise<string> {
  const web = { name: "web", vips: [VIP], on: ["n1", "n2"] };
  const [owner] = lab.order(VIP);
  if (owner === undefined) throw new Error("There are nodes");
  await lab.expose(web);
  await lab.hasAddresses(web);
  await lab.isAnsweredBy(VIP, owner, web.on);
  return owner.name;
}

async function announced(lab: KubernetesLab): Promise<string | undefined> {
  const service = await lab.objects.service("web");
  const found = service?.conditions.find(({ type }) => type === "Announced");
  return found && `${found.status} ${found.reason} ${found.message}`;
}

/** The Events about the newest object of a name, as `reason message`. */
async function eventsOf(
  lab: KubernetesLab,
  name: string,
): Promise<readonly string[]> {
  const events = await lab.objects.list("/api/v1/namespaces/default/events");
  const about = events.filter((event) =>
    stringAt(event, "involvedObject", "name") === name
  );
  const newest = about.toSorted((a, b) => createdAt(a) < createdAt(b) ? -1 : 1)
    .at(-1);
  const uid = newest && stringAt(newest, "involvedObject", "uid");
  return about.filter((event) =>
    stringAt(event, "involvedObject", "uid") === uid
  ).map((event) =>
    `${stringAt(event, "reason")} ${stringAt(event, "message")}`
  );
}

function createdAt(object: JsonObject): string {
  return stringAt(object, "metadata", "creationTimestamp");
}

async function status(
  host: string,
  ...args: readonly string[]
): Promise<StatusReport> {
  return JSON.parse(await foghorn(host, "status", "-o", "json", ...args));
}

async function why(
  host: string,
  service: string,
  ...args: readonly string[]
): Promise<WhyReport> {
  const command = ["why", "service", service, "-o", "json"];
  return JSON.parse(await foghorn(host, ...command, ...args));
}

/** What a command prints on a host. */
async function foghorn(
  host: string,
  ...args: readonly string[]
): Promise<string> {
  const command = [...programOf(MAIN).helper, ...args];
  const process = new LabProcess(host, command, {
    name: `foghorn ${args.join(" ")}`,
    env: { KUBECONFIG: "" },
  });
  const { code } = await process.status;
  const text = process.lines.join("\n");
  strictEqual(code, 0, text);
  return text;
}

const VIP = "192.168.0.91";
/** Who is no agent. */
const USER = `${LAB_FOLDER}/user.kubeconfig`;
