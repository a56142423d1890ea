import { strictEqual } from "node:assert/strict";
import { ABCD, ALL, Lone } from "./_lone_test.ts";
import { ownerToCheck } from "./checker.ts";

const VIPS = [[ABCD, ALL]] as const;
const LISTS = { b: [ABCD] };

Deno.test("the best candidate that does not own a VIP checks it", () => {
  const a = Lone.settled({
    node: "c",
    fellows: ["b"],
    vips: VIPS,
    lists: LISTS,
  });
  strictEqual(ownerToCheck(a.state, ABCD), "b");
});

Deno.test("a later candidate leaves the check to an earlier one that is there", () => {
  const c = Lone.settled({
    node: "d",
    fellows: ["b", "c"],
    vips: VIPS,
    lists: LISTS,
  });
  strictEqual(ownerToCheck(c.state, ABCD), undefined);
});

Deno.test("where the owner is the only candidate, one of the others checks", () => {
  const lone = { vips: [[ABCD, ["b"]]] as const, lists: LISTS };
  const checks = ["a", "c", "d"].filter((node) => {
    const fellows = ["a", "b", "c", "d"].filter((one) => one !== node);
    const { state } = Lone.settled({ node, fellows, ...lone });
    return ownerToCheck(state, ABCD) === "b";
  });
  strictEqual(checks.length, 1);
});

Deno.test("what nobody owns, or this node, is not checked", () => {
  const a = Lone.settled({ node: "a", fellows: ["b"], vips: VIPS });
  strictEqual(ownerToCheck(a.state, ABCD), undefined);
});

Deno.test("a node that is not in good standing checks nothing", () => {
  const c = Lone.settled({
    node: "c",
    fellows: ["b"],
    vips: VIPS,
    lists: LISTS,
  });
  c.tell({ kind: "link-down", nowMs: c.nowMs });
  strictEqual(ownerToCheck(c.state, ABCD), undefined);
});
