/**
 * RFC 5082: GTSM. What the kernel makes of it is shown by
 * `mod/io/tcp/kernel_tcp_test.ts` on real links.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { bgpPeerTerms } from "@/node/bgp_terms.ts";
import { FakeTcp, hostPeer } from "./fake_tcp.ts";
import { ip } from "./talk.ts";

Deno.test("4271-ttl without multihop a peer in another AS is one hop away, and any distance inside ours (RFC 5082 §1)", () => {
  const hops = (peerAs: number, ebgpMultihop = {}) => {
    const terms = bgpPeerTerms(
      { as: 65_002, routerId: "10.0.0.2" },
      {
        name: "router",
        spec: {
          conf: { neighborAddress: "10.0.0.1", peerAs },
          ebgpMultihop,
        },
      },
      { name: "n1", labels: {}, addresses: [ip("10.0.0.2")] },
    );
    ok(terms.ok);
    return terms.value.hops;
  };
  deepStrictEqual(hops(65_001), { kind: "limit", hops: 1 });
  deepStrictEqual(hops(65_001, { enabled: true }), {
    kind: "limit",
    hops: 255,
  });
  deepStrictEqual(hops(65_001, { enabled: true, multihopTtl: 3 }), {
    kind: "limit",
    hops: 3,
  });
  deepStrictEqual(hops(65_002), { kind: "system" });
});

Deno.test("5082-1a the distance goes to the socket that dials, before it connects (RFC 5082 §3)", () => {
  const tcp = new FakeTcp();
  tcp.host.setPeer("router", hostPeer({ kind: "gtsm", hopsMax: 1 }));
  strictEqual(
    tcp.wanted.at(-1),
    'dial [{"kind":"gtsm","hopsMax":1},null]',
  );
});

Deno.test("5082-1b an accepted connection has the distance before anything is said (RFC 5082 §3)", () => {
  const tcp = new FakeTcp();
  tcp.host.setPeer("router", hostPeer({ kind: "gtsm", hopsMax: 2 }));
  tcp.wanted.length = 0;
  tcp.arrive("10.0.0.1");
  deepStrictEqual(tcp.wanted.slice(0, 3), [
    'hops {"kind":"gtsm","hopsMax":2}',
    "start",
    "write 1",
  ]);
});

Deno.test("5082-1d a connection whose SYN came from too far away is refused before anything of it is read (RFC 5082 §3)", () => {
  const tcp = new FakeTcp();
  tcp.host.setPeer("router", hostPeer({ kind: "gtsm", hopsMax: 2 }));
  tcp.wanted.length = 0;
  tcp.arrive("10.0.0.1", 253);
  deepStrictEqual(tcp.wanted, ["close reset"]);
  tcp.arrive("10.0.0.1", 254);
  strictEqual(tcp.wanted[1], 'hops {"kind":"gtsm","hopsMax":2}');
});
