/**
 * `foghorn status` and `foghorn why`, asked of the API server and of agents on
 * their nodes, held against what the wire says.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { LAB_KUBECONFIG, type LabCluster, LabProcess } from "@/lab/mod.ts";
import { UNANSWERED_AFTER_MS } from "@/node/announced_conditions.ts";
import type { StatusReport, WhyReport } from "@/node/mod.ts";
import {
  condition,
  conditionOf,
  event,
  servicePath,
} from "../support/lab_services.ts";
import {
  buildLab,
  programUnderTest,
  testSandboxed,
} from "../support/sandboxed.ts";
import { rankedNodes, type StepFunction, stepsOf, until } from "./_stage.ts";

testSandboxed("status and why say what is, and why it is not", async (t) => {
  await using lab = await buildLab({ nodes: 3, vips: [WEB, BOTH] });
  await lab.nobodyAnswers(WEB);
  await lab.startAgents();
  const step = stepsOf(t);
  await createAll(lab);
  await isAnswered(lab);
  await fromAnywhere(lab, step);
  await fromTheNode(lab, step);
  await refusing(lab, step);
  await lasting(lab, step);
  await moving(lab, step);
});

async function fromAnywhere(
  lab: LabCluster,
  step: StepFunction,
): Promise<void> {
  await step("status tells what is wrong, first", async () => {
    const { code, text } = await foghorn("", "status", ...KUBECONFIG);
    strictEqual(code, 0, text);
    const [head = "", blank, ...rest] = text.split("\n");
    match(head, /^✗ 4 problems: 3 agents, 2 Eips, 5 Services$/);
    strictEqual(blank, "");
    deepStrictEqual(rest.slice(0, 4), [
      "✗ Service default/empty  No endpoint of default/empty is ready: make a Pod of it ready, kubectl -n default get endpointslices -l kubernetes.io/service-name=empty shows them",
      '✗ Service default/lost   Eip.network.kubesphere.io "nowhere" not found: create an Eip of the name nowhere, or name one that exists',
      "✗ Service default/more   No suitable ip to allocate: release an address of the Eip office, or create another Eip",
      "! Eip bgp                There is no BgpConf default, so that no agent speaks BGP: create one with spec.as",
    ]);
  });
  await step("and who answers, as the wire says", async () => {
    const report = await status("", ...KUBECONFIG);
    const rows = report.services.flatMap(({ addresses }) => addresses);
    for (const vip of [WEB, BOTH]) {
      const row = rows.find((one) => one.vip === vip);
      strictEqual(row?.owner?.node, await lab.ownerOf(vip));
    }
  });
  await step("why tells the chain, step by step", async () => {
    const [first = "", second = "", third = ""] = rankedNodes(WEB, NODES);
    const { code, text } = await foghorn(
      "",
      "why",
      "service",
      "default/web",
      ...KUBECONFIG,
    );
    strictEqual(code, 0, text);
    deepStrictEqual(text.replace(TIMES, "T").split("\n"), [
      `✓ default/web: ${WEB} is answered for by ${first} since T, by the Event SetBalancer`,
      "",
      "✓ Opted in     by spec.loadBalancerClass openelb.io/openelb",
      "✓ Pool         office, which it keeps: an address moves only when another one is asked for",
      "               · bgp     is not the Eip that the Service names",
      "               ✓ office  192.168.0.91-192.168.0.93",
      `✓ Address      ${WEB}, assigned T`,
      `✓ Candidates   ${first} first, then ${second}, then ${third}`,
      `               ✓ ${first}  may answer on eth0`,
      `               ✓ ${second}  may answer on eth0`,
      `               ✓ ${third}  may answer on eth0`,
      `✓ Owner        ${first} since T, by the Event SetBalancer`,
      `✓ On the wire  no agent reports anything amiss; ${first} tells what it does when foghorn why is run there without a kubeconfig`,
    ]);
  });
  await step("and where it ends", async () => {
    deepStrictEqual(
      {
        lost: lastOf(await why("", "lost", ...KUBECONFIG)),
        more: lastOf(await why("", "more", ...KUBECONFIG)),
        empty: lastOf(await why("", "empty", ...KUBECONFIG)),
      },
      {
        lost: "problem Pool PoolNotFound",
        more: "problem Pool PoolExhausted",
        empty: "problem Candidates NoReadyEndpoint",
      },
    );
  });
}

async function fromTheNode(lab: LabCluster, step: StepFunction): Promise<void> {
  await step(
    "every agent tells the same on its node, without a kubeconfig",
    async () => {
      const anywhere = comparable(await status("", ...KUBECONFIG));
      for (const { name } of lab.nodes) {
        const report = await status(name);
        strictEqual(report.askedAgent, name);
        deepStrictEqual(comparable(report), anywhere);
      }
    },
  );
  await step("the owner says what it does on the wire", async () => {
    const owner = await lab.ownerOf(WEB) ?? "";
    const other = NODES.find((node) => node !== owner) ?? "";
    const report = await why(owner, "web");
    strictEqual(wireOf(report), `${owner} answers for ${WEB}`);
    const { text } = await foghorn(owner, "why", "service", "web");
    match(
      text.replace(TIMES, "T"),
      new RegExp(`^ +✓ ${owner} eth0  answers since T$`, "m"),
    );
    strictEqual(
      wireOf(await why(other, "web")),
      `${other} does not answer for ${WEB}, ${owner} does: nothing that ${other} hears speaks against it`,
    );
  });
}

async function refusing(lab: LabCluster, step: StepFunction): Promise<void> {
  await step("nobody else is told anything", async () => {
    for (const path of ["/api/v1/status", "/api/v1/services/default/web/why"]) {
      const answer = await lab.node("n1").ask(path);
      strictEqual(answer.ok && answer.status, 403);
      match(
        answer.ok ? answer.body : "",
        /^Only this machine is answered here/,
      );
    }
  });
  await step("mistakes are one sentence", async () => {
    const rows = [
      [
        ["why", "service", "default/nix"],
        1,
        /^foghorn: There is no Service default\/nix: /,
      ],
      [
        ["why", "service", "a/b/c"],
        2,
        /^foghorn: Cannot explain "a\/b\/c": write NAMESPACE\/NAME/,
      ],
      [
        ["status", "-o", "yaml"],
        2,
        /^foghorn: Cannot print as "yaml": write -o json/,
      ],
    ] as const;
    for (const [args, code, sentence] of rows) {
      const found = await foghorn("", ...args, ...KUBECONFIG);
      deepStrictEqual([found.code, found.text.split("\n").length], [code, 1]);
      match(found.text, sentence);
    }
    const lonely = await foghorn("client", "status", "--agent", "127.0.0.1:1");
    strictEqual(lonely.code, 1);
    match(lonely.text, /^foghorn: Cannot ask anybody: no agent answers at/);
  });
}

async function lasting(lab: LabCluster, step: StepFunction): Promise<void> {
  const { api } = lab;
  const path = servicePath("empty");
  await step(
    "a Service that is answered for from the start has no condition for it",
    async () => {
      const told = conditionOf(api, servicePath("web"), "Announced");
      // On a busy machine an agent may be stopped for so long that it moved since.
      const [first = ""] = rankedNodes(WEB, NODES);
      const owner = await lab.ownerOf(WEB);
      if (owner === first) strictEqual(told, "");
      else ok(told.startsWith(`True Announced: owner ${owner} of ${WEB} `));
    },
  );
  await step(
    "one that nobody may answer for is told why, when that lasts",
    async () => {
      const read = (): string => conditionOf(api, path, "Announced");
      const wanted = "False NoReadyEndpoint: No endpoint of default/empty is";
      await api.until("services", () => read().startsWith(wanted), {
        timeoutMs: 3 * UNANSWERED_AFTER_MS,
        what: () => `The condition says "${read()}"`,
      });
    },
  );
  await step("and who answers, once somebody does", async () => {
    lab.api.setEndpoints({ name: "empty" }, lab.nodes.map(({ host }) => host));
    const [vip = ""] = api.service("empty")?.ingress.map(({ ip }) =>
      ip ?? ""
    ) ?? [];
    let owner: string | undefined;
    let told = "";
    // Two may claim at once on a busy machine; it is told once that is settled.
    await until(async () => {
      owner = await lab.ownerOf(vip);
      told = conditionOf(api, path, "Announced");
      return told.startsWith(`True Announced: owner ${owner} of ${vip} since `);
    }, {
      timeoutMs: WAIT_MS,
      what: () => `${owner} answers, the condition says "${told}"`,
    });
  });
}

async function moving(lab: LabCluster, step: StepFunction): Promise<void> {
  const { api } = lab;
  const owner = await lab.ownerOf(WEB) ?? "";
  const [next = ""] = rankedNodes(WEB, NODES).filter((node) => node !== owner);
  await step("a new owner is told in the Service and to the Eip", async () => {
    await lab.node(owner).killAgent();
    await condition(
      api,
      servicePath("web"),
      "Announced",
      new RegExp(`^True Announced: owner ${next} of ${WEB} since `),
    );
    await event(
      api,
      "web",
      new RegExp(`^Normal SetBalancer: .* \\[${next}\\]$`),
    );
    await event(
      api,
      "office",
      new RegExp(
        `^Normal OwnerChanged: ${next} answers for .* now, in place of`,
      ),
    );
    strictEqual(await lab.ownerOf(WEB), next);
  });
  await step(
    "and in status and why, with what became of the old one",
    async () => {
      await until(async () => {
        const { nodes } = await status("", ...KUBECONFIG);
        return nodes.find(({ node }) => node === owner)?.agent === "silent";
      }, { timeoutMs: 2 * WAIT_MS, what: () => `${owner} is taken for live` });
      const report = await status("", ...KUBECONFIG);
      match(
        report.problems.find(({ about }) => about === `Node ${owner}`)
          ?.sentence ?? "",
        /^Its agent has not renewed its Lease since .*: look at the node/,
      );
      const { steps, sentence } = await why("", "web", ...KUBECONFIG);
      match(
        sentence,
        new RegExp(
          `^${WEB} is answered for by ${next} since .*, by the condition Announced$`,
        ),
      );
      const rows = steps.find((one) => one.step === "Candidates")?.rows ?? [];
      strictEqual(
        rows.find(({ name }) => name === owner)?.reason,
        "AgentSilent",
      );
      strictEqual(rows.find(({ name }) => name === next)?.reason, "InLine");
    },
  );
}

/** One that works, one that shares its pool, and three that do not. */
async function createAll({ api, nodes }: LabCluster): Promise<void> {
  const hosts = nodes.map(({ host }) => host);
  api.createEip({ name: "office", address: `${WEB}-192.168.0.93` });
  api.createEip({
    name: "bgp",
    address: "198.51.100.0/24",
    spec: { protocol: "bgp" },
  });
  for (const name of ["web", "both", "empty"]) {
    const places = name === "empty" ? [] : hosts;
    api.createService({ name, eip: "office" }, places);
    await api.waitForAddress(name, { timeoutMs: WAIT_MS });
  }
  api.createService({ name: "more", eip: "office" }, hosts);
  api.createService({ name: "lost", eip: "nowhere" }, hosts);
}

