import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { assert } from "@/lang/assert.ts";
import { bgpPeerTerms } from "@/node/bgp_terms.ts";
import type { UnnumberedLink } from "@/node/unnumbered_interface.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { addr, mac, routerAdvertisement } from "./_router_frame_test.ts";
import { UnnumberedPeers } from "./unnumbered_peers.ts";

Deno.test("UnnumberedPeers says what an interface lacks, and goes on once it is there", () => {
  const world = new World();
  world.set();
  match(world.lack(), /^There is no interface eth1 on this node/);
  world.setLink({ up: false, running: false });
  match(world.lack(), /^eth1 is switched off/);
  world.setLink({ running: false });
  match(world.lack(), /^eth1 has no carrier/);
  world.setLink({ mac: undefined });
  match(world.lack(), /^eth1 is not an Ethernet interface/);
  world.setLink({ prefixes: [] });
  match(world.lack(), /^eth1 has no link-local address/);
  strictEqual(world.sent, 0);
  world.setLink({});
  match(world.lack(), /^No router advertisement heard on eth1/);
  strictEqual(world.sent, 1, "the router hears us at once");
  world.refused = "Cannot open packet socket on eth1: EPERM";
  world.setLink({ index: 8 });
  strictEqual(world.lack(), world.refused);
  strictEqual(world.open, 0);
});

Deno.test("UnnumberedPeers has the router that it hears spoken to, on its interface", () => {
  const world = new World();
  world.set();
  world.setLink({});
  world.hear("fe80::2");
  deepStrictEqual(world.calls, ["set fe80::2%eth1 from fe80::2/128"]);
  strictEqual(world.peers.lackOf("tor"), undefined);
  deepStrictEqual(world.peers.addressOf("tor"), { neighbor: "fe80::2%eth1" });
  world.peers.remove("tor");
  deepStrictEqual(world.calls.slice(1), ["remove"]);
  strictEqual(world.open, 0);
  world.clock.advance(60_000);
  strictEqual(world.clock.timers, 0, "nothing is left behind");
});

Deno.test("UnnumberedPeers follows another router once the old one is silent and has no session", () => {
  const world = new World();
  world.set();
  world.setLink({});
  world.hear("fe80::2");
  world.isUp = true;
  for (let i = 0; i < 10; i++) {
    world.clock.advance(10_000);
    world.hear("fe80::3");
  }
  strictEqual(world.calls.length, 1, "the session stays");
  match(
    world.lack(),
    /^Several routers are heard on eth1: fe80::2 is spoken to, fe80::3 not/,
  );
  world.isUp = false;
  world.clock.advance(5_000);
  deepStrictEqual(world.calls.slice(1), ["set fe80::3%eth1 from fe80::3/128"]);
});

Deno.test("UnnumberedPeers forgets who was heard with the carrier, and stays through other changes", () => {
  const world = new World();
  world.set();
  world.setLink({});
  world.hear("fe80::2");
  const prefixes = [LINK.prefixes, {
    addr: addr("2001:db8::1"),
    lengthBits: 64,
  }]
    .flat();
  world.setLink({ prefixes });
  strictEqual(world.calls.length, 1);
  world.setLink({ running: false });
  deepStrictEqual(world.calls.slice(1), ["remove"]);
  world.setLink({});
  match(world.lack(), /^No router advertisement heard/);
  world.hear("fe80::2");
  strictEqual(world.calls.length, 3);
});

Deno.test("UnnumberedPeers sets a peer again whose terms are others, and opens another interface", () => {
  const world = new World();
  world.set();
  world.setLink({});
  world.hear("fe80::2");
  world.set();
  strictEqual(world.calls.length, 2);
  world.set("eth2");
  deepStrictEqual(world.calls.slice(2), ["remove"]);
  match(world.lack(), /^There is no interface eth2/);
  strictEqual(world.open, 0);
});

/** One interface, its router and a speaker that writes down what it is told. */
class World {
  readonly clock = new VirtualClock();
  readonly calls: string[] = [];
  readonly peers: UnnumberedPeers;
  isUp = false;
  sent = 0;
  open = 0;
  refused: string | undefined;
  #onFrame: (frame: Uint8Array) => void = () => {};

  constructor() {
    this.peers = new UnnumberedPeers({
      clock: this.clock,
      discovery: {
        open: (_link, _filter, onFrame) => {
          if (this.refused !== undefined) throw new Error(this.refused);
          this.open++;
          this.#onFrame = onFrame;
          return {
            send: () => this.sent++ >= 0,
            close: () => void this.open--,
          };
        },
      },
      setPeer: (_name, { source, target, zone }) => {
        strictEqual(target?.peer.zone, zone);
        this.calls.push(
          `set ${target?.peer.address}%${zone} from ${source.addr}/${source.lengthBits}`,
        );
      },
      removePeer: () => this.calls.push("remove"),
      isUp: () => this.isUp,
      changed: () => {},
    }, { seed: 1 });
  }

  set(neighborInterface = "eth1"): void {
    const spec = { conf: { neighborInterface } };
    const node = { name: "n1", labels: {}, addresses: [] };
    const terms = bgpPeerTerms({ as: 65_001 }, { name: "tor", spec }, node);
    assert(terms.ok, "They can be used");
    strictEqual(terms.value.unnumbered, neighborInterface);
    this.peers.set("tor", terms.value, neighborInterface);
  }

  setLink(link: Partial<UnnumberedLink>): void {
    this.peers.setLinks([{ ...LINK, ...link }]);
  }

  hear(source: string): void {
    this.#onFrame(routerAdvertisement(source));
  }

  lack(): string {
    return this.peers.lackOf("tor") ?? "";
  }
}

const LINK: UnnumberedLink = {
  index: 7,
  name: "eth1",
  mac: mac("02:00:00:00:00:01"),
  up: true,
  running: true,
  prefixes: [{ addr: addr("fe80::1"), lengthBits: 64 }],
};
