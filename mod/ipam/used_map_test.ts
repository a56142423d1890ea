import { deepStrictEqual, ok as truthy, strictEqual } from "node:assert/strict";
import { type IpAddr, ipAddrOf } from "@/addr/ip_addr.ts";
import type { UsedAddress } from "./request.ts";
import {
  formatUsedServices,
  parseUsedServices,
  USED_BYTES_MAX,
  usedMap,
} from "./used_map.ts";

Deno.test("usedMap() joins the Services of an address, sorted", () => {
  deepStrictEqual(usedMap([used(1, ["ns2/b", "ns1/a"]), used(2, ["ns1/c"])]), {
    used: { "10.0.0.1": "ns1/a;ns2/b", "10.0.0.2": "ns1/c" },
    usage: 2,
    partial: false,
  });
});

Deno.test("usedMap() is as long as its JSON, to the byte", () => {
  const addresses = [used(1, ["ns/a"]), used(2, ["ns/bc"]), used(3, ["ns/d"])];
  // The trailing comma that JSON does not have is counted.
  const bytes = JSON.stringify(usedMap(addresses).used).length + 1;
  strictEqual(usedMap(addresses, bytes).partial, false);
  const cut = usedMap(addresses, bytes - 1);
  deepStrictEqual(Object.keys(cut.used), ["10.0.0.1", "10.0.0.2"]);
  strictEqual(cut.partial, true);
  strictEqual(cut.usage, 3);
});

Deno.test("usedMap() of 50,000 addresses stays within 256 KiB and counts them all", () => {
  const addresses = Array.from(
    { length: 50_000 },
    (_, i) => used(i, [`namespace/service-${i}`]),
  );
  const map = usedMap(addresses);
  const bytes = JSON.stringify(map.used).length;
  truthy(bytes <= USED_BYTES_MAX, `${bytes} bytes`);
  truthy(bytes > USED_BYTES_MAX - 100, `${bytes} bytes`);
  strictEqual(map.usage, 50_000);
  strictEqual(map.partial, true);
});

const TEXTS = [
  { text: "ns1/a", services: ["ns1/a"] },
  { text: "ns1/a;ns2/b", services: ["ns1/a", "ns2/b"] },
  { text: "ns1/a;;b;x/y/z;ns2/b;", services: ["ns1/a", "ns2/b"] },
  { text: "", services: [] },
];

Deno.test.each(TEXTS)(
  'parseUsedServices() reads "$text"',
  ({ text, services }) => {
    deepStrictEqual(parseUsedServices(text), services);
    deepStrictEqual(parseUsedServices(formatUsedServices(services)), services);
  },
);

function used(offset: number, services: readonly string[]): UsedAddress {
  return { address: address(offset), services };
}

function address(offset: number): IpAddr {
  return ipAddrOf(4, 0x0a00_0000n + BigInt(offset));
}
