/**
 * The allocator against a model that keeps one `Map` and searches by counting.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { allocatorOf, ask, ip, set } from "./_ask_test.ts";
import type { Allocator } from "./allocator.ts";
import type { PoolInput } from "./pool.ts";

// Pool a hands out 0, 1, 2, 4 … 7 of 10.0.0.x, pool b 1 and 2 of 10.0.1.x; a is
// preferred. Services whose numbers differ by 4 have the same port.
const POOLS: readonly (PoolInput & { readonly handsOut: readonly string[] })[] =
  [
    {
      name: "a",
      address: "10.0.0.0/29",
      exclude: ["10.0.0.3"],
      namespaces: ["n"],
      handsOut: [0, 1, 2, 4, 5, 6, 7].map((n) => `10.0.0.${n}`),
    },
    {
      name: "b",
      address: "10.0.1.0-10.0.1.2",
      avoidBuggyIps: true,
      namespaceSelector: {},
      priority: 1,
      handsOut: ["10.0.1.1", "10.0.1.2"],
    },
  ];

const SERVICES = 12;

/** Who has which address, which pools are disabled, and what is reserved. */
interface Model {
  readonly holders: Map<string, string[]>;
  readonly disabled: Set<string>;
  readonly reserved: Set<string>;
}

type Command = fc.Command<Model, Allocator>;

/** A step that is taken on both, after which both read the same. */
function command(
  text: string,
  run: (model: Model, allocator: Allocator) => void,
  check: (model: Model) => boolean = () => true,
): Command {
  return {
    check,
    run: (model, allocator) => {
      run(model, allocator);
      compare(model, allocator);
    },
    toString: () => text,
  };
}

function allocating(service: string, wish: string): Command {
  return command(`allocate(${service}, ${wish})`, (model, allocator) => {
    const got = allocator.allocate(ask(service, {
      ports: [{ protocol: "TCP", port: portOf(service) }],
      wantedIps: wish.startsWith("10.") ? [wish] : [],
      wantedEips: wish === "a" || wish === "b" ? [wish] : [],
    }));
    const expected = allocate(model, service, wish);
    strictEqual(got.ok ? got.value.addresses[0]?.address : undefined, expected);
  });
}

function releasing(service: string): Command {
  return command(`release(${service})`, (model, allocator) => {
    const had = held(model, service);
    leave(model, service);
    const released = allocator.release(service);
    strictEqual(released.length, had === undefined ? 0 : 1);
    strictEqual(released[0]?.address, had);
  });
}

function adopting(service: string, address: string): Command {
  return command(
    `adopt(${service}, ${address})`,
    (model, allocator) => {
      const ports = [{ protocol: "TCP", port: portOf(service) }];
      join(model, service, address);
      allocator.adopt({ ...ask(service, { ports }), address: ip(address) });
    },
    (model) => held(model, service) === undefined,
  );
}

function disabling(name: string, disabled: boolean): Command {
  return command(`disable(${name}, ${disabled})`, (model, allocator) => {
    if (disabled) model.disabled.add(name);
    else model.disabled.delete(name);
    for (const pool of POOLS) {
      if (pool.name === name) set(allocator, { ...pool, disabled });
    }
  });
}

function reserving(addresses: readonly string[]): Command {
  return command(`reserve(${addresses.join(", ")})`, (model, allocator) => {
    model.reserved.clear();
    for (const address of addresses) model.reserved.add(address);
    allocator.setReserved(
      new Map(addresses.map((address) => [ip(address), A_GATEWAY])),
    );
  });
}

const SERVICE = fc.nat({ max: SERVICES - 1 }).map((n) => `n/${n}`);
const ADDRESS = fc.oneof(
  fc.nat({ max: 8 }).map((n) => `10.0.0.${n}`),
  fc.nat({ max: 2 }).map((n) => `10.0.1.${n}`),
);
const WISH = fc.oneof(fc.constantFrom("any", "any", "a", "b"), ADDRESS);
const IN_A_POOL = ADDRESS.filter((address) => address !== "10.0.0.8");
const COMMANDS = [
  fc.tuple(SERVICE, WISH).map((args) => allocating(...args)),
  SERVICE.map((service) => allocating(service, "any")),
  SERVICE.map(releasing),
  fc.tuple(SERVICE, IN_A_POOL).map((args) => adopting(...args)),
  fc.tuple(fc.constantFrom("a", "b"), fc.boolean())
    .map((args) => disabling(...args)),
  fc.array(ADDRESS, { maxLength: 4 }).map(reserving),
];

