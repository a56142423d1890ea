import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import type { IpAddr } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import { formatPrefix, type Prefix } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import type { BgpRole } from "@/wire/bgp/capability.ts";
import type { UnicastFamily } from "@/wire/bgp/family.ts";
import { bgpMessageType } from "@/wire/bgp/header.ts";
import { BGP_MESSAGE_TYPE } from "@/wire/bgp/iana.ts";
import { BgpMessageReader } from "@/wire/bgp/message_reader.ts";
import type { PathAttribute } from "@/wire/bgp/path_attribute.ts";
import { decodeRouteRefresh } from "@/wire/bgp/route_refresh.ts";
import type { NegotiatedSession } from "@/wire/bgp/session.ts";
import { decodeUpdate } from "@/wire/bgp/update.ts";
import { addr, PLAIN, prefix } from "./_sessions_test.ts";
import { AdjRibOut, OUT_BYTES_MIN } from "./adj_rib_out.ts";
import { type ExportTerms, GRACEFUL_SHUTDOWN } from "./exporter.ts";
import { LocRib, type OwnAttributes } from "./loc_rib.ts";

Deno.test("AdjRibOut tells the whole table, then End-of-RIB of each family (RFC 4724 §2)", () => {
  const { rib, out, router } = stage({ families: BOTH });
  rib.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  rib.announce(prefix("2001:db8::1/128"), undefined, PLAIN);
  router.drain(out);
  deepStrictEqual(router.table(), [
    "192.0.2.1/32 via 10.0.0.1",
    "2001:db8::1/128 via 2001:db8:f::1 fe80::1",
  ]);
  deepStrictEqual(router.events.filter((e) => e.startsWith("end")), [
    "end ipv4-unicast",
    "end ipv6-unicast",
  ]);
  strictEqual(out.isPending, false);
});

Deno.test("AdjRibOut counts the prefixes that are still to be told of", () => {
  const { rib, out, router } = stage();
  rib.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  strictEqual(out.pending, 1);
  router.drain(out);
  deepStrictEqual([out.pending, out.prefixes], [0, 1]);
  for (const text of ["192.0.2.2/32", "192.0.2.3/32"]) {
    const change = rib.announce(prefix(text), undefined, PLAIN);
    if (change !== undefined) out.note(change);
  }
  deepStrictEqual([out.pending, out.prefixes], [2, 1]);
  router.drain(out);
  deepStrictEqual([out.pending, out.prefixes], [0, 3]);
});

Deno.test("AdjRibOut sends End-of-RIB also of an empty table (RFC 4724 §2)", () => {
  const { out, router } = stage();
  router.drain(out);
  deepStrictEqual(router.events, ["end ipv4-unicast"]);
});

Deno.test("AdjRibOut packs prefixes of equal attributes into one message (RFC 4271 §4.3)", () => {
  const { rib, out, router } = stage();
  for (let i = 0; i < 500; i++) {
    rib.announce(prefix(`20.0.${i >> 8}.${i & 255}/32`), undefined, PLAIN);
  }
  router.drain(out);
  strictEqual(router.updates, 2, "500 prefixes and End-of-RIB");
  strictEqual(router.table().length, 500);
});

Deno.test("AdjRibOut puts our AS before the peer, and LOCAL_PREF for iBGP only (RFC 4271 §5.1.2, §5.1.5)", () => {
  for (const external of [true, false]) {
    const { rib, out, router } = stage({ external });
    rib.announce(prefix("192.0.2.1/32"), undefined, {
      ...PLAIN,
      multiExitDisc: 7,
    });
    router.drain(out);
    const attributes = router.attributes("192.0.2.1/32");
    const kinds = attributes.map(({ kind }) => kind);
    strictEqual(kinds.includes("local-pref"), !external);
    deepStrictEqual(
      attributes.find(({ kind }) => kind === "as-path"),
      {
        kind: "as-path",
        segments: external ? [{ kind: "sequence", asns: [65_001] }] : [],
      },
    );
    ok(kinds.includes("multi-exit-disc"));
  }
});

