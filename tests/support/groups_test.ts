import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { groupsOf, meansGroup } from "./groups.ts";

const PATHS = [
  "mod/io/clock_test.ts",
  "mod/wire/arp_test.ts",
  "mod/wire/ndp_test.ts",
  "tests/e2e/demo_test.ts",
  "tests/interop/bird_test.ts",
  "tests/kubernetes/faults_test.ts",
  "tests/novel/novel_test.ts",
  "tests/shipped/image_test.ts",
  "tests/tidy/layers_test.ts",
  "tools/entry_points_test.ts",
];

Deno.test("groupsOf() leaves no folder with tests out", () => {
  const groups = groupsOf(PATHS, ["lang", "wire"]);
  deepStrictEqual(
    groups.map(({ name, args }) => [name, args.slice(-1)]),
    [
      ["types", ["."]],
      ["pure", ["mod/wire"]],
      ["rim", ["mod/io"]],
      ["tools", ["tools"]],
      ["novel", ["tests/novel"]],
      ["tidy", ["tests/tidy"]],
      ["e2e.demo", ["tests/e2e/demo_test.ts"]],
      ["interop.bird", ["tests/interop/bird_test.ts"]],
      ["kubernetes.faults", ["tests/kubernetes/faults_test.ts"]],
      ["shipped.image", ["tests/shipped/image_test.ts"]],
    ],
  );
});

Deno.test("groupsOf() leaves to be asked for what wants something built first, or daemons of others", () => {
  deepStrictEqual(
    groupsOf(PATHS, []).filter(({ onRequest }) => onRequest)
      .map(({ name, lab }) => [name, lab]),
    [["interop.bird", true], ["kubernetes.faults", true], [
      "shipped.image",
      true,
    ]],
  );
});

Deno.test("groupsOf() gives pure folders no permission", () => {
  const pure = groupsOf(PATHS, ["wire"]).find(({ name }) => name === "pure");
  strictEqual(pure?.args.includes("-A"), false);
  strictEqual(pure?.args.includes("--no-prompt"), true);
});

Deno.test("meansGroup() takes the name of a group, and of those it belongs to", () => {
  const demo = groupsOf(PATHS, []).find(({ lab }) => lab);
  const means = (name: string) => demo !== undefined && meansGroup(name, demo);
  strictEqual(means("e2e.demo"), true);
  strictEqual(means("e2e"), true);
  strictEqual(means("e2e.other"), false);
  strictEqual(means("e2"), false);
});
