import { deepStrictEqual, ok as truthy, strictEqual } from "node:assert/strict";
import {
  allocatorOf,
  ask,
  DUAL_POOLS,
  holding,
  ip,
  only,
  port,
  refused,
  type Request,
  set,
  take,
} from "./_ask_test.ts";
import { Allocator } from "./allocator.ts";
import type { PoolInput } from "./pool.ts";

Deno.test("allocate() does not flap between two bound pools when the preferred one fills up", () => {
  const allocator = allocatorOf(
    { name: "a", address: "10.0.0.1", namespaces: ["n"] },
    { name: "b", address: "10.0.1.0/24", namespaces: ["n"], priority: 10 },
  );
  for (let i = 0; i < 4; i++) {
    strictEqual(only(take(allocator, ask("n/1"))), "10.0.0.1");
  }
  strictEqual(only(take(allocator, ask("n/2"))), "10.0.1.0");
  allocator.release("n/1");
  const again = take(allocator, ask("n/2"));
  strictEqual(only(again), "10.0.1.0");
  strictEqual(again.changed, false);
});

const HOME: PoolInput = {
  name: "a",
  address: "10.0.0.0/24",
  namespaces: ["n"],
  isDefault: true,
};
const STICKY: readonly { readonly name: string; readonly now: PoolInput[] }[] =
  [
    { name: "disabled", now: [{ ...HOME, disabled: true }] },
    { name: "being deleted", now: [{ ...HOME, deleting: true }] },
    {
      name: "unbound and no longer the default",
      now: [{ name: "a", address: "10.0.0.0/24" }],
    },
    { name: "without the address", now: [{ ...HOME, address: "10.9.0.0/24" }] },
    {
      name: "without the address, which is in another",
      now: [{ ...HOME, address: "10.9.0.0/24" }, {
        ...HOME,
        name: "b",
        priority: -1,
      }],
    },
    {
      name: "excluding the address",
      now: [{ ...HOME, exclude: ["10.0.0.0/25"] }],
    },
    { name: "avoiding the address", now: [{ ...HOME, avoidBuggyIps: true }] },
    {
      name: "less preferred than a new one",
      now: [{
        name: "b",
        address: "10.1.0.0/24",
        namespaces: ["n"],
        priority: -5,
      }],
    },
  ];

const STICKY_REQUESTS: readonly {
  readonly wish: string;
  readonly request: Request;
}[] = [
  { wish: "nothing", request: {} },
  { wish: "its Eip", request: { wantedEips: ["a"] } },
  { wish: "its address", request: { wantedIps: ["10.0.0.0"] } },
  {
    wish: "both",
    request: { wantedEips: ["a"], wantedIps: ["10.0.0.0"] },
  },
];

Deno.test.each(
  STICKY.flatMap((row) => STICKY_REQUESTS.map((wish) => ({ ...row, ...wish }))),
)("a pool that is $name leaves a Service that names $wish alone", (row) => {
  const allocator = allocatorOf(HOME);
  const before = take(allocator, ask("n/a", row.request));
  strictEqual(only(before), "10.0.0.0");
  for (const input of row.now) set(allocator, input);
  deepStrictEqual(take(allocator, ask("n/a", row.request)), {
    ...before,
    changed: false,
  });
});

const MOVES: readonly {
  readonly name: string;
  readonly from: Request;
  readonly to: Request;
  readonly address: string;
}[] = [
  {
    name: "another Eip is named",
    from: { wantedEips: ["a"] },
    to: { wantedEips: ["b"] },
    address: "10.1.0.0",
  },
  {
    name: "another address is named",
    from: { wantedIps: ["10.0.0.0"] },
    to: { wantedIps: ["10.0.0.7"] },
    address: "10.0.0.7",
  },
  {
    name: "an address is named",
    from: {},
    to: { wantedIps: ["10.1.0.7"] },
    address: "10.1.0.7",
  },
  {
    name: "the named address is left out",
    from: { wantedIps: ["10.1.0.7"] },
    to: {},
    address: "10.1.0.7",
  },
  {
    name: "the named Eip is left out",
    from: { wantedEips: ["b"] },
    to: {},
    address: "10.1.0.0",
  },
  {
    name: "another namespace has another binding",
    from: {},
    to: { namespace: "elsewhere" },
    address: "10.0.0.0",
  },
];

