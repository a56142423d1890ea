import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { allocatorOf, ip, port } from "./_ask_test.ts";
import {
  planRecovery,
  type RecordedPool,
  type RecordedService,
  type Recovery,
} from "./recovery.ts";

type Recorded = Partial<Omit<RecordedService, "statusIps" | "wantedIps">> & {
  readonly service: string;
  readonly statusIps?: readonly string[];
  readonly wantedIps?: readonly string[];
};

interface Row {
  readonly name: string;
  readonly services: readonly Recorded[];
  readonly used?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** `service address pool`, in order. */
  readonly adopts: readonly string[];
  /** `address keepers | losers`. */
  readonly doubles?: readonly string[];
}

const ROWS: readonly Row[] = [
  {
    name: "takes the Service status alone",
    services: [
      { service: "n/b", statusIps: ["10.0.0.2"], labelPools: { 4: "a" } },
      { service: "n/a", statusIps: ["10.0.0.1"], labelPools: { 4: "a" } },
    ],
    adopts: ["n/a 10.0.0.1 a", "n/b 10.0.0.2 a"],
  },
  {
    name: "takes the Eip status alone",
    services: [{ service: "n/b" }, { service: "n/a" }, { service: "n/c" }],
    used: { a: { "10.0.0.1": "n/a;n/b", "10.0.0.2": "n/c" } },
    adopts: ["n/a 10.0.0.1 a", "n/b 10.0.0.1 a", "n/c 10.0.0.2 a"],
  },
  {
    name: "takes both when they agree, and the pool on record before the label",
    services: [
      { service: "n/a", statusIps: ["10.0.0.1"], labelPools: { 4: "old" } },
    ],
    used: { a: { "10.0.0.1": "n/a" } },
    adopts: ["n/a 10.0.0.1 a"],
  },
  {
    name: "lets the Service status win when they disagree",
    services: [{ service: "n/a", statusIps: ["10.0.0.1"], marked: true }],
    used: { a: { "10.0.0.9": "n/a" } },
    adopts: ["n/a 10.0.0.1 undefined"],
  },
  {
    name: "reads two addresses of two Eips",
    services: [{ service: "n/a", statusIps: ["10.0.0.1", "2001:db8::1"] }],
    used: {
      a: { "10.0.0.1": "n/a" },
      six: { "2001:DB8:0::1": "n/a" },
    },
    adopts: ["n/a 10.0.0.1 a", "n/a 2001:db8::1 six"],
  },
  {
    name: "takes each of two addresses for the label of its family",
    services: [
      {
        service: "n/a",
        statusIps: ["10.0.0.1", "2001:db8::1"],
        marked: true,
        labelPools: { 4: "a", 6: "six" },
      },
      {
        service: "n/b",
        statusIps: ["2001:db8::2", "10.0.0.2"],
        marked: true,
        labelPools: { 6: "six" },
      },
    ],
    used: { b: { "10.0.0.2": "n/b" } },
    adopts: [
      "n/a 10.0.0.1 a",
      "n/a 2001:db8::1 six",
      "n/b 2001:db8::2 six",
      "n/b 10.0.0.2 b",
    ],
  },
  {
    name: "restores two addresses from Eip statuses",
    services: [{ service: "n/a" }],
    used: {
      six: { "2001:db8::1": "n/a" },
      a: { "10.0.0.1": "n/a" },
    },
    adopts: ["n/a 10.0.0.1 a", "n/a 2001:db8::1 six"],
  },
  {
    name: "counts an address once that is recorded twice",
    services: [
      {
        service: "n/a",
        statusIps: ["10.0.0.1", "10.0.0.1"],
        labelPools: { 4: "a" },
      },
      { service: "n/b" },
    ],
    used: {
      a: { "10.0.0.2": "n/b;n/b" },
      b: { "10.0.0.2": "n/b" },
    },
    adopts: ["n/a 10.0.0.1 a", "n/b 10.0.0.2 a"],
  },
  {
    name:
      "ignores records of Services that do not exist, and text that is no address",
    services: [{ service: "n/a" }],
    used: { a: { "10.0.0.1": "n/gone;n/a", "10.0.0.x": "n/a", "": "" } },
    adopts: ["n/a 10.0.0.1 a"],
  },
  {
    name: "ignores the record of a Service that is not opted in",
    services: [{ service: "n/a", optedIn: false }],
    used: { a: { "10.0.0.1": "n/a" } },
    adopts: [],
  },
  {
    name: "keeps what a Service has that is to be released",
    services: [{
      service: "n/a",
      optedIn: false,
      marked: true,
      statusIps: ["10.0.0.1"],
    }],
    adopts: ["n/a 10.0.0.1 undefined"],
  },
  {
    name: "leaves the status of other load balancers alone",
    services: [
      { service: "n/a", optedIn: false, statusIps: ["10.0.0.1"] },
      { service: "n/b", statusIps: ["203.0.113.9"] },
      { service: "n/c", statusIps: ["203.0.113.9"], marked: true },
      { service: "n/d", statusIps: ["10.0.0.4"] },
    ],
    adopts: ["n/c 203.0.113.9 undefined", "n/d 10.0.0.4 undefined"],
  },
  {
    name: "keeps sharing on record",
    services: [
      { service: "n/a", statusIps: ["10.0.0.1"] },
      { service: "n/b", statusIps: ["10.0.0.1"] },
    ],
    used: { a: { "10.0.0.1": "n/a;n/b" } },
    adopts: ["n/a 10.0.0.1 a", "n/b 10.0.0.1 a"],
  },
  {
    name: "keeps sharing by those who name the address",
    services: [
      { service: "n/a", statusIps: ["10.0.0.1"] },
      { service: "n/b", statusIps: ["10.0.0.1"], wantedIps: ["10.0.0.1"] },
      { service: "n/c", statusIps: ["10.0.0.1"], wantedIps: ["10.0.0.1"] },
    ],
    adopts: [
      "n/a 10.0.0.1 undefined",
      "n/b 10.0.0.1 undefined",
      "n/c 10.0.0.1 undefined",
    ],
  },
  {
    name: "lets the older keep an address in double use",
    services: [
      { service: "n/a", createdAt: day(2), statusIps: ["10.0.0.1"] },
      { service: "n/b", createdAt: day(1), statusIps: ["10.0.0.1"] },
      { service: "n/c", createdAt: day(3), statusIps: ["10.0.0.1"] },
    ],
    adopts: ["n/b 10.0.0.1 undefined"],
    doubles: ["10.0.0.1 n/b | n/a n/c"],
  },
  {
    name: "lets the first by name keep an address when both are of one age",
    services: [
      { service: "n/b", statusIps: ["10.0.0.1"] },
      { service: "n/a", statusIps: ["10.0.0.1"] },
    ],
    used: { a: { "10.0.0.1": "n/b" } },
    adopts: ["n/a 10.0.0.1 undefined"],
    doubles: ["10.0.0.1 n/a | n/b"],
  },
  {
    name: "lets a status win against a mere record, whoever is older",
    services: [
      { service: "n/a", createdAt: day(1) },
      { service: "n/b", createdAt: day(2), statusIps: ["10.0.0.1"] },
    ],
    used: { a: { "10.0.0.1": "n/a" } },
    adopts: ["n/b 10.0.0.1 undefined"],
    doubles: ["10.0.0.1 n/b | n/a"],
  },
  {
    name: "does not take the records of two Eips for sharing",
    services: [{ service: "n/a" }, { service: "n/b" }],
    used: { a: { "10.0.0.1": "n/b" }, b: { "10.0.0.1": "n/a" } },
    adopts: ["n/a 10.0.0.1 b"],
    doubles: ["10.0.0.1 n/a | n/b"],
  },
];

