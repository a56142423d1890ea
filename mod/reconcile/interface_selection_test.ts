import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
} from "node:assert/strict";
import { parseAddrRange } from "@/addr/addr_range.ts";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { type MacAddr, parseMacAddr, ZERO_MAC } from "@/addr/mac_addr.ts";
import { parsePrefix, type Prefix } from "@/addr/prefix.ts";
import {
  canReachTargets,
  isVirtualLink,
  selectLinks,
  selectPoolLinks,
} from "./interface_selection.ts";

const MAC = mac("02:00:00:00:00:0a");
const LINKS = [
  link("lo", ["127.0.0.1/8", "192.0.2.91/32"], ZERO_MAC),
  link("eth0", ["192.0.2.11/24", "2001:db8::11/64", "fe80::a/64"]),
  link("eth1", ["198.51.100.11/24", "fe80::b/64"]),
  link("ens3", ["198.51.100.12/24"]),
  link("bond0.100", ["192.0.3.92/32"]),
  link("cni0", ["10.244.0.1/24"]),
  link("kube-ipvs0", ["192.0.2.92/32"]),
  link("ppp0", ["203.0.113.1/30"], "none"),
];
const ROUTES = new Map<IpAddr, string>([
  [ip("192.0.2.254"), "eth0"],
  [ip("2001:db8::fe"), "eth0"],
  [ip("10.244.0.9"), "cni0"],
  [ip("192.0.2.91"), "lo"],
  [ip("203.0.113.2"), "ppp0"],
]);

const SELECTED = [
  { text: undefined, vip: ip("192.0.2.91"), links: ["eth0"] },
  { text: " ", vip: ip("2001:db8::91"), links: ["eth0"] },
  { text: "eth0", vip: ip("203.0.113.9"), links: ["eth0"] },
  { text: "bond0.100", vip: ip("203.0.113.9"), links: ["bond0.100"] },
  { text: "cni0", vip: ip("192.0.2.91"), links: ["cni0"] },
  { text: "eth*", vip: ip("192.0.2.91"), links: ["eth0", "eth1"] },
  { text: "ens[0-9]", vip: ip("192.0.2.91"), links: ["ens3"] },
  { text: "e[tn][hs][13]", vip: ip("192.0.2.91"), links: ["ens3", "eth1"] },
  { text: "eth?", vip: ip("192.0.2.91"), links: ["eth0", "eth1"] },
  {
    text: "**",
    vip: ip("192.0.2.91"),
    links: ["bond0.100", "ens3", "eth0", "eth1"],
  },
  { text: "bond0?100", vip: ip("192.0.2.91"), links: ["bond0.100"] },
  { text: "can_reach:192.0.2.254", vip: ip("192.0.2.91"), links: ["eth0"] },
  {
    text: "can_reach:2001:db8::fe",
    vip: ip("192.0.2.91"),
    links: ["eth0"],
  },
  {
    text: "eth9, eth1 ,can_reach:192.0.2.254",
    vip: ip("192.0.2.91"),
    links: ["eth0", "eth1"],
  },
  { text: "eth0,eth*", vip: ip("192.0.2.91"), links: ["eth0", "eth1"] },
];

const POOLS = [
  { text: "", pool: "192.0.2.91-192.0.2.99", links: ["eth0"] },
  { text: "", pool: "2001:db8::/112", links: ["eth0"] },
  // Each address is in one subnet only, but the pool in several.
  {
    text: "",
    pool: "192.0.2.200-198.51.100.20",
    links: ["ens3", "eth0", "eth1"],
  },
  { text: "", pool: "203.0.113.0/24", links: [] },
  // The subnets of links that are chosen by name only.
  { text: "", pool: "10.244.0.0/24", links: [] },
  { text: " eth* ", pool: "203.0.113.0/24", links: ["eth0", "eth1"] },
  { text: "cni0", pool: "203.0.113.9", links: ["cni0"] },
  { text: "can_reach:192.0.2.254", pool: "203.0.113.9", links: ["eth0"] },
  { text: "eth9", pool: "192.0.2.91", links: [] },
  { text: "eth[", pool: "192.0.2.91", links: [] },
];

Deno.test.each(POOLS)(
  'selectPoolLinks() finds all links for "$text" and $pool',
  ({ text, pool, links }) => {
    const range = parseAddrRange(pool);
    ok(range !== undefined);
    deepEqual(
      selectPoolLinks({ interface: text, range }, {
        links: LINKS,
        routes: ROUTES,
      }),
      links,
    );
  },
);

Deno.test.each(SELECTED)(
  "selectLinks() chooses $links for '$text' and $vip",
  ({ text, vip, links }) => {
    deepEqual(select(text, vip), { ok: true, value: links });
  },
);