Deno.test.each(MOVES)("when $name, a Service has $address", (row) => {
  const allocator = allocatorOf(HOME, { name: "b", address: "10.1.0.0/24" });
  const [before] = take(allocator, ask("n/a", row.from)).addresses;
  const after = take(allocator, ask("n/a", row.to));
  strictEqual(only(after), row.address);
  strictEqual(after.changed, before?.address !== row.address);
  strictEqual([...allocator.usedOf("a"), ...allocator.usedOf("b")].length, 1);
});

Deno.test("allocate() that refuses takes nothing away", () => {
  const allocator = allocatorOf(HOME);
  take(allocator, ask("n/a"));
  for (
    const request of [
      { wantedIps: ["172.16.0.1"] },
      { wantedEips: ["missing"] },
      { families: [6] },
      { families: [4, 6], familyPolicy: "require" },
    ] as const
  ) refused(allocator, ask("n/a", request));
  deepStrictEqual(allocator.heldBy("n/a"), [{
    address: "10.0.0.0",
    pool: "a",
  }]);
});

Deno.test("allocate() under prefer keeps the old address of a family it refuses", () => {
  const allocator = allocatorOf(...DUAL_POOLS);
  const dual: Request = { families: [4, 6], familyPolicy: "prefer" };
  const before = take(allocator, ask("n/a", dual));
  const after = take(
    allocator,
    ask("n/a", { ...dual, wantedIps: ["172.16.0.1"] }),
  );
  deepStrictEqual(after.addresses, before.addresses);
  strictEqual(after.changed, false);
  strictEqual(after.missing?.reason, "AddressOutsidePool");
});

Deno.test("a pool that is gone moves its Services, if there is anywhere to go", () => {
  const allocator = allocatorOf(HOME);
  take(allocator, ask("n/b"));
  take(allocator, ask("n/a"));
  deepStrictEqual(allocator.removePool("a"), ["n/a", "n/b"]);
  strictEqual(refused(allocator, ask("n/a")).reason, "NoPool");
  deepStrictEqual(allocator.heldBy("n/a"), [
    { address: "10.0.0.1", pool: undefined },
  ]);
  set(allocator, { ...HOME, name: "b", address: "10.9.0.0/24" });
  deepStrictEqual(take(allocator, ask("n/a")).addresses, [
    { address: "10.9.0.0", pool: "b" },
  ]);
  deepStrictEqual(allocator.holdersOf(ip("10.0.0.1")), []);
});

Deno.test("a pool replaced by a larger one moves nobody", () => {
  const allocator = allocatorOf(HOME);
  take(allocator, ask("n/a"));
  allocator.removePool("a");
  set(allocator, { ...HOME, name: "wide", address: "10.0.0.0/16" });
  const got = take(allocator, ask("n/a"));
  deepStrictEqual(got.addresses, [{ address: "10.0.0.0", pool: "wide" }]);
  strictEqual(got.changed, false);
  strictEqual(allocator.usage("wide")?.used, 1);
  strictEqual(allocator.lowestFree("wide"), "10.0.0.1");
});

Deno.test("of two pools that overlap, neither hands out what the other did", () => {
  const allocator = allocatorOf(
    { name: "a", address: "10.0.0.0/30" },
    { name: "b", address: "10.0.0.2-10.0.0.5" },
  );
  const wish = (eip: string): Request => ({ wantedEips: [eip] });
  const got = ["b", "a", "b", "a", "b", "a"].map((eip, i) => {
    const result = allocator.allocate(ask(`n/${i}`, wish(eip)));
    return result.ok ? only(result.value) : result.error.reason;
  });
  deepStrictEqual(got, [
    "10.0.0.2",
    "10.0.0.0",
    "10.0.0.3",
    "10.0.0.1",
    "10.0.0.4",
    "PoolExhausted",
  ]);
  deepStrictEqual([allocator.usage("a")?.used, allocator.usage("b")?.used], [
    2,
    3,
  ]);
  allocator.release("n/0");
  strictEqual(allocator.lowestFree("a"), "10.0.0.2");
  strictEqual(allocator.lowestFree("b"), "10.0.0.2");
  take(allocator, ask("n/6", wish("a")));
  deepStrictEqual(allocator.removePool("a"), ["n/1", "n/3"]);
  strictEqual(allocator.poolOf(ip("10.0.0.2")), "b");
});

