import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type Lease, projectLease } from "@/api/mod.ts";
import {
  doubtfulLeases,
  judgeLeases,
  secondLookMs,
} from "./lease_judgement.ts";

const NOW_MS = Date.UTC(2026, 0, 1, 12);

Deno.test("judgeLeases() believes Leases that were renewed in time", () => {
  const look = {
    wallMs: NOW_MS,
    leases: [
      lease("foghorn-node-n1", 2),
      lease("openelb-controller", 3, { holder: "n1_x_y" }),
    ],
  };
  deepStrictEqual(doubtfulLeases(look), []);
  strictEqual(secondLookMs(look), 0);
  const { agents, holder } = judgeLeases(look);
  deepStrictEqual([...agents], [["n1", {
    live: true,
    leaving: false,
    renewed: "2026-01-01T11:59:58Z",
  }]]);
  deepStrictEqual(holder, { node: "n1", live: true });
});

Deno.test("judgeLeases() takes a released Lease for dead at once", () => {
  const look = {
    wallMs: NOW_MS,
    leases: [
      lease("foghorn-node-n1", 1, { holder: "" }),
      lease("openelb-controller", 1, { holder: "" }),
    ],
  };
  strictEqual(secondLookMs(look), 0);
  const { agents, holder } = judgeLeases(look);
  strictEqual(agents.get("n1")?.live, false);
  strictEqual(holder, undefined);
});

Deno.test("judgeLeases() looks twice at a Lease that does not look fresh", () => {
  const before = {
    wallMs: NOW_MS,
    leases: [
      lease("foghorn-node-n1", 30),
      lease("foghorn-node-n2", 30),
      lease("foghorn-node-n3", 1),
    ],
  };
  deepStrictEqual(doubtfulLeases(before), [
    "foghorn-node-n1",
    "foghorn-node-n2",
  ]);
  strictEqual(secondLookMs(before), 10_000 / 3 + 1_000);
  const look = {
    wallMs: NOW_MS + 4_400,
    // The clock of n1 is behind ours, and n2 is dead.
    leases: [
      lease("foghorn-node-n1", 27),
      lease("foghorn-node-n2", 30),
      lease("foghorn-node-n3", -2),
    ],
  };
  const live = [...judgeLeases(look, before).agents].map(([node, state]) =>
    `${node} ${state.live}`
  );
  deepStrictEqual(live, ["n1 true", "n2 false", "n3 true"]);
});

Deno.test("judgeLeases() is not deceived by a clock of ours that is behind", () => {
  // By our clock n1 renews in the future, and n2 looks young.
  const before = {
    wallMs: NOW_MS - 60_000,
    leases: [lease("foghorn-node-n1", 1), lease("foghorn-node-n2", 40)],
  };
  deepStrictEqual(doubtfulLeases(before), ["foghorn-node-n2"]);
  strictEqual(judgeLeases(before, before).agents.get("n2")?.live, false);
});

Deno.test("secondLookMs() does not wait for longer than a person does", () => {
  const look = {
    wallMs: NOW_MS,
    leases: [lease("foghorn-node-n1", 900, { seconds: 600 })],
  };
  strictEqual(secondLookMs(look), 15_000);
});

function lease(
  name: string,
  agoSeconds: number,
  { holder = "m_i", seconds = 10 } = {},
): Lease {
  const read = projectLease({
    metadata: { name, namespace: "openelb-system" },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: seconds,
      renewTime: new Date(NOW_MS - agoSeconds * 1000).toISOString(),
    },
  });
  if (!read.ok) throw new Error(read.error);
  return read.value;
}