/** Waits until the address is answered by its owner, and the Event tells so. */
async function isAnswered(lab: LabCluster): Promise<void> {
  const [owner = ""] = rankedNodes(WEB, NODES);
  await event(
    lab.api,
    "web",
    new RegExp(`^Normal SetBalancer: .* \\[${owner}\\]$`),
  );
  await event(lab.api, "both", /^Normal SetBalancer: /);
  await lab.answeredBy(WEB, owner);
}

/** Runs a command on a host, as shipped; what it prints and its exit code. */
async function foghorn(
  host: string,
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly text: string }> {
  const command = [...programUnderTest().helper, ...args];
  const process = new LabProcess(host, command, {
    name: `foghorn ${args.join(" ")}`,
    env: { KUBECONFIG: "" },
  });
  const { code } = await process.status;
  return { code, text: process.lines.join("\n") };
}

async function status(
  host: string,
  ...args: readonly string[]
): Promise<StatusReport> {
  const { text } = await foghorn(host, "status", "-o", "json", ...args);
  return JSON.parse(text);
}

async function why(
  host: string,
  service: string,
  ...args: readonly string[]
): Promise<WhyReport> {
  const command = ["why", "service", service, "-o", "json", ...args];
  const { text } = await foghorn(host, ...command);
  return JSON.parse(text);
}

/** What everybody tells alike: not when, and not how an owner is known. */
function comparable({ problems, nodes, eips, services }: StatusReport) {
  return {
    problems,
    nodes,
    eips,
    services: services.map(({ addresses, ...row }) => ({
      ...row,
      addresses: addresses.map(({ owner, ...address }) => ({
        ...address,
        owner: owner?.node,
      })),
    })),
  };
}

function lastOf({ steps }: WhyReport): string {
  const last = steps.at(-1);
  return `${last?.verdict} ${last?.step} ${last?.reason}`;
}

function wireOf({ steps }: WhyReport): string | undefined {
  return steps.find(({ step }) => step === "On the wire")?.sentence;
}

const NODES = ["n1", "n2", "n3"];
const WEB = "192.168.0.91";
const BOTH = "192.168.0.92";
const KUBECONFIG = ["--kubeconfig", LAB_KUBECONFIG];
/** A time, and how long ago it was. */
const TIMES = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \([^)]* ago\)/g;
/** Longest for what takes ten seconds or less. */
const WAIT_MS = 30_000;
