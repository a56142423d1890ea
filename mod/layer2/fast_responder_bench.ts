import {
  FRAMES_PER_BATCH,
  heapFrameBatch,
  setFrame,
} from "@/wire/frame_batch.ts";
import { arpRequestFrame, OWN_MAC, solicitationFrame } from "./_frames_test.ts";
import { ip4, ip6 } from "./_frames_test.ts";
import { FastResponder } from "./fast_responder.ts";
import { respond } from "./responder.ts";
import { VipTable } from "./vip_table.ts";

// Each run is a batch of 64 frames: 500,000 frames a second are 128 µs a run.
const vips = new VipTable();
for (let i = 0; i < 1_000; i++) {
  vips.add(ip4(`198.51.${i >>> 8}.${i & 0xff}`));
  vips.add(ip6(`2001:db8::${i.toString(16)}`));
}
const REQUEST = arpRequestFrame("198.51.1.7");
const FOREIGN = arpRequestFrame("203.0.113.7");
const SOLICITATION = solicitationFrame("2001:db8::107");

Deno.bench("FastResponder.answer() answers 64 ARP requests", {
  group: "responder",
  baseline: true,
}, benchOf(REQUEST));

Deno.bench("FastResponder.answer() answers 64 solicitations", {
  group: "responder",
}, benchOf(SOLICITATION));

Deno.bench("FastResponder.answer() drops 64 foreign ARP requests", {
  group: "responder",
}, benchOf(FOREIGN));

Deno.bench("respond() answers 64 ARP requests", { group: "responder" }, () => {
  for (let i = 0; i < FRAMES_PER_BATCH; i++) {
    respond(REQUEST, { mac: OWN_MAC, vips });
  }
});

function benchOf(frame: Uint8Array): () => void {
  const rx = heapFrameBatch(FRAMES_PER_BATCH);
  const tx = heapFrameBatch(FRAMES_PER_BATCH);
  for (let i = 0; i < FRAMES_PER_BATCH; i++) setFrame(rx, i, frame);
  const responder = new FastResponder({ rx, tx, vips, mac: OWN_MAC });
  return () => {
    responder.answer(FRAMES_PER_BATCH);
  };
}
