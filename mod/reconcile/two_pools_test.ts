import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import type { PlannedWrite } from "./planned_write.ts";
import { type Raw, World } from "./_world_test.ts";

const FIRST = "eip.openelb.kubesphere.io/v1alpha2";
const SECOND = "foghorn.openelb.io/second-eip";
const DEFAULT = {
  annotations: { "eip.openelb.kubesphere.io/is-default-eip": "true" },
};
const DUAL = {
  ipFamilies: ["IPv4", "IPv6"],
  ipFamilyPolicy: "PreferDualStack",
};
const WEB = "services/default/web";

Deno.test("Controller recovers both addresses of a dual-stack Service from its status alone, though both pools were shrunk past them", () => {
  const world = dualStack();
  const had = world.addresses("default/web");
  deepStrictEqual(had, ["10.0.0.1", "2001:db8::1"]);
  world.edit("eips/four", { spec: { address: "10.0.0.5-10.0.0.9" } });
  world.edit("eips/six", { spec: { address: "2001:db8::5-2001:db8::9" } });
  world.settleAll();
  loseUsed(world);
  world.restart();
  deepStrictEqual(writesTo(world.settleAll(), WEB), []);
  deepStrictEqual(world.addresses("default/web"), had);
  strictEqual(world.condition(WEB, "Degraded"), "");
  deepStrictEqual(world.used("six"), { "2001:db8::1": "default/web" });
});

Deno.test("Controller labels a dual-stack Service with both Eips in the PATCH that gives it its addresses", () => {
  const world = dualStack();
  strictEqual(writesTo(world.log, WEB).length, 1);
  deepStrictEqual(labels(world), { [FIRST]: "four", [SECOND]: "six" });
});

Deno.test("Controller says nothing of a second Eip about a Service that has one address", () => {
  const world = pooled();
  world.service("default/web");
  const [write] = writesTo(world.settleAll(), WEB);
  const metadata = (write?.body as Raw)["metadata"] as Raw;
  deepStrictEqual(metadata["labels"], { [FIRST]: "four" });
});

Deno.test("Controller labels a dual-stack Service of before once", () => {
  const world = dualStack();
  world.edit(WEB, { metadata: { labels: { [SECOND]: null } } });
  world.restart();
  strictEqual(writesTo(world.settleAll(), WEB).length, 1);
  deepStrictEqual(labels(world), { [FIRST]: "four", [SECOND]: "six" });
  world.restart();
  deepStrictEqual(world.settleAll(), []);
});

const CHANGES: readonly {
  readonly name: string;
  readonly patch: Raw;
  readonly labels: Raw;
}[] = [
  {
    name: "wants one address only",
    patch: { spec: { ipFamilies: ["IPv4"], ipFamilyPolicy: "SingleStack" } },
    labels: { [FIRST]: "four" },
  },
  {
    name: "takes its second address from another Eip",
    patch: { metadata: { annotations: { [FIRST]: "four,spare" } } },
    labels: { [FIRST]: "four", [SECOND]: "spare" },
  },
  {
    name: "is labelled by somebody else",
    patch: { metadata: { labels: { [SECOND]: "spare" } } },
    labels: { [FIRST]: "four", [SECOND]: "six" },
  },
  {
    name: "is of another type",
    patch: { spec: { type: "ClusterIP" } },
    labels: {},
  },
  {
    name: "opts out",
    patch: { metadata: { annotations: null } },
    labels: {},
  },
];

Deno.test.each(CHANGES)(
  "Controller sets both labels right in one PATCH for a Service that $name",
  ({ patch, labels: expected }) => {
    const world = dualStack();
    world.edit(WEB, patch);
    strictEqual(writesTo(world.settleAll(), WEB).length, 1);
    deepStrictEqual(labels(world), expected);
    deepStrictEqual(world.settleAll(), []);
  },
);

