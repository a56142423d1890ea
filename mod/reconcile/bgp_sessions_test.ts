import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type BgpPeer, projectBgpPeer, projectNode } from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import { BgpPlanner, type BgpTables } from "./bgp_planner.ts";
import {
  establishedClaim,
  goneNodes,
  silencedEntries,
} from "./bgp_sessions.ts";

type Raw = { [key: string]: unknown };

const UP = { peerState: { sessionState: "ESTABLISHED" } };
const DOUBTED = { ...UP, hint: "It announces nothing" };
const REFUSED = {
  peerState: { sessionState: "ACTIVE" },
  downReason: "Connection refused",
};
const NOW = { nowMs: 0, nowIso: "2026-01-01T00:00:00.000Z" };

Deno.test.each([
  { name: "no node speaks to it", nodes: {}, claim: undefined },
  { name: "all have a session", nodes: { n1: UP, n2: UP }, claim: "True: " },
  {
    name: "some have none",
    nodes: { n2: REFUSED, n1: REFUSED, n3: UP },
    claim: "False: n1, n2: Connection refused",
  },
  {
    name: "each has none for a reason of its own",
    nodes: {
      n1: REFUSED,
      n2: { ...REFUSED, downReason: "No route" },
      n3: { peerState: { sessionState: "IDLE" } },
    },
    claim:
      "False: n1: Connection refused; n2: No route; n3: There is no session yet",
  },
  {
    name: "a router may have no policy for us",
    nodes: { n2: DOUBTED, n1: DOUBTED, n3: UP },
    claim: "True: n1, n2: It announces nothing",
  },
  {
    name: "another node of it has none",
    nodes: { n1: DOUBTED, n2: REFUSED },
    claim: "False: n2: Connection refused; n1: It announces nothing",
  },
  {
    name: "what one that has none doubted does not count",
    nodes: { n1: { ...REFUSED, hint: DOUBTED.hint } },
    claim: "False: n1: Connection refused",
  },
  {
    name: "the one that has none is gone",
    nodes: { n1: UP, gone: REFUSED },
    claim: "True: ",
  },
  {
    name: "there are many without one",
    nodes: Object.fromEntries(
      Array.from({ length: 7 }, (_, i) => [`n${i + 1}`, REFUSED]),
    ),
    claim: "False: n1, n2, n3, n4, n5 and 2 more: Connection refused",
  },
])("establishedClaim() where $name", ({ nodes, claim }) => {
  const found = establishedClaim(peer(nodes), (node) => node !== "gone");
  strictEqual(found && `${found.status}: ${found.message}`, claim);
});

Deno.test("BgpPlanner writes that condition, and takes out the entries of nodes that are gone", () => {
  const tables: BgpTables = {
    bgpconf: new Map(),
    bgppeer: new Map([["tor", peer({ n1: UP, gone: UP })]]),
  };
  const node = projectNode({ metadata: { name: "n1" } });
  if (!node.ok) throw new Error(node.error);
  const planner = new BgpPlanner(tables, new Map([["n1", node.value]]), 1);
  deepStrictEqual(planner.plan(NOW)[0]?.body, {
    metadata: { resourceVersion: "7" },
    status: {
      conditions: [
        ["Ready", "Ready"],
        ["Established", "SessionsUp"],
      ].map(([type, reason]) => ({
        type,
        status: "True",
        reason,
        message: "",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      })),
      nodesPeerStatus: { gone: null },
    },
  });
});

Deno.test("BgpPlanner says of a node whose agent was killed that its sessions are unknown, once", () => {
  const tables: BgpTables = {
    bgpconf: new Map(),
    bgppeer: new Map([["tor", peer({ n1: UP, n2: UP })]]),
  };
  const nodes = new Map(["n1", "n2"].map((name) => [
    name,
    value(projectNode({ metadata: { name } })),
  ]));
  const planner = new BgpPlanner(tables, nodes, 1);
  planner.setPresence(new Map([["n1", "silent"], ["n2", "live"]]));
  const [write] = planner.plan(NOW);
  const { status } = write?.body as { readonly status: Raw };
  const entry = {
    peerState: { sessionState: "UNKNOWN" },
    downReason: "The agent of the node does not renew its Lease",
  };
  deepStrictEqual(status["nodesPeerStatus"], { n1: entry });
  const [, established] = status["conditions"] as readonly Raw[];
  strictEqual(established?.["status"], "False");
  strictEqual(
    established?.["message"],
    "n1: The agent of the node does not renew its Lease",
  );
  const shown = peer({ n1: entry, n2: UP });
  deepStrictEqual(silencedEntries(shown, (node) => node === "n1"), {});
  deepStrictEqual(silencedEntries(shown, () => false), {});
});

Deno.test("goneNodes() of a status without entries are none", () => {
  deepStrictEqual(goneNodes(peer(undefined), () => false), []);
});

function peer(nodesPeerStatus: Raw | undefined): BgpPeer {
  const metadata = { name: "tor", uid: "u", resourceVersion: "7" };
  const spec = { conf: { neighborAddress: "192.0.2.1", peerAs: 65_001 } };
  const status = nodesPeerStatus === undefined ? {} : { nodesPeerStatus };
  return value(projectBgpPeer({ metadata, spec, status }));
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
