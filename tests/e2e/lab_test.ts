/**
 * The lab itself, without agents: what end-to-end tests stand on.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- the steps of a test follow each other
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { type LabCluster, must, outageOf } from "@/lab/mod.ts";
import { buildLab, testSandboxed } from "../support/sandboxed.ts";
import { until } from "./_stage.ts";

testSandboxed(
  "the client reaches every backend at the nodes' own addresses",
  async () => {
    await using lab = await buildLab({ vips: VIPS });
    for (const { name, host } of lab.nodes) {
      for (const address of [host.ipv4, host.ipv6]) {
        strictEqual((await lab.client.request(address)).body, name);
      }
      await lab.answeredBy(host.ipv4, name);
      await lab.answeredBy(host.ipv6, name);
    }
  },
);

testSandboxed("nobody answers for a VIP while no agent runs", async () => {
  await using lab = await buildLab({ vips: VIPS });
  for (const vip of VIPS) {
    await lab.nobodyAnswers(vip);
    strictEqual(await lab.ownerOf(vip), undefined);
    await rejects(lab.answeredBy(vip, "n1"), /n1 alone .* nobody did/);
  }
});

testSandboxed(
  "a node takes traffic for a VIP from whoever knows its MAC address",
  async () => {
    await using lab = await buildLab({ vips: VIPS });
    for (const vip of VIPS) {
      await learn(lab, vip, "n2");
      strictEqual((await lab.client.request(vip)).body, "n2");
      strictEqual(await lab.neighborNode(vip), "n2");
    }
  },
);

testSandboxed(
  "who answers is told by the cable, and more than one is seen",
  async () => {
    await using lab = await buildLab({ vips: [VIP4] });
    // Without arp_ignore the kernels of all nodes answer: the lab must notice.
    for (const { name } of lab.nodes) await arpIgnore(name, "0");
    let hosts = "";
    await until(async () => {
      hosts = `${[...(await lab.askTheWire(VIP4)).hosts].sort()}`;
      return hosts === "n1,n2,n3";
    }, { timeoutMs: 10_000, what: () => `${hosts} answer, not every kernel` });
    await rejects(lab.nobodyAnswers(VIP4), /Nobody should answer/);
    await rejects(lab.answeredBy(VIP4, "n1"), /n1 alone should answer/);
    await arpIgnore("n1", "1");
    await arpIgnore("n3", "1");
    await lab.answeredBy(VIP4, "n2");
    await rejects(lab.answeredBy(VIP4, "n1"), /n1 alone .* n2 did/);
  },
);

testSandboxed(
  "a stream of requests is steady, and shows an outage as long as it was",
  async () => {
    await using lab = await buildLab({ vips: VIPS });
    const [n1] = lab.nodes;
    ok(n1 !== undefined);
    const stream = await lab.client.stream(n1.host.ipv4, {
      intervalMs: 20,
      timeoutMs: SLOW_MS,
    });
    await stream.until(({ status }) => status === 200, 10_000);
    await n1.linkDown("eth0");
    const lost = await stream.until(
      ({ error }) => error === "timeout",
      10_000,
    );
    await n1.linkUp("eth0");
    await stream.until(
      ({ status, sentMs }) => status === 200 && sentMs > lost.sentMs,
      10_000,
    );
    const samples = await stream.stop();
    const outage = outageOf(samples);
    ok(outage !== undefined);
    strictEqual(outage.before, "n1");
    strictEqual(outage.after, "n1");
    ok(outage.durationMs >= SLOW_MS, `${outage.durationMs} ms`);
    ok(outage.failed > 0);
    // A slow one held none back: the next was begun long before it was given up.
    const begun = samples.map(({ sentMs }) => sentMs).sort((a, b) => a - b);
    const held = begun.filter((ms, i) =>
      i > 0 && ms - (begun[i - 1] ?? 0) > SLOW_MS * 0.9
    );
    strictEqual(held.length, 0, `${held.length} of ${begun.length} began late`);
  },
);

testSandboxed(
  "a node without power is gone, and comes back as it was",
  async () => {
    await using lab = await buildLab({ vips: VIPS });
    const n1 = lab.node("n1");
    await n1.powerOff();
    strictEqual(n1.powered, false);
    strictEqual((await lab.client.request(n1.host.ipv4)).body, undefined);
    strictEqual(await lab.ownerOf(n1.host.ipv6), undefined);
    await n1.startWithoutAgent();
    strictEqual(n1.powered, true);
    await lab.answeredBy(n1.host.ipv4, "n1");
    await lab.nobodyAnswers(VIP4);
    await learn(lab, VIP4, "n1");
    strictEqual((await lab.client.request(VIP4)).body, "n1");
  },
);

testSandboxed(
  "the API server keeps its objects while it is off the network",
  async () => {
    await using lab = await buildLab({ vips: VIPS });
    lab.api.createEip({ name: "pool", address: VIP4 });
    lab.createService({ name: "web", families: ["IPv4"] });
    const url = `${lab.api.server.url}/api/v1/namespaces/default/services/web`;
    await lab.api.stop();
    await rejects(fetch(url));
    await lab.api.restart();
    const answer = await fetch(url, { headers: { connection: "close" } });
    strictEqual(answer.status, 200);
    strictEqual((await answer.json()).metadata.name, "web");
    lab.api.deleteService("web");
    strictEqual(lab.api.service("web"), undefined);
  },
);

testSandboxed(
  "waiting for an address sees the status another writes, and gives up with the reason",
  async () => {
    await using lab = await buildLab({ vips: VIPS });
    lab.createService({ name: "web" });
    await rejects(
      lab.api.waitForAddress("web", { timeoutMs: 50 }),
      /Service "web" has 0 of 1 addresses/,
    );
    const waiting = lab.api.waitForAddress("web");
    lab.api.patch("/api/v1/namespaces/default/services/web/status", {
      status: { loadBalancer: { ingress: [{ ip: VIP4 }] } },
    });
    deepStrictEqual(await waiting, [VIP4]);
  },
);

testSandboxed(
  "a lab that has ended leaves no namespace, no link and no process",
  async () => {
    const before = await surroundings();
    {
      await using lab = await buildLab({ vips: VIPS });
      ok((await surroundings()).namespaces.includes("n3"));
      strictEqual(lab.nodes.length, 3);
    }
    deepStrictEqual(await surroundings(), before);
  },
);

/** Longest that one of many requests takes; far longer than what is between two of them. */
const SLOW_MS = 1_000;
const VIP4 = "192.168.0.91";
const VIP6 = "2001:db8::91";
const VIPS = [VIP4, VIP6] as const;

async function learn(
  lab: LabCluster,
  vip: string,
  node: string,
): Promise<void> {
  const { mac } = lab.node(node).host;
  const entry = [vip, "lladdr", mac, "dev", "eth0", "nud", "permanent"];
  await must("ip", ["-n", "client", "neigh", "replace", ...entry]);
}

async function arpIgnore(node: string, value: string): Promise<void> {
  const script = `echo ${value} >/proc/sys/net/ipv4/conf/all/arp_ignore`;
  await must("ip", ["netns", "exec", node, "sh", "-c", script]);
}

async function surroundings(): Promise<{
  readonly namespaces: string;
  readonly links: readonly string[];
  readonly processes: readonly string[];
}> {
  const links: readonly { ifname: string }[] = JSON.parse(
    await must("ip", ["-j", "link", "show"]),
  );
  const processes: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (/^\d+$/.test(name)) processes.push(await commandOf(name));
  }
  return {
    namespaces: await must("ip", ["netns", "list"]),
    links: links.map(({ ifname }) => ifname),
    processes: processes.filter((command) => /lab-|agent/.test(command)),
  };
}

async function commandOf(pid: string): Promise<string> {
  try {
    return await Deno.readTextFile(`/proc/${pid}/cmdline`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
