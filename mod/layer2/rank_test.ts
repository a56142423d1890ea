import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
} from "node:assert/strict";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import vectors from "../../tests/vectors/rank.json" with { type: "json" };
import { ip4 } from "./_frames_test.ts";
import { orderCandidates, rankOf } from "./rank.ts";

const NODES = ["master1", "worker-p001", "worker-p002"];

Deno.test.each(vectors.rows)(
  "orderCandidates() ranks nodes for $vip as OpenELB does",
  ({ vip, order, ranks }) => {
    const addr = parseIpAddr(vip);
    ok(addr !== undefined);
    const ordered = orderCandidates(NODES, addr);
    // A vector tells as many of the first candidates as were published.
    deepEqual(ordered.slice(0, order.length), order);
    const computed = order.map((node) => rankOf(node, addr).slice(0, 8));
    deepEqual(computed, ranks);
  },
);

Deno.test("orderCandidates() does not depend on the order it is given", () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 8 });
  const vip = ip4("192.0.2.1");
  fc.assert(fc.property(names, (nodes) => {
    const ordered = orderCandidates(nodes, vip);
    deepEqual(orderCandidates(nodes.toSorted(), vip), ordered);
    deepEqual(ordered.toSorted(), nodes.toSorted());
  }));
});

Deno.test("orderCandidates() keeps the order of those who stay", () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1 });
  const vip = ip4("192.0.2.1");
  fc.assert(fc.property(names, (nodes) => {
    const [first, ...rest] = orderCandidates(nodes, vip);
    deepEqual(orderCandidates(rest, vip), rest);
    equal(nodes.includes(first ?? ""), true);
  }));
});

Deno.test("orderCandidates() spreads VIPs evenly over nodes", () => {
  const counts = new Map<string, number>();
  for (let i = 0; i < 900; i++) {
    const vip = ip4(`192.0.${i >>> 8}.${i & 0xff}`);
    const first = orderCandidates(NODES, vip)[0] ?? "";
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  // 300 each; six standard deviations of a third of 900 are 85.
  for (const node of NODES) {
    const count = counts.get(node) ?? 0;
    ok(Math.abs(count - 300) < 85, `${node} has ${count}`);
  }
});

Deno.test("orderCandidates() puts those that are preferred first, and leaves equals in the order of the hash", () => {
  const vip = ip4("192.0.2.1");
  const nodes = fc.uniqueArray(
    fc.record({ node: fc.string({ minLength: 1 }), preference: fc.nat(3) }),
    { selector: ({ node }) => node },
  );
  fc.assert(fc.property(nodes, (rows) => {
    const names = rows.map(({ node }) => node);
    const hashed = orderCandidates(names, vip);
    const expected = [3, 2, 1, 0].flatMap((level) =>
      hashed.filter((name) =>
        rows.some(({ node, preference }) =>
          node === name && preference === level
        )
      )
    );
    deepEqual(
      orderCandidates(names, vip, rows.map(({ preference }) => preference)),
      expected,
    );
  }));
});
