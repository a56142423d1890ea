import { deepStrictEqual as deepEqual } from "node:assert/strict";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import { formatPrefix } from "@/addr/prefix.ts";
import type { KernelAddress, KernelLink } from "./kernel_network.ts";
import { GATEWAYS_PER_LINK_MAX, linkInfos } from "./link_watcher.ts";

Deno.test("linkInfos() gives each link its own addresses, those in doubt left out", () => {
  const infos = linkInfos([link(1), link(2), link(3)], [
    address("192.0.2.1", { linkIndex: 2 }),
    address("2001:db8::1", { linkIndex: 1, prefixLengthBits: 64 }),
    address("2001:db8::2", { linkIndex: 1, tentative: true }),
    address("2001:db8::3", { linkIndex: 1, dadFailed: true }),
    address("2001:db8::4", { linkIndex: 1, deprecated: true }),
    address("10.0.0.1", { linkIndex: 2, peer: parseIpAddr("10.0.0.2") }),
    address("192.0.2.9", { linkIndex: 4 }),
  ]);
  deepEqual(
    infos.map(({ index, prefixes }) => [index, prefixes.map(formatPrefix)]),
    [
      [1, ["2001:db8::1/64", "2001:db8::4/24"]],
      [2, ["192.0.2.1/24", "10.0.0.1/32"]],
      [3, []],
    ],
  );
});

Deno.test("linkInfos() gives each link its gateways once, a bounded number of them", () => {
  const gateway = (linkIndex: number, text: string) => ({
    linkIndex,
    address: address(text, {}).address,
  });
  const [first, second, third] = linkInfos(
    [link(1), link(2), link(3)],
    [],
    [
      gateway(1, "192.0.2.254"),
      gateway(1, "192.0.2.253"),
      gateway(1, "192.0.2.254"),
      gateway(2, "fe80::1"),
      ...Array.from({ length: 20 }, (_, i) => gateway(3, `10.0.0.${i}`)),
    ],
  );
  deepEqual(first?.gateways, ["192.0.2.253", "192.0.2.254"]);
  deepEqual(second?.gateways, ["fe80::1"]);
  deepEqual(third?.gateways.length, GATEWAYS_PER_LINK_MAX);
});

function link(index: number): KernelLink {
  return {
    index,
    name: `eth${index}`,
    kind: "",
    mac: undefined,
    mtu: 1500,
    up: true,
    running: true,
    masterIndex: undefined,
    parentIndex: undefined,
    parentNamespace: undefined,
  };
}

function address(text: string, rest: Partial<KernelAddress>): KernelAddress {
  const address = parseIpAddr(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return {
    linkIndex: 1,
    address,
    peer: undefined,
    prefixLengthBits: 24,
    scope: "global",
    tentative: false,
    dadFailed: false,
    deprecated: false,
    secondary: false,
    ...rest,
  };
}
