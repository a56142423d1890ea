/**
 * A password that a Secret has, towards a router that wants it; and that no
 * password is ever told, wherever it comes from.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one after the other
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { API_GROUP_VERSION, NAMESPACE_DEFAULT } from "@/api/names.ts";
import { arrayAt, isObject, stringAt } from "@/lab/apiserver/json.ts";
import { LAB_KUBECONFIG, type LabCluster, LabProcess } from "@/lab/mod.ts";
import { replayRecording } from "../sim/replay.ts";
import { BIRD, Router, ROUTER_AS } from "../support/bird_router.ts";
import {
  buildLab,
  programUnderTest,
  testSandboxed,
} from "../support/sandboxed.ts";
import { MOVE_MS_MAX, stepsOf, until } from "./_stage.ts";

const VIP = "10.99.0.1";
const PEER = `/apis/${API_GROUP_VERSION}/bgppeers/router`;
const SECRETS = `/api/v1/namespaces/${NAMESPACE_DEFAULT}/secrets`;
const RIGHT = "geheim-eins";
const WRONG = "geheim-zwei";
const CLEAR = "geheim-offen";

testSandboxed("a BgpPeer's password is in a Secret", async (t) => {
  const step = stepsOf(t);
  const program = programUnderTest();
  const agent = program.agent.toSpliced(-1, 0, "--allow-write=/run");
  await using lab = await buildLab({
    vips: [VIP],
    nodes: 1,
    agentFlags: ["--record", RECORDING],
  }, program.agent.length > 1 ? { ...program, agent } : program);
  const hosts = lab.nodes.map(({ host }) => host);
  await using router = await Router.start({
    host: lab.client.host,
    peers: hosts,
    peerAs: 65_000,
    perPeer: `password "${RIGHT}";`,
  });
  const hops = hosts.map(({ ipv4 }) => ipv4);
  create(lab);
  await lab.startAgents();
  lab.createService({ name: "web", eip: "routed" });
  await step("there is no session without it, and it is told", async () => {
    await condition(lab, /^Degraded True PasswordMissing .*no Secret tor in/);
    await router.hasNextHops(VIP, []);
  });
  await step("there is one once it is there", async () => {
    lab.api.create(SECRETS, secret(RIGHT));
    await router.hasNextHops(VIP, hops);
    await condition(lab, /^Established True/);
    strictEqual((await conditions(lab)).length, 2);
  });
  await step("another password makes the sessions anew", async () => {
    lab.api.patch(`${SECRETS}/tor`, secret(WRONG));
    await router.hasNextHops(VIP, []);
    await condition(lab, /^Established False .*password/);
    lab.api.patch(`${SECRETS}/tor`, secret(RIGHT));
    await router.hasNextHops(VIP, hops);
  });
  await step("a Secret that goes is told, and the sessions stay", async () => {
    lab.api.delete(`${SECRETS}/tor`);
    await condition(lab, /^Degraded True PasswordMissing/);
    await router.hasNextHops(VIP, hops);
    await condition(lab, /^Established True/);
  });
  await step("in clear text it is taken, too", async () => {
    lab.api.patch(PEER, {
      spec: { authSecretRef: null, conf: { authPassword: CLEAR } },
    });
    await router.hasNextHops(VIP, []);
    lab.api.patch(PEER, { spec: { conf: { authPassword: RIGHT } } });
    await router.hasNextHops(VIP, hops);
  });
  await step("no password is told anywhere", () => isSecret(lab));
}, [BIRD]);

/** What agents say, write and record has no password in it. */
async function isSecret(lab: LabCluster): Promise<void> {
  const told = new Map<string, string>();
  const { status } = lab.api.read(PEER);
  told.set("status", JSON.stringify(status));
  for (const node of lab.nodes) {
    for (
      const path of [
        "/api/v1/status",
        "/api/v1/services/default/web/why",
        "/metrics",
        "/readyz",
      ]
    ) {
      told.set(`${path} of ${node.name}`, await ask(node.name, path));
    }
    told.set(`log of ${node.name}`, await Deno.readTextFile(node.logFile));
  }
  const kubeconfig = `--kubeconfig=${LAB_KUBECONFIG}`;
  for (
    const args of [
      ["status", "-o", "json"],
      ["status"],
      ["why", "service", "default/web", "-o", "json"],
    ]
  ) {
    told.set(args.join(" "), await foghorn(...args, kubeconfig));
  }
  const recording = await Deno.readTextFile(RECORDING);
  ok(recording.includes(`"watched":"password"`), "Nothing was recorded");
  // Also what becomes of a password that is left out.
  const { differences } = replayRecording(recording.split("\n"));
  deepStrictEqual(differences, []);
  told.set("recording", recording);
  for (const [where, text] of told) {
    ok(text.length > 10, `${where}: "${text}"`);
    for (const password of [RIGHT, WRONG, CLEAR]) {
      const encoded = new TextEncoder().encode(password).toBase64();
      ok(!text.includes(password) && !text.includes(encoded), where);
    }
  }
}

async function ask(node: string, path: string): Promise<string> {
  const { stdout } = await new Deno.Command("ip", {
    args: [
      ...["netns", "exec", node, Deno.execPath(), "eval", "--quiet"],
      `console.log(await (await fetch("http://127.0.0.1:7473${path}")).text())`,
    ],
  }).output();
  return `${path}: ${new TextDecoder().decode(stdout)}`;
}

async function foghorn(...args: readonly string[]): Promise<string> {
  const command = [...programUnderTest().helper, ...args];
  const process = new LabProcess("", command, {
    name: `foghorn ${args.join(" ")}`,
    env: { KUBECONFIG: "" },
  });
  await process.status;
  return process.lines.join("\n");
}

function create(lab: LabCluster): void {
  lab.api.create(`/apis/${API_GROUP_VERSION}/bgpconfs`, {
    apiVersion: API_GROUP_VERSION,
    kind: "BgpConf",
    metadata: { name: "default" },
    spec: { as: 65_000 },
  });
  lab.api.create(`/apis/${API_GROUP_VERSION}/bgppeers`, {
    apiVersion: API_GROUP_VERSION,
    kind: "BgpPeer",
    metadata: { name: "router" },
    spec: {
      conf: { neighborAddress: lab.client.host.ipv4, peerAs: ROUTER_AS },
      authSecretRef: { name: "tor" },
      timers: { config: { connectRetry: "5" } },
    },
  });
  lab.api.createEip({
    name: "routed",
    address: VIP,
    spec: { protocol: "bgp", interface: "" },
  });
}

function secret(password: string) {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "tor" },
    data: { password: new TextEncoder().encode(password).toBase64() },
  };
}

async function condition(lab: LabCluster, wanted: RegExp): Promise<void> {
  let found: readonly string[] = [];
  await until(() => {
    found = conditions(lab);
    return found.some((one) => wanted.test(one));
  }, {
    timeoutMs: 3 * MOVE_MS_MAX,
    what: () => `${wanted} is not among ${found.join("; ")}`,
  });
}

function conditions(lab: LabCluster): readonly string[] {
  const peer = lab.api.read(PEER);
  return arrayAt(peer, "status", "conditions").filter(isObject).map((one) =>
    ["type", "status", "reason", "message"].map((key) => stringAt(one, key))
      .join(" ")
  );
}

const RECORDING = "/run/foghorn-bgp.jsonl";
