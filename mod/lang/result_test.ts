import { strictEqual as equal } from "node:assert/strict";
import { err, ok, type Result } from "./result.ts";

Deno.test("a Result is narrowed by ok", () => {
  const half = (n: number): Result<number, "odd"> =>
    n % 2 === 0 ? ok(n / 2) : err("odd");
  const even = half(8);
  const odd = half(7);
  equal(even.ok ? even.value : even.error, 4);
  equal(odd.ok ? odd.value : odd.error, "odd");
});
