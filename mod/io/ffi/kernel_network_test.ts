import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
} from "node:assert/strict";
import { decodeGateways, isDefaultRoute } from "./kernel_network.ts";
import { RTM } from "./netlink_message.ts";

// Dumped by Linux 6.18: `ip route add default …` with what each row is called.
const ROUTES = [
  {
    name: "with one next hop",
    hex:
      "02000000fe0300010000000008000f00fe000000080006000700000008000500c00002020800040005000000",
    hops: [[5, "192.0.2.2"]],
  },
  {
    name: "with several paths",
    hex:
      "02000000fe0300010000000008000f00fe000000080006000900000024000900100000000500000008000500c0000201100000000600000008000500c6336401",
    hops: [[5, "192.0.2.1"], [6, "198.51.100.1"]],
  },
  {
    name: "of IPv4 by an IPv6 router, in a table of its own",
    hex:
      "02000000fc0300010000000008000f00bc020000160012000a00fe80000000000000000000000000000700000800040006000000",
    hops: [[6, "fe80::7"]],
  },
  {
    name: "of IPv6",
    hex:
      "0a000000fe0300010000000008000f00fe00000008000600000400001400050020010db8000000000000000000000001080004000500000024000c0000000000000000000000000000000000000000000000000000000000000000000500140000000000",
    hops: [[5, "2001:db8::1"]],
  },
  {
    name: "of IPv6 with several paths",
    hex:
      "0a000000fe0300010000000008000f00fe000000080006004d0000003c0009001c0000000500000014000500fe8000000000000000000000000000011c0000000600000014000500fe80000000000000000000000000000224000c0000000000000000000000000000000000000000000000000000000000000000000500140000000000",
    hops: [[5, "fe80::1"], [6, "fe80::2"]],
  },
  {
    name: "without a next hop",
    hex:
      "02000000fe03fd010000000008000f00fe00000008000600050000000800040005000000",
    hops: [],
  },
  {
    name: "that refuses",
    hex: "02000000fe0300070000000008000f00fe0000000800060063000000",
    hops: [],
  },
] as const;

Deno.test.each(ROUTES)(
  "decodeGateways() reads a default route $name",
  ({ hex, hops }) => {
    deepEqual(
      decodeGateways(newRoute(hex)).map(({ linkIndex, address }) => [
        linkIndex,
        address,
      ]),
      hops,
    );
  },
);

Deno.test("decodeGateways() leaves out routes to somewhere, of other families, and what is cut", () => {
  const [, several] = ROUTES;
  const bytes = Uint8Array.fromHex(several.hex);
  deepEqual(decodeGateways(message(bytes.with(1, 24))), []);
  deepEqual(decodeGateways(message(bytes.with(0, 128))), []);
  deepEqual(
    decodeGateways({ ...message(bytes), type: RTM.delRoute }),
    [],
  );
  // The second path ends before its address does: its attribute is left out.
  const cut = bytes.slice(0, -4);
  equal(decodeGateways(message(cut)).length, 0);
  equal(isDefaultRoute(message(bytes)), true);
  equal(isDefaultRoute({ ...message(bytes), type: RTM.delRoute }), true);
  equal(isDefaultRoute(message(bytes.with(1, 24))), false);
  equal(isDefaultRoute({ ...message(bytes), type: RTM.newLink }), false);
});

function newRoute(hex: string) {
  return message(Uint8Array.fromHex(hex));
}

function message(body: Uint8Array) {
  return { type: RTM.newRoute, flags: 0, sequence: 1, body };
}
