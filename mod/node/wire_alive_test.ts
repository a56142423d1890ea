/**
 * What a node asks on the wire when nothing is wrong: who has the addresses that
 * are handed out next, and whether those that others own answer.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import { orderCandidates } from "@/layer2/rank.ts";
import {
  answerFrom,
  BEGUN_MS,
  ETH0,
  ip,
  mac,
  N1,
  N2,
  view,
  WireStage,
} from "./_wire_stage_test.ts";
import type { WireLink } from "./wire_messages.ts";

const STRANGER = mac("02:00:00:00:00:63");
const LINK_LOCAL: WireLink = { ...ETH0, linkLocal: ip("fe80::1") as Ipv6Addr };

for (const next of ["192.0.2.95", "2001:db8::95"]) {
  Deno.test(`${next} is vetted, and claimed without probes when it is handed out`, () => {
    const stage = vetting(next);
    stage.passUntil(stage.nowMs + 500);
    strictEqual(asked(stage, next).length, 2);
    stage.lines.length = 0;
    stage.command({ kind: "vips", upserts: [view(next, ["n1"])], removes: [] });
    stage.passUntil(stage.nowMs + 20);
    ok(stage.text.includes(`answers for ${next}: claimed`), stage.text);
    deepStrictEqual(asked(stage, next), []);
  });

  Deno.test(`a foreign host that has ${next} is told, and that it is gone`, () => {
    const stage = vetting(next);
    stage.hear(stage.tag, answerFrom(next, STRANGER));
    ok(stage.text.includes(`foreign: ${STRANGER} has ${next}`), stage.text);
    stage.passUntil(stage.nowMs + 25_000);
    ok(stage.text.includes(`free: ${STRANGER} has ${next}`), stage.text);
  });
}

Deno.test("an address that is vetted on a link is vetted again when the link is opened anew", () => {
  const stage = vetting("192.0.2.95");
  stage.passUntil(stage.nowMs + 500);
  stage.command({ kind: "links", links: [{ ...LINK_LOCAL, index: 9 }] });
  stage.passUntil(stage.nowMs + 500);
  strictEqual(asked(stage, "192.0.2.95").length, 4);
});

Deno.test("an IPv6 address is not vetted without an address to ask from, until there is one", () => {
  const next = "2001:db8::95";
  const stage = vetting(next, ETH0);
  stage.passUntil(stage.nowMs + 5_000);
  deepStrictEqual(asked(stage, next), []);
  stage.command({ kind: "links", links: [LINK_LOCAL] });
  stage.passUntil(stage.nowMs + 500);
  strictEqual(asked(stage, next).length, 2);
});

Deno.test("an address is not vetted on links it is not for", () => {
  const stage = new WireStage();
  stage.begin([]);
  const target = { ip: ip("192.0.2.95"), links: ["eth1"] };
  stage.command({ kind: "vet", targets: [target] });
  stage.passUntil(stage.nowMs + 5_000);
  deepStrictEqual(asked(stage, "192.0.2.95"), []);
});

Deno.test("an address that an agent owns already is not taken for a stranger's", () => {
  const stage = vetting("192.0.2.95");
  stage.live("n2", stage.nowMs + 300, ["192.0.2.95"]);
  stage.hear(stage.tag, answerFrom("192.0.2.95", N2.macs[0] ?? ETH0.mac));
  ok(!stage.text.includes("foreign:"), stage.text);
});

Deno.test("a VIP of a fellow that answers is asked for soon and then once a minute, and nothing is told", () => {
  const stage = checking();
  const from = stage.lines.length;
  answering(stage, N2.macs[0] ?? ETH0.mac, 75_000);
  strictEqual(asked(stage, VIP, from).length, 2);
  ok(!stage.text.includes(`of n2`), stage.text);
});

Deno.test("a VIP of a fellow that nobody answers for is told, and when it answers again", () => {
  const stage = checking();
  stage.live("n2", 20_000, [VIP]);
  ok(stage.text.includes(`nobody: ${VIP} of n2`));
  answering(stage, N2.macs[0] ?? ETH0.mac, 30_000);
  ok(stage.text.includes(`right: ${VIP} of n2`));
});

Deno.test("a stranger that answers for the VIP of a fellow is told", () => {
  const stage = checking();
  answering(stage, STRANGER, 20_000);
  ok(stage.text.includes(`stranger: ${VIP} of n2`));
  const counts = stage.core.counters()[0]?.checks;
  strictEqual(counts?.stranger, 8);
});

Deno.test("a VIP of this node is asked for by others, not by itself", () => {
  const stage = new WireStage();
  stage.begin([VIP]);
  const from = stage.lines.length;
  stage.passUntil(stage.nowMs + 130_000);
  deepStrictEqual(asked(stage, VIP, from), []);
});

/** A VIP that n2 is first for. */
const VIP = Array.from({ length: 99 }, (_, i) => `192.0.2.${i + 100}`)
  .find((vip) => orderCandidates(["n1", "n2"], ip(vip))[0] === "n2") ?? "";

/** A node that vets an address. */
function vetting(next: string, link = LINK_LOCAL): WireStage {
  const stage = new WireStage();
  stage.begin([]);
  stage.command({ kind: "links", links: [link] });
  stage.command({
    kind: "vet",
    targets: [{ ip: ip(next), links: ["eth0"] }],
  });
  return stage;
}

/** A node beside n2, which owns a VIP. */
function checking(): WireStage {
  const stage = new WireStage();
  stage.begin([VIP], { eligible: ["n1", "n2"], nodes: [N1, N2] });
  stage.live("n2", BEGUN_MS + 1_000, [VIP]);
  return stage;
}

/** n2 lives on, and a host answers what is asked. */
function answering(stage: WireStage, from: typeof STRANGER, untilMs: number) {
  while (stage.nowMs < untilMs) {
    const at = stage.lines.length;
    stage.live("n2", Math.min(untilMs, stage.nowMs + 100), [VIP]);
    if (asked(stage, VIP, at).length === 0) continue;
    stage.hear(stage.tag, answerFrom(VIP, from));
  }
}

/** The questions for an address from a line on. */
function asked(stage: WireStage, addr: string, from = 0): readonly string[] {
  return stage.lines.slice(from).filter((line) =>
    line.includes(`send ARP who-has ${addr} tell 0.0.0.0`) ||
    line.includes(`send NS who-has ${addr}`)
  );
}
