import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { projectBgpConf, projectBgpPeer } from "@/api/mod.ts";
import {
  BgpPlanner,
  type BgpReferences,
  type BgpTables,
} from "./bgp_planner.ts";
import type { PlannedWrite, WriteOutcome } from "./planned_write.ts";

type Raw = { [key: string]: unknown };

const NOW = { nowMs: 0, nowIso: "2026-01-01T00:00:00.000Z" };
const FINALIZER = "finalizer.lb.kubesphere.io/v1alpha1";
const GONE = { deletionTimestamp: "2026-01-01T00:00:00Z" };

Deno.test.each(["bgpconf", "bgppeer"] as const)(
  "BgpPlanner takes OpenELB's finalizer off a %s that is deleted, and no other's",
  (kind) => {
    const { planner } = stage({
      [kind]: [{ ...GONE, finalizers: ["example.org/mine", FINALIZER] }],
    });
    deepStrictEqual(planner.plan(NOW), [{
      id: `${kind}/default`,
      method: "PATCH",
      path: `/apis/network.kubesphere.io/v1alpha2/${kind}s/default`,
      contentType: "application/merge-patch+json",
      body: {
        metadata: { resourceVersion: "7", finalizers: ["example.org/mine"] },
      },
    }]);
  },
);

Deno.test("BgpPlanner leaves the finalizer of what is not deleted alone", () => {
  const { planner } = stage({ bgpconf: [{ finalizers: [FINALIZER] }] });
  deepStrictEqual(planner.plan(NOW).map(({ id }) => id), [
    "bgpconf-status/default",
  ]);
});

Deno.test("BgpPlanner takes it off one that is left to the CNI too, and says nothing of it before", () => {
  const labels = { "openelb.kubesphere.io/cni": "calico" };
  const meta = { labels, finalizers: [FINALIZER] };
  deepStrictEqual(stage({ bgpconf: [meta] }).planner.plan(NOW), []);
  const { planner } = stage({ bgpconf: [{ ...meta, ...GONE }] });
  strictEqual(planner.plan(NOW)[0]?.id, "bgpconf/default");
});

Deno.test("BgpPlanner writes a condition once", () => {
  const { planner, tables } = stage({ bgpconf: [{}] });
  const [write] = planner.plan(NOW);
  const { status } = write?.body as { readonly status: Raw };
  planner.written(required(write), written({ status }), NOW);
  deepStrictEqual(planner.plan(NOW), []);
  strictEqual(tables.bgpconf.get("default")?.meta.resourceVersion, "8");
});

Deno.test("BgpPlanner says what is wrong with a policy, until nothing is", () => {
  const { planner, tables } = stage({ bgpconf: [{}] }, {
    confProblem: () =>
      tables.bgpconf.get("default")?.spec.policy === "mine"
        ? { reason: "PolicyMissing", message: "gone" }
        : undefined,
    peerProblem: () => undefined,
  });
  const told = (policy: string, status: Raw): readonly Raw[] => {
    const conf = projectBgpConf(objectOf({ spec: { as: 1, policy }, status }));
    if (!conf.ok) throw new Error(conf.error);
    tables.bgpconf.set("default", conf.value);
    planner.note();
    const write = required(planner.plan(NOW)[0]);
    const said = (write.body as { readonly status: Raw }).status;
    planner.written(write, written({ status: said }), NOW);
    return said["conditions"] as readonly Raw[];
  };
  const named = told("mine", {});
  deepStrictEqual(
    named.map(({ type, status, reason }) => [type, status, reason]),
    [["Ready", "True", "Ready"], ["Degraded", "True", "PolicyMissing"]],
  );
  deepStrictEqual(
    told("", { conditions: named }).map(({ type }) => type),
    ["Ready"],
  );
});

Deno.test("BgpPlanner says that the password of a BgpPeer is missing, beside what else is so", () => {
  const { planner, tables } = stage({}, {
    confProblem: () => undefined,
    peerProblem: ({ meta }) => ({
      reason: "PasswordMissing",
      message: `no Secret for ${meta.name}`,
    }),
  });
  const conditions = (conf: Raw): readonly unknown[] => {
    const peer = projectBgpPeer(objectOf({ spec: { conf } }));
    if (!peer.ok) throw new Error(peer.error);
    tables.bgppeer.set("default", peer.value);
    planner.note();
    const write = required(planner.plan(NOW)[0]);
    planner.written(
      write,
      { kind: "failed", reason: "gone", message: "" },
      NOW,
    );
    const { status } = write.body as { readonly status: Raw };
    return (status["conditions"] as readonly Raw[]).map((one) =>
      `${one["type"]} ${one["status"]} ${one["message"]}`
    );
  };
  deepStrictEqual(conditions({ neighborAddress: "192.0.2.1" }), [
    "Ready True ",
    "Degraded True no Secret for default",
  ]);
});