Deno.test.each(ROWS)("planRecovery() $name", (row) => {
  const recovery = recover(row.services, row.used ?? {});
  deepStrictEqual(adopts(recovery), row.adopts);
  deepStrictEqual(doubles(recovery), row.doubles ?? []);
  const reversed = recover(
    row.services.toReversed(),
    Object.fromEntries(Object.entries(row.used ?? {}).toReversed()),
  );
  deepStrictEqual(reversed, recovery);
});

Deno.test("planRecovery() carries what decides about sharing", () => {
  const { ports = [] } = port(53);
  const [holding] = recover(
    [{
      service: "n/a",
      statusIps: ["10.0.0.1"],
      ports,
      externalTrafficPolicy: "Local",
      selector: { app: "dns" },
    }],
    {},
  ).adoptions;
  deepStrictEqual(holding, {
    service: "n/a",
    address: "10.0.0.1",
    pool: undefined,
    ports,
    externalTrafficPolicy: "Local",
    selector: { app: "dns" },
  });
});

Deno.test("an allocator rebuilt from either record, or both, is the one before", () => {
  fc.assert(fc.property(
    fc.array(fc.tuple(fc.nat({ max: 6 }), fc.constantFrom("pick", "auto")), {
      minLength: 1,
      maxLength: 12,
    }),
    fc.constantFrom("status", "used", "both"),
    (wishes, source) => {
      const before = pooled();
      const services: RecordedService[] = [];
      wishes.forEach(([n, how], i) => {
        const wanted = how === "pick" ? [`10.0.0.${n}`] : [];
        const one = recorded({
          service: `n/${i}`,
          ...port(i),
          wantedIps: wanted,
        });
        const got = before.allocate({
          ...one,
          families: [4],
          familyPolicy: "single",
          wantedEips: [],
          namespace: "n",
          namespaceLabels: {},
        });
        const statusIps = got.ok && source !== "used"
          ? got.value.addresses.map(({ address }) => address)
          : [];
        services.push({ ...one, statusIps, labelPools: { 4: "a" } });
      });
      const used = Object.fromEntries(
        before.usedOf("a").map(({ address, services }) => [
          address,
          services.join(";"),
        ]),
      );
      const after = pooled();
      const { adoptions, doubleUses } = planRecovery(
        services,
        [{ name: "a", used: source === "status" ? {} : used }],
        (address) => after.poolContaining(address) !== undefined,
      );
      for (const holding of adoptions) {
        strictEqual(after.adopt(holding), undefined);
      }
      // Two automatic Services never have one address, so nothing is in double use.
      deepStrictEqual(doubleUses, []);
      deepStrictEqual(after.usedOf("a"), before.usedOf("a"));
      strictEqual(after.lowestFree("a"), before.lowestFree("a"));
    },
  ));
});

