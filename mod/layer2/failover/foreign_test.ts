/**
 * Where frames of agents do not come through: what their answers to ARP tell.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { rankOf } from "../rank.ts";
import { ABCD, ALL, BACD, CBAD, Lone } from "./_lone_test.ts";
import { ip } from "./_world_test.ts";

Deno.test("owner: asks who else answers while an agent that lives was never heard", () => {
  const lone = Lone.settled({ vips: [[ABCD, ["a", "b"]]] });
  lone.run(5_000);
  deepStrictEqual(lone.said().filter((line) => line.startsWith("ask")), []);
  lone.view({ nodes: ["a", "b", "c", "unheard"] }).read();
  lone.run(8_050);
  deepStrictEqual(
    lone.said().filter((line) => line.startsWith("ask")).length,
    3,
  );
});

Deno.test("a VIP that an agent answers for whose frames do not come through is no conflict", () => {
  const lone = Lone.settled({ vips: [[ABCD, ["unheard"]]] });
  lone.view({ nodes: ["a", "b", "c", "unheard"] });
  lone.claim(ABCD, "unheard", "unheard");
  lone.view({ vips: [[ABCD, ["a", "unheard"]]] }).run(4_500);
  deepStrictEqual(lone.said().filter((line) => line.startsWith("held")), []);
});

Deno.test("an agent that announces a VIP before its list has come is no conflict", () => {
  const lone = Lone.settled({ vips: [] });
  lone.view({ vips: [[BACD, ALL]] });
  lone.claim(BACD, "b", "b").run(lone.nowMs + 800);
  lone.list("b", [BACD]).run(lone.nowMs + 20_000);
  deepStrictEqual(lone.said().filter((line) => line.includes("held")), []);
});

Deno.test("an agent whose host answers for a VIP that it never lists is a conflict", () => {
  const lone = Lone.settled({ vips: [] });
  lone.view({ vips: [[BACD, ALL]] });
  for (let i = 0; i < 80; i++) {
    lone.claim(BACD, "b", "b").run(lone.nowMs + 100);
  }
  deepStrictEqual(
    lone.said().flatMap((line) => /^(?:not )?held/.exec(line) ?? []),
    ["held"],
  );
});

Deno.test("a host that was told to hold a VIP is none any more once it is known as an agent that lives", () => {
  const lone = Lone.settled({ vips: [[ABCD, ["unheard"]]] });
  const tell = (live: boolean) =>
    lone.tell({
      kind: "view",
      nowMs: lone.nowMs,
      nodes: [...ALL, "unheard"].map((node) => ({
        node,
        live: live || node !== "unheard",
        leaving: false,
      })),
    });
  const held = () =>
    lone.said().flatMap((line) => /^(?:not )?held/.exec(line) ?? []);
  tell(false).view({ vips: [[ABCD, ["a", "unheard"]]] });
  lone.claim(ABCD, "unheard", "unheard").run(lone.nowMs + 600);
  deepStrictEqual(held(), ["held"]);
  tell(true);
  deepStrictEqual(held(), ["not held"]);
  tell(false);
  deepStrictEqual(held(), ["held"]);
  ok(!lone.state.answering.has(ABCD));
});

Deno.test("filtered: the weaker rank stops when a better node is heard to announce", () => {
  const lone = beside(BACD);
  lone.view({ nodes: ALL });
  lone.silence("b").run(5_000);
  ok(lone.state.answering.has(BACD));
  lone.claim(BACD, "b", "b");
  ok(!lone.state.answering.has(BACD));
  strictEqual(lone.state.vips.get(BACD)?.phase.kind, "held");
});

Deno.test("filtered: the better rank announces, once a second, when a weaker node is heard to answer", () => {
  const lone = beside(ABCD);
  lone.view({ nodes: [...ALL, "unheard"], vips: [[ABCD, ["a", "unheard"]]] });
  const announced = () =>
    lone.said().filter((line) => line.startsWith("announce"));
  lone.run(9_000);
  announced();
  lone.claim(ABCD, "u", "unheard");
  ok(lone.state.answering.has(ABCD));
  deepStrictEqual(announced(), [`announce ${ABCD} once`]);
  lone.run(9_999).claim(ABCD, "u", "unheard");
  deepStrictEqual(announced(), []);
  lone.run(10_000).claim(ABCD, "u", "unheard");
  deepStrictEqual(announced(), [`announce ${ABCD} once`]);
});

Deno.test("filtered: the better rank goes on though it is UNSURE, which the other cannot know", () => {
  const lone = beside(ABCD);
  lone.view({ nodes: [...ALL, "unheard"], vips: [[ABCD, ["a", "unheard"]]] });
  lone.run(9_000).silence("b").silence("c").run(10_000);
  strictEqual(lone.state.phase.kind, "unsure");
  lone.claim(ABCD, "u", "unheard");
  ok(lone.state.answering.has(ABCD));
});

Deno.test("filtered: a better node that leaves by its Lease is none to yield to", () => {
  const lone = beside(BACD);
  const tell = (isLeaving: boolean) =>
    lone.tell({
      kind: "view",
      nowMs: lone.nowMs,
      nodes: ALL.map((node) => ({
        node,
        live: true,
        leaving: isLeaving && node === "b",
      })),
    });
  tell(true);
  lone.silence("b").run(5_000);
  ok(lone.state.answering.has(BACD));
  lone.read();
  lone.claim(BACD, "b", "b");
  deepStrictEqual(lone.said(), [`announce ${BACD} once`]);
  tell(false).claim(BACD, "b", "b");
  ok(!lone.state.answering.has(BACD));
});

Deno.test("filtered: one answered for twice is found, and the next asked for soon", () => {
  const lone = beside(ABCD);
  const vips = [ABCD, BACD, CBAD].map((vip) =>
    [vip, ["a", "unheard"]] as const
  );
  lone.view({ nodes: [...ALL, "unheard"], vips }).run(9_000);
  strictEqual(lone.state.answering.size, 3);
  lone.read();
  const [first, askedMs] = nextRivalAsk(lone);
  lone.claim(first, "u", "unheard");
  const [second, againMs] = nextRivalAsk(lone);
  ok(second !== first);
  const laterMs = againMs - askedMs;
  ok(laterMs >= 600 && laterMs <= 710, `${laterMs} ms later`);
  const [, quietMs] = nextRivalAsk(lone);
  ok(quietMs >= againMs + 900, "nobody answered for the second one");
});

Deno.test("filtered: a turn for which no ask was left comes with the next that is", () => {
  const lone = beside(ABCD);
  lone.view({ nodes: [...ALL, "unheard"], vips: [[ABCD, ["a", "unheard"]]] });
  lone.run(9_000).read();
  const [, askedMs] = nextRivalAsk(lone);
  lone.run(askedMs + 990);
  lone.state.asks = 0;
  lone.state.asksAtMs = lone.nowMs;
  const [, againMs] = nextRivalAsk(lone);
  ok(againMs > askedMs + 1_100 && againMs < askedMs + 1_400, `${againMs}`);
});

Deno.test("filtered: ARP of one whose rival never yields stays below ten frames a second", () => {
  const gateway = ip("192.0.2.254");
  const vips = Array.from({ length: 40 }, (_, i) => ip(`192.0.2.${100 + i}`))
    .filter((vip) => rankOf("a", vip) < rankOf("z", vip));
  const lone = Lone.settled({ fellows: [] });
  lone.tell({ kind: "gateways", nowMs: lone.nowMs, gateways: [gateway] });
  lone.view({ nodes: ["a", "z"], vips: vips.map((vip) => [vip, ["a", "z"]]) });
  let frames = 0;
  const run = (untilMs: number, isAnswered: boolean): void => {
    frames = 0;
    while (lone.nowMs < untilMs) {
      lone.run(lone.nowMs + 10);
      for (const line of lone.said()) {
        // An announcement is a request and a reply.
        if (line.startsWith("announce")) frames += 2;
        const [, asked] = /^ask (\S+)/.exec(line) ?? [];
        if (asked === undefined) continue;
        frames++;
        if (asked === gateway) lone.heard(gateway);
        else if (isAnswered) lone.claim(ip(asked), "z", "z");
      }
    }
  };
  run(10_000, false);
  run(30_000, true);
  strictEqual(lone.state.answering.size, vips.length);
  ok(frames > 100 && frames < 200, `${frames} in 20 s`);
});

Deno.test("filtered: who yields VIPs asks for each of the others in its turn", () => {
  const lone = beside(ABCD);
  const vips = Array.from({ length: 12 }, (_, i) => ip(`192.0.2.${100 + i}`));
  lone.view({
    nodes: [...ALL, "unheard"],
    vips: vips.map((vip) => [vip, ["a", "unheard"]]),
  }).run(9_000);
  strictEqual(lone.state.answering.size, 13);
  lone.read();
  const found = new Set<string>();
  while (found.size < 13 && lone.nowMs < 20_000) {
    lone.run(lone.nowMs + 50);
    for (const line of lone.said()) {
      if (!line.startsWith("ask")) continue;
      const vip = ip(line.split(" ")[1] ?? "");
      if (!line.endsWith("> all")) lone.claim(vip, "u", "unheard");
      else {
        ok(!found.has(vip), `${vip} has had its turn`);
        found.add(vip);
        lone.claim(vip, "u", "unheard");
      }
    }
  }
  strictEqual(found.size, 13, `found in time: ${[...found]}`);
});

/** Node `a` beside `b` and `c`, with a VIP that it may own. */
function beside(vip: typeof ABCD): Lone {
  return Lone.settled({ vips: [[vip, ["a", "b", "c"]]] }).run(2_070);
}

/** Lets time pass until somebody else is asked for a VIP that is answered for: which, and when. */
function nextRivalAsk(lone: Lone): readonly [typeof ABCD, number] {
  for (const untilMs = lone.nowMs + 5_000; lone.nowMs < untilMs;) {
    lone.run(lone.nowMs + 10);
    for (const line of lone.said()) {
      const [, vip] = /^ask (\S+) > all$/.exec(line) ?? [];
      if (vip !== undefined) return [ip(vip), lone.nowMs];
    }
  }
  throw new Error("Nobody is asked within 5 s");
}
