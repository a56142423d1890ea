import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
} from "node:assert/strict";
import {
  type FrameBatch,
  frameOf,
  FRAMES_PER_BATCH,
  heapFrameBatch,
  setFrame,
} from "@/wire/frame_batch.ts";
import {
  arpRequestFrame,
  FRAMES,
  ip4,
  mac,
  OWN_MAC,
  OWN_VIPS,
  solicitationFrame,
} from "./_frames_test.ts";
import { gratuitousArpRequest } from "./announcement_frames.ts";
import { DROP_REASONS } from "./drop_reason.ts";
import { CONFLICTS_PER_BATCH_MAX, FastResponder } from "./fast_responder.ts";
import { respond, type Response } from "./responder.ts";
import {
  dropsOf,
  RESPONDER_COUNTER,
  RESPONDER_COUNTERS,
} from "./responder_counters.ts";
import { VipTable } from "./vip_table.ts";

Deno.test("FastResponder.answer() does with every frame what respond() does", () => {
  const link = { mac: OWN_MAC, vips: new Set(OWN_VIPS) };
  const { responder, rx, tx } = responderOf();
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(FRAMES, (frame) => {
      const expected = respond(frame, link);
      const name = expected.kind === "drop" ? expected.reason : expected.kind;
      seen.set(name, (seen.get(name) ?? 0) + 1);
      deepEqual(answerOne(responder, { rx, tx }, frame), expected);
    }),
    { numRuns: 20_000 },
  );
  // The test says nothing of an outcome that was hardly ever reached.
  for (const name of ["answer", "conflict", ...DROP_REASONS]) {
    ok(
      (seen.get(name) ?? 0) >= 20,
      `${name} was reached ${seen.get(name)} times`,
    );
  }
});

