import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { checksOf, withoutCheck } from "./checks.ts";

Deno.test("checksOf() finds conditions, comparisons and junctions", () => {
  const source = [
    "// if (a === b) is a comment, as is < b",
    'const text = "if (a < b)";',
    "const pairs: Map<string, Pair> = new Map();",
    "if (a < b && c) return;",
    'assert(a === b, "a promise");',
  ].join("\n");
  deepStrictEqual(
    checksOf(source).map((check) => withoutCheck(source, check).split("\n")[3]),
    [
      "if (false) return;",
      "if (!(a < b && c)) return;",
      "if (a <= b && c) return;",
      "if (a < b || c) return;",
    ],
  );
});

Deno.test("checksOf() finds a condition of several lines", () => {
  const source = "if (\n  f(a) !==\n    b\n) {\n  c();\n}\n";
  const [first, second, third] = checksOf(source);
  strictEqual(
    first && withoutCheck(source, first),
    "if (false) {\n  c();\n}\n",
  );
  strictEqual(second?.what, "if ( f(a) !== b ) is turned round");
  strictEqual(third?.line, 2);
});
