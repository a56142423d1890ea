import { deepStrictEqual } from "node:assert/strict";
import type { Json, JsonObject } from "./json.ts";
import { applyDefaults, pruneObject } from "./schema.ts";
import { validateSchema } from "./schema_validation.ts";

Deno.test("pruneObject() drops what is not specified, and names it", () => {
  const object: JsonObject = {
    apiVersion: "v1",
    kind: "X",
    metadata: { anything: 1 },
    spec: {
      known: 1,
      unknown: 1,
      map: { a: { known: 1, unknown: 1 } },
      list: [{ known: 1, unknown: 1 }],
      free: { a: { b: 1 } },
    },
    extra: 1,
  };
  const item: JsonObject = {
    type: "object",
    properties: { known: { type: "integer" } },
  };
  const dropped = pruneObject(object, {
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: {
          known: { type: "integer" },
          map: { type: "object", additionalProperties: item },
          list: { type: "array", items: item },
          free: {
            type: "object",
            "x-kubernetes-preserve-unknown-fields": true,
          },
        },
      },
    },
  });
  deepStrictEqual(dropped.toSorted(), [
    "extra",
    "spec.list[0].unknown",
    "spec.map.a.unknown",
    "spec.unknown",
  ]);
  deepStrictEqual(object, {
    spec: {
      known: 1,
      map: { a: { known: 1 } },
      list: [{ known: 1 }],
      free: { a: { b: 1 } },
    },
    apiVersion: "v1",
    kind: "X",
    metadata: { anything: 1 },
  });
});

Deno.test("applyDefaults() fills in, also below lists and maps, and drops nulls", () => {
  const object: JsonObject = {
    list: [{}, { a: 5 }],
    map: { x: {} },
    gone: null,
    kept: null,
    replaced: null,
  };
  const item: JsonObject = {
    type: "object",
    properties: { a: { type: "integer", default: 1 } },
  };
  applyDefaults(object, {
    type: "object",
    properties: {
      list: { type: "array", items: item },
      map: { type: "object", additionalProperties: item },
      gone: { type: "string" },
      kept: { type: "string", nullable: true },
      replaced: { type: "string", default: "x" },
      whole: {
        type: "object",
        default: {},
        properties: item["properties"] ?? {},
      },
    },
  });
  deepStrictEqual(object, {
    list: [{ a: 1 }, { a: 5 }],
    map: { x: { a: 1 } },
    kept: null,
    replaced: "x",
    whole: { a: 1 },
  });
});

