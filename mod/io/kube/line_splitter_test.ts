import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { LineSplitter } from "./line_splitter.ts";

Deno.test("LineSplitter gives the same lines wherever chunks are cut", () => {
  fc.assert(fc.property(
    fc.array(fc.string({ unit: "grapheme", minLength: 1 })),
    fc.array(fc.nat(200)),
    (texts, cuts) => {
      const lines = texts.map((text) => text.replaceAll("\n", "␊"));
      const bytes = new TextEncoder().encode(
        lines.map((l) => l + "\n").join(""),
      );
      const splitter = new LineSplitter(10_000);
      const seen: string[] = [];
      let start = 0;
      for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
        const chunk = bytes.subarray(start, Math.max(start, cut));
        start = Math.max(start, cut);
        for (const line of splitter.push(chunk)) {
          seen.push(line.kind === "line" ? line.text : "oversized");
        }
      }
      deepStrictEqual(seen, lines);
      strictEqual(splitter.heldBytes, 0);
    },
  ));
});

Deno.test("LineSplitter skips a line above its limit and goes on behind it", () => {
  const splitter = new LineSplitter(4);
  deepStrictEqual(splitter.push(bytes("abcd\nabc")), [{
    kind: "line",
    text: "abcd",
  }]);
  deepStrictEqual(splitter.push(bytes("def")), []);
  deepStrictEqual(splitter.push(bytes("g\n\nxy\n")), [
    { kind: "oversized", lengthBytes: 7 },
    { kind: "line", text: "xy" },
  ]);
});

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
