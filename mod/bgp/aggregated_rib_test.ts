import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { formatPrefix } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import { addr, PLAIN, prefix } from "./_sessions_test.ts";
import { AggregatedRib, AggregatedRibs } from "./aggregated_rib.ts";
import { LocRib, pathsOf, prefixOf, type RouteChange } from "./loc_rib.ts";

Deno.test("AggregatedRib announces the prefix while there is an address in it", () => {
  const stage = new Stage();
  deepStrictEqual(stage.announce("10.0.0.1/32"), ["10.0.0.0/30 [1]"]);
  deepStrictEqual(stage.announce("10.0.0.2/32"), ["10.0.0.0/30 [1]"]);
  deepStrictEqual(stage.withdraw("10.0.0.1/32"), ["10.0.0.0/30 [1]"]);
  deepStrictEqual(stage.withdraw("10.0.0.2/32"), []);
});

Deno.test("AggregatedRib leaves alone what is shorter, and a prefix that goes beyond the pools", () => {
  const stage = new Stage();
  stage.announce("10.0.0.0/29");
  deepStrictEqual(stage.announce("10.0.0.9/32"), [
    "10.0.0.0/29 [1]",
    "10.0.0.9/32 [1]",
  ]);
  // The pools end at 10.0.0.10 and begin again at 10.0.0.12.
  deepStrictEqual(stage.announce("10.0.0.12/32"), [
    "10.0.0.0/29 [1]",
    "10.0.0.12/30 [1]",
    "10.0.0.9/32 [1]",
  ]);
});

Deno.test("AggregatedRib takes no prefix for one of two pools that lie side by side", () => {
  const pools = ["10.0.0.0-10.0.0.1", "10.0.0.2-10.0.0.3"];
  const stage = new Stage({ pools });
  deepStrictEqual(stage.announce("10.0.0.1/32"), ["10.0.0.1/32 [1]"]);
});

Deno.test("AggregatedRib knows a prefix by the next hops of all its routes", () => {
  const stage = new Stage();
  stage.announce("10.0.0.1/32");
  deepStrictEqual(stage.announce("10.0.0.2/32", { nextHop: "192.0.2.2" }), [
    "10.0.0.0/30 [1, 2]",
  ]);
  deepStrictEqual(stage.withdraw("10.0.0.1/32"), ["10.0.0.0/30 [2]"]);
});

Deno.test("AggregatedRib lets routes stand for themselves while their attributes differ (RFC 4271 §9.2.2.2)", () => {
  const stage = new Stage();
  stage.announce("10.0.0.1/32");
  stage.announce("10.0.0.2/32");
  deepStrictEqual(stage.announce("10.0.0.3/32", { med: 7 }), [
    "10.0.0.1/32 [1]",
    "10.0.0.2/32 [1]",
    "10.0.0.3/32 [1 med 7]",
  ]);
  // What comes is told before what goes.
  deepStrictEqual(stage.order, ["+", "+", "+", "-"]);
  deepStrictEqual(stage.announce("10.0.0.3/32"), ["10.0.0.0/30 [1]"]);
  deepStrictEqual(stage.order, ["+", "-", "-", "-"]);
});

Deno.test("AggregatedRib puts in what was there before, of both families", () => {
  const source = new LocRib();
  source.announce(prefix("10.0.0.5/32"), undefined, PLAIN);
  source.announce(prefix("2001:db8::5/128"), undefined, PLAIN);
  const { rib } = new AggregatedRib(source, { ipv4: 32, ipv6: 64 });
  deepStrictEqual(described(rib), ["10.0.0.5/32 [1]", "2001:db8::/64 [1]"]);
});

Deno.test("AggregatedRibs makes a table once for all peers of one aggregation, and forgets it after the last", () => {
  const source = new LocRib();
  const tables = new AggregatedRibs(source);
  strictEqual(tables.tableFor(undefined), source);
  const change = source.announce(prefix("10.0.0.5/32"), undefined, PLAIN);
  assert(change !== undefined, "It is new");
  strictEqual(tables.note(change), undefined, "there is only the source");
  const table = tables.tableFor({ ipv4: 24, ipv6: 128 });
  strictEqual(tables.tableFor({ ipv4: 24, ipv6: 128 }), table);
  ok(tables.tableFor({ ipv4: 24, ipv6: 128, pools: [] }) !== table);
  tables.keep([undefined, { ipv4: 24, ipv6: 128 }]);
  strictEqual(tables.note(change)?.size, 2);
  tables.keep([undefined]);
  strictEqual(tables.note(change), undefined);
});