Deno.test("Controller keeps the second label while the Eip it names is gone", () => {
  const world = dualStack();
  world.remove("eips/six");
  world.settleAll();
  world.nowMs += 60_000;
  world.settleAll();
  world.edit(WEB, { metadata: { annotations: { touched: "yes" } } });
  world.settleAll();
  match(world.condition(WEB, "Degraded"), /^True /);
  deepStrictEqual(labels(world), { [FIRST]: "four", [SECOND]: "six" });
});

/** Services as they may be, from three pools. */
const SERVICE = fc.record({
  families: fc.constantFrom(["IPv4"], ["IPv6"], ["IPv4", "IPv6"], [
    "IPv6",
    "IPv4",
  ]),
  policy: fc.constantFrom("PreferDualStack", "RequireDualStack"),
  eips: fc.constantFrom(undefined, "four", "spare", "four,spare", "six,four"),
});
type Drawn = typeof SERVICE extends fc.Arbitrary<infer T> ? T : never;

/** What is done to the pools: new ranges, and whether they hand anything out. */
const EDIT = fc.record({
  eip: fc.constantFrom("four", "six", "spare"),
  first: fc.integer({ min: 1, max: 12 }),
  size: fc.integer({ min: 1, max: 12 }),
  disable: fc.boolean(),
});
const PREFIXES: Readonly<Record<string, string>> = {
  four: "10.0.0.",
  six: "2001:db8::",
  spare: "2001:db8:1::",
};

Deno.test("property: from the statuses of Services alone no address moves, however the pools were edited", () => {
  fc.assert(fc.property(
    fc.array(fc.oneof(SERVICE, EDIT), { minLength: 2, maxLength: 14 }),
    (steps) => {
      const world = pooled();
      let created = 0;
      for (const step of steps) {
        if ("eip" in step) edit(world, step);
        else create(world, `default/web-${created++}`, step);
        world.settleAll();
      }
      const keys = Array.from(
        { length: created },
        (_, i) => `default/web-${i}`,
      );
      const before = keys.map((key) => world.addresses(key));
      loseUsed(world);
      world.restart();
      world.settleAll();
      deepStrictEqual(keys.map((key) => world.addresses(key)), before);
    },
  ));
});

function edit(
  world: World,
  { eip, first, size, disable }: {
    readonly eip: string;
    readonly first: number;
    readonly size: number;
    readonly disable: boolean;
  },
): void {
  const prefix = PREFIXES[eip] ?? "";
  const ends = [first, first + size - 1].map((number) =>
    prefix + number.toString(prefix.includes(":") ? 16 : 10)
  );
  world.edit(`eips/${eip}`, { spec: { address: ends.join("-"), disable } });
}

function create(
  world: World,
  key: string,
  { families, policy, eips }: Drawn,
): void {
  world.service(key, {
    annotations: eips === undefined ? {} : { [FIRST]: eips },
    spec: {
      ipFamilies: families,
      ipFamilyPolicy: families.length === 1 ? "SingleStack" : policy,
    },
  });
}

function pooled(): World {
  const world = new World();
  world.eip("four", { address: "10.0.0.1-10.0.0.9" }, DEFAULT);
  world.eip("six", { address: "2001:db8::1-2001:db8::9" }, DEFAULT);
  world.eip("spare", { address: "2001:db8:1::1-2001:db8:1::9" });
  return world;
}

/** A Service with an address of each family, written. */
function dualStack(): World {
  const world = pooled();
  world.service("default/web", { spec: DUAL });
  world.settleAll();
  return world;
}

/** `status.used` of every Eip is gone, and what it says besides. */
function loseUsed(world: World): void {
  for (const path of [...world.objects.keys()]) {
    if (path.startsWith("eips/")) world.edit(path, { status: null });
  }
}

function labels(world: World): Raw {
  const metadata = world.objects.get(WEB)?.["metadata"] as Raw;
  return metadata["labels"] as Raw;
}

function writesTo(
  writes: readonly PlannedWrite[],
  path: string,
): readonly PlannedWrite[] {
  const id = path.replace("services/", "service/");
  return writes.filter((write) => write.id === id);
}