Deno.test("AdjRibOut never tells a peer that it is the next hop itself (RFC 4271 §5.1.3)", () => {
  const { rib, out, router } = stage();
  rib.announce(prefix("192.0.2.1/32"), addr("10.0.0.2"), PLAIN);
  router.drain(out);
  deepStrictEqual(router.table(), []);
});

Deno.test("AdjRibOut announces one path without ADD-PATH, ourselves first", () => {
  const { rib, out, router } = stage();
  rib.announce(prefix("192.0.2.1/32"), addr("10.0.0.3"), PLAIN);
  rib.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  router.drain(out);
  deepStrictEqual(router.table(), ["192.0.2.1/32 via 10.0.0.1"]);
  out.note(
    rib.withdraw(prefix("192.0.2.1/32"), { nextHop: undefined }) ?? none(),
  );
  router.drain(out);
  deepStrictEqual(router.table(), ["192.0.2.1/32 via 10.0.0.3"]);
});

Deno.test("AdjRibOut announces next hops besides ourselves to whom may know them, under ADD-PATH only (RFC 7911 §3)", () => {
  const own = "192.0.2.1/32 #1 via 10.0.0.1";
  const other = "192.0.2.1/32 #3 via 10.0.0.4";
  const thirdParties = ["10.0.0.4"];
  const { rib, out, router, terms } = stage({ addPath: true, thirdParties });
  for (const hop of [undefined, addr("10.0.0.3"), addr("10.0.0.4")]) {
    rib.announce(prefix("192.0.2.1/32"), hop, PLAIN);
  }
  router.drain(out);
  deepStrictEqual(router.table(), [own, other]);
  out.change({ ...terms, thirdParties: new Set() });
  router.drain(out);
  deepStrictEqual(router.table(), [own]);
  const plain = stage({ thirdParties });
  for (const hop of [addr("10.0.0.3"), addr("10.0.0.4")]) {
    plain.rib.announce(prefix("192.0.2.1/32"), hop, PLAIN);
  }
  plain.router.drain(plain.out);
  deepStrictEqual(plain.router.table(), []);
});

Deno.test("AdjRibOut counts a prefix once, however many paths it has", () => {
  const { rib, out, router } = stage({ addPath: true, pathsMax: 2 });
  for (const hop of [undefined, addr("10.0.0.3")]) {
    out.note(rib.announce(prefix("192.0.2.1/32"), hop, PLAIN) ?? none());
  }
  router.drain(out);
  strictEqual(out.prefixes, 1);
  const gone = { nextHop: addr("10.0.0.3") };
  out.note(rib.withdraw(prefix("192.0.2.1/32"), gone) ?? none());
  router.drain(out);
  strictEqual(out.prefixes, 1);
});

Deno.test("AdjRibOut announces up to so many paths of each family by itself", () => {
  const families = ["ipv4-unicast", "ipv6-unicast"] as const;
  const { rib, out, router, terms } = stage({ addPath: true, families });
  const prefixes = ["192.0.2.1/32", "2001:db8::1/128"].map(prefix);
  const hops = [undefined, addr("2001:db8:f::3"), addr("2001:db8:f::4")];
  for (const one of prefixes) {
    for (const hop of hops) rib.announce(one, hop, PLAIN);
    rib.announce(one, addr("10.0.0.3"), PLAIN);
    rib.announce(one, addr("10.0.0.4"), PLAIN);
  }
  const counts = () => {
    router.drain(out);
    return prefixes.map((one) =>
      router.table().filter((line) => line.startsWith(formatPrefix(one))).length
    );
  };
  deepStrictEqual(counts(), [3, 3]);
  out.change({
    ...terms,
    pathsMax: { "ipv4-unicast": 1, "ipv6-unicast": 2 },
  });
  deepStrictEqual(counts(), [1, 2]);
  out.change({
    ...terms,
    pathsMax: { "ipv4-unicast": 2, "ipv6-unicast": 1 },
  });
  deepStrictEqual(counts(), [2, 1]);
});