const STEP = fc.record({
  at: fc.nat(17),
  lengthBits: fc.constantFrom(32, 32, 32, 31, 30, 29),
  nextHop: fc.constantFrom(undefined, "192.0.2.2", "192.0.2.3"),
  med: fc.constantFrom(undefined, undefined, 7),
  isWithdrawn: fc.boolean(),
});

Deno.test("property: AggregatedRib is what a plain computation says, after every step", () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 60 }), (steps) => {
      const stage = new Stage();
      for (const { at, lengthBits, nextHop, med, isWithdrawn } of steps) {
        const text = `10.0.0.${at}/${lengthBits}`;
        const told = isWithdrawn
          ? stage.withdraw(text, nextHop)
          : stage.announce(text, { nextHop, med });
        deepStrictEqual(told, plain(stage.source));
      }
    }),
    { numRuns: 300 },
  );
});

/** The same by hand: /30s within 10.0.0.0-10.0.0.10 and 10.0.0.12-10.0.0.20. */
function plain(source: LocRib): string[] {
  const table: string[] = [];
  const covered = new Map<number, string[]>();
  for (const text of described(source)) {
    const [, at = "", bits = ""] = /^10\.0\.0\.(\d+)\/(\d+) /.exec(text) ?? [];
    const over = Number(at) - Number(at) % 4;
    const isWithin = over === 0 || over === 4 || over === 12 || over === 16;
    if (Number(bits) < 30 || !isWithin) table.push(text);
    else covered.set(over, [...covered.get(over) ?? [], text]);
  }
  for (const [over, texts] of covered) {
    const paths = new Set(
      texts.flatMap((text) =>
        text.slice(text.indexOf("[") + 1, -1).split(", ")
      ),
    );
    const ids = [...paths].map((path) => Number.parseInt(path));
    if (new Set(ids).size < ids.length) table.push(...texts);
    else {
      const sorted = [...paths].sort((a, b) =>
        Number.parseInt(a) - Number.parseInt(b)
      );
      table.push(`10.0.0.${over}/30 [${sorted.join(", ")}]`);
    }
  }
  return table.sort();
}

/** A table, and the one that follows from it. */
class Stage {
  readonly source = new LocRib();
  /** Of the last change: whether a prefix came or changed, or went. */
  order: string[] = [];
  readonly #aggregated: AggregatedRib;

  constructor(
    { pools = ["10.0.0.0-10.0.0.10", "10.0.0.12-10.0.0.20"] }: {
      readonly pools?: readonly string[];
    } = {},
  ) {
    this.#aggregated = new AggregatedRib(this.source, {
      ipv4: 30,
      ipv6: 128,
      pools: pools.map((text) => {
        const [first = "", last = ""] = text.split("-");
        return { first: addr(first), last: addr(last) };
      }),
    });
  }

  announce(
    text: string,
    { nextHop, med }: {
      readonly nextHop?: string | undefined;
      readonly med?: number | undefined;
    } = {},
  ): string[] {
    const attributes = med === undefined
      ? PLAIN
      : { ...PLAIN, multiExitDisc: med };
    return this.#follow(this.source.announce(
      prefix(text),
      nextHop === undefined ? undefined : addr(nextHop),
      attributes,
    ));
  }

  withdraw(text: string, nextHop?: string): string[] {
    return this.#follow(this.source.withdraw(prefix(text), {
      nextHop: nextHop === undefined ? undefined : addr(nextHop),
    }));
  }

  #follow(change: RouteChange | undefined): string[] {
    const { rib } = this.#aggregated;
    const before = new Map(rib.routes("ipv4-unicast"));
    const changes = change === undefined ? [] : this.#aggregated.note(change);
    this.order = changes.map(({ key, family }) =>
      rib.routeAt(family, key) === undefined ? "-" : "+"
    );
    deepStrictEqual(this.order, this.order.toSorted(), "what goes comes last");
    for (const one of changes) strictEqual(one.before, before.get(one.key));
    return described(rib);
  }
}

function described(rib: LocRib): string[] {
  return (["ipv4-unicast", "ipv6-unicast"] as const).flatMap((family) =>
    [...rib.routes(family)].map(([key, route]) => {
      const paths = pathsOf(route).map(({ pathId, attributes }) =>
        attributes.multiExitDisc === undefined
          ? `${pathId}`
          : `${pathId} med ${attributes.multiExitDisc}`
      );
      return `${formatPrefix(prefixOf(family, key))} [${paths.join(", ")}]`;
    })
  ).sort();
}
