import {
  deepStrictEqual,
  match,
  ok as truthy,
  strictEqual,
} from "node:assert/strict";
import fc from "fast-check";
import { type IpAddr, ipAddrOf, parseIpAddr } from "@/addr/ip_addr.ts";
import {
  EXCLUDES_MAX,
  nextAllowedValue,
  parsePool,
  type Pool,
  poolAddressAllowed,
  poolContains,
  type PoolInput,
  poolSize,
  poolUsableSize,
  selectorMatches,
  statusCount,
} from "./pool.ts";

// OpenELB api/v1alpha2 types_test GetSize, and what it gets wrong.
const SIZES = [
  { address: "192.168.0.1", size: 1n },
  { address: "192.168.0.1/24", size: 256n },
  { address: "192.168.0.1-192.168.0.100", size: 100n },
  { address: "0.0.0.0/0", size: 1n << 32n },
  { address: "2001:db8::1", size: 1n },
  { address: "2001:0db8::0/120", size: 256n },
  { address: "2001:db8::/65", size: 1n << 63n },
  { address: "2001:db8::/64", size: 1n << 64n },
  { address: "2001:db8::/48", size: 1n << 80n },
  { address: "::/0", size: 1n << 128n },
];

Deno.test.each(SIZES)("poolSize() of $address", ({ address, size }) => {
  strictEqual(poolSize(pool({ address })), size);
  strictEqual(poolUsableSize(pool({ address })), size);
});

const INVALID_ADDRESSES = [
  "192.168.0.100-192.168.0.1",
  "text",
  "192.168.0.1-192.168.0.5-192.168.0.9",
  "192.168.0.1-2001:db8::1",
  "192.168.0.0/255.255.255.0",
  "192.168.0.1,192.168.0.2",
  " 192.168.0.1",
  "192.168.0.0/33",
  "",
].map((address) => ({ address }));

Deno.test.each(INVALID_ADDRESSES)(
  'parsePool() refuses the address "$address"',
  ({ address }) => {
    const parsed = parsePool({ name: "eip", address });
    truthy(!parsed.ok);
    strictEqual(parsed.error.reason, "AddressInvalid");
    match(parsed.error.message, /^invalid eip address format: /);
    strictEqual(parsed.error.fallback, undefined);
  },
);

// OpenELB types_test IPToOrdinal and Contains.
const CONTAINED = [
  { addr: "192.168.0.90", inside: false },
  { addr: "192.168.0.91", inside: true },
  { addr: "192.168.0.95", inside: true },
  { addr: "192.168.0.100", inside: true },
  { addr: "192.168.0.101", inside: false },
  { addr: "::c0a8:5b", inside: false },
  { addr: "::ffff:192.168.0.95", inside: false },
];

Deno.test.each(CONTAINED)(
  "poolContains() of $addr is $inside",
  ({ addr, inside }) => {
    const office = pool({ address: "192.168.0.91-192.168.0.100" });
    strictEqual(poolContains(office, ip(addr)), inside);
    strictEqual(poolAddressAllowed(office, ip(addr)), inside);
  },
);

Deno.test("parsePool() fills in what an Eip leaves out", () => {
  deepStrictEqual(pool({ name: "eip", address: "192.168.0.1/24" }), {
    name: "eip",
    address: "192.168.0.1/24",
    family: 4,
    range: { family: 4, first: 0xc0a8_0000n, last: 0xc0a8_00ffn },
    excluded: [],
    avoidBuggyIps: false,
    disabled: false,
    enforceNamespaces: false,
    deleting: false,
    priority: 0,
    namespaces: [],
    isDefault: false,
    protocol: "bgp",
    createdAt: "",
  });
});

const PROTOCOLS = [
  { text: undefined, protocol: "bgp" },
  { text: "bgp", protocol: "bgp" },
  { text: "layer2", protocol: "layer2" },
  { text: "vip", protocol: "vip" },
  { text: "ospf", protocol: "bgp" },
];

Deno.test.each(PROTOCOLS)(
  "parsePool() takes the protocol $text for $protocol",
  ({ text, protocol }) => {
    strictEqual(
      pool({ address: "10.0.0.1", protocol: text }).protocol,
      protocol,
    );
  },
);

Deno.test("parsePool() sorts, clips and joins excludes of every form", () => {
  const office = pool({
    address: "10.0.0.0/24",
    exclude: [
      "10.0.0.128/25",
      "10.0.0.5-10.0.0.7",
      "10.0.0.8",
      "9.255.255.0-10.0.0.0",
      "10.0.0.6",
      "172.16.0.0/12",
    ],
  });
  deepStrictEqual(
    office.excluded.map(({ first, last }) => [text(first), text(last)]),
    [
      ["10.0.0.0", "10.0.0.0"],
      ["10.0.0.5", "10.0.0.8"],
      ["10.0.0.128", "10.0.0.255"],
    ],
  );
  strictEqual(poolUsableSize(office), 123n);
  strictEqual(poolAddressAllowed(office, ip("10.0.0.4")), true);
  strictEqual(poolAddressAllowed(office, ip("10.0.0.7")), false);
  strictEqual(poolContains(office, ip("10.0.0.7")), true);
});

const INVALID_EXCLUDES = [
  { exclude: ["10.0.0.9-10.0.0.1"], names: '"10.0.0.9-10.0.0.1"' },
  { exclude: ["10.0.0.1", "gateway"], names: '"gateway"' },
  { exclude: ["2001:db8::1"], names: "it is IPv6 and the pool is IPv4" },
  {
    exclude: new Array<string>(EXCLUDES_MAX + 1).fill("10.0.0.1"),
    names: "at most 1024",
  },
];