Deno.test("adopt() registers an address whatever its pool says", () => {
  for (
    const { name, input, pool } of [
      { name: "disabled", input: { ...HOME, disabled: true }, pool: "a" },
      { name: "moved", input: { ...HOME, address: "10.9.0.0/24" }, pool: "a" },
      {
        name: "excluding",
        input: { ...HOME, exclude: ["10.0.0.0/24"] },
        pool: "a",
      },
      { name: "gone", input: { ...HOME, name: "other" }, pool: "other" },
    ]
  ) {
    const allocator = allocatorOf(input);
    strictEqual(
      allocator.adopt(holding("n/a", "10.0.0.7", "a")),
      undefined,
      name,
    );
    deepStrictEqual(
      allocator.heldBy("n/a"),
      [{ address: "10.0.0.7", pool }],
      name,
    );
    const got = take(allocator, ask("n/a"));
    strictEqual(got.changed, false, name);
    strictEqual(only(got), "10.0.0.7", name);
  }
});

Deno.test("adopt() keeps sharing that collides, and says so", () => {
  const allocator = allocatorOf(HOME);
  strictEqual(allocator.adopt(holding("n/a", "10.0.0.0", "a")), undefined);
  const conflict = allocator.adopt(holding("n/b", "10.0.0.0", "a"));
  strictEqual(conflict?.reason, "PortConflict");
  strictEqual(conflict.service, "n/a");
  deepStrictEqual(allocator.holdersOf(ip("10.0.0.0")), ["n/a", "n/b"]);
  strictEqual(only(take(allocator, ask("n/b"))), "10.0.0.0");
  strictEqual(only(take(allocator, ask("n/c"))), "10.0.0.1");
});

Deno.test("adopt() twice is adopt() once", () => {
  const allocator = allocatorOf(HOME);
  allocator.adopt(holding("n/a", "10.0.0.3", "a"));
  allocator.adopt(holding("n/a", "10.0.0.3", "a"));
  deepStrictEqual(allocator.release("n/a"), [{
    address: "10.0.0.3",
    pool: "a",
  }]);
  deepStrictEqual(allocator.heldBy("n/a"), []);
  strictEqual(allocator.usage("a")?.used, 0);
});

Deno.test("adopt() of an address in no pool holds it until a pool with it comes", () => {
  const allocator = new Allocator();
  allocator.adopt(holding("n/a", "10.0.0.3"));
  deepStrictEqual(allocator.heldBy("n/a"), [
    { address: "10.0.0.3", pool: undefined },
  ]);
  set(allocator, HOME);
  strictEqual(allocator.poolOf(ip("10.0.0.3")), "a");
  strictEqual(take(allocator, ask("n/a")).changed, false);
});

Deno.test("allocate() keeps one address per family of several that were adopted", () => {
  const allocator = allocatorOf(HOME);
  allocator.adopt(holding("n/a", "10.0.0.3", "a"));
  allocator.adopt(holding("n/a", "10.0.0.5", "a"));
  const got = take(allocator, ask("n/a"));
  strictEqual(only(got), "10.0.0.3");
  strictEqual(got.changed, true);
  strictEqual(allocator.usage("a")?.used, 1);
});