Deno.test("AdjRibOut announces up to so many paths under ADD-PATH, and withdraws by identifier (RFC 7911 §3)", () => {
  const { rib, out, router } = stage({ addPath: true, pathsMax: 2 });
  for (const hop of [undefined, addr("10.0.0.3"), addr("10.0.0.4")]) {
    rib.announce(prefix("192.0.2.1/32"), hop, PLAIN);
  }
  router.drain(out);
  deepStrictEqual(router.table(), [
    "192.0.2.1/32 #1 via 10.0.0.1",
    "192.0.2.1/32 #2 via 10.0.0.3",
  ]);
  router.events.length = 0;
  const gone = { nextHop: addr("10.0.0.3") };
  out.note(rib.withdraw(prefix("192.0.2.1/32"), gone) ?? none());
  router.drain(out);
  deepStrictEqual(router.table(), [
    "192.0.2.1/32 #1 via 10.0.0.1",
    "192.0.2.1/32 #3 via 10.0.0.4",
  ]);
  deepStrictEqual(router.events, [
    "announce 192.0.2.1/32 #3",
    "withdraw 192.0.2.1/32 #2",
  ], "the new path first; the one that stays is not told anew");
});

Deno.test("AdjRibOut brackets an enhanced refresh by BoRR and EoRR (RFC 7313 §4)", () => {
  const { rib, out, router } = stage({ enhanced: true });
  rib.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  router.drain(out);
  router.events.length = 0;
  out.refresh("ipv4-unicast");
  router.drain(out);
  deepStrictEqual(router.events, [
    "refresh 1",
    "announce 192.0.2.1/32",
    "refresh 2",
  ]);
});

Deno.test("AdjRibOut marks all routes before they go (RFC 8326 §4)", () => {
  const { rib, out, router, terms } = stage({ external: false });
  rib.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  router.drain(out);
  out.change({ ...terms, gracefulShutdown: true });
  router.drain(out);
  const attributes = router.attributes("192.0.2.1/32");
  deepStrictEqual(attributes.find(({ kind }) => kind === "communities"), {
    kind: "communities",
    communities: [GRACEFUL_SHUTDOWN],
  });
  deepStrictEqual(attributes.find(({ kind }) => kind === "local-pref"), {
    kind: "local-pref",
    localPref: 0,
  });
});

Deno.test("AdjRibOut marks routes for a customer only, and towards no other (RFC 9234 §5)", () => {
  for (
    const [peerRole, as] of [
      ["customer", 65_001],
      ["peer", 65_001],
      ["provider", undefined],
    ] as const
  ) {
    const { rib, out, router } = stage({ peerRole });
    rib.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
    router.drain(out);
    const otc = router.attributes("192.0.2.1/32").find(({ kind }) =>
      kind === "only-to-customer"
    );
    deepStrictEqual(
      otc,
      as === undefined ? undefined : { kind: "only-to-customer", as },
    );
  }
});

Deno.test("AdjRibOut puts a policy's AS numbers before our own, in segments that hold them (RFC 4271 §4.3)", () => {
  const { rib, out, router, terms } = stage();
  const prepended = Array.from({ length: 300 }, (_, i) => 1_000 + i);
  out.change({
    ...terms,
    policy: {
      needsPrefix: false,
      apply: ({ attributes }) => ({ attributes, prepended }),
    },
  });
  rib.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  router.drain(out);
  const path = router.attributes("192.0.2.1/32").find(({ kind }) =>
    kind === "as-path"
  );
  assert(path?.kind === "as-path", "It has a path");
  deepStrictEqual(path.segments.map(({ asns }) => asns.length), [46, 255]);
  deepStrictEqual(
    path.segments.flatMap(({ asns }) => asns),
    [...prepended, 65_001],
  );
});

Deno.test("AdjRibOut tells only the difference when terms change", () => {
  const { rib, out, router, terms } = stage();
  rib.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  rib.announce(prefix("192.0.2.2/32"), undefined, RED);
  router.drain(out);
  router.events.length = 0;
  const policy = {
    needsPrefix: false,
    apply: (path: { readonly attributes: OwnAttributes }) =>
      path.attributes.communities.length > 0
        ? undefined
        : { attributes: path.attributes },
  };
  out.change({ ...terms, policy });
  router.drain(out);
  deepStrictEqual(router.events, ["withdraw 192.0.2.2/32"]);
});

