import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { BgpPeerSpec } from "@/api/mod.ts";
import { assert } from "@/lang/assert.ts";
import { bfdTerms } from "./bfd_terms.ts";
import { BFD_SILENCE_MS_MAX, PeerBfd } from "./peer_bfd.ts";
import type { NextHopLink } from "./session_next_hops.ts";
import type { BfdReport } from "./wire_messages.ts";

Deno.test("bfdTerms() has FRR's intervals, and several hops where BGP has them", () => {
  strictEqual(bfdTerms({}), undefined);
  deepStrictEqual(bfdTerms({ bfd: {} }), {
    minTxMs: 300,
    minRxMs: 300,
    multiplier: 3,
    multihop: false,
    passive: false,
  });
  const isFar = (spec: BgpPeerSpec) => bfdTerms({ bfd: {}, ...spec })?.multihop;
  strictEqual(isFar({ ebgpMultihop: { enabled: true } }), true);
  strictEqual(isFar({ ttlSecurity: { hops: 2 } }), true);
  strictEqual(
    isFar({ ttlSecurity: {}, ebgpMultihop: { enabled: true } }),
    false,
  );
  strictEqual(
    isFar({ ebgpMultihop: { enabled: true }, bfd: { multihop: false } }),
    false,
  );
  strictEqual(bfdTerms({ bfd: {}, conf: { adminDown: true } }), undefined);
});

Deno.test("PeerBfd begins with the peer, by the interface that has it in its subnet", () => {
  const bfd = new PeerBfd();
  bfd.setPeer("tor", wanted({ bfd: { minTxMs: 50, minRxMs: 60 } }));
  deepStrictEqual(bfd.sessions, []);
  match(bfd.viewOf("tor")?.message ?? "", /^No interface has the peer/);
  bfd.setLinks(LINKS);
  deepStrictEqual(bfd.sessions, [{
    id: "tor",
    peer: PEER,
    local: ip("10.0.0.1"),
    link: "eth0",
    minTxMs: 50,
    minRxMs: 60,
    multiplier: 3,
    passive: false,
  }]);
  // An interface that is away for a moment takes no session along.
  bfd.setLinks([]);
  strictEqual(bfd.sessions.length, 1);
});

Deno.test("PeerBfd follows the addresses of the BGP session", () => {
  const bfd = begun();
  const ends = ({ local }: { readonly local: string }) => ({
    local: { address: ip(local) },
    peer: { address: PEER },
  });
  deepStrictEqual(bfd.established("tor", ends({ local: "10.0.0.1" })), []);
  bfd.established("tor", ends({ local: "10.0.0.9" }));
  deepStrictEqual(
    bfd.sessions.map(({ local, link }) => [local, link]),
    [["10.0.0.9", "eth1"]],
  );
  const far = new PeerBfd();
  far.setLinks(LINKS);
  far.setPeer("tor", wanted({ bfd: { multihop: true } }));
  deepStrictEqual(far.sessions, []);
  far.established("tor", ends({ local: "10.0.0.1" }));
  deepStrictEqual(
    far.sessions.map(({ local, link }) => [local, link]),
    [["10.0.0.1", undefined]],
  );
});

Deno.test("PeerBfd ends BGP when the path failed, until BFD is up (RFC 5882 §4)", () => {
  const bfd = begun();
  // Not before it was up: the peer may not speak BFD at all.
  deepStrictEqual(bfd.take(state("init"), 0), [TELL]);
  deepStrictEqual(bfd.take(state("up"), 0), [TELL]);
  deepStrictEqual(bfd.take(FAILED, 1_000), [HOLD, TELL]);
  const view = bfd.viewOf("tor");
  deepStrictEqual([view?.blocks, view?.failures], [true, 1]);
  match(view?.message ?? "", /whole Detection Time/);
  deepStrictEqual(bfd.take(state("init"), 2_000), [TELL]);
  strictEqual(bfd.viewOf("tor")?.blocks, true);
  deepStrictEqual(bfd.take(state("up"), 2_010), [RELEASE, TELL]);
  strictEqual(bfd.viewOf("tor")?.message, "");
  strictEqual(bfd.deadlineMs(), undefined);
});