Deno.test("takeWakeCauses() tells of freed addresses, sharers and pools, once", () => {
  const allocator = allocatorOf(HOME);
  deepStrictEqual(allocator.takeWakeCauses(), [{ kind: "pools-changed" }]);
  take(allocator, ask("n/a"));
  take(allocator, ask("n/a"));
  deepStrictEqual(allocator.takeWakeCauses(), []);
  take(allocator, ask("n/a", port(99)));
  deepStrictEqual(allocator.takeWakeCauses(), [
    { kind: "sharers-changed", address: "10.0.0.0" },
  ]);
  allocator.release("n/a");
  deepStrictEqual(allocator.takeWakeCauses(), [
    { kind: "sharers-changed", address: "10.0.0.0" },
    { kind: "address-freed", pool: "a" },
  ]);
  strictEqual(set(allocator, HOME), false);
  deepStrictEqual(allocator.takeWakeCauses(), []);
  strictEqual(set(allocator, { ...HOME, isDefault: false }), true);
  deepStrictEqual(allocator.takeWakeCauses(), [{ kind: "pools-changed" }]);
  allocator.removePool("a");
  allocator.removePool("a");
  deepStrictEqual(allocator.takeWakeCauses(), [{ kind: "pools-changed" }]);
});

Deno.test("takeWakeCauses() says everything when there is too much to say", () => {
  const allocator = allocatorOf({ ...HOME, address: "10.0.0.0/16" });
  for (let i = 0; i < 2000; i++) take(allocator, ask(`n/${i}`));
  for (let i = 0; i < 2000; i++) allocator.release(`n/${i}`);
  deepStrictEqual(allocator.takeWakeCauses(), [{ kind: "everything-changed" }]);
  deepStrictEqual(allocator.takeWakeCauses(), []);
});

const REVIVALS: readonly { readonly name: string; readonly now: PoolInput }[] =
  [
    { name: "is enabled again", now: HOME },
    { name: "becomes the default", now: { ...HOME, namespaces: [] } },
    { name: "becomes bound", now: { ...HOME, isDefault: false } },
    { name: "is extended", now: { ...HOME, address: "10.0.0.0/23" } },
  ];

Deno.test.each(REVIVALS)(
  "a pool that $name is a cause that the refusal waits for, and helps",
  ({ now }) => {
    const allocator = allocatorOf({
      name: "a",
      address: "10.0.0.0/24",
      disabled: now === HOME,
    });
    const refusal = refused(allocator, ask("n/a"));
    allocator.takeWakeCauses();
    set(allocator, now);
    const kinds = allocator.takeWakeCauses().map(({ kind }) => kind);
    truthy(refusal.retryOn.some(({ kind }) => kinds.includes(kind)));
    take(allocator, ask("n/a"));
  },
);

Deno.test("takeTouchedPools() names the pools whose status may read otherwise", () => {
  const allocator = allocatorOf(HOME, { name: "b", address: "10.1.0.0/24" });
  deepStrictEqual(allocator.takeTouchedPools(), ["a", "b"]);
  take(allocator, ask("n/a"));
  deepStrictEqual(allocator.takeTouchedPools(), ["a"]);
  take(allocator, ask("n/a"));
  deepStrictEqual(allocator.takeTouchedPools(), []);
  take(allocator, ask("n/b", { ...port(1), wantedIps: ["10.0.0.0"] }));
  deepStrictEqual(allocator.takeTouchedPools(), ["a"]);
  take(allocator, ask("n/a", { wantedEips: ["b"] }));
  deepStrictEqual(allocator.takeTouchedPools(), ["a", "b"]);
  allocator.release("n/nobody");
  deepStrictEqual(allocator.takeTouchedPools(), []);
});

Deno.test("usedOf() lists the lowest addresses first, as many as asked for", () => {
  const allocator = allocatorOf({ name: "a", address: "2001:db8::/64" });
  for (const last of ["a", "1:0", "9", "f"]) {
    const wantedIps = [`2001:db8::${last}`];
    take(allocator, ask(`n/${last}`, { families: [6], wantedIps }));
  }
  deepStrictEqual(allocator.usedOf("a", 3).map(({ address }) => address), [
    "2001:db8::9",
    "2001:db8::a",
    "2001:db8::f",
  ]);
  strictEqual(allocator.usedOf("a").length, 4);
  deepStrictEqual(allocator.usedOf("none"), []);
  strictEqual(allocator.usage("none"), undefined);
});

