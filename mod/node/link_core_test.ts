import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import { parseMacAddr } from "@/addr/mac_addr.ts";
import { heapFrameBatch } from "@/wire/frame_batch.ts";
import { WireCore, type WireEffect } from "./wire.ts";
import type { VipView } from "./wire_messages.ts";

Deno.test.each(["192.0.2.91", "2001:db8::91"])(
  "LinkCore lets requests for %s in before it announces it",
  (vip) => {
    const core = openCore();
    const taken = [...core.step(vips(vip), 100), ...core.deadline(100)];
    deepStrictEqual(kinds(taken), ["filter", "send"]);
  },
);

Deno.test("LinkCore announces a VIP when its filter's turn has come", () => {
  const core = openCore();
  core.step(vips("192.0.2.91"), 100);
  core.deadline(100);
  // Filters are set at most every 10 ms.
  const early = [...core.step(vips("192.0.2.92"), 101), ...core.deadline(101)];
  deepStrictEqual(kinds(early), []);
  strictEqual(core.deadlineMs(), 110);
  deepStrictEqual(kinds(core.deadline(110)), ["filter", "send"]);
});

Deno.test("LinkCore announces no VIP that was lost while it waited for its filter", () => {
  const core = openCore();
  core.step(vips("192.0.2.91"), 100);
  core.deadline(100);
  core.step(vips("192.0.2.92"), 101);
  const removes = [addr("192.0.2.92")];
  core.step({ kind: "vips", upserts: [], removes }, 102);
  deepStrictEqual(kinds(core.deadline(110)), ["filter"]);
});

/** A core that serves one link, alone and synced. */
function openCore(): WireCore {
  const core = new WireCore({ node: "n1" });
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

/** Filters and frames in their order; of several alike in a row the first. */
function kinds(effects: readonly WireEffect[]): readonly string[] {
  return effects.map(({ kind }) => kind)
    .filter((kind) => kind === "filter" || kind === "send")
    .filter((kind, i, all) => kind !== all[i - 1]);
}
