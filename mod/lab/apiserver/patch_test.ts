import { deepStrictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { clone, equalJson, isObject, type Json } from "./json.ts";
import { jsonPatch, mergePatch, strategicMergePatch } from "./patch.ts";
import { StatusError } from "./status.ts";

// RFC 7386 appendix A.
const MERGE_ROWS: { target: Json; patch: Json; result: Json }[] = [
  { target: { a: "b" }, patch: { a: "c" }, result: { a: "c" } },
  { target: { a: "b" }, patch: { b: "c" }, result: { a: "b", b: "c" } },
  { target: { a: "b" }, patch: { a: null }, result: {} },
  { target: { a: "b", b: "c" }, patch: { a: null }, result: { b: "c" } },
  { target: { a: ["b"] }, patch: { a: "c" }, result: { a: "c" } },
  { target: { a: "c" }, patch: { a: ["b"] }, result: { a: ["b"] } },
  {
    target: { a: { b: "c" } },
    patch: { a: { b: "d", c: null } },
    result: { a: { b: "d" } },
  },
  { target: { a: [{ b: "c" }] }, patch: { a: [1] }, result: { a: [1] } },
  { target: ["a", "b"], patch: ["c", "d"], result: ["c", "d"] },
  { target: { a: "b" }, patch: ["c"], result: ["c"] },
  { target: { a: "foo" }, patch: null, result: null },
  { target: { a: "foo" }, patch: "bar", result: "bar" },
  { target: { e: null }, patch: { a: 1 }, result: { e: null, a: 1 } },
  { target: [1, 2], patch: { a: "b", c: null }, result: { a: "b" } },
  {
    target: {},
    patch: { a: { bb: { ccc: null } } },
    result: { a: { bb: {} } },
  },
];

Deno.test("mergePatch() does what RFC 7386 appendix A shows", () => {
  for (const { target, patch, result } of MERGE_ROWS) {
    deepStrictEqual(mergePatch(target, patch), result);
  }
});

Deno.test("mergePatch() leaves its target alone, and a second time changes nothing", () => {
  fc.assert(fc.property(json(), json(), (target, patch) => {
    const before = clone(target);
    const once = mergePatch(target, patch);
    deepStrictEqual(target, before);
    deepStrictEqual(mergePatch(once, patch), once);
  }));
});

Deno.test("jsonPatch() adds, removes, replaces, moves, copies and tests (RFC 6902 §4)", () => {
  const target = { a: [1, 2], "b/c": { "~": 1 } };
  const patched = jsonPatch(target, [
    { op: "test", path: "/b~1c/~0", value: 1 },
    { op: "add", path: "/a/-", value: 3 },
    { op: "add", path: "/a/0", value: 0 },
    { op: "replace", path: "/a/1", value: "one" },
    { op: "remove", path: "/a/2" },
    { op: "copy", from: "/a/2", path: "/last" },
    { op: "move", from: "/b~1c", path: "/moved" },
  ]);
  deepStrictEqual(patched, { a: [0, "one", 3], last: 3, moved: { "~": 1 } });
  deepStrictEqual(target, { a: [1, 2], "b/c": { "~": 1 } });
});

const REFUSED: { name: string; code: number; operations: Json }[] = [
  { name: "no array", code: 400, operations: {} },
  {
    name: "an unknown operation",
    code: 400,
    operations: [{ op: "x", path: "/a" }],
  },
  {
    name: "without a value",
    code: 400,
    operations: [{ op: "add", path: "/a" }],
  },
  { name: "without a path", code: 400, operations: [{ op: "remove" }] },
  {
    name: "removing what is not there",
    code: 422,
    operations: [{ op: "remove", path: "/x" }],
  },
  {
    name: "replacing what is not there",
    code: 422,
    operations: [{ op: "replace", path: "/x", value: 1 }],
  },
  {
    name: "beyond the end of an array",
    code: 422,
    operations: [{ op: "add", path: "/a/2", value: 1 }],
  },
  {
    name: "at an index with a leading zero",
    code: 422,
    operations: [{ op: "remove", path: "/a/00" }],
  },
  {
    name: "below a scalar",
    code: 422,
    operations: [{ op: "add", path: "/b/c", value: 1 }],
  },
  {
    name: "with a path that is no pointer",
    code: 422,
    operations: [{ op: "add", path: "a", value: 1 }],
  },
  {
    name: "whose test fails",
    code: 422,
    operations: [{ op: "test", path: "/b", value: 2 }],
  },
];

Deno.test.each(REFUSED)(
  "jsonPatch() refuses a patch that is $name",
  ({ code, operations }) => {
    throws(
      () => jsonPatch({ a: [1], b: 1 }, operations),
      (error) => error instanceof StatusError && error.code === code,
    );
  },
);

Deno.test("jsonPatch() of one add and its remove is the identity", () => {
  fc.assert(fc.property(json(), json(), (target, value) => {
    if (!isObject(target)) return;
    const path = "/not-there";
    deepStrictEqual(
      jsonPatch(target, [{ op: "add", path, value }, { op: "remove", path }]),
      target,
    );
  }));
});

const KEYS = new Map([["status.conditions", "type"], [
  "metadata.finalizers",
  "",
]]);

Deno.test("strategicMergePatch() merges lists by their key", () => {
  const target = {
    metadata: { finalizers: ["a"] },
    status: {
      conditions: [{ type: "A", status: "True" }, {
        type: "B",
        status: "True",
      }],
      ingress: [{ ip: "192.0.2.1" }],
    },
  };
  deepStrictEqual(
    strategicMergePatch(target, {
      metadata: { finalizers: ["b", "a"] },
      status: {
        conditions: [
          { type: "B", status: "False" },
          { type: "A", $patch: "delete" },
          { type: "C", status: "True" },
        ],
        ingress: [],
      },
    }, KEYS),
    {
      metadata: { finalizers: ["a", "b"] },
      status: {
        conditions: [{ type: "B", status: "False" }, {
          type: "C",
          status: "True",
        }],
        ingress: [],
      },
    },
  );
});

Deno.test("strategicMergePatch() follows its directives", () => {
  const target = { a: { x: 1, y: 2 }, metadata: { finalizers: ["a", "b"] } };
  deepStrictEqual(
    strategicMergePatch(target, {
      a: { $patch: "replace", z: 3 },
      metadata: {
        "$deleteFromPrimitiveList/finalizers": ["a"],
        "$setElementOrder/finalizers": ["b"],
      },
    }, KEYS),
    { a: { z: 3 }, metadata: { finalizers: ["b"] } },
  );
  deepStrictEqual(
    strategicMergePatch(target, { a: { $retainKeys: ["y"], y: 3 } }, KEYS),
    { a: { y: 3 }, metadata: { finalizers: ["a", "b"] } },
  );
});

Deno.test("strategicMergePatch() refuses an item without its key", () => {
  throws(
    () => strategicMergePatch({}, { status: { conditions: [{}] } }, KEYS),
    /does not contain declared merge key: type/,
  );
});

Deno.test("equalJson() holds exactly for what deepStrictEqual() calls equal", () => {
  fc.assert(fc.property(json(), json(), (a, b) => {
    deepStrictEqual(equalJson(a, clone(a)), true);
    let same = true;
    try {
      deepStrictEqual(a, b);
    } catch {
      same = false;
    }
    deepStrictEqual(equalJson(a, b), same);
  }));
});

function json(): fc.Arbitrary<Json> {
  return fc.jsonValue({ maxDepth: 3 }).map((value) =>
    JSON.parse(JSON.stringify(value))
  );
}
