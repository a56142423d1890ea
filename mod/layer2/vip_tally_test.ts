import fc from "fast-check";
import { deepStrictEqual, ok } from "node:assert/strict";
import type { IpAddr } from "@/addr/ip_addr.ts";
import { ipv4Addr } from "@/addr/ipv4_addr.ts";
import { ipv6Addr } from "@/addr/ipv6_addr.ts";
import {
  FRAMES_PER_BATCH,
  heapFrameBatch,
  setFrame,
} from "@/wire/frame_batch.ts";
import { FRAMES, ip4, ip6, OWN_MAC, OWN_VIPS } from "./_frames_test.ts";
import { FastResponder } from "./fast_responder.ts";
import { respond } from "./responder.ts";
import { VipTable } from "./vip_table.ts";
import { VipTally } from "./vip_tally.ts";

Deno.test("VipTally counts each answer of a FastResponder for the VIP that it is about", () => {
  const vips = new VipTable();
  for (const vip of OWN_VIPS) vips.add(vip);
  const rx = heapFrameBatch(FRAMES_PER_BATCH);
  const tx = heapFrameBatch(FRAMES_PER_BATCH);
  const tally = new VipTally();
  const responder = new FastResponder({ rx, tx, vips, mac: OWN_MAC, tally });
  const expected = new Map<IpAddr, number>();
  const link = { mac: OWN_MAC, vips: new Set(OWN_VIPS) };
  const batches = fc.array(FRAMES, {
    minLength: FRAMES_PER_BATCH,
    maxLength: FRAMES_PER_BATCH,
  });
  fc.assert(
    fc.property(batches, (frames) => {
      for (const [i, frame] of frames.entries()) {
        setFrame(rx, i, frame);
        const does = respond(frame, link);
        if (does.kind !== "answer") continue;
        const vip = vipOf(does.frame);
        expected.set(vip, (expected.get(vip) ?? 0) + 1);
      }
      responder.answer(frames.length);
      deepStrictEqual(sorted(tally.counts()), sorted(expected));
    }),
    { numRuns: 300 },
  );
  for (const vip of OWN_VIPS) ok((expected.get(vip) ?? 0) >= 10, vip);
});

Deno.test("VipTally forgets a VIP of either family", () => {
  const tally = new VipTally();
  tally.count4(words("c0000201")[0] as number);
  tally.count6(words("20010db8000000000000000000000001"));
  tally.count6(words("20010db8000000000000000000000001"));
  deepStrictEqual(sorted(tally.counts()), [
    [ip4("192.0.2.1"), 1],
    [ip6("2001:db8::1"), 2],
  ]);
  tally.forget(ip6("2001:db8::1"));
  tally.forget(ip4("192.0.2.9"));
  deepStrictEqual(sorted(tally.counts()), [[ip4("192.0.2.1"), 1]]);
  tally.forget(ip4("192.0.2.1"));
  deepStrictEqual(sorted(tally.counts()), []);
});

/** The address that an answer is about: the sender of an ARP reply, the target of an advertisement. */
function vipOf(frame: Uint8Array): IpAddr {
  return frame[12] === 0x08
    ? ipv4Addr(frame.subarray(28, 32))
    : ipv6Addr(frame.subarray(62, 78));
}

function words(hex: string): Uint32Array {
  return new Uint32Array(Uint8Array.fromHex(hex).buffer);
}

function sorted(
  counts: ReadonlyMap<IpAddr, number>,
): readonly (readonly [IpAddr, number])[] {
  return [...counts].sort(([a], [b]) => a < b ? -1 : 1);
}
