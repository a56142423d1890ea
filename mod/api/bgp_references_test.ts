import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { projectPasswordSecret, projectPolicyMap } from "./bgp_references.ts";
import { PASSWORD_BYTES_MAX } from "./names.ts";

const metadata = { name: "tor" };

function entries(raw: { readonly [key: string]: unknown }): unknown {
  const secret = projectPasswordSecret({ metadata, ...raw });
  if (!secret.ok) throw new Error(secret.error);
  return secret.value.entries;
}

function base64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}

Deno.test("projectPolicyMap() keeps the policy, and nothing else", () => {
  const data = { "gobgp.conf": "x = 1\n", other: "large" };
  const map = projectPolicyMap({ metadata, data });
  strictEqual(map.ok && map.value.policy, "x = 1\n");
  strictEqual(JSON.stringify(map).includes("large"), false);
  const empty = projectPolicyMap({ metadata });
  strictEqual(empty.ok && empty.value.policy, undefined);
  strictEqual(projectPolicyMap({ metadata, data: 1 }).ok, false);
});

Deno.test("projectPasswordSecret() reads passwords, also as people write them", () => {
  deepStrictEqual(entries({ data: { password: base64("geheim ü") } }), [
    { key: "password", authPassword: "geheim ü" },
  ]);
  // As the API server has it: stringData takes the place of data.
  deepStrictEqual(
    entries({
      data: { password: base64("old"), other: base64("o") },
      stringData: { password: "new" },
    }),
    [
      { key: "other", authPassword: "o" },
      { key: "password", authPassword: "new" },
    ],
  );
  deepStrictEqual(entries({}), []);
});

Deno.test.each([
  ["with a line break", base64("secret\n"), "has a line break in it"],
  ["that is empty", "", "is empty"],
  ["that is not base64", "secret!", "is not base64"],
  ["that is not UTF-8", "/w==", "is not UTF-8"],
  [
    "that is too long for the kernel",
    base64("x".repeat(PASSWORD_BYTES_MAX + 1)),
    "has 81 bytes, and TCP MD5 takes 80",
  ],
])("projectPasswordSecret() takes no password %s", (_name, text, problem) => {
  deepStrictEqual(entries({ data: { k: text } }), [{ key: "k", problem }]);
});

Deno.test("projectPasswordSecret() takes the longest password that the kernel takes", () => {
  const authPassword = "x".repeat(PASSWORD_BYTES_MAX);
  deepStrictEqual(entries({ data: { k: base64(authPassword) } }), [
    { key: "k", authPassword },
  ]);
});

Deno.test("projectPasswordSecret() has no data in its words", () => {
  const secret = projectPasswordSecret({ metadata: 1, data: { k: "geheim" } });
  strictEqual(secret.ok, false);
  strictEqual(JSON.stringify(secret).includes("geheim"), false);
});
