import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { formatPrefix } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import {
  formatExtendedCommunity,
  parseExtendedCommunity,
} from "@/wire/bgp/community.ts";
import { addr, PLAIN, prefix, Sessions } from "./_sessions_test.ts";
import { AggregatedRib } from "./aggregated_rib.ts";
import { roundedWeight, withLinkBandwidth } from "./link_bandwidth.ts";
import { LocRib, type OwnAttributes, pathsOf } from "./loc_rib.ts";
import { PolicyInForce } from "./policy/mod.ts";
import type { SpeakerPeer } from "./speaker.ts";

Deno.test.each([
  {
    name: "transitive towards another AS (RFC 4360 §6)",
    terms: { localAs: 65_001, external: true },
    has: ["link-bandwidth-transitive:65001:375000"],
  },
  {
    name: "not transitive within ours",
    terms: { localAs: 65_001, external: false },
    has: ["link-bandwidth:65001:375000"],
  },
  {
    name: "of AS_TRANS where our number is longer than its field (RFC 6793 §9)",
    terms: { localAs: 4_200_000_001, external: true },
    has: ["link-bandwidth-transitive:23456:375000"],
  },
  {
    name: "kept where the route has one",
    terms: { localAs: 65_001, external: true },
    own: ["link-bandwidth:1:8"],
    has: ["link-bandwidth:1:8"],
  },
  {
    name: "beside others",
    terms: { localAs: 1, external: true },
    own: ["rt:1:1"],
    has: ["rt:1:1", "link-bandwidth-transitive:1:375000"],
  },
  {
    name: "not told to whom it is not for",
    terms: { localAs: 1, external: true, bytesPerSecond: undefined },
    has: [],
  },
])("withLinkBandwidth(): a weight is $name", ({ terms, own = [], has }) => {
  const attributes = {
    ...PLAIN,
    extendedCommunities: own.flatMap((text) =>
      parseExtendedCommunity(text) ?? []
    ),
    weight: 3,
  };
  const told = withLinkBandwidth(attributes, {
    bytesPerSecond: 125_000,
    ...terms,
  });
  deepStrictEqual(told.extendedCommunities.map(formatExtendedCommunity), has);
  strictEqual("weight" in told, false);
});

Deno.test("withLinkBandwidth() leaves alone what has no weight", () => {
  const terms = { bytesPerSecond: 125_000, localAs: 1, external: true };
  strictEqual(withLinkBandwidth(PLAIN, terms), PLAIN);
});

Deno.test("property: roundedWeight() is exact up to 256, then off by less than one per cent, of few values", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 40 }), (sum) => {
    const rounded = roundedWeight(sum);
    ok(Math.abs(rounded - sum) <= (sum <= 256 ? 0 : sum / 100));
    const step = 2 ** Math.max(0, Math.floor(Math.log2(sum)) - 7);
    strictEqual(rounded % step, 0);
  }));
});

Deno.test("AggregatedRib adds weights up, and has none where one of its routes has none", () => {
  const source = new LocRib();
  const { rib, note } = aggregated(source);
  const weight = (): number | undefined => {
    const routes = [...rib.routes("ipv4-unicast").values()];
    strictEqual(routes.length, 1, "all are one prefix");
    return pathsOf(routes[0])[0]?.attributes.weight;
  };
  note(source.announce(prefix("192.0.2.1/32"), undefined, weighing(1)));
  strictEqual(weight(), 1);
  note(source.announce(prefix("192.0.2.2/32"), undefined, weighing(3)));
  note(source.announce(prefix("192.0.2.3/32"), undefined, weighing(3)));
  strictEqual(weight(), 7);
  note(source.announce(prefix("192.0.2.4/32"), undefined, PLAIN));
  strictEqual(weight(), undefined);
  note(source.withdraw(prefix("192.0.2.4/32")));
  note(source.withdraw(prefix("192.0.2.1/32")));
  strictEqual(weight(), 6);
});

