/**
 * The total order of claims.
 *
 * @module
 */

import { ok, strictEqual } from "node:assert/strict";
import { orderCandidates } from "../rank.ts";
import { ABCD, ALL } from "./_lone_test.ts";
import { nodeId } from "./_world_test.ts";
import { type Claim, compareClaims, standingOf } from "./claim.ts";
import { type Fellow, newFellow, newVip, type Vip } from "./state.ts";

const QUIET = { unsure: false, frozen: false, leaving: false };

Deno.test.each(
  [
    ["no flag", {}, false, 0],
    ["FROZEN", { frozen: true }, false, 1],
    ["an entry that is leaving", {}, true, 2],
    ["LEAVING", { leaving: true }, false, 2],
    ["FROZEN and LEAVING", { frozen: true, leaving: true }, false, 2],
    ["UNSURE", { unsure: true }, false, 3],
    ["all of them", { unsure: true, frozen: true, leaving: true }, true, 3],
  ] as const,
)("standingOf() %s", (_, flags, entryLeaving, standing) => {
  strictEqual(standingOf({ ...QUIET, ...flags }, entryLeaving), standing);
});

Deno.test("compareClaims() is a total order: standing, then preference, then rank, then id", () => {
  const vip = vipOf(ALL);
  const claims: Claim[] = [];
  for (const standing of [0, 1, 2, 3] as const) {
    for (const preference of [63, 2, 0]) {
      for (const fellow of vip.order) {
        claims.push({ standing, preference, fellow });
      }
    }
  }
  for (const [i, a] of claims.entries()) {
    for (const [j, b] of claims.entries()) {
      strictEqual(Math.sign(compareClaims(vip, a, b)), Math.sign(i - j));
    }
  }
});

Deno.test("compareClaims() compares by what nodes say of themselves: two of which one has not heard of a change agree", () => {
  // The last one by rank is preferred in the view of one, and nobody is in that of the other.
  const hashed = vipOf(ALL);
  const [first, second, third] = hashed.order.map(({ node = "" }) => node);
  ok(first !== undefined && second !== undefined && third !== undefined);
  const told = vipOf(ALL);
  told.order = [third, first, second].map((node) => at(told, node));
  told.preferred = new Map([[at(told, third), 1]]);
  const pairs = [[first, second], [second, third], [first, third]] as const;
  for (const [better, worse] of pairs) {
    for (const said of [0, 1]) {
      const claims = (vip: Vip): readonly [Claim, Claim] => [
        { standing: 0, preference: 0, fellow: at(vip, better) },
        { standing: 0, preference: said, fellow: at(vip, worse) },
      ];
      const expected = said === 0 ? -1 : 1;
      for (const vip of [hashed, told]) {
        strictEqual(Math.sign(compareClaims(vip, ...claims(vip))), expected);
      }
    }
  }
});

Deno.test("compareClaims() ranks a node that is no candidate here by the same formula", () => {
  const whole = vipOf(ALL);
  for (const missing of ALL) {
    const vip = vipOf(ALL.filter((node) => node !== missing));
    const fellow = newFellow(nodeId(missing), missing);
    for (const other of vip.order) {
      const order = whole.order.map(({ node }) => node);
      const expected = order.indexOf(missing) - order.indexOf(other.node);
      const a = { standing: 0, preference: 0, fellow } as const;
      const b = { standing: 0, preference: 0, fellow: other } as const;
      strictEqual(Math.sign(compareClaims(vip, a, b)), Math.sign(expected));
      strictEqual(Math.sign(compareClaims(vip, b, a)), -Math.sign(expected));
    }
  }
});

Deno.test("compareClaims() puts a node without a name behind all that have one", () => {
  const vip = vipOf(ALL);
  const claim = (fellow: Fellow): Claim => ({
    standing: 0,
    preference: 0,
    fellow,
  });
  const nameless = claim(newFellow(nodeId("x")));
  const other = claim(newFellow(nodeId("y")));
  for (const fellow of vip.order) {
    ok(compareClaims(vip, claim(fellow), nameless) < 0);
  }
  ok(compareClaims(vip, nameless, other) < 0);
});

function at(vip: Vip, name: string): Fellow {
  const found = vip.order.find(({ node }) => node === name);
  ok(found !== undefined);
  return found;
}

function vipOf(nodes: readonly string[]): Vip {
  const vip = newVip(ABCD, []);
  vip.order = orderCandidates(nodes, ABCD)
    .map((node) => newFellow(nodeId(node), node));
  return vip;
}
