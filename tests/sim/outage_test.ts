/** What ten whole agents do while the API server is away. */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { SimCluster } from "./cluster.ts";

Deno.test("ten agents, the API away for five minutes and back: no address moves", () => {
  const cluster = new SimCluster({ seed: 1, nodes: 10 });
  cluster.createEip({ name: "pool", address: POOL, isDefault: true });
  for (let i = 0; i < 20; i++) cluster.createService({ name: `web-${i}` });
  cluster.run(30_000);
  const addresses = cluster.addresses();
  const vips = Object.values(addresses).flat();
  strictEqual(new Set(vips).size, 20);
  const owners = ownersOf(cluster, vips);
  ok(owners.every((nodes) => nodes.length === 1), owners.join(" | "));
  const moved = cluster.moves.length;

  cluster.takeApiAway();
  for (let second = 5; second <= 300; second += 5) {
    cluster.run(5_000);
    deepStrictEqual(ownersOf(cluster, vips), owners, `after ${second} s`);
  }
  cluster.bringApiBack();
  for (let second = 2; second <= 60; second += 2) {
    cluster.run(2_000);
    deepStrictEqual(ownersOf(cluster, vips), owners, `back for ${second} s`);
  }
  deepStrictEqual(cluster.moves.slice(moved), []);
  deepStrictEqual(cluster.addresses(), addresses);
  strictEqual(cluster.nodes.filter(({ isLeader }) => isLeader).length, 1);
});

const POOL = "192.168.0.100-192.168.0.150";

function ownersOf(
  cluster: SimCluster,
  vips: readonly string[],
): readonly (readonly string[])[] {
  return vips.map((vip) => cluster.answerersOf(vip));
}
