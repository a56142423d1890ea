/** What becomes of addresses when agents die, leave, come back, or share a name. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { SimCluster } from "./cluster.ts";

const POOL = "192.168.0.100-192.168.0.150";

Deno.test("an agent that dies loses its addresses to the next in rank, and nobody else loses any", () => {
  const { cluster, owners } = running({ seed: 2, nodes: 5 });
  const [victim = ""] = owners.get("192.168.0.100") ?? [];
  cluster.node(victim).kill();
  cluster.run(20_000);
  for (const [vip, before] of owners) {
    const now = cluster.answerersOf(vip);
    strictEqual(now.length, 1, `${vip}: ${now}`);
    if (before[0] !== victim) deepStrictEqual(now, before);
  }
});

Deno.test("the leader dies: another leads within the Lease duration, and nothing moves", () => {
  const { cluster, addresses } = running({ seed: 3, nodes: 3 });
  const leader = cluster.nodes.find(({ isLeader }) => isLeader);
  ok(leader !== undefined);
  leader.kill();
  cluster.run(15_000 + 1_000);
  strictEqual(leadersOf(cluster).length, 1);
  cluster.createService({ name: "late" });
  cluster.run(2_000);
  const { late, ...rest } = cluster.addresses();
  deepStrictEqual(rest, addresses);
  strictEqual(late?.length, 1);
});

Deno.test("an agent that is killed and started again gets its addresses back when it has been well for long", () => {
  const { cluster, owners } = running({ seed: 4, nodes: 3 });
  const node = cluster.node(owners.get("192.168.0.100")?.[0] ?? "");
  node.kill();
  cluster.run(1_500);
  for (const vip of owners.keys()) {
    strictEqual(cluster.answerersOf(vip).length, 1, vip);
  }
  node.start();
  cluster.run(130_000);
  const answering = [...owners.keys()].map((vip) => cluster.answerersOf(vip));
  ok(answering.every((nodes) => nodes.length === 1), answering.join(" | "));
  ok(answering.some(([owner]) => owner === node.name));
});

Deno.test("an agent that is told to end hands its addresses over without a gap", () => {
  const { cluster, owners } = running({ seed: 5, nodes: 3 });
  const node = cluster.node(owners.get("192.168.0.100")?.[0] ?? "");
  node.shutDown();
  for (let look = 0; look < 500 && node.isAlive; look++) {
    for (const vip of owners.keys()) {
      const answering = cluster.answerersOf(vip);
      ok(answering.length >= 1, `nobody answers for ${vip}`);
    }
    cluster.run(10);
  }
  strictEqual(node.isAlive, false, "it has not ended within 5 s");
  cluster.run(100);
  for (const vip of owners.keys()) {
    const answering = cluster.answerersOf(vip);
    strictEqual(answering.length, 1, `${vip}: ${answering}`);
    ok(!answering.includes(node.name));
  }
});

Deno.test("a second agent of one node name answers for nothing, and says so", () => {
  const { cluster, owners } = running({ seed: 6, nodes: 3, agents: 2 });
  const third = cluster.node("n3");
  third.start("n1");
  cluster.run(60_000);
  for (const [vip, before] of owners) {
    deepStrictEqual(cluster.answerersOf(vip), before, vip);
  }
  ok(third.main.view.membership.duplicate?.startsWith("boot-n1_"));
  strictEqual(cluster.node("n1").main.view.membership.duplicate, undefined);
  const told = third.log.filter((line) => line.startsWith("Another agent"));
  strictEqual(told.length, 1);

  cluster.node("n1").kill();
  cluster.run(20_000);
  strictEqual(third.main.view.membership.duplicate, undefined);
  for (const [vip, [before]] of owners) {
    const answering = cluster.answerersOf(vip);
    // The other agent is quicker: the name is free when its Lease has run out.
    strictEqual(answering.length, 1, `${vip}: ${answering}`);
    if (before !== "n1") deepStrictEqual(answering, [before], vip);
  }
  cluster.run(120_000);
  for (const [vip, [before]] of owners) {
    const expected = before === "n1" ? "n3" : before;
    deepStrictEqual(cluster.answerersOf(vip), [expected], vip);
  }
});

Deno.test("an agent whose name was taken while it could not renew stops answering", () => {
  const { cluster, owners } = running({ seed: 7, nodes: 3, agents: 2 });
  const first = cluster.node("n1");
  first.isolate(true);
  cluster.run(1_000);
  cluster.node("n3").start("n1");
  cluster.run(30_000);
  first.isolate(false);
  cluster.run(20_000);
  ok(first.main.view.membership.duplicate?.startsWith("boot-n3_"));
  for (const [vip, [before]] of owners) {
    const expected = before === "n1" ? "n3" : before;
    deepStrictEqual(cluster.answerersOf(vip), [expected], vip);
  }
});

Deno.test("an idle cluster writes nothing but Leases", () => {
  const { cluster } = running({ seed: 8, nodes: 3 });
  const before = cluster.writes.length;
  cluster.run(120_000);
  const written = cluster.writes.slice(before).map(({ write }) =>
    write.id.replace(/@.*/, "")
  );
  deepStrictEqual([...new Set(written)].sort(), [
    "lease/foghorn-node-n1",
    "lease/foghorn-node-n2",
    "lease/foghorn-node-n3",
    "lease/openelb-controller",
  ]);
});

interface Running {
  readonly cluster: SimCluster;
  readonly addresses: Readonly<Record<string, readonly string[]>>;
  readonly owners: ReadonlyMap<string, readonly string[]>;
}

/** A cluster with twelve Services, each answered for by one node. */
function running(
  options: {
    readonly seed: number;
    readonly nodes: number;
    readonly agents?: number;
  },
): Running {
  const cluster = new SimCluster(options);
  cluster.createEip({ name: "pool", address: POOL, isDefault: true });
  for (let i = 0; i < 12; i++) cluster.createService({ name: `web-${i}` });
  cluster.run(20_000);
  const addresses = cluster.addresses();
  const owners = new Map<string, readonly string[]>();
  for (const vip of Object.values(addresses).flat()) {
    const answering = cluster.answerersOf(vip);
    strictEqual(answering.length, 1, `${vip}: ${answering}`);
    owners.set(vip, answering);
  }
  strictEqual(owners.size, 12);
  return { cluster, addresses, owners };
}

function leadersOf(cluster: SimCluster): readonly string[] {
  return cluster.nodes.filter(({ isLeader }) => isLeader).map(({ name }) =>
    name
  );
}
