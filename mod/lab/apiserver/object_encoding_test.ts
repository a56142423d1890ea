import { strictEqual } from "node:assert/strict";
import type { JsonObject } from "./json.ts";
import { ObjectEncoder } from "./object_encoding.ts";
import { type ApiVersion, COMMON_STRATEGY } from "./resource_type.ts";

Deno.test("ObjectEncoder encodes an object and its event once per version", () => {
  const encoder = new ObjectEncoder();
  let encoded = 0;
  const [v1, v2] = ["v1", "v2"].map((name): ApiVersion => ({
    name,
    strategy: COMMON_STRATEGY,
    columns: undefined,
    decode: (object) => ({ object, unknown: [] }),
    encode: (stored) => {
      encoded++;
      return { ...stored, apiVersion: name };
    },
    toStorage: (object) => object,
  }));
  if (v1 === undefined || v2 === undefined) return;
  const object: JsonObject = { metadata: { name: "a" } };
  const first = encoder.event("ADDED", object, v1);
  strictEqual(encoder.event("ADDED", object, v1), first);
  strictEqual(encoder.object(object, v1), encoder.object(object, v1));
  encoder.event("MODIFIED", object, v1);
  strictEqual(encoded, 1);
  encoder.event("ADDED", object, v2);
  strictEqual(encoded, 2);
  strictEqual(
    new TextDecoder().decode(first),
    '{"type":"ADDED","object":{"metadata":{"name":"a"},"apiVersion":"v1"}}\n',
  );
});
