import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { projectService, type Service } from "@/api/mod.ts";
import { ClusterState } from "@/reconcile/mod.ts";
import {
  BEHIND_LISTS_MAX,
  BEHIND_RETRY_MS,
  ClusterFeed,
} from "./cluster_feed.ts";

Deno.test("ClusterFeed replaces a kind by its list, and says what vanished", () => {
  const { cluster, feed } = fed([service("a", 5), service("b", 6)]);
  strictEqual(feed.take(listed([service("b", 6)], 10), at(0)), "taken");
  deepStrictEqual([...cluster.services.keys()], ["d/b"]);
  deepStrictEqual(cluster.takeChanges(), [
    { kind: "service", key: "d/b", vanished: false },
    { kind: "service", key: "d/a", vanished: true },
  ]);
});

Deno.test("ClusterFeed takes no list that is older than what is known, and asks again", () => {
  const { cluster, feed } = fed([service("a", 5), service("b", 12)]);
  strictEqual(feed.take(listed([service("a", 5)], 10), at(100)), "behind");
  deepStrictEqual([...cluster.services.keys()], ["d/a", "d/b"]);
  strictEqual(feed.deadlineMs(), 100 + BEHIND_RETRY_MS);
  deepStrictEqual(feed.takeRelists(at(99 + BEHIND_RETRY_MS)), []);
  deepStrictEqual(feed.takeRelists(at(100 + BEHIND_RETRY_MS)), ["service"]);
  deepStrictEqual(feed.takeRelists(at(100 + BEHIND_RETRY_MS)), []);
  strictEqual(feed.deadlineMs(), undefined);
  strictEqual(feed.take(listed([service("b", 12)], 12), at(6_000)), "taken");
  deepStrictEqual([...cluster.services.keys()], ["d/b"]);
  strictEqual(feed.deadlineMs(), undefined);
});

Deno.test("ClusterFeed believes in the end that the cluster was set back", () => {
  const { cluster, feed } = fed([service("a", 500)]);
  const old = listed([service("a", 5)], 10);
  for (let i = 0; i < BEHIND_LISTS_MAX; i++) {
    strictEqual(feed.take(old, at(i * BEHIND_RETRY_MS)), "behind");
    deepStrictEqual(
      feed.takeRelists(at((i + 1) * BEHIND_RETRY_MS)),
      ["service"],
    );
  }
  strictEqual(feed.take(old, at(60_000)), "taken");
  strictEqual(cluster.services.get("d/a")?.meta.resourceVersion, "5");
  // What comes after is newer than that.
  strictEqual(feed.take(changed(service("a", 11)), at(60_001)), "taken");
  strictEqual(cluster.services.get("d/a")?.meta.resourceVersion, "11");
});

Deno.test("ClusterFeed follows changes and deletions", () => {
  const { cluster, feed } = fed([service("a", 5)]);
  feed.take(changed(service("b", 6)), at(0));
  feed.take({
    watched: "service",
    news: { kind: "deleted", key: "d/a" },
  }, at(0));
  feed.take({ watched: "service", news: { kind: "alive" } }, at(0));
  feed.take({
    watched: "service",
    news: { kind: "lost", reason: "gone" },
  }, at(0));
  deepStrictEqual([...cluster.services.keys()], ["d/b"]);
  strictEqual(cluster.takeChanges().at(-1)?.vanished, false);
});

function fed(services: readonly Service[]) {
  const cluster = new ClusterState();
  const feed = new ClusterFeed(cluster);
  strictEqual(feed.take(listed(services, 1), at(0)), "taken");
  cluster.takeChanges();
  return { cluster, feed };
}

function listed(objects: readonly Service[], version: number) {
  const resourceVersion = `${version}`;
  return {
    watched: "service",
    news: { kind: "listed", objects, resourceVersion },
  } as const;
}

function changed(object: Service) {
  return { watched: "service", news: { kind: "changed", object } } as const;
}

function service(name: string, version: number): Service {
  const projected = projectService({
    metadata: {
      name,
      namespace: "d",
      uid: `uid-${name}`,
      resourceVersion: `${version}`,
    },
    spec: { type: "LoadBalancer" },
  });
  if (!projected.ok) throw new Error(projected.error);
  return projected.value;
}

function at(nowMs: number) {
  return { nowMs, nowIso: "2026-01-01T00:00:00.000Z" };
}
