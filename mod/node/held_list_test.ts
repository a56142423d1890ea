import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { encodeFellow, FELLOW_GROUP, nodeIdOf } from "@/wire/fellow.ts";
import { CLUSTER, ETH0, ip, N1, N2, WireStage } from "./_wire_stage_test.ts";

/** Lists with an entry that is no address: whether they are refused shows whether their entries are read. */
const LISTS = [
  { name: "in the version that is held", held: 7, version: 7, isRead: false },
  { name: "in another version", held: 7, version: 8, isRead: true },
  {
    name: "of another start of its agent",
    held: 7,
    version: 7,
    incarnation: 6n,
    isRead: true,
  },
  // Nothing is held of an agent that was heard without a list, which is as version 0.
  { name: "in version 0", version: 0, isRead: true },
] as const;

for (const { name, version, isRead, ...more } of LISTS) {
  Deno.test(`a list ${name} ${isRead ? "is read" : "is not read again, and counted"}`, () => {
    const stage = new WireStage();
    stage.begin([VIP], { eligible: ["n2"], nodes: [N1, N2] });
    const said = { ...STATE, uptimeMs: stage.nowMs };
    if ("held" in more) {
      stage.live("n2", 2_000, []);
      stage.fellow("n2", list({ ...said, listVersion: more.held }));
    } else stage.fellow("n2", { kind: "beacon", state: said });
    const before = counted(stage);
    const incarnation = "incarnation" in more ? more.incarnation : 5n;
    const sender = nodeIdOf("n2");
    const frame = encodeFellow({
      sender,
      incarnation,
      message: list({ ...said, listVersion: version }),
    }, {
      identity: { cluster: CLUSTER, node: sender },
      source: N2.macs[0] ?? ETH0.mac,
      destination: FELLOW_GROUP,
    });
    // A multicast group, which no Service has.
    frame.set([224, 0, 0, 1], frame.length - 4);
    stage.core.takeFrames(stage.tag, [frame], stage.nowMs);
    const after = counted(stage);
    deepStrictEqual(after.refused, isRead ? { malformed: 1 } : {});
    strictEqual(after.list - before.list, isRead ? 0 : 1);
    strictEqual(after.beacon, before.beacon);
  });
}

function list(state: typeof STATE) {
  return {
    kind: "list",
    state,
    part: 0,
    parts: 1,
    node: "n2",
    entries: [{ vip: ip(VIP), leaving: false }],
  } as const;
}

function counted(stage: WireStage) {
  const fellows = stage.core.counters()[0]?.fellows;
  if (fellows === undefined) throw new Error("There is a link");
  const { list = 0, beacon = 0 } = fellows.received;
  return { list, beacon, refused: fellows.refused };
}

const VIP = "192.0.2.91";
const STATE = {
  listVersion: 0,
  uptimeMs: 0,
  beaconIntervalMs: 100,
  unsure: false,
  frozen: false,
  listening: false,
  leaving: false,
  vips: 1,
};
