import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import type { JsonObject } from "./json.ts";
import { parseFieldSelector, parseLabelSelector } from "./selectors.ts";

const OBJECTS: readonly JsonObject[] = [
  { metadata: { name: "a", labels: { tier: "one", "example.org/x": "" } } },
  { metadata: { name: "b", labels: { tier: "two" } }, spec: { type: "T" } },
  { metadata: { name: "c" } },
];

const LABELS: { selector: string; names: string[] }[] = [
  { selector: "", names: ["a", "b", "c"] },
  { selector: "tier=one", names: ["a"] },
  { selector: "tier==one", names: ["a"] },
  { selector: " tier = one ", names: ["a"] },
  { selector: "tier!=one", names: ["b", "c"] },
  { selector: "tier", names: ["a", "b"] },
  { selector: "!tier", names: ["c"] },
  { selector: "tier in (one,two)", names: ["a", "b"] },
  { selector: "tier notin (one)", names: ["b", "c"] },
  { selector: "tier in (two), !example.org/x", names: ["b"] },
  { selector: "example.org/x=", names: ["a"] },
];

Deno.test.each(LABELS)(
  "parseLabelSelector() of '$selector'",
  ({ selector, names }) => {
    const selects = parseLabelSelector(selector) ?? (() => true);
    deepStrictEqual(namesOf(OBJECTS.filter(selects)), names);
  },
);

Deno.test.each(
  ["a b", "=x", "a in (b", "a=b=c", "/x", "a,"].map((selector) => ({
    selector,
  })),
)("parseLabelSelector() refuses '$selector'", ({ selector }) => {
  throws(() => parseLabelSelector(selector), /unable to parse requirement/);
});

Deno.test("parseFieldSelector() compares, and knows only its fields", () => {
  const fields = new Map([
    ["metadata.name", ["metadata", "name"]],
    ["spec.type", ["spec", "type"]],
  ]);
  const select = (text: string): string[] =>
    namesOf(OBJECTS.filter(parseFieldSelector(text, fields) ?? (() => true)));
  deepStrictEqual(select("metadata.name=a"), ["a"]);
  deepStrictEqual(select("metadata.name!=a,spec.type=="), ["c"]);
  deepStrictEqual(select("spec.type=T"), ["b"]);
  strictEqual(parseFieldSelector("", fields), undefined);
  throws(() => select("spec.other=x"), /field label not supported: spec.other/);
  throws(() => select("nonsense"), /invalid selector/);
});

function namesOf(objects: readonly JsonObject[]): string[] {
  return objects.map(({ metadata }) =>
    String((metadata as JsonObject)["name"])
  );
}
