import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  asOccurrences,
  asPathLength,
  formatAsPath,
  mergedAs4Attributes,
  prependAs,
} from "./as_path.ts";
import type { AsSegment, PathAttribute } from "./path_attribute.ts";
import { withAs4Attributes } from "./path_attribute_codec.ts";

Deno.test("RFC 4271 §5.1.2: a full segment gets another in front", () => {
  const full = prependAs([], 1, 255);
  deepStrictEqual(full.map(({ asns }) => asns.length), [255]);
  deepStrictEqual(
    prependAs(full, 2).map(({ asns }) => asns.length),
    [1, 255],
  );
  strictEqual(formatAsPath(prependAs([set(7, 8)], 1)), "1 {7 8}");
  deepStrictEqual(prependAs([sequence(1)], 1, 0), [sequence(1)]);
});

Deno.test("RFC 4271 §9.1.2.2: a set counts as one, a confederation's segment not", () => {
  const path: readonly AsSegment[] = [
    { kind: "confed-sequence", asns: [64_512] },
    sequence(1, 2),
    set(3, 4, 5),
    { kind: "confed-set", asns: [64_513] },
  ];
  strictEqual(asPathLength(path), 3);
  strictEqual(formatAsPath(path), "(64512) 1 2 {3 4 5} [64513]");
  strictEqual(asOccurrences([sequence(1, 2, 1), set(1)], 1), 3);
});

const BIG = 4_200_000_001;
const TRANS = 23_456;
/** What an old speaker passes on: its own number before AS_TRANS, AS4_PATH as it was. */
const MERGES = [
  {
    name: "one old speaker",
    path: [sequence(1, TRANS)],
    as4: [sequence(BIG)],
    merged: "1 4200000001",
  },
  {
    name: "no old speaker between",
    path: [sequence(TRANS)],
    as4: [sequence(BIG)],
    merged: "4200000001",
  },
  {
    name: "an AS4_PATH that is longer",
    path: [sequence(1)],
    as4: [sequence(BIG, BIG)],
    merged: "1",
  },
  {
    name: "a set in the middle",
    path: [sequence(1), set(2, 3), sequence(TRANS)],
    as4: [sequence(BIG)],
    merged: "1 {2 3} 4200000001",
  },
  {
    name: "a set at the end",
    path: [sequence(1, TRANS), set(TRANS, 5)],
    as4: [sequence(BIG), set(BIG, 5)],
    merged: "1 4200000001 {4200000001 5}",
  },
  {
    name: "a confederation in AS4_PATH",
    path: [sequence(1, TRANS)],
    as4: [{ kind: "confed-sequence" as const, asns: [64_512] }, sequence(BIG)],
    merged: "1 4200000001",
  },
];

Deno.test.each(MERGES)(
  "RFC 6793 §4.2.3: merging with $name",
  ({ path, as4, merged }) => {
    const attributes = mergedAs4Attributes([
      { kind: "as-path", segments: path },
      { kind: "as4-path", segments: as4 },
    ]);
    strictEqual(attributes.length, 1);
    const [first] = attributes;
    strictEqual(
      first?.kind === "as-path" && formatAsPath(first.segments),
      merged,
    );
  },
);

Deno.test("RFC 6793 §4.2.3: an old aggregator makes AS4_PATH void", () => {
  const address = "10.0.0.1" as never;
  const attributes = (as: number): readonly PathAttribute[] => [
    { kind: "as-path", segments: [sequence(1, TRANS)] },
    { kind: "aggregator", as, address },
    { kind: "as4-path", segments: [sequence(BIG)] },
    { kind: "as4-aggregator", as: BIG, address },
  ];
  deepStrictEqual(
    mergedAs4Attributes(attributes(7)),
    attributes(7).slice(0, 2),
  );
  deepStrictEqual(mergedAs4Attributes(attributes(TRANS)), [
    { kind: "as-path", segments: [sequence(1, BIG)] },
    { kind: "aggregator", as: BIG, address },
  ]);
});

Deno.test("RFC 6793 §4.2.2: AS4 attributes are added only where a number is long", () => {
  const address = "10.0.0.1" as never;
  const short: readonly PathAttribute[] = [
    { kind: "as-path", segments: [sequence(1, 65_535)] },
    { kind: "aggregator", as: 1, address },
  ];
  deepStrictEqual(withAs4Attributes(short), short);
  const long: readonly PathAttribute[] = [
    { kind: "as-path", segments: [sequence(1, BIG)] },
    { kind: "aggregator", as: BIG, address },
  ];
  deepStrictEqual(withAs4Attributes(long), [
    ...long,
    { kind: "as4-path", segments: [sequence(1, BIG)] },
    { kind: "as4-aggregator", as: BIG, address },
  ]);
  const confederate: AsSegment = { kind: "confed-sequence", asns: [BIG] };
  const mixed = [confederate, sequence(BIG), set(1, BIG)];
  deepStrictEqual(withAs4Attributes([{ kind: "as-path", segments: mixed }]), [
    { kind: "as-path", segments: mixed },
    { kind: "as4-path", segments: mixed.slice(1) },
  ]);
});

function sequence(...asns: readonly number[]): AsSegment {
  return { kind: "sequence", asns };
}

function set(...asns: readonly number[]): AsSegment {
  return { kind: "set", asns };
}