Deno.test("PeerBfd takes nothing down for a peer that switches BFD off (RFC 5882 §4.2)", () => {
  const bfd = begun();
  bfd.take(state("up"), 0);
  deepStrictEqual(bfd.take(OFF, 1_000), [TELL]);
  strictEqual(bfd.viewOf("tor")?.blocks, false);
  // Also when it does so while BGP waits.
  bfd.take(state("up"), 2_000);
  bfd.take(FAILED, 3_000);
  deepStrictEqual(bfd.take(OFF, 4_000), [RELEASE, TELL]);
});

Deno.test("PeerBfd lets BGP begin with a peer that has ceased to speak BFD, not with one that is half heard", () => {
  const bfd = begun();
  bfd.take(state("up"), 0);
  bfd.take(FAILED, 0);
  strictEqual(bfd.deadlineMs(), BFD_SILENCE_MS_MAX);
  bfd.take(state("init"), 1_000);
  deepStrictEqual(bfd.deadline(1_000 + BFD_SILENCE_MS_MAX), []);
  bfd.take(state("down"), 100_000);
  const dueMs = 100_000 + BFD_SILENCE_MS_MAX;
  deepStrictEqual(bfd.deadline(dueMs - 1), []);
  deepStrictEqual(bfd.deadline(dueMs), [RELEASE, TELL]);
  strictEqual(bfd.deadlineMs(), undefined);
});

Deno.test("PeerBfd changes timers in place, and lets go of BGP with the field", () => {
  const bfd = begun();
  bfd.take(state("up"), 0);
  const slow = wanted({ bfd: { minTxMs: 1_000 } });
  deepStrictEqual(bfd.setPeer("tor", slow), []);
  deepStrictEqual(
    bfd.sessions.map(({ minTxMs }) => minTxMs),
    [1_000],
  );
  strictEqual(bfd.viewOf("tor")?.state, "up");
  bfd.take(FAILED, 0);
  deepStrictEqual(bfd.setPeer("tor", undefined), [RELEASE]);
  deepStrictEqual(bfd.sessions, []);
  deepStrictEqual(bfd.take(state("up"), 0), []);
});

Deno.test("PeerBfd says what the system said, and forgets it when a packet comes", () => {
  const bfd = begun();
  const message = "Cannot send BFD";
  deepStrictEqual(bfd.take({ kind: "bfd-failed", id: "tor", message }, 0), [
    TELL,
  ]);
  strictEqual(bfd.viewOf("tor")?.message, message);
  bfd.take(state("init"), 0);
  match(bfd.viewOf("tor")?.message ?? "", /^The peer is heard/);
});

function begun(): PeerBfd {
  const bfd = new PeerBfd();
  bfd.setLinks(LINKS);
  deepStrictEqual(bfd.setPeer("tor", wanted({ bfd: {} })), [TELL]);
  return bfd;
}

function wanted(spec: BgpPeerSpec): Parameters<PeerBfd["setPeer"]>[1] {
  const terms = bfdTerms(spec);
  assert(terms !== undefined, "BFD is wanted");
  return { terms, address: PEER };
}

function state(to: "up" | "init" | "down"): BfdReport {
  return { kind: "bfd-state", id: "tor", state: to, pathFailed: false };
}

function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  assert(addr !== undefined, "It is an address");
  return addr;
}

function link(name: string, addr: string, lengthBits: number): NextHopLink {
  return { name, prefixes: [{ addr: ip(addr), lengthBits }] };
}

const PEER = ip("10.0.0.2");
const LINKS = [
  link("lo", "127.0.0.1", 8),
  // Its subnet has the peer, too; a longer one counts.
  link("eth2", "10.1.0.1", 8),
  link("eth0", "10.0.0.1", 24),
  link("eth1", "10.0.0.9", 32),
];
const FAILED: BfdReport = {
  kind: "bfd-state",
  id: "tor",
  state: "down",
  pathFailed: true,
  cause: "detection-time-expired",
};
const OFF: BfdReport = {
  kind: "bfd-state",
  id: "tor",
  state: "down",
  pathFailed: false,
  cause: "neighbor-admin-down",
};
const TELL = { kind: "tell", peer: "tor" } as const;
const HOLD = { kind: "hold", peer: "tor" } as const;
const RELEASE = { kind: "release", peer: "tor" } as const;
