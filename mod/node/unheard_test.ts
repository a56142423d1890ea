import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { parseAddrRange } from "@/addr/addr_range.ts";
import { parseMacAddr } from "@/addr/mac_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import type { FellowReport } from "@/layer2/failover/events.ts";
import {
  type HearingInput,
  LOOK_INTERVAL_MS,
  UNHEARD_MS,
  UnheardWatch,
} from "./unheard.ts";

const FINDING = { node: "n2", link: "eth0", eip: "pool" };

Deno.test("UnheardWatch names an agent that was not heard for long, until it is", () => {
  const watch = new UnheardWatch();
  deepStrictEqual(watch.look(input({}), at(100)), []);
  strictEqual(watch.deadlineMs(), 100 + UNHEARD_MS);
  deepStrictEqual(watch.look(input({}), at(99 + UNHEARD_MS)), []);
  const found = watch.look(input({}), at(5_000 + UNHEARD_MS));
  deepStrictEqual(found, [FINDING]);
  strictEqual(watch.deadlineMs(), undefined);
  strictEqual(watch.look(input({}), at(9_000 + UNHEARD_MS)), found);
  const heard = input({ presence: "up" });
  deepStrictEqual(watch.look(heard, at(11_000 + UNHEARD_MS)), []);
  // The time begins anew.
  watch.look(input({}), at(20_000 + UNHEARD_MS));
  strictEqual(watch.deadlineMs(), 20_000 + 2 * UNHEARD_MS);
});

Deno.test("UnheardWatch wants to look no more often than is of use", () => {
  const watch = new UnheardWatch();
  strictEqual(watch.isDue(at(0)), true);
  watch.look(input({}), at(0));
  strictEqual(watch.isDue(at(LOOK_INTERVAL_MS - 1)), false);
  strictEqual(watch.isDue(at(LOOK_INTERVAL_MS)), true);
  // Whoever wakes by the deadline may look then.
  watch.look(input({}), at(UNHEARD_MS - 1));
  strictEqual(watch.isDue(at(watch.deadlineMs() ?? 0)), true);
});

const PRESENCES = [
  ["unknown", false],
  ["silent", false],
  ["arp-only", false],
  ["up", true],
  ["verifying", true],
  ["vouched", true],
] as const;

for (const [presence, isHeard] of PRESENCES) {
  Deno.test(`UnheardWatch ${isHeard ? "hears" : "does not hear"} an agent that is ${presence}`, () => {
    deepStrictEqual(findings({ presence }), isHeard ? [] : [FINDING]);
  });
}

const NOT_EXPECTED = [
  { name: "whose Lease does not live", world: { isLive: false } },
  { name: "in another subnet", world: { theirs: "198.51.100.12/24" } },
  { name: "in a subnet of another length", world: { theirs: "192.0.2.12/25" } },
  { name: "whose link has no carrier", world: { up: false } },
  { name: "that has no link for the Eip", world: { interface: "eth0" } },
  { name: "on a link that no Eip uses here", world: { links: ["eth1"] } },
  {
    name: "that shares only a link-local subnet",
    world: { ours: "fe80::1/64", theirs: "fe80::2/64" },
  },
] as const;

Deno.test.each(NOT_EXPECTED)(
  "UnheardWatch expects no agent $name",
  ({ world }) => deepStrictEqual(findings(world), []),
);

Deno.test("UnheardWatch expects nobody on a link that is not served yet", () => {
  const watch = new UnheardWatch();
  const unserved = { ...input({}), fellows: new Map(), links: [] };
  watch.look(unserved, at(0));
  strictEqual(watch.deadlineMs(), undefined);
});

interface World {
  readonly presence?: FellowReport["presence"];
  readonly isLive?: boolean;
  readonly ours?: string;
  readonly theirs?: string;
  readonly up?: boolean;
  readonly interface?: string;
  readonly links?: readonly string[];
}

function findings(world: World) {
  const watch = new UnheardWatch();
  watch.look(input(world), at(0));
  return watch.look(input(world), at(UNHEARD_MS));
}

function input(world: World): HearingInput {
  const mac = parseMacAddr("02:00:00:00:00:02");
  const range = parseAddrRange("192.0.2.91");
  assert(mac !== undefined && range !== undefined, "They are expected");
  const { presence, isLive = true, up = true, links = ["eth0"] } = world;
  const prefixes = (text: string) => [parsePrefix(text) ?? []].flat();
  const fellows: FellowReport[] = presence === undefined
    ? []
    : [{ node: "n2", presence, vips: 0 }];
  return {
    node: "n1",
    links: [{
      name: "eth0",
      index: 2,
      mac,
      running: true,
      prefixes: prefixes(world.ours ?? "192.0.2.11/24"),
    }],
    pools: [{
      name: "pool",
      interface: world.interface ?? "e*",
      range,
      links,
    }],
    agents: ["n1", "n2"].map((node) => ({
      node,
      links: [{
        name: node === "n1" ? "eth0" : "ens3",
        up,
        mac,
        prefixes: prefixes(world.theirs ?? "192.0.2.12/24"),
      }],
      canReach: new Map(),
      problems: [],
    })),
    isLive: () => isLive,
    fellows: new Map([["eth0", fellows]]),
  };
}

function at(nowMs: number) {
  return { nowMs, nowIso: "" };
}
