import { match, ok, strictEqual } from "node:assert/strict";
import { projectWireKeySecret, WIRE_KEY_BYTES_MIN } from "./wire_key_secret.ts";

const USABLE = [WIRE_KEY_BYTES_MIN, 17, 18, 32];
const UNUSABLE = [
  { name: "has no such field", data: { other: text(32) }, says: /has none/ },
  { name: "is empty", data: {}, says: /has none/ },
  { name: "is short", data: { key: text(15) }, says: /has 15 bytes there/ },
  { name: "is no base64", data: { key: "!".repeat(24) }, says: /has none/ },
];

Deno.test.each(USABLE)(
  "projectWireKeySecret() takes a key of %i bytes",
  (bytes) => {
    const projected = projectWireKeySecret(secret({ key: text(bytes) }));
    strictEqual(projected.ok && projected.value.wireKey, text(bytes));
    strictEqual(projected.ok && projected.value.problem, undefined);
  },
);

Deno.test.each(UNUSABLE)(
  "projectWireKeySecret() says what to do about a Secret that $name",
  ({ data, says }) => {
    const projected = projectWireKeySecret(secret(data));
    ok(projected.ok);
    strictEqual(projected.value.wireKey, undefined);
    match(projected.value.problem ?? "", says);
    match(
      projected.value.problem ?? "",
      /at least 16 random bytes under "key"/,
    );
  },
);

Deno.test("projectWireKeySecret() keeps nothing else of the Secret", () => {
  const projected = projectWireKeySecret({
    ...secret({ key: text(16), password: "c2VjcmV0" }),
    stringData: { password: "secret" },
  });
  strictEqual(JSON.stringify(projected).includes("c2VjcmV0"), false);
  strictEqual(JSON.stringify(projected).includes("secret"), false);
});

function secret(data: object) {
  return { metadata: { name: "foghorn-wire-key", namespace: "ns" }, data };
}

function text(bytes: number): string {
  return new Uint8Array(bytes).fill(7).toBase64();
}
