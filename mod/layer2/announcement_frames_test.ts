import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
} from "node:assert/strict";
import { ip4, ip6, mac } from "./_frames_test.ts";
import {
  announcementFrames,
  gratuitousArpReply,
  gratuitousArpRequest,
  unsolicitedNaFrame,
} from "./announcement_frames.ts";

const MAC = mac("02:00:00:00:00:0a");

Deno.test("gratuitousArpRequest() names the VIP as sender and target (RFC 5227 §3)", () => {
  equal(
    gratuitousArpRequest(ip4("192.0.2.1"), MAC).toHex(),
    "ffffffffffff" + "02000000000a" + "0806" + "0001080006040001" +
      "02000000000a" + "c0000201" + "000000000000" + "c0000201",
  );
});

Deno.test("gratuitousArpReply() names its sender as target too, or fresh entries stay", () => {
  equal(
    gratuitousArpReply(ip4("192.0.2.1"), MAC).toHex(),
    "ffffffffffff" + "02000000000a" + "0806" + "0001080006040002" +
      "02000000000a" + "c0000201" + "02000000000a" + "c0000201",
  );
});

Deno.test("unsolicitedNaFrame() goes to all nodes with Override only (RFC 4861 §7.2.6)", () => {
  equal(
    unsolicitedNaFrame(ip6("2001:db8::1"), MAC).toHex(),
    "333300000001" + "02000000000a" + "86dd" +
      "6000000000203aff" + "20010db8000000000000000000000001" +
      "ff020000000000000000000000000001" +
      "8800f921" + "20000000" + "20010db8000000000000000000000001" +
      "0201" + "02000000000a",
  );
});

Deno.test("announcementFrames() sends the request before the reply, and one advertisement", () => {
  const four = ip4("192.0.2.1");
  deepEqual(announcementFrames(four, MAC), [
    gratuitousArpRequest(four, MAC),
    gratuitousArpReply(four, MAC),
  ]);
  const six = ip6("2001:db8::1");
  deepEqual(announcementFrames(six, MAC), [unsolicitedNaFrame(six, MAC)]);
});