function pooled(): ReturnType<typeof allocatorOf> {
  return allocatorOf({ name: "a", address: "10.0.0.0/28", isDefault: true });
}

function recover(
  services: readonly Recorded[],
  used: NonNullable<Row["used"]>,
): Recovery {
  const pools = Object.entries(used).map(([name, map]): RecordedPool => ({
    name,
    used: map,
  }));
  return planRecovery(
    services.map(recorded),
    pools,
    (address) => address.startsWith("10."),
  );
}

function recorded(one: Recorded): RecordedService {
  return {
    createdAt: day(1),
    optedIn: true,
    marked: false,
    labelPools: {},
    ports: [],
    externalTrafficPolicy: "Cluster",
    selector: {},
    ...one,
    statusIps: (one.statusIps ?? []).map(ip),
    wantedIps: (one.wantedIps ?? []).map(ip),
  };
}

function adopts({ adoptions }: Recovery): readonly string[] {
  return adoptions
    .map(({ service, address, pool }) => `${service} ${address} ${pool}`);
}

function doubles({ doubleUses }: Recovery): readonly string[] {
  return doubleUses.map(({ address, keepers, losers }) =>
    `${address} ${keepers.join(" ")} | ${losers.join(" ")}`
  );
}

function day(n: number): string {
  return `2025-01-0${n}T00:00:00Z`;
}