Deno.test("BgpPlanner does not write for ever to a server that drops conditions", () => {
  const { planner, tables } = stage({ bgpconf: [{}] });
  const [write] = planner.plan(NOW);
  // The definition of OpenELB has none: nothing has changed.
  planner.written(required(write), {
    kind: "written",
    object: objectOf({}),
  }, NOW);
  deepStrictEqual(planner.plan({ ...NOW, nowIso: "2026-01-01T00:01:00Z" }), []);
  // Somebody changed it: it is worth another try.
  const changed = projectBgpConf(
    objectOf({ metadata: { resourceVersion: "9" } }),
  );
  if (changed.ok) tables.bgpconf.set("default", changed.value);
  planner.note();
  strictEqual(planner.plan(NOW).length, 1);
});

Deno.test("BgpPlanner waits for the watch when an answer cannot be read", () => {
  const { planner } = stage({ bgpconf: [{}] });
  const [write] = planner.plan(NOW);
  planner.written(required(write), { kind: "written", object: {} }, NOW);
  deepStrictEqual(planner.plan(NOW), []);
});

Deno.test("BgpPlanner tries again after a failure, and later each time", () => {
  const { planner } = stage({ bgpconf: [GONE_FINALIZED] });
  let nowMs = 0;
  const pauses: number[] = [];
  for (let i = 0; i < 6; i++) {
    const [write] = planner.plan({ ...NOW, nowMs });
    planner.written(required(write), {
      kind: "failed",
      reason: "forbidden",
      message: "",
    }, { ...NOW, nowMs });
    deepStrictEqual(planner.plan({ ...NOW, nowMs }), []);
    const dueMs = planner.deadlineMs() ?? 0;
    pauses.push(dueMs - nowMs);
    nowMs = dueMs;
  }
  strictEqual((pauses.at(-1) ?? 0) > (pauses[0] ?? 0), true);
});

Deno.test("BgpPlanner does not bring back what is gone when the answer comes late", () => {
  const { planner, tables } = stage({ bgpconf: [GONE_FINALIZED] });
  const [write] = planner.plan(NOW);
  tables.bgpconf.delete("default");
  planner.written(required(write), written(), NOW);
  strictEqual(tables.bgpconf.size, 0);
});

Deno.test("BgpPlanner forgets what its write has ended", () => {
  const { planner, tables } = stage({ bgpconf: [GONE_FINALIZED] });
  const [write] = planner.plan(NOW);
  planner.written(required(write), written({ metadata: GONE }), NOW);
  strictEqual(tables.bgpconf.size, 0);
  deepStrictEqual(planner.plan(NOW), []);
});

const GONE_FINALIZED: Raw = { ...GONE, finalizers: [FINALIZER] };

function stage(
  metas: Partial<Record<"bgpconf" | "bgppeer", readonly Raw[]>>,
  references?: BgpReferences,
): { readonly planner: BgpPlanner; readonly tables: BgpTables } {
  const tables: BgpTables = { bgpconf: new Map(), bgppeer: new Map() };
  for (const meta of metas.bgpconf ?? []) {
    const conf = projectBgpConf(objectOf({ metadata: meta }));
    if (conf.ok) tables.bgpconf.set("default", conf.value);
  }
  for (const meta of metas.bgppeer ?? []) {
    const peer = projectBgpPeer(objectOf({ metadata: meta }));
    if (peer.ok) tables.bgppeer.set("default", peer.value);
  }
  return { planner: new BgpPlanner(tables, new Map(), 1, references), tables };
}

function written(change: Raw = {}): WriteOutcome {
  const metadata = { ...change["metadata"] as Raw, resourceVersion: "8" };
  return { kind: "written", object: objectOf({ ...change, metadata }) };
}

function objectOf(change: Raw): Raw {
  return {
    ...change,
    metadata: {
      name: "default",
      uid: "u",
      resourceVersion: "7",
      ...change["metadata"] as Raw,
    },
  };
}

function required(write: PlannedWrite | undefined): PlannedWrite {
  if (write === undefined) throw new Error("Nothing is planned");
  return write;
}