Deno.test("FastResponder.answer() answers a batch in order, whatever lay in it before", () => {
  const link = { mac: OWN_MAC, vips: new Set(OWN_VIPS) };
  const { responder, rx, tx } = responderOf();
  const batches = fc.array(FRAMES, { maxLength: FRAMES_PER_BATCH });
  fc.assert(
    fc.property(batches, (frames) => {
      const before = responder.counters.slice();
      for (const [i, frame] of frames.entries()) setFrame(rx, i, frame);
      const count = responder.answer(frames.length);
      const expected = frames.map((frame) => respond(frame, link));
      const answers = expected.filter((response) => response.kind === "answer");
      const answered = Array.from({ length: count }, (_, i) => frameOf(tx, i));
      deepEqual(answered, answers.map(({ frame }) => frame));
      const claims = expected.filter(({ kind }) => kind === "conflict");
      deepEqual(
        responder.conflicts.map((claim) => ({ kind: "conflict", ...claim })),
        claims.slice(0, CONFLICTS_PER_BATCH_MAX),
      );
      const counted = responder.counters.map((n, i) => n - (before[i] ?? 0));
      equal(counted[RESPONDER_COUNTER.conflicts], claims.length);
      for (const [reason, drops] of Object.entries(dropsOf(counted))) {
        const same = expected.filter((response) =>
          response.kind === "drop" && response.reason === reason
        );
        equal(drops, same.length, reason);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("FastResponder reads and writes batches whose lengths have a stride", () => {
  const rx = stridedBatch(4);
  const tx = stridedBatch(4);
  const responder = new FastResponder({
    rx,
    tx,
    vips: tableOf(),
    mac: OWN_MAC,
  });
  const request = arpRequestFrame("192.0.2.1");
  setFrame(rx, 0, arpRequestFrame("192.0.2.99"));
  setFrame(rx, 1, request);
  equal(responder.answer(2), 1);
  const expected = respond(request, { mac: OWN_MAC, vips: new Set(OWN_VIPS) });
  deepEqual({ kind: "answer", frame: frameOf(tx, 0) }, expected);
});

Deno.test("FastResponder lists a bounded number of conflicts and counts the rest", () => {
  const { responder, rx } = responderOf();
  const claim = gratuitousArpRequest(
    ip4("192.0.2.1"),
    mac("02:00:00:00:00:0c"),
  );
  for (let i = 0; i < 20; i++) setFrame(rx, i, claim);
  equal(responder.answer(20), 0);
  equal(responder.conflicts.length, CONFLICTS_PER_BATCH_MAX);
  equal(responder.counters[RESPONDER_COUNTER.conflicts], 20);
  equal(
    responder.counters[RESPONDER_COUNTER.conflictsUnlisted],
    20 - CONFLICTS_PER_BATCH_MAX,
  );
  responder.answer(0);
  deepEqual(responder.conflicts, []);
});

Deno.test("FastResponder follows the table and the MAC address while it runs", () => {
  const vips = tableOf();
  const rx = heapFrameBatch(1);
  const tx = heapFrameBatch(1);
  const responder = new FastResponder({ rx, tx, vips, mac: OWN_MAC });
  setFrame(rx, 0, arpRequestFrame("192.0.2.50"));
  equal(responder.answer(1), 0);
  vips.add(ip4("192.0.2.50"));
  responder.setMac(mac("02:00:00:00:00:0e"));
  equal(responder.answer(1), 1);
  equal(frameOf(tx, 0).subarray(6, 12).toHex(), "02000000000e");
  vips.remove(ip4("192.0.2.50"));
  equal(responder.answer(1), 0);
});

Deno.test("FastResponder counts requests and answers by protocol", () => {
  const { responder, rx } = responderOf();
  setFrame(rx, 0, arpRequestFrame("192.0.2.1"));
  setFrame(rx, 1, arpRequestFrame("192.0.2.2"));
  setFrame(rx, 2, solicitationFrame("2001:db8::1"));
  equal(responder.answer(3), 3);
  const { counters } = responder;
  equal(counters.length, RESPONDER_COUNTERS);
  equal(counters[RESPONDER_COUNTER.arpRequests], 2);
  equal(counters[RESPONDER_COUNTER.arpAnswers], 2);
  equal(counters[RESPONDER_COUNTER.ndpRequests], 1);
  equal(counters[RESPONDER_COUNTER.ndpAnswers], 1);
});

/** What a responder does with one frame, in the words of the readable one. */
function answerOne(
  responder: FastResponder,
  { rx, tx }: { readonly rx: FrameBatch; readonly tx: FrameBatch },
  frame: Uint8Array,
): Response {
  const before = responder.counters.slice();
  setFrame(rx, 0, frame);
  const answers = responder.answer(1);
  const drops = DROP_REASONS.filter((_, i) => {
    const at = RESPONDER_COUNTER.drops + i;
    return responder.counters[at] !== before[at];
  });
  equal(answers + drops.length + responder.conflicts.length, 1);
  if (answers === 1) return { kind: "answer", frame: frameOf(tx, 0).slice() };
  const [claim] = responder.conflicts;
  if (claim !== undefined) return { kind: "conflict", ...claim };
  const [reason] = drops;
  ok(reason !== undefined);
  return { kind: "drop", reason };
}

function responderOf() {
  const rx = heapFrameBatch(FRAMES_PER_BATCH);
  const tx = heapFrameBatch(FRAMES_PER_BATCH);
  // What an earlier batch left behind must not show.
  rx.bytes.fill(0xa5);
  tx.bytes.fill(0x5a);
  const responder = new FastResponder({
    rx,
    tx,
    vips: tableOf(),
    mac: OWN_MAC,
  });
  return { responder, rx, tx };
}

function tableOf(): VipTable {
  const vips = new VipTable();
  for (const vip of OWN_VIPS) vips.add(vip);
  return vips;
}

/** As the kernel's records lay it out: the length among other words. */
function stridedBatch(slots: number): FrameBatch {
  const { bytes } = heapFrameBatch(slots);
  const lengths = new Uint32Array(16 * slots).fill(0xffff_ffff);
  return { slots, bytes, lengths, lengthStride: 16, lengthOffset: 14 };
}
