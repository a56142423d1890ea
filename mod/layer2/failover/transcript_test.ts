/**
 * The sequences of a fail-over and of a planned move, to the millisecond, as
 * one agent sees them.
 *
 * @module
 */

import { deepStrictEqual } from "node:assert/strict";
import { ABCD, ALL, BACD, Lone, spoken } from "./_lone_test.ts";

/** `b` owned the VIP, and nothing comes from it any more. */
function ownerDies(node: string, atMs = 2_110): Lone {
  const fellows = ALL.filter((name) => name !== node);
  const vips = [[BACD, ALL]] as const;
  const lone = Lone.settled({ node, fellows, vips, lists: { b: [BACD] } });
  lone.run(atMs).silence("b");
  lone.read();
  return lone;
}

Deno.test("owner dies: the first candidate claims 460 ms after the last beacon", () => {
  const lone = ownerDies("a");
  const diedMs = lone.fellow("b").heardMs;
  lone.run(diedMs + 1_500);
  deepStrictEqual(spoken(lone, diedMs), [
    "160 PROBE > b",
    "220 PROBE > b",
    "280 PROBE > b",
    "280 SUSPECT b > all",
    `280 ask ${BACD} > b`,
    "340 PROBE > b",
    "400 PROBE > b",
    `400 ask ${BACD} > b`,
    `460 answer ${BACD} on`,
    `460 announce ${BACD}`,
    `460 report ${BACD} owned took-over`,
    `460 LIST ${BACD} > all`,
    // Again: one that is not heard, but hears, cannot ask for it.
    `501 LIST ${BACD} > all`,
  ]);
});

Deno.test.each(
  [["c", 710, 799], ["d", 960, 1_001]] as const,
)(
  "owner dies: %s claims at %d ms when those before it do not",
  (node, claimedMs, againMs) => {
    const lone = ownerDies(node);
    const diedMs = lone.fellow("b").heardMs;
    lone.run(diedMs + 1_500);
    deepStrictEqual(spoken(lone, diedMs).slice(-5), [
      `${claimedMs} answer ${BACD} on`,
      `${claimedMs} announce ${BACD}`,
      `${claimedMs} report ${BACD} owned took-over`,
      `${claimedMs} LIST ${BACD} > all`,
      `${againMs} LIST ${BACD} > all`,
    ]);
  },
);

Deno.test("owner dies: the second candidate stands down when it hears the first", () => {
  const lone = ownerDies("c");
  const diedMs = lone.fellow("b").heardMs;
  lone.run(diedMs + 462).read();
  lone.list("a", [BACD]);
  lone.run(diedMs + 3_000);
  deepStrictEqual(
    spoken(lone, diedMs).filter((line) => line.includes(BACD)),
    [],
  );
});

Deno.test("owner dies: patience lengthens the verification", () => {
  const lone = Lone.settled({
    patienceMs: 600,
    vips: [[BACD, ALL]],
    lists: { b: [BACD] },
  });
  lone.run(2_110).silence("b").run(4_000);
  const claimed = lone.read().find((line) => line.includes("answer"));
  deepStrictEqual(claimed, `${2_110 + 460 + 600} answer ${BACD} on`);
});

Deno.test("owner and next in line die together: the third claims at 460 ms as well", () => {
  const lone = ownerDies("c", 2_050);
  const diedMs = lone.fellow("b").heardMs;
  lone.silence("a");
  lone.run(diedMs + 600);
  deepStrictEqual(
    spoken(lone, diedMs).filter((line) => line.includes("answer")),
    [`460 answer ${BACD} on`],
  );
});

Deno.test("planned move, taker: asks the leaving owner, claims at its REPLY, repeats until it has stopped", () => {
  const lone = Lone.settled({
    vips: [[BACD, ALL]],
    lists: { b: [BACD] },
  });
  lone.answering.delete("b");
  lone.run(3_020).read();
  lone.list("b", [`${BACD}-`]);
  lone.run(3_022).replyLast("b");
  lone.run(3_100).list("b", []);
  lone.run(3_300);
  deepStrictEqual(spoken(lone, 3_020), [
    "0 PROBE > b",
    `2 answer ${BACD} on`,
    `2 announce ${BACD}`,
    `2 report ${BACD} owned relieved`,
    `2 LIST ${BACD} > all`,
    `62 LIST ${BACD} > b`,
    "62 QUERY > b",
    `80 announce ${BACD} once`,
  ]);
});

Deno.test("planned move, taker: an owner that does not answer is asked again after 300 ms", () => {
  const lone = Lone.settled({ vips: [[BACD, ALL]], lists: { b: [BACD] } });
  lone.answering.delete("b");
  lone.run(3_020).read();
  lone.list("b", [`${BACD}-`]);
  lone.run(3_700);
  deepStrictEqual(spoken(lone, 3_020), [
    "0 PROBE > b",
    "300 PROBE > b",
    "600 PROBE > b",
  ]);
});

Deno.test("planned move, owner: answers until it hears the taker's list", () => {
  const lone = Lone.settled({ vips: [[ABCD, ALL]] });
  lone.run(3_020).read();
  lone.view({ vips: [[ABCD, ["b", "c"]]] });
  lone.run(3_030).frame("b", { kind: "probe", nonce: 7n });
  lone.run(3_032).list("b", [ABCD]);
  lone.run(3_100);
  deepStrictEqual(spoken(lone, 3_020), [
    `0 report ${ABCD} owned leaving`,
    `0 LIST ${ABCD}- > all`,
    "10 REPLY > b",
    `12 answer ${ABCD} off`,
    `12 report ${ABCD} not owned handed-over`,
    "20 LIST > all",
  ]);
});

Deno.test("planned move, owner: nobody takes it, and it is released after 10 s", () => {
  const lone = Lone.settled({ vips: [[ABCD, ALL]] });
  lone.run(3_020).read();
  lone.view({ vips: [[ABCD, ["b", "c"]]] });
  lone.run(14_000);
  deepStrictEqual(
    spoken(lone, 3_020).filter((line) => !line.includes("LIST")),
    [
      `0 report ${ABCD} owned leaving`,
      `10000 answer ${ABCD} off`,
      `10000 report ${ABCD} not owned leave-timeout`,
    ],
  );
});

Deno.test("planned move, owner: without any candidate it is released after 2 s", () => {
  const lone = Lone.settled({ vips: [[ABCD, ALL]] });
  lone.run(3_020).read();
  lone.view({ vips: [[ABCD, []]] });
  lone.run(8_000);
  deepStrictEqual(
    spoken(lone, 3_020).filter((line) => !line.includes("LIST")),
    [
      `0 report ${ABCD} owned no-successor`,
      `2000 answer ${ABCD} off`,
      `2000 report ${ABCD} not owned no-candidate`,
    ],
  );
});
