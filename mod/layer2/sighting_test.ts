import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
} from "node:assert/strict";
import { heapFrameBatch, setFrame } from "@/wire/frame_batch.ts";
import {
  arpReplyFrame,
  arpRequestFrame,
  ip4,
  ip6,
  mac,
  OWN_MAC,
  OWN_VIPS,
  solicitationFrame,
} from "./_frames_test.ts";
import {
  gratuitousArpRequest,
  unsolicitedNaFrame,
} from "./announcement_frames.ts";
import { FastResponder, SIGHTINGS_PER_BATCH_MAX } from "./fast_responder.ts";
import { arpProbe, dadSolicitation } from "./question_frames.ts";
import { sightingOf } from "./sighting.ts";
import { VipTable } from "./vip_table.ts";

const FOREIGN_MAC = mac("02:00:00:00:00:0c");
const V4 = ip4("192.0.2.77");
const V6 = ip6("fd00::77");

Deno.test.each([
  {
    name: "an ARP reply claims its sender's address",
    frame: arpReplyFrame("192.0.2.77", OWN_MAC),
    says: { kind: "claim", ip: V4, mac: "02:00:00:00:00:0d" },
  },
  {
    name: "a gratuitous request claims it too",
    frame: gratuitousArpRequest(V4, FOREIGN_MAC),
    says: { kind: "claim", ip: V4, mac: FOREIGN_MAC },
  },
  {
    name: "a request shows who asks",
    frame: arpRequestFrame("192.0.2.1", { senderIp: V4 }),
    says: { kind: "asker", ip: V4, mac: "02:00:00:00:00:0b" },
  },
  {
    name: "an advertisement claims its target",
    frame: unsolicitedNaFrame(V6, FOREIGN_MAC),
    says: { kind: "claim", ip: V6, mac: FOREIGN_MAC },
  },
  {
    name: "a probe names no address",
    frame: arpProbe(V4, FOREIGN_MAC),
    says: undefined,
  },
  {
    name: "duplicate address detection names none either",
    frame: dadSolicitation(V6, FOREIGN_MAC),
    says: undefined,
  },
  {
    name: "half a frame says nothing",
    frame: arpReplyFrame("192.0.2.77", OWN_MAC).subarray(0, 30),
    says: undefined,
  },
])("sightingOf(): $name", ({ frame, says }) => {
  deepEqual(sightingOf(frame), says);
});

Deno.test("FastResponder shows who claims what it does not own, and who asks", () => {
  const { responder, rx } = responderOf();
  const frames = [
    arpReplyFrame("192.0.2.77", OWN_MAC),
    arpRequestFrame("192.0.2.1"),
    arpRequestFrame("192.0.2.1"),
    solicitationFrame("2001:db8::3"),
  ];
  for (const [i, frame] of frames.entries()) setFrame(rx, i, frame);
  equal(responder.answer(frames.length), 2);
  deepEqual(
    responder.sightings().map(({ kind, ip }) => `${kind} ${ip}`),
    ["claim 192.0.2.77", "asker 192.0.2.11", "asker fe80::b"],
  );
  equal(responder.answer(0), 0);
  deepEqual(responder.sightings(), []);
});

Deno.test("FastResponder shows an asker once in a batch, and whatever it claims", () => {
  const { responder, rx } = responderOf();
  const frames = [
    arpRequestFrame("192.0.2.200"),
    arpRequestFrame("192.0.2.201"),
    // Its own address: an announcement.
    arpRequestFrame("192.0.2.11"),
    arpRequestFrame("192.0.2.202"),
    arpReplyFrame("192.0.2.77", OWN_MAC),
    arpReplyFrame("192.0.2.78", OWN_MAC),
    arpRequestFrame("192.0.2.203"),
    solicitationFrame("2001:db8::203"),
    arpRequestFrame("192.0.2.204", { senderIp: V4 }),
    solicitationFrame("2001:db8::204"),
  ];
  for (const [i, frame] of frames.entries()) setFrame(rx, i, frame);
  equal(responder.answer(frames.length), 0);
  deepEqual(
    responder.sightings().map(({ kind, ip }) => `${kind} ${ip}`),
    [
      "asker 192.0.2.11",
      "claim 192.0.2.11",
      "claim 192.0.2.77",
      "claim 192.0.2.78",
      "asker fe80::b",
      "asker 192.0.2.77",
    ],
  );
});

Deno.test("FastResponder shows a bounded number of them", () => {
  const { responder, rx } = responderOf();
  for (let i = 0; i < rx.slots; i++) {
    setFrame(rx, i, arpReplyFrame("192.0.2.77", OWN_MAC));
  }
  responder.answer(rx.slots);
  equal(responder.sightings().length, SIGHTINGS_PER_BATCH_MAX);
});

function responderOf() {
  const rx = heapFrameBatch(32);
  const vips = new VipTable();
  for (const vip of OWN_VIPS) vips.add(vip);
  const tx = heapFrameBatch(32);
  return { rx, responder: new FastResponder({ rx, tx, vips, mac: OWN_MAC }) };
}