Deno.test.each(INVALID_EXCLUDES)(
  "parsePool() refuses an exclude: $names",
  ({ exclude, names }) => {
    const parsed = parsePool({ name: "eip", address: "10.0.0.0/24", exclude });
    truthy(!parsed.ok);
    strictEqual(parsed.error.reason, "ExcludeInvalid");
    truthy(parsed.error.message.includes(names));
    strictEqual(parsed.error.fallback?.disabled, true);
    strictEqual(parsed.error.fallback.range.last, 0x0a00_00ffn);
  },
);

const INVALID_SELECTORS = [
  { selector: { team: "a b" }, shown: "map[team:a b]" },
  { selector: { "-team": "a", b: "c" }, shown: "map[-team:a b:c]" },
  { selector: { "/team": "a" }, shown: "map[/team:a]" },
  { selector: { team: "a".repeat(64) }, shown: `map[team:${"a".repeat(64)}]` },
];

Deno.test.each(INVALID_SELECTORS)(
  "parsePool() refuses the selector $shown",
  ({ selector, shown }) => {
    const parsed = parsePool({
      name: "eip",
      address: "10.0.0.0/24",
      namespaceSelector: selector,
    });
    truthy(!parsed.ok);
    strictEqual(parsed.error.reason, "SelectorInvalid");
    truthy(
      parsed.error.message.startsWith(
        `eip:[eip] invalid namespace label selector ${shown}`,
      ),
    );
    strictEqual(parsed.error.fallback?.disabled, true);
  },
);

Deno.test("parsePool() takes the labels that KubeSphere writes", () => {
  const { namespaceSelector } = pool({
    address: "10.0.0.1",
    namespaceSelector: { "kubesphere.io/workspace": "team-1", empty: "" },
  });
  deepStrictEqual(namespaceSelector, {
    "kubesphere.io/workspace": "team-1",
    empty: "",
  });
});

const SELECTORS: readonly {
  name: string;
  selector: Record<string, string> | undefined;
  matches: boolean;
}[] = [
  { name: "none", selector: undefined, matches: false },
  { name: "one label", selector: { team: "x" }, matches: true },
  { name: "two labels", selector: { team: "x", env: "live" }, matches: true },
  { name: "no label", selector: {}, matches: true },
  { name: "another value", selector: { team: "y" }, matches: false },
  {
    name: "one label of two",
    selector: { team: "x", env: "test" },
    matches: false,
  },
  { name: "a missing label", selector: { tier: "" }, matches: false },
];

Deno.test.each(SELECTORS)(
  "selectorMatches() by $name: $matches",
  ({ selector, matches }) => {
    strictEqual(selectorMatches(selector, { team: "x", env: "live" }), matches);
  },
);

Deno.test("avoidBuggyIps leaves out .0 and .255 of IPv4 only", () => {
  const four = pool({ address: "10.0.0.0/23", avoidBuggyIps: true });
  strictEqual(poolUsableSize(four), 508n);
  for (const last of ["0.0", "0.255", "1.0", "1.255"]) {
    strictEqual(poolAddressAllowed(four, ip(`10.0.${last}`)), false);
  }
  strictEqual(poolAddressAllowed(four, ip("10.0.0.254")), true);
  strictEqual(nextAllowedValue(four, 0x0a00_00ffn), 0x0a00_0101n);
  strictEqual(
    poolUsableSize(pool({ address: "10.0.0.0/8", avoidBuggyIps: true })),
    (1n << 24n) - (1n << 17n),
  );
  const six = pool({ address: "2001:db8::/120", avoidBuggyIps: true });
  strictEqual(poolUsableSize(six), 256n);
});

Deno.test("statusCount() caps what a status cannot carry", () => {
  strictEqual(statusCount(256n), 256);
  strictEqual(statusCount(1n << 80n), Number.MAX_SAFE_INTEGER);
});

Deno.test("a pool hands out what remains when each excluded address is crossed out", () => {
  const offset = fc.integer({ min: -5, max: 1030 });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 600 }),
      fc.integer({ min: 0, max: 600 }),
      fc.array(fc.tuple(offset, fc.integer({ min: 0, max: 40 })), {
        maxLength: 12,
      }),
      fc.boolean(),
      (start, length, excludes, avoidBuggyIps) => {
        const base = 0x0a01_0000;
        const first = base + start;
        const last = first + length;
        const one = pool({
          address: `${dotted(first)}-${dotted(last)}`,
          exclude: excludes.map(([from, more]) =>
            `${dotted(base + from)}-${dotted(base + from + more)}`
          ),
          avoidBuggyIps,
        });
        const left: number[] = [];
        for (let n = first; n <= last; n++) {
          const crossed = excludes.some(([from, more]) =>
            base + from <= n && n <= base + from + more
          );
          const buggy = avoidBuggyIps && (n % 256 === 0 || n % 256 === 255);
          if (!crossed && !buggy) left.push(n);
        }
        const walked: number[] = [];
        let at = nextAllowedValue(one, 0n);
        while (at !== undefined) {
          walked.push(Number(at));
          at = nextAllowedValue(one, at + 1n);
        }
        deepStrictEqual(walked, left);
        strictEqual(poolUsableSize(one), BigInt(left.length));
        for (let n = first - 1; n <= last + 1; n++) {
          strictEqual(poolAddressAllowed(one, ip(dotted(n))), left.includes(n));
        }
      },
    ),
    { numRuns: 60 },
  );
});

function pool(input: Partial<PoolInput> & { address: string }): Pool {
  const parsed = parsePool({ name: "eip", ...input });
  truthy(parsed.ok);
  return parsed.value;
}

function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  truthy(addr !== undefined);
  return addr;
}

function text(value: bigint): string {
  return ipAddrOf(4, value);
}

function dotted(n: number): string {
  return [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join(".");
}
