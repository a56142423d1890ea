import { strictEqual as equal } from "node:assert/strict";
import { ip4, ip6, mac } from "./_frames_test.ts";
import {
  arpProbe,
  arpQuestion,
  dadSolicitation,
  neighborQuestion,
} from "./question_frames.ts";

const MAC = mac("02:00:00:00:00:0a");
const TO = mac("02:00:00:00:00:0b");

Deno.test("arpProbe() is a request to all without a sender's address", () => {
  equal(
    arpProbe(ip4("192.0.2.1"), MAC).toHex(),
    hex(`ffffffffffff 02000000000a 0806 0001 0800 06 04 0001
      02000000000a 00000000 000000000000 c0000201`),
  );
});

Deno.test("arpQuestion() is the same to one host", () => {
  equal(
    arpQuestion(ip4("192.0.2.1"), { mac: MAC, to: TO }).toHex(),
    hex(`02000000000b 02000000000a 0806 0001 0800 06 04 0001
      02000000000a 00000000 000000000000 c0000201`),
  );
});

Deno.test("dadSolicitation() comes from nowhere, to the address's own group", () => {
  equal(
    dadSolicitation(ip6("2001:db8::91"), MAC).toHex(),
    hex(`3333ff000091 02000000000a 86dd 60000000 0018 3a ff
      00000000000000000000000000000000 ff0200000000000000000001ff000091
      87 00 4bcd 00000000 20010db8000000000000000000000091`),
  );
});

Deno.test("neighborQuestion() comes from the link-local address, to one host", () => {
  const frame = neighborQuestion(ip6("2001:db8::91"), {
    mac: MAC,
    linkLocal: ip6("fe80::a"),
    to: TO,
  }).toHex();
  equal(
    frame.slice(0, 108),
    hex(`02000000000b 02000000000a 86dd 60000000 0020 3a ff
      fe80000000000000000000000000000a 20010db8000000000000000000000091`),
  );
  equal(frame.slice(-16), hex("0101 02000000000a"));
});

function hex(text: string): string {
  return text.replaceAll(/\s/g, "");
}