const ANNOTATED = [
  // Nothing is chosen otherwise, or by the subnet.
  { text: "", address: "198.51.100.12", links: ["ens3"] },
  { text: "", address: "198.51.100.0/24", links: ["ens3", "eth1"] },
  { text: "", address: "2001:db8::11", links: ["eth0"] },
  { text: "", address: " 192.0.2.11 ", links: ["eth0"] },
  // What spec.interface leaves open.
  { text: "eth*", address: "198.51.100.11", links: ["eth1"] },
  {
    text: "eth0,eth1,ens3",
    address: "198.51.100.0/24",
    links: ["ens3", "eth1"],
  },
  // It chooses otherwise on this node.
  { text: "eth0", address: "198.51.100.11", links: ["eth0"] },
  { text: "can_reach:192.0.2.254", address: "198.51.100.11", links: ["eth0"] },
  // It chooses nothing on this node.
  { text: "eth9", address: "198.51.100.12", links: ["ens3"] },
  { text: "can_reach:203.0.113.77", address: "198.51.100.12", links: ["ens3"] },
  // No interface has it, none that is chosen but by name, or it is no address.
  { text: "eth*", address: "192.0.2.99", links: ["eth0", "eth1"] },
  { text: "eth*", address: "10.244.0.0/24", links: ["eth0", "eth1"] },
  { text: "eth*", address: "203.0.113.1", links: ["eth0", "eth1"] },
  { text: "eth*", address: "eth1", links: ["eth0", "eth1"] },
];

Deno.test.each(ANNOTATED)(
  "selectLinks() chooses $links for '$text' on a Node that is annotated with $address",
  ({ text, address, links }) => {
    const vip = ip("192.0.2.99");
    const context = { links: LINKS, routes: ROUTES, nodeAddress: address };
    deepEqual(selectLinks({ interface: text, vip }, context), {
      ok: true,
      value: links,
    });
    const range = parseAddrRange("192.0.2.99");
    ok(range !== undefined);
    const all = selectPoolLinks({ interface: text, range }, context);
    for (const link of links) ok(all.includes(link), `${all}`);
  },
);

Deno.test("selectLinks() refuses what means nothing, whatever a Node is annotated with", () => {
  for (const [text, reason] of [["eth[", "InterfaceInvalid"]] as const) {
    const vip = ip("192.0.2.99");
    const chosen = selectLinks({ interface: text, vip }, {
      links: LINKS,
      routes: ROUTES,
      nodeAddress: "192.0.2.11",
    });
    equal(chosen.ok ? "" : chosen.error.reason, reason);
  }
});

const REFUSED = [
  {
    text: "",
    vip: ip("198.51.100.91"),
    reason: "InterfaceAmbiguous",
    says: "ens3, eth1",
  },
  {
    text: "",
    vip: ip("203.0.113.200"),
    reason: "NoInterfaceForAddress",
    says: "name one of bond0.100, ens3, eth0, eth1",
  },
  // Only a container network holds it.
  {
    text: "",
    vip: ip("10.244.0.91"),
    reason: "NoInterfaceForAddress",
    says: "10.244.0.91",
  },
  // Held as a single address by a link, which is no subnet.
  {
    text: "",
    vip: ip("192.0.3.92"),
    reason: "NoInterfaceForAddress",
    says: "192.0.3.92",
  },
  {
    text: "eth7",
    vip: ip("192.0.2.91"),
    reason: "InterfaceNotFound",
    says: '"eth7"',
  },
  {
    text: "eth7,ens9",
    vip: ip("192.0.2.91"),
    reason: "InterfaceNotFound",
    says: "none of",
  },
  {
    text: "wlan*",
    vip: ip("192.0.2.91"),
    reason: "InterfaceNotFound",
    says: '"wlan*"',
  },
  {
    text: "cni*",
    vip: ip("192.0.2.91"),
    reason: "InterfaceNotFound",
    says: '"cni*"',
  },
  {
    text: "lo",
    vip: ip("192.0.2.91"),
    reason: "InterfaceInvalid",
    says: "not Ethernet",
  },
  {
    text: "ppp0",
    vip: ip("192.0.2.91"),
    reason: "InterfaceInvalid",
    says: "not Ethernet",
  },
  {
    text: "eth0,",
    vip: ip("192.0.2.91"),
    reason: "InterfaceInvalid",
    says: '""',
  },
  {
    text: "eth0;rm",
    vip: ip("192.0.2.91"),
    reason: "InterfaceInvalid",
    says: "eth0;rm",
  },
  {
    text: "eth[0-",
    vip: ip("192.0.2.91"),
    reason: "InterfaceInvalid",
    says: "close the bracket",
  },
  {
    text: "eth[9-0]",
    vip: ip("192.0.2.91"),
    reason: "InterfaceInvalid",
    says: "no pattern",
  },
  {
    text: "can_reach:eth0",
    vip: ip("192.0.2.91"),
    reason: "InterfaceInvalid",
    says: "can_reach:IP",
  },
  {
    text: "mac:02:00:00:00:00:0a",
    vip: ip("192.0.2.91"),
    reason: "InterfaceInvalid",
    says: "can_reach:IP",
  },
  {
    text: "can_reach:192.0.2.91",
    vip: ip("192.0.2.91"),
    reason: "NoInterfaceForAddress",
    says: '"lo"',
  },
  {
    text: "can_reach:10.244.0.9",
    vip: ip("192.0.2.91"),
    reason: "NoInterfaceForAddress",
    says: '"cni0"',
  },
  {
    text: "can_reach:203.0.113.2",
    vip: ip("192.0.2.91"),
    reason: "InterfaceInvalid",
    says: "not Ethernet",
  },
  {
    text: "can_reach:198.18.0.1",
    vip: ip("192.0.2.91"),
    reason: "NoInterfaceForAddress",
    says: "no route to 198.18.0.1",
  },
  {
    text: "eth0,".repeat(40) + "eth0",
    vip: ip("192.0.2.91"),
    reason: "InterfaceInvalid",
    says: "at most 32",
  },
];

