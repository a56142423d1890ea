import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { citeFigures, figuresIn } from "./figures.ts";

Deno.test("figuresIn() reads each figure by its name", () => {
  deepStrictEqual(
    [
      ...figuresIn(
        "- ARP: <!-- figure: arp-p50 -->19 µs<!-- /figure -->\n- <!-- figure: rate -->9/s<!-- /figure -->, 3 µs",
      ),
    ],
    [["arp-p50", "19 µs"], ["rate", "9/s"]],
  );
});

Deno.test("citeFigures() replaces what was measured, in any language, and nothing else", () => {
  strictEqual(
    citeFigures(
      "用时 <!-- figure: arp-p50 -->19 µs<!-- /figure -->，<!-- figure: rate -->9/s<!-- /figure -->，19 µs",
      new Map([["arp-p50", "$1 µs"], ["idle", "0 %"]]),
    ),
    "用时 <!-- figure: arp-p50 -->$1 µs<!-- /figure -->，<!-- figure: rate -->9/s<!-- /figure -->，19 µs",
  );
});
