import fc from "fast-check";
import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
  throws,
} from "node:assert/strict";
import { type IpAddr, ipAddrOf, isIpv4 } from "@/addr/ip_addr.ts";
import { AssertionError } from "@/lang/assert.ts";
import { ip4, ip6 } from "./_frames_test.ts";
import { VIPS_PER_LINK_MAX, VipTable } from "./vip_table.ts";

/** Addresses that differ in few bits, so that many share a slot or a word. */
const ADDRS: fc.Arbitrary<IpAddr> = fc.oneof(
  fc.nat({ max: 60 }).map((n) => ipAddrOf(4, 0xc000_0200n + BigInt(n))),
  fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 5 })).map(([high, low]) =>
    ipAddrOf(6, (BigInt(high) << 64n) + BigInt(low) + (0xfdn << 120n))
  ),
);

const CALLS = fc.array(
  fc.tuple(fc.constantFrom("add", "add", "remove"), ADDRS),
  { maxLength: 300 },
);

Deno.test("VipTable agrees with a Set over any mix of calls, seen from another view", () => {
  fc.assert(
    fc.property(CALLS, (calls) => {
      const table = new VipTable();
      const reader = new VipTable(table.buffer);
      const model = new Set<IpAddr>();
      for (const [call, addr] of calls) {
        const had = model.has(addr);
        if (call === "add") {
          deepEqual(table.add(addr), { ok: true, value: !had });
          model.add(addr);
        } else {
          equal(table.remove(addr), had);
          model.delete(addr);
        }
        equal(reader.has(addr), model.has(addr));
      }
      equal(reader.size, model.size);
      deepEqual([...reader.addrs()].sort(), [...model].sort());
      for (const [, addr] of calls) equal(reader.has(addr), model.has(addr));
    }),
    { numRuns: 60 },
  );
});

Deno.test("VipTable holds VIPS_PER_LINK_MAX addresses and refuses the next by name", () => {
  const table = new VipTable();
  const half = VIPS_PER_LINK_MAX / 2;
  for (let n = 1; n <= half; n++) {
    table.add(ipAddrOf(4, 0x0a00_0000n + BigInt(n)));
    table.add(ipAddrOf(6, (0xfdn << 120n) + BigInt(n)));
  }
  equal(table.size, VIPS_PER_LINK_MAX);
  const refused = { ok: false, error: "vips-per-link-max" };
  deepEqual(table.add(ip4("192.0.2.1")), refused);
  deepEqual(table.add(ip6("2001:db8::1")), refused);
  deepEqual(table.add(ip4("10.0.0.1")), { ok: true, value: false });
  for (let n = 1; n <= half; n += 2) {
    table.remove(ipAddrOf(4, 0x0a00_0000n + BigInt(n)));
  }
  equal(table.size, VIPS_PER_LINK_MAX - half / 2);
  for (let n = 1; n <= half; n++) {
    equal(table.has(ipAddrOf(4, 0x0a00_0000n + BigInt(n))), n % 2 === 0);
    equal(table.has(ipAddrOf(6, (0xfdn << 120n) + BigInt(n))), true);
  }
});

const UNSPECIFIED = [{ addr: ip4("0.0.0.0") }, { addr: ip6("::") }];

Deno.test.each(UNSPECIFIED)("VipTable never holds $addr", ({ addr }) => {
  const table = new VipTable();
  deepEqual(table.add(addr), { ok: false, error: "unspecified-address" });
  table.add(ip4("192.0.2.1"));
  table.add(ip6("2001:db8::1"));
  equal(table.has(addr), false);
  equal(table.remove(addr), false);
  equal(table.size, 2);
});

Deno.test("VipTable.has4() and has6() take words as they lie in memory", () => {
  const table = new VipTable();
  table.add(ip4("192.0.2.1"));
  table.add(ip6("2001:db8::1"));
  const four = Uint8Array.of(192, 0, 2, 1);
  equal(table.has4(new Uint32Array(four.buffer)[0] ?? 0), true);
  const six = Uint8Array.fromHex("20010db8000000000000000000000001");
  const [a = 0, b = 0, c = 0, d = 0] = new Uint32Array(six.buffer);
  equal(table.has6(a, b, c, d), true);
  equal(table.has6(d, b, c, a), false);
});

Deno.test("VipTable readers get an answer while a writer is stopped in a change", () => {
  const table = new VipTable();
  table.add(ip4("192.0.2.1"));
  // What a writer leaves behind that dies between its two marks.
  Atomics.add(new Int32Array(table.buffer), 0, 1);
  equal(table.has(ip4("192.0.2.1")), true);
  equal(table.has(ip4("192.0.2.2")), false);
});

Deno.test("VipTable keeps the families apart", () => {
  const table = new VipTable();
  table.add(ip6("::ffff:192.0.2.1"));
  equal(table.has(ip4("192.0.2.1")), false);
  equal(table.addrs().some(isIpv4), false);
});

Deno.test("VipTable takes memory of another size for a defect", () => {
  throws(() => new VipTable(new SharedArrayBuffer(64)), AssertionError);
});
