import { strictEqual as equal, throws } from "node:assert/strict";
import { assert, AssertionError, unreachable } from "./assert.ts";

Deno.test("assert() lets what holds pass, and narrows", () => {
  const text: string | undefined = ["vip"][0];
  assert(text !== undefined, "There is a text");
  equal(text.length, 3);
});

Deno.test("assert() stops what does not hold, saying why", () => {
  throws(() => assert(false, "There is a text"), {
    name: "AssertionError",
    message: "There is a text",
  });
  throws(() => assert(false, ""), AssertionError);
});

Deno.test("unreachable() shows the value that came after all", () => {
  const event: unknown = { kind: "unknown", first: 1n };
  throws(() => unreachable(event as never), {
    name: "AssertionError",
    message: 'Cannot be reached: {"kind":"unknown","first":"1n"}',
  });
});