Deno.test("AdjRibOut leaves out what fits into no message, and nothing else (RFC 8654 §4)", () => {
  const { rib, out, router } = stage();
  const large = Array.from({ length: 400 }, (_, i) => ({
    globalAdministrator: 65_001,
    localData1: i,
    localData2: 0,
  }));
  rib.announce(prefix("192.0.2.1/32"), undefined, {
    ...PLAIN,
    largeCommunities: large,
  });
  rib.announce(prefix("192.0.2.2/32"), undefined, PLAIN);
  router.drain(out);
  deepStrictEqual(router.table(), ["192.0.2.2/32 via 10.0.0.1"]);
  strictEqual(out.tooLong, 1);
});

Deno.test("AdjRibOut leaves the peer with what is announced, whatever happened meanwhile", () => {
  const action = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("announce" as const),
        prefix: fc.constantFrom(...PREFIXES),
        hop: fc.constantFrom(...HOPS),
        red: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("withdraw" as const),
        prefix: fc.constantFrom(...PREFIXES),
        hop: fc.constantFrom(...HOPS),
      }),
    },
    fc.record({ kind: fc.constant("take" as const) }),
    fc.record({ kind: fc.constant("refresh" as const) }),
    fc.record({ kind: fc.constant("terms" as const), shutdown: fc.boolean() }),
  );
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(action, { maxLength: 40 }),
      (addPath, actions) => {
        const { rib, out, router, terms } = stage({ addPath, families: BOTH });
        for (const one of actions) {
          if (one.kind === "announce") {
            const change = rib.announce(
              one.prefix,
              one.hop,
              one.red ? RED : PLAIN,
            );
            if (change !== undefined) out.note(change);
          } else if (one.kind === "withdraw") {
            const change = rib.withdraw(one.prefix, { nextHop: one.hop });
            if (change !== undefined) out.note(change);
          } else if (one.kind === "take") router.take(out);
          else if (one.kind === "refresh") out.refresh("ipv4-unicast");
          else out.change({ ...terms, gracefulShutdown: one.shutdown });
        }
        router.drain(out);
        const stands = router.table().map((line) => line.split(" ")[0]);
        strictEqual(out.prefixes, new Set(stands).size);
        strictEqual(out.pending, 0);
        const fresh = new Router(router.session);
        out.refresh("ipv4-unicast");
        out.refresh("ipv6-unicast");
        fresh.drain(out);
        deepStrictEqual(router.described(), fresh.described());
      },
    ),
    { numRuns: 300 },
  );
});

const BOTH: readonly UnicastFamily[] = ["ipv4-unicast", "ipv6-unicast"];
const RED: OwnAttributes = { ...PLAIN, communities: [0xfde9_0064] };
const PREFIXES = [
  "192.0.2.1/32",
  "192.0.2.0/24",
  "2001:db8::1/128",
  "2001:db8::/64",
]
  .map(prefix);
const HOPS: readonly (IpAddr | undefined)[] = [
  undefined,
  addr("10.0.0.3"),
  addr("2001:db8:f::3"),
];

interface StageOptions {
  readonly families?: readonly UnicastFamily[];
  readonly external?: boolean;
  readonly addPath?: boolean;
  readonly enhanced?: boolean;
  readonly pathsMax?: number;
  readonly peerRole?: BgpRole;
  readonly thirdParties?: readonly string[];
}

interface Stage {
  readonly rib: LocRib;
  readonly out: AdjRibOut;
  readonly router: Router;
  readonly terms: ExportTerms;
}

function stage(options: StageOptions = {}): Stage {
  const { families = ["ipv4-unicast"], external = true } = options;
  const { addPath = false, enhanced = false, pathsMax = 10 } = options;
  const session: NegotiatedSession = {
    external,
    fourOctetAs: true,
    families,
    addPathReceive: [],
    addPathSend: addPath ? families : [],
    extendedNextHop: [],
    extendedMessage: false,
    peerAs: external ? 65_002 : 65_001,
    localAs: 65_001,
    peerIdentifier: addr("10.0.0.2") as Ipv4Addr,
    holdTimeSeconds: 90,
    ...(options.peerRole === undefined ? {} : { peerRole: options.peerRole }),
    routeRefresh: true,
    enhancedRouteRefresh: enhanced,
    gracefulNotification: false,
  };
  const terms: ExportTerms = {
    nextHops: {
      ipv4: addr("10.0.0.1") as Ipv4Addr,
      ipv6: addr("2001:db8:f::1") as Ipv6Addr,
      linkLocal: addr("fe80::1") as Ipv6Addr,
    },
    peerAddress: addr("10.0.0.2"),
    pathsMax: { "ipv4-unicast": pathsMax, "ipv6-unicast": pathsMax },
    ...(options.thirdParties === undefined
      ? {}
      : { thirdParties: new Set(options.thirdParties.map(addr)) }),
    gracefulShutdown: false,
  };
  const rib = new LocRib();
  const out = new AdjRibOut(rib, session, terms);
  return { rib, out, router: new Router(session), terms };
}

