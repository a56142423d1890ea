import fc from "fast-check";
import { strictEqual as equal } from "node:assert/strict";
import { UNSPECIFIED_IPV6 } from "@/addr/ipv6_addr.ts";
import { icmpv6Checksum } from "./checksum.ts";
import { IPV6_ADDRS } from "./_near_valid_test.ts";

Deno.test("icmpv6Checksum() of a message with its own checksum is 0 (RFC 1071 §1)", () => {
  const messages = fc.uint8Array({ minLength: 4, maxLength: 80 });
  fc.assert(
    fc.property(IPV6_ADDRS, IPV6_ADDRS, messages, (source, to, message) => {
      message.set([0, 0], 2);
      const checksum = icmpv6Checksum(source, to, message);
      message.set([checksum >>> 8, checksum & 0xff], 2);
      equal(icmpv6Checksum(source, to, message), 0);
    }),
  );
});

Deno.test("icmpv6Checksum() does not care which address is the source (RFC 1071 §2)", () => {
  const messages = fc.uint8Array({ maxLength: 41 });
  fc.assert(fc.property(IPV6_ADDRS, IPV6_ADDRS, messages, (a, b, message) => {
    equal(icmpv6Checksum(a, b, message), icmpv6Checksum(b, a, message));
  }));
});

Deno.test("icmpv6Checksum() folds carries more than once", () => {
  const message = new Uint8Array(65_534).fill(0xff);
  // Words of ones are zero in ones' complement, so only 58 and the length count.
  equal(
    icmpv6Checksum(UNSPECIFIED_IPV6, UNSPECIFIED_IPV6, message),
    0xffff - (58 + 65_534 - 0xffff),
  );
});

Deno.test("icmpv6Checksum() takes an odd last byte for the high half of a word (RFC 1071 §4.1)", () => {
  const odd = Uint8Array.of(0x12, 0x34, 0x56);
  // 0x1234 + 0x5600 + 3 + 58
  equal(
    icmpv6Checksum(UNSPECIFIED_IPV6, UNSPECIFIED_IPV6, odd),
    0xffff - 0x6871,
  );
});