Deno.test("pools() and poolContaining() follow the order of preference", () => {
  const allocator = allocatorOf(
    { name: "late", address: "10.0.0.0/16", priority: 5 },
    { name: "early", address: "10.0.3.0/24" },
  );
  deepStrictEqual(allocator.pools().map(({ name }) => name), ["early", "late"]);
  strictEqual(allocator.poolContaining(ip("10.0.3.1")), "early");
  strictEqual(allocator.poolContaining(ip("10.0.4.1")), "late");
  strictEqual(allocator.poolContaining(ip("10.1.0.0")), undefined);
  set(allocator, { name: "late", address: "10.0.0.0/16", priority: -5 });
  strictEqual(allocator.poolContaining(ip("10.0.3.1")), "late");
  strictEqual(allocator.pool("late")?.priority, -5);
});

const POOL_EDITS: readonly {
  readonly name: string;
  readonly now: PoolInput;
}[] = [
  { name: "disabled", now: { ...HOME, disabled: true } },
  { name: "deleting", now: { ...HOME, deleting: true } },
  { name: "priority", now: { ...HOME, priority: 7 } },
  { name: "protocol", now: { ...HOME, protocol: "layer2" } },
  { name: "default", now: { ...HOME, isDefault: false } },
  { name: "creation", now: { ...HOME, createdAt: "2025-01-01T00:00:00Z" } },
  { name: "namespaces", now: { ...HOME, namespaces: ["m"] } },
  { name: "selector", now: { ...HOME, namespaceSelector: {} } },
  { name: "spelling", now: { ...HOME, address: "10.0.0.1/24" } },
  { name: "range", now: { ...HOME, address: "10.0.0.0/25" } },
  { name: "excludes", now: { ...HOME, exclude: ["10.0.0.9"] } },
  { name: "avoidance", now: { ...HOME, avoidBuggyIps: true } },
];

Deno.test.each(POOL_EDITS)(
  "setPool() notices a change of $name, once",
  ({ now }) => {
    const allocator = allocatorOf(HOME);
    strictEqual(set(allocator, now), true);
    strictEqual(set(allocator, now), false);
    strictEqual(set(allocator, HOME), true);
  },
);

Deno.test("setPool() puts new exclusions into effect at once, and takes them back", () => {
  const allocator = allocatorOf(HOME);
  strictEqual(allocator.lowestFree("a"), "10.0.0.0");
  set(allocator, { ...HOME, avoidBuggyIps: true });
  strictEqual(allocator.lowestFree("a"), "10.0.0.1");
  set(allocator, { ...HOME, avoidBuggyIps: true, exclude: ["10.0.0.0/28"] });
  strictEqual(allocator.lowestFree("a"), "10.0.0.16");
  set(allocator, HOME);
  strictEqual(allocator.lowestFree("a"), "10.0.0.0");
});

Deno.test("an address released after its pool was gone does not count for a new pool", () => {
  const allocator = allocatorOf(HOME);
  take(allocator, ask("n/a"));
  allocator.removePool("a");
  allocator.release("n/a");
  set(allocator, HOME);
  strictEqual(allocator.usage("a")?.used, 0);
  strictEqual(allocator.lowestFree("a"), "10.0.0.0");
});

Deno.test("adopt() takes the word of the second who knows the pool", () => {
  const allocator = allocatorOf({ ...HOME, address: "10.9.0.0/24" });
  allocator.adopt(holding("n/a", "10.0.0.3"));
  strictEqual(allocator.poolOf(ip("10.0.0.3")), undefined);
  allocator.adopt(holding("n/b", "10.0.0.3", "a"));
  strictEqual(allocator.poolOf(ip("10.0.0.3")), "a");
  strictEqual(allocator.usage("a")?.used, 1);
});

Deno.test("adopt() does not believe that an address is from a pool of the other family", () => {
  const allocator = allocatorOf(...DUAL_POOLS);
  allocator.adopt(holding("n/a", "2001:db8::1", "four"));
  strictEqual(allocator.poolOf(ip("2001:db8::1")), "six");
});