/** A peer that keeps what it is told, by the readable decoder. */
class Router {
  readonly events: string[] = [];
  readonly session: NegotiatedSession;
  updates = 0;
  readonly #table = new Map<string, readonly PathAttribute[]>();
  readonly #reader = new BgpMessageReader();

  constructor(session: NegotiatedSession) {
    // It receives what the speaker sends.
    this.session = { ...session, addPathReceive: session.addPathSend };
  }

  take(out: AdjRibOut): number {
    const bytes = new Uint8Array(OUT_BYTES_MIN);
    const length = out.take(bytes);
    this.#read(bytes.slice(0, length));
    return length;
  }

  drain(out: AdjRibOut): void {
    while (this.take(out) > 0);
    strictEqual(out.isPending, false);
  }

  attributes(prefixText: string): readonly PathAttribute[] {
    return this.#table.get(prefixText) ?? [];
  }

  table(): string[] {
    return [...this.#table].map(([key, attributes]) => {
      for (const one of attributes) {
        if (one.kind === "next-hop") return `${key} via ${one.nextHop}`;
        if (one.kind === "mp-reach") {
          return `${key} via ${one.nextHop} ${one.linkLocalNextHop ?? ""}`
            .trimEnd();
        }
      }
      return `${key} via nothing`;
    }).toSorted();
  }

  described(): string[] {
    return [...this.#table].map(([key, attributes]) =>
      `${key} ${
        JSON.stringify(attributes.map((one) =>
          one.kind === "mp-reach" ? { ...one, nlri: [] } : one
        ))
      }`
    ).toSorted();
  }

  #read(bytes: Uint8Array): void {
    this.#reader.push(bytes);
    for (;;) {
      const message = this.#reader.next();
      if (message === undefined) return;
      assert(message.ok, "A speaker's headers are right");
      if (bgpMessageType(message.value) === BGP_MESSAGE_TYPE.routeRefresh) {
        const refresh = decodeRouteRefresh(message.value);
        assert(refresh.ok, "A refresh is right");
        this.events.push(`refresh ${refresh.value.subtype}`);
      } else this.#update(message.value);
    }
  }

  #update(message: Uint8Array): void {
    this.updates++;
    const reading = decodeUpdate(message, this.session);
    assert(reading.ok, "An UPDATE is right");
    strictEqual(reading.value.action, "accept");
    if (reading.value.endOfRib !== undefined) {
      this.events.push(`end ${reading.value.endOfRib}`);
      return;
    }
    const { withdrawn, nlri, attributes } = reading.value.update;
    const gone = [...withdrawn];
    const came = [...nlri];
    for (const one of attributes) {
      if (one.kind === "mp-reach") came.push(...one.nlri);
      if (one.kind === "mp-unreach") gone.push(...one.withdrawn);
    }
    for (const one of gone) {
      this.events.push(`withdraw ${keyOf(one)}`);
      ok(this.#table.delete(keyOf(one)), `${keyOf(one)} was announced before`);
    }
    for (const one of came) {
      this.events.push(`announce ${keyOf(one)}`);
      this.#table.set(keyOf(one), attributes);
    }
  }
}

function keyOf(nlri: Prefix & { readonly pathId?: number }): string {
  const id = nlri.pathId === undefined ? "" : ` #${nlri.pathId}`;
  return `${formatPrefix(nlri)}${id}`;
}

function none(): never {
  throw new Error("The route was there");
}
