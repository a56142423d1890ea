/**
 * RFC 2385: TCP MD5. What the kernel makes of it is shown by
 * `mod/io/tcp/kernel_tcp_test.ts` on real links.
 *
 * @module
 */

import { deepStrictEqual } from "node:assert/strict";
import { FakeTcp, hostPeer } from "./fake_tcp.ts";

const NEAR = { kind: "limit", hops: 1 } as const;
const KEYS = (md5Key: string) =>
  JSON.stringify([{ prefix: { addr: "10.0.0.1", lengthBits: 32 }, md5Key }]);
const DIAL = (md5Key: string | null) =>
  `dial [{"kind":"limit","hops":1},${JSON.stringify(md5Key)}]`;

Deno.test("2385-1a the key is on the listening socket before the one that dials connects with it (RFC 2385 §2)", () => {
  const tcp = new FakeTcp();
  tcp.host.setPeer("router", hostPeer(NEAR, { md5Key: "s3cret" }));
  deepStrictEqual(tcp.wanted, [
    "listen []",
    `keys ${KEYS("s3cret")}`,
    DIAL("s3cret"),
  ]);
});

Deno.test("2385-1b another key ends the connection, and a new one is dialled with it (RFC 2385 §4.5)", () => {
  const tcp = new FakeTcp();
  tcp.host.setPeer("router", hostPeer(NEAR, { md5Key: "old" }));
  tcp.wanted.length = 0;
  tcp.host.setPeer("router", hostPeer(NEAR, { md5Key: "new" }));
  deepStrictEqual(tcp.wanted.filter((each) => !each.startsWith("cancel")), [
    `keys ${KEYS("new")}`,
    DIAL("new"),
  ]);
  tcp.wanted.length = 0;
  tcp.host.setPeer("router", hostPeer(NEAR, { md5Key: "new" }));
  deepStrictEqual(tcp.wanted, [`keys ${KEYS("new")}`], "the same one does not");
});

Deno.test("2385-1c without a password there is no key (RFC 2385 §4.5)", () => {
  const tcp = new FakeTcp();
  tcp.host.setPeer("router", hostPeer(NEAR));
  deepStrictEqual(tcp.wanted, ["listen []", "keys []", DIAL(null)]);
});