const REFUSED: {
  name: string;
  value: Json;
  schema: JsonObject;
  message: RegExp;
}[] = [
  {
    name: "of another type",
    value: "x",
    schema: { type: "integer" },
    message: /must be of type integer: "x"/,
  },
  {
    name: "no whole number",
    value: 1.5,
    schema: { type: "integer" },
    message: /must be of type integer/,
  },
  {
    name: "null",
    value: null,
    schema: { type: "string" },
    message: /must be of type string: null/,
  },
  {
    name: "none of the choices",
    value: "c",
    schema: { enum: ["a", "b"] },
    message: /supported values: "a", "b"/,
  },
  {
    name: "too short",
    value: "",
    schema: { type: "string", minLength: 1 },
    message: /at least 1 chars long/,
  },
  {
    name: "too long",
    value: "abc",
    schema: { type: "string", maxLength: 2 },
    message: /Too long/,
  },
  {
    name: "against the pattern",
    value: "b",
    schema: { type: "string", pattern: "^a" },
    message: /should match '\^a'/,
  },
  {
    name: "too small",
    value: 0,
    schema: { type: "integer", minimum: 1 },
    message: /greater than or equal to 1/,
  },
  {
    name: "at an exclusive bound",
    value: 1,
    schema: { type: "integer", minimum: 1, exclusiveMinimum: true },
    message: /greater than 1/,
  },
  {
    name: "too large",
    value: 3,
    schema: { type: "integer", maximum: 2 },
    message: /less than or equal to 2/,
  },
  {
    name: "no multiple",
    value: 3,
    schema: { type: "integer", multipleOf: 2 },
    message: /multiple of 2/,
  },
  {
    name: "beyond int32",
    value: 2 ** 31,
    schema: { type: "integer", format: "int32" },
    message: /int32/,
  },
  {
    name: "too many items",
    value: [1, 2],
    schema: { type: "array", maxItems: 1 },
    message: /must have at most 1 items/,
  },
  {
    name: "too few items",
    value: [],
    schema: { type: "array", minItems: 1 },
    message: /at least 1 items/,
  },
  {
    name: "a set with a repetition",
    value: ["a", "a"],
    schema: { type: "array", "x-kubernetes-list-type": "set" },
    message: /Duplicate value: "a"/,
  },
  {
    name: "a map with a repetition",
    value: [{ k: 1 }, { k: 1, v: 2 }],
    schema: {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["k"],
    },
    message: /Duplicate value/,
  },
  {
    name: "without what is required",
    value: {},
    schema: { type: "object", required: ["a"] },
    message: /Required value/,
  },
  {
    name: "wrong further down",
    value: { a: ["x"] },
    schema: {
      type: "object",
      properties: { a: { type: "array", items: { type: "integer" } } },
    },
    message: /a\[0\] in body must be of type integer/,
  },
  {
    name: "wrong in a map",
    value: { a: 1 },
    schema: { type: "object", additionalProperties: { type: "string" } },
    message: /a in body must be of type string/,
  },
  {
    name: "too many members",
    value: { a: 1, b: 1 },
    schema: { type: "object", maxProperties: 1 },
    message: /must have at most 1 items/,
  },
  {
    name: "no IPv4 address",
    value: "x",
    schema: { type: "string", format: "ipv4" },
    message: /must be of type ipv4/,
  },
  {
    name: "no time",
    value: "2026-13-01T00:00:00Z",
    schema: { type: "string", format: "date-time" },
    message: /date-time/,
  },
  {
    name: "neither number nor text",
    value: true,
    schema: { "x-kubernetes-int-or-string": true },
    message: /integer,string/,
  },
  {
    name: "against all of them",
    value: "b",
    schema: { allOf: [{ pattern: "^a" }] },
    message: /should match/,
  },
  {
    name: "against any of them",
    value: "c",
    schema: { anyOf: [{ pattern: "a" }, { pattern: "b" }] },
    message: /anyOf/,
  },
  {
    name: "good for two of one",
    value: "ab",
    schema: { oneOf: [{ pattern: "a" }, { pattern: "b" }] },
    message: /oneOf/,
  },
  {
    name: "what it must not be",
    value: "a",
    schema: { not: { pattern: "a" } },
    message: /not/,
  },
];

Deno.test.each(REFUSED)(
  "validateSchema() refuses a value that is $name",
  ({ value, schema, message }) => {
    const errors = validateSchema(value, schema, "spec");
    deepStrictEqual(errors.length, 1, JSON.stringify(errors));
    const [error] = errors;
    deepStrictEqual(
      message.test(error?.message ?? "") || message.test(error?.field ?? ""),
      true,
      JSON.stringify(error),
    );
  },
);

Deno.test("validateSchema() takes what fits", () => {
  deepStrictEqual(
    validateSchema({
      a: [1],
      b: null,
      c: 80,
      d: "192.0.2.1",
      e: "2026-01-02T03:04:05.5+01:00",
      f: "2001:db8::/64",
    }, {
      type: "object",
      required: ["a"],
      properties: {
        a: { type: "array", items: { type: "integer", format: "int64" } },
        b: { type: "string", nullable: true },
        c: { "x-kubernetes-int-or-string": true },
        d: {
          type: "string",
          format: "ipv4",
          oneOf: [{ pattern: "192" }, { pattern: "x" }],
        },
        e: { type: "string", format: "date-time" },
        f: { type: "string", format: "cidr" },
      },
    }),
    [],
  );
});