Deno.test("BgpSpeaker tells another weight by an announcement in place of the last, and only whom it is for", () => {
  const world = new World({ told: 125_000, other: undefined });
  world.announce(1);
  deepStrictEqual(world.told("told"), [`192.0.2.1/32 ${bandwidth(1)}`]);
  deepStrictEqual(world.told("other"), ["192.0.2.1/32 "]);
  world.announce(3);
  deepStrictEqual(world.told("told"), [`192.0.2.1/32 ${bandwidth(3)}`]);
  deepStrictEqual(world.told("other"), []);
  world.announce(undefined);
  deepStrictEqual(world.told("told"), ["192.0.2.1/32 "]);
});

Deno.test("BgpSpeaker tells weights on a session that stands, once they are wanted", () => {
  const world = new World({ a: undefined });
  world.announce(2);
  world.told("a");
  world.set("a", 125_000);
  deepStrictEqual(world.told("a"), [`192.0.2.1/32 ${bandwidth(2)}`]);
  world.set("a", undefined);
  deepStrictEqual(world.told("a"), ["192.0.2.1/32 "]);
});

Deno.test("a weight goes through what all routes of a peer carry, and through policies", () => {
  const inForce = new PolicyInForce();
  inForce.take(
    '[global.apply-policy.config]\ndefault-export-policy = "accept-route"\n',
  );
  const attributes = { communities: [7], largeCommunities: [] };
  const policy = inForce.towards(addr("10.9.0.2"), attributes);
  const world = new World(
    { a: 125_000 },
    policy === undefined ? {} : { policy },
  );
  world.announce(2);
  deepStrictEqual(world.told("a"), [`192.0.2.1/32 ${bandwidth(2)}`]);
});

function bandwidth(weight: number): string {
  return `link-bandwidth-transitive:65001:${weight * 125_000}`;
}

/** All within 192.0.2.0/24 as one, and what follows changes. */
function aggregated(source: LocRib): {
  readonly rib: LocRib;
  readonly note: (change: ReturnType<LocRib["announce"]>) => void;
} {
  const table = new AggregatedRib(source, { ipv4: 24, ipv6: 128 });
  return {
    rib: table.rib,
    note: (change) => {
      assert(change !== undefined, "It is a change");
      table.note(change);
    },
  };
}

/** Sessions, and what is told on them in words. */
class World {
  readonly #sessions: Sessions;
  readonly #more: Partial<SpeakerPeer>;

  constructor(
    peers: Readonly<Record<string, number | undefined>>,
    more: Partial<SpeakerPeer> = {},
  ) {
    this.#more = more;
    this.#sessions = new Sessions(
      Object.fromEntries(
        Object.entries(peers).map(([name, one]) => [name, this.#termsOf(one)]),
      ),
    );
  }

  set(name: string, bytesPerSecond: number | undefined): void {
    this.#sessions.set(name, this.#termsOf(bytesPerSecond));
  }

  announce(weight: number | undefined): void {
    const attributes = weight === undefined ? PLAIN : weighing(weight);
    const { speaker } = this.#sessions;
    speaker.announce(prefix("192.0.2.1/32"), undefined, attributes);
  }

  /** What a peer was told since it was last asked. */
  told(name: string): string[] {
    return this.#sessions.updates(name).flatMap(
      ({ withdrawn, nlri, attributes }) => {
        const extended = attributes.flatMap((one) =>
          one.kind === "extended-communities" ? one.communities : []
        ).map(formatExtendedCommunity);
        return [
          ...nlri.map((one) => `${formatPrefix(one)} ${extended}`),
          ...withdrawn.map((one) => `no ${formatPrefix(one)}`),
        ];
      },
    );
  }

  #termsOf(linkBandwidth: number | undefined): Partial<SpeakerPeer> {
    return {
      ...this.#more,
      ...(linkBandwidth === undefined ? {} : { linkBandwidth }),
    };
  }
}

function weighing(weight: number): OwnAttributes {
  return { ...PLAIN, weight };
}