Deno.test.each(REFUSED)(
  "selectLinks() refuses '$text' for $vip: $reason",
  ({ text, vip, reason, says }) => {
    const selected = select(text, vip);
    ok(!selected.ok);
    equal(selected.error.reason, reason);
    ok(selected.error.message.includes(says), selected.error.message);
  },
);

Deno.test("selectLinks() never throws, and chooses only links there are", () => {
  const marks = fc.constantFrom(..."eth0*?[]-,: .$^(+\\can_reach:1::");
  const texts = fc.string({ unit: marks, maxLength: 40 });
  fc.assert(
    fc.property(texts, (text) => {
      const selected = select(text, ip("192.0.2.91"));
      if (!selected.ok) return;
      ok(selected.value.length > 0);
      ok(
        selected.value.every((name) =>
          LINKS.some((link) => link.name === name)
        ),
      );
      canReachTargets(text);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("selectLinks() is not slowed down by a pattern of stars", () => {
  const name = "a".repeat(15);
  const context = { links: [link(name, [])], routes: new Map() };
  const pattern = "*".repeat(60) + "b";
  const vip = ip("192.0.2.91");
  equal(selectLinks({ interface: pattern, vip }, context).ok, false);
});

Deno.test("selectLinks() on a node without Ethernet says so", () => {
  const context = { links: [], routes: new Map() };
  const selected = selectLinks({ vip: ip("192.0.2.91") }, context);
  ok(!selected.ok && selected.error.message.includes("no Ethernet interface"));
});

Deno.test("canReachTargets() lists what has to be looked up", () => {
  deepEqual(
    canReachTargets("eth0, can_reach:192.0.2.254,can_reach:2001:db8::fe"),
    ["192.0.2.254", "2001:db8::fe"],
  );
  deepEqual(canReachTargets("can_reach:,can_reach:x"), []);
  deepEqual(canReachTargets(undefined), []);
});

const NAMES = [
  { name: "lo", virtual: true },
  { name: "docker0", virtual: true },
  { name: "br-0123456789ab", virtual: true },
  { name: "cali0123456789a", virtual: true },
  { name: "cilium_host", virtual: true },
  { name: "flannel.1", virtual: true },
  { name: "veth1a2b3c4", virtual: true },
  { name: "kube-ipvs0", virtual: true },
  { name: "nodelocaldns", virtual: true },
  { name: "wg0", virtual: true },
  { name: "br-lan", virtual: false },
  { name: "br0", virtual: false },
  { name: "eth0", virtual: false },
  { name: "enp1s0f0", virtual: false },
  { name: "bond0", virtual: false },
  { name: "vlan100", virtual: false },
  { name: "macvlan0", virtual: false },
  { name: "lan0", virtual: false },
];

Deno.test.each(NAMES)(
  "isVirtualLink($name) is $virtual",
  ({ name, virtual }) => {
    equal(isVirtualLink(name), virtual);
  },
);

function select(text: string | undefined, vip: IpAddr) {
  return selectLinks({ interface: text, vip }, {
    links: LINKS,
    routes: ROUTES,
  });
}

function link(
  name: string,
  prefixes: readonly string[],
  address: MacAddr | "none" = MAC,
): { name: string; mac: MacAddr | undefined; prefixes: readonly Prefix[] } {
  return {
    name,
    mac: address === "none" ? undefined : address,
    prefixes: prefixes.map((text) => {
      const prefix = parsePrefix(text);
      ok(prefix !== undefined);
      return prefix;
    }),
  };
}

function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  if (addr === undefined) throw new Error(`An address is expected: ${text}`);
  return addr;
}

function mac(text: string): MacAddr {
  const parsed = parseMacAddr(text);
  if (parsed === undefined) throw new Error(`A MAC is expected: ${text}`);
  return parsed;
}