Deno.test("an address in two pools counts for the one its Service names, unless others have it", () => {
  const allocator = allocatorOf(
    { name: "a", address: "10.0.0.0/30" },
    { name: "b", address: "10.0.0.2-10.0.0.5" },
  );
  const wish = (eip: string) => ({
    wantedEips: [eip],
    wantedIps: ["10.0.0.2"],
  });
  take(allocator, ask("n/1", wish("a")));
  const moved = take(allocator, ask("n/1", wish("b")));
  deepStrictEqual(moved.addresses, [{ address: "10.0.0.2", pool: "b" }]);
  strictEqual(moved.changed, false);
  const joined = take(allocator, ask("n/2", { ...port(81), ...wish("a") }));
  deepStrictEqual(joined.addresses, [{ address: "10.0.0.2", pool: "b" }]);
  deepStrictEqual(allocator.usage("a")?.used, 0);
});

const GATEWAY = {
  reason: "AddressReserved",
  what: "a gateway of the node n1",
} as const;
const STRANGER = {
  reason: "AddressConflict",
  what: "held by the host with the MAC address 02:00:00:00:00:63",
} as const;

Deno.test("a reserved address is passed over, and handed out when it is not any more", () => {
  const allocator = allocatorOf({ ...HOME, address: "10.0.0.0/30" });
  deepStrictEqual(
    allocator.setReserved(new Map([[ip("10.0.0.0"), STRANGER]])),
    ["10.0.0.0"],
  );
  strictEqual(only(take(allocator, ask("n/1"))), "10.0.0.1");
  deepStrictEqual(allocator.setReserved(new Map()), ["10.0.0.0"]);
  strictEqual(only(take(allocator, ask("n/2"))), "10.0.0.0");
});

Deno.test("a reserved address counts as neither used nor missing, but a pool can be full of them", () => {
  const allocator = allocatorOf({ ...HOME, address: "10.0.0.1" });
  allocator.takeTouchedPools();
  allocator.setReserved(new Map([[ip("10.0.0.1"), GATEWAY]]));
  deepStrictEqual(allocator.takeTouchedPools(), ["a"]);
  deepStrictEqual(allocator.usage("a"), {
    used: 0,
    size: 1n,
    usableSize: 1n,
    full: true,
  });
  strictEqual(refused(allocator, ask("n/1")).reason, "PoolExhausted");
});

Deno.test("who has an address that becomes reserved keeps it", () => {
  const allocator = allocatorOf(HOME);
  strictEqual(only(take(allocator, ask("n/1"))), "10.0.0.0");
  allocator.setReserved(new Map([[ip("10.0.0.0"), STRANGER]]));
  strictEqual(only(take(allocator, ask("n/1"))), "10.0.0.0");
  strictEqual(allocator.usage("a")?.used, 1);
  allocator.release("n/1");
  strictEqual(only(take(allocator, ask("n/2"))), "10.0.0.1");
});

Deno.test("a pool that comes later does not hand out what was reserved before", () => {
  const allocator = allocatorOf();
  allocator.setReserved(new Map([[ip("10.0.0.0"), GATEWAY]]));
  set(allocator, HOME);
  strictEqual(only(take(allocator, ask("n/1"))), "10.0.0.1");
});

Deno.test("a reserved address is refused to who names it, until it is free", () => {
  const allocator = allocatorOf(HOME);
  const named = ask("n/1", { wantedIps: ["10.0.0.9"] });
  allocator.setReserved(new Map([[ip("10.0.0.9"), STRANGER]]));
  const refusal = refused(allocator, named);
  strictEqual(refusal.reason, "AddressConflict");
  strictEqual(
    refusal.message,
    "no avliable eip, err:the specified ip:10.0.0.9 is held by the host with the MAC address 02:00:00:00:00:63",
  );
  allocator.takeWakeCauses();
  allocator.setReserved(new Map());
  const woken = allocator.takeWakeCauses();
  truthy(
    refusal.retryOn.some((cause) =>
      woken.some(({ kind }) => kind === cause.kind)
    ),
  );
  strictEqual(only(take(allocator, named)), "10.0.0.9");
});

Deno.test("reservations that stay the same change nothing", () => {
  const allocator = allocatorOf(HOME);
  const reserved = new Map([[ip("10.0.0.0"), GATEWAY]]);
  allocator.setReserved(reserved);
  allocator.takeTouchedPools();
  deepStrictEqual(allocator.setReserved(new Map(reserved)), []);
  deepStrictEqual(allocator.takeTouchedPools(), []);
});