Deno.test("the allocator does what the model does, whatever is asked of it", () => {
  fc.assert(
    fc.property(
      fc.commands(COMMANDS, { maxCommands: 60, size: "max" }),
      (commands) => {
        fc.modelRun(
          () => ({
            model: {
              holders: new Map(),
              disabled: new Set<string>(),
              reserved: new Set<string>(),
            },
            real: allocatorOf(...POOLS),
          }),
          commands,
        );
      },
    ),
    { numRuns: 400 },
  );
});

/** The address a Service has after it asked, or undefined when that is refused. */
function allocate(
  model: Model,
  service: string,
  wish: string,
): string | undefined {
  const has = held(model, service);
  if (wish.startsWith("10.")) {
    if (has === wish) return has;
    const pool = POOLS.find(({ handsOut }) => handsOut.includes(wish));
    if (pool === undefined || model.disabled.has(pool.name)) return undefined;
    if (model.reserved.has(wish)) return undefined;
    const collides = model.holders.get(wish)
      ?.some((other) => portOf(other) === portOf(service));
    return collides ? undefined : move(model, service, wish);
  }
  const candidates = POOLS.filter(({ name }) =>
    wish === "any" || wish === name
  );
  if (has !== undefined && candidates.some((pool) => isOf(pool, has))) {
    return has;
  }
  const free = candidates.filter(({ name }) => !model.disabled.has(name))
    .flatMap(({ handsOut }) => handsOut)
    .find((address) => isFree(model, address));
  return free === undefined ? undefined : move(model, service, free);
}

function move(model: Model, service: string, address: string): string {
  leave(model, service);
  join(model, service, address);
  return address;
}

function join(model: Model, service: string, address: string): void {
  model.holders.set(address, [...model.holders.get(address) ?? [], service]);
}

function leave(model: Model, service: string): void {
  for (const [address, services] of model.holders) {
    const others = services.filter((other) => other !== service);
    if (others.length === 0) model.holders.delete(address);
    else model.holders.set(address, others);
  }
}

function held(model: Model, service: string): string | undefined {
  return [...model.holders.keys()]
    .find((address) => model.holders.get(address)?.includes(service));
}

function isFree(model: Model, address: string): boolean {
  return !model.holders.has(address) && !model.reserved.has(address);
}

function isOf({ name }: PoolInput, address: string): boolean {
  return address.startsWith(name === "a" ? "10.0.0." : "10.0.1.");
}

function portOf(service: string): number {
  return Number(service.slice(2)) % 4;
}

/** Everything that can be asked of the allocator, as the model has it. */
function compare(model: Model, allocator: Allocator): void {
  for (const pool of POOLS) {
    const used = [...model.holders.keys()]
      .filter((address) => isOf(pool, address)).sort();
    deepStrictEqual(
      allocator.usedOf(pool.name),
      used.map((address) => ({
        address,
        services: model.holders.get(address)?.toSorted(),
      })),
    );
    const free = pool.handsOut.find((one) => isFree(model, one));
    strictEqual(allocator.lowestFree(pool.name), free);
    strictEqual(allocator.usage(pool.name)?.used, used.length);
    strictEqual(allocator.usage(pool.name)?.full, free === undefined);
  }
  for (let i = 0; i < SERVICES; i++) {
    const service = `n/${i}`;
    const address = held(model, service);
    deepStrictEqual(
      allocator.heldBy(service).map((one) => one.address),
      address === undefined ? [] : [address],
    );
    if (address !== undefined) {
      const collides = model.holders.get(address)?.some((other) =>
        other !== service && portOf(other) === portOf(service)
      );
      strictEqual(allocator.conflictsOf(service).length > 0, collides);
    }
  }
}

const A_GATEWAY = {
  reason: "AddressReserved",
  what: "a gateway of the node n1",
} as const;
