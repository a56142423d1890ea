import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { formatPrefix } from "@/addr/prefix.ts";
import { PLAIN, prefix, Sessions } from "./_sessions_test.ts";
import { CHANGES_PER_WORK } from "./adj_rib_out.ts";
import type { Aggregation } from "./aggregated_rib.ts";
import { GRACEFUL_SHUTDOWN } from "./exporter.ts";
import type { BgpSpeaker, SpeakerPeer } from "./speaker.ts";

const TO_24: Aggregation = { ipv4: 24, ipv6: 128 };

Deno.test("BgpSpeaker tells a peer of prefixes, and another one of each address", () => {
  const world = new World({ a: TO_24, b: undefined });
  world.announce("192.0.2.1", "192.0.2.2", "198.51.100.1");
  deepStrictEqual(world.told("a"), ["192.0.2.0/24", "198.51.100.0/24"]);
  deepStrictEqual(world.told("b"), [
    "192.0.2.1/32",
    "192.0.2.2/32",
    "198.51.100.1/32",
  ]);
  world.withdraw("192.0.2.1", "198.51.100.1");
  deepStrictEqual(world.told("a"), ["no 198.51.100.0/24"]);
  deepStrictEqual(world.told("b"), ["no 192.0.2.1/32", "no 198.51.100.1/32"]);
  world.withdraw("192.0.2.2");
  deepStrictEqual(world.told("a"), ["no 192.0.2.0/24"]);
  strictEqual(world.speaker.viewOf("a")?.prefixes, 0);
});

Deno.test("BgpSpeaker puts routes together on a session that stands, and takes them apart, make before break", () => {
  const world = new World({ a: undefined });
  world.announce("192.0.2.1", "192.0.2.2");
  world.told("a");
  world.set("a", TO_24);
  deepStrictEqual(world.told("a"), [
    "192.0.2.0/24",
    "no 192.0.2.1/32",
    "no 192.0.2.2/32",
  ]);
  world.set("a", { ...TO_24, pools: [] });
  deepStrictEqual(world.told("a"), [
    "192.0.2.1/32",
    "192.0.2.2/32",
    "no 192.0.2.0/24",
  ]);
  world.set("a", { ...TO_24, ipv4: 23 });
  world.told("a");
  world.set("a", undefined);
  deepStrictEqual(world.told("a"), [
    "192.0.2.1/32",
    "192.0.2.2/32",
    "no 192.0.2.0/23",
  ]);
  strictEqual(world.speaker.viewOf("a")?.prefixes, 2);
});

Deno.test("BgpSpeaker announces all prefixes before the first address goes, however many there are", () => {
  const world = new World({ a: undefined });
  const count = CHANGES_PER_WORK + 300;
  const all = Array.from(
    { length: count },
    (_, i) => `10.${i >> 8}.${i & 255}.1`,
  );
  world.announce(...all);
  world.told("a");
  // These are due first when all are put together.
  world.announce({ going: true }, ...all.slice(-10));
  world.set("a", TO_24);
  const told = world.told("a").map((text) => text.startsWith("no "));
  strictEqual(told.length, 2 * count);
  strictEqual(told.indexOf(true), count);
  strictEqual(world.speaker.viewOf("a")?.prefixes, count);
});

Deno.test("BgpSpeaker marks a prefix as going when all of it goes (RFC 8326 §4)", () => {
  const world = new World({ a: TO_24 });
  world.announce("192.0.2.1", "192.0.2.2");
  world.told("a");
  world.announce({ going: true }, "192.0.2.1", "192.0.2.2");
  deepStrictEqual(world.told("a"), ["192.0.2.0/24 going"]);
});

/** Sessions, and what is told on them in words. */
class World {
  readonly #sessions: Sessions;

  constructor(peers: Readonly<Record<string, Aggregation | undefined>>) {
    this.#sessions = new Sessions(
      Object.fromEntries(
        Object.entries(peers).map(([name, one]) => [name, termsOf(one)]),
      ),
    );
  }

  get speaker(): BgpSpeaker {
    return this.#sessions.speaker;
  }

  set(name: string, aggregation: Aggregation | undefined): void {
    this.#sessions.set(name, termsOf(aggregation));
  }

  announce(
    ...all: readonly (string | { readonly going: true })[]
  ): void {
    const attributes = all.some((one) => typeof one !== "string")
      ? { ...PLAIN, communities: [GRACEFUL_SHUTDOWN] }
      : PLAIN;
    for (const text of all) {
      if (typeof text !== "string") continue;
      this.speaker.announce(prefix(`${text}/32`), undefined, attributes);
    }
  }

  withdraw(...all: readonly string[]): void {
    for (const text of all) this.speaker.withdraw(prefix(`${text}/32`));
  }

  /** What a peer was told since it was last asked, in the order of the messages. */
  told(name: string): string[] {
    return this.#sessions.updates(name).flatMap(
      ({ withdrawn, nlri, attributes }) => {
        const isGoing = attributes.some((one) =>
          one.kind === "communities" &&
          one.communities.includes(GRACEFUL_SHUTDOWN)
        );
        return [
          ...nlri.map((one) =>
            `${formatPrefix(one)}${isGoing ? " going" : ""}`
          ),
          ...withdrawn.map((one) => `no ${formatPrefix(one)}`),
        ];
      },
    );
  }
}

function termsOf(aggregation: Aggregation | undefined): Partial<SpeakerPeer> {
  return aggregation === undefined ? {} : { aggregation };
}
