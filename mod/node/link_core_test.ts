import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import { parseMacAddr } from "@/addr/mac_addr.ts";
import { heapFrameBatch } from "@/wire/frame_batch.ts";
import { WireCore, type WireEffect } from "./wire.ts";
import type { VipView } from "./wire_messages.ts";

Deno.test.each(["192.0.2.91", "2001:db8::91"])(
  "LinkCore lets in what is said about %s, asks for it twice, and announces it then",
  (vip) => {
    const core = openCore();
    const before = core.step(vips(vip), BEGUN_MS);
    deepStrictEqual(kinds([...before, ...core.deadline(BEGUN_MS)]), [
      "send",
      "filter",
    ]);
    deepStrictEqual(kinds(core.deadline(BEGUN_MS + 100)), ["send"]);
    const claimed = core.deadline(BEGUN_MS + 200);
    deepStrictEqual(owned(claimed), [vip]);
    ok(kinds(claimed).includes("send"));
  },
);

Deno.test("LinkCore sets filters at most every 10 ms", () => {
  const core = openCore();
  core.step(vips("192.0.2.91"), BEGUN_MS);
  core.deadline(BEGUN_MS);
  core.step(vips("192.0.2.92"), BEGUN_MS + 1);
  ok(!kinds(core.deadline(BEGUN_MS + 1)).includes("filter"));
  strictEqual(core.deadlineMs(), BEGUN_MS + 10);
  ok(kinds(core.deadline(BEGUN_MS + 10)).includes("filter"));
});

Deno.test("LinkCore neither claims nor announces a VIP that was lost while it asked for it", () => {
  const core = openCore();
  core.step(vips("192.0.2.91"), BEGUN_MS);
  core.deadline(BEGUN_MS + 100);
  const removes = [addr("192.0.2.91")];
  core.step({ kind: "vips", upserts: [], removes }, BEGUN_MS + 150);
  deepStrictEqual(owned(core.deadline(BEGUN_MS + 200)), []);
  deepStrictEqual(owned(core.deadline(BEGUN_MS + 300)), []);
});

/** A core that serves one link, alone and synced. */
function openCore(): WireCore {
  const core = new WireCore({ node: "n1", incarnation: 1n, isAlone: true });
  const mac = parseMacAddr("02:00:00:00:00:01");
  ok(mac !== undefined);
  const link = { name: "eth0", index: 2, mac, running: true };
  const [open] = core.step({ kind: "links", links: [link] }, 0);
  ok(open?.kind === "open");
  const memory = { rx: heapFrameBatch(4), tx: heapFrameBatch(4) };
  core.opened(open.tag, memory, 0);
  const self = { node: "n1", live: true, leaving: false, macs: [mac] };
  core.step({ kind: "nodes", nodes: [self] }, 0);
  core.step({ kind: "synced" }, 0);
  for (let nowMs = 0; nowMs <= BEGUN_MS; nowMs += 100) core.deadline(nowMs);
  return core;
}

function vips(text: string): {
  readonly kind: "vips";
  readonly upserts: readonly VipView[];
  readonly removes: readonly never[];
} {
  const view = { vip: addr(text), links: ["eth0"], eligible: ["n1"] };
  return { kind: "vips", upserts: [view], removes: [] };
}

function addr(text: string): VipView["vip"] {
  const parsed = parseIpAddr(text);
  if (parsed === undefined) throw new Error(`"${text}" is no address`);
  return parsed;
}

/** The VIPs that are told to be owned. */
function owned(effects: readonly WireEffect[]): readonly string[] {
  return effects.flatMap((effect) =>
    effect.kind === "report" && effect.report.kind === "owned" &&
      effect.report.owned
      ? [effect.report.vip]
      : []
  );
}

/** Filters and frames in their order; of several alike in a row the first. */
function kinds(effects: readonly WireEffect[]): readonly string[] {
  return effects.map(({ kind }) => kind)
    .filter((kind) => kind === "filter" || kind === "send")
    .filter((kind, i, all) => kind !== all[i - 1]);
}

/** When an agent has listened to the link. */
const BEGUN_MS = 1_500;
