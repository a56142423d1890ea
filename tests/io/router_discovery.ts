/**
 * Router Discovery between hosts on a veth pair; run by
 * `mod/io/router_discovery_test.ts`.
 *
 * @module
 */

import {
  deepStrictEqual as deepEqual,
  strictEqual as equal,
} from "node:assert/strict";
import {
  type Ipv6Addr,
  parseIpv6Addr,
  UNSPECIFIED_IPV6,
} from "@/addr/ipv6_addr.ts";
import { parseMacAddr, ZERO_MAC } from "@/addr/mac_addr.ts";
import { Reactor } from "@/io/ffi/reactor.ts";
import { linkIndexOf } from "@/io/ffi/socket_address.ts";
import { KernelRouterDiscovery } from "@/io/router_discovery.ts";
import {
  initialUnnumbered,
  routerDiscoveryFilter,
  stepUnnumbered,
  type UnnumberedConfig,
  type UnnumberedEvent,
  type UnnumberedState,
} from "@/layer2/mod.ts";
import type { RouterDiscoveryLink } from "@/port/router_discovery.ts";
import { Host, QUICK_IPV6 } from "./namespaces.ts";
import { ip, ownDescriptors, runCase, shell } from "./private_network.ts";

/** Our end of the cable: what a node would do with it. */
class Unnumbered implements AsyncDisposable {
  peers: readonly Ipv6Addr[] = [];
  readonly #state: UnnumberedState;
  readonly #reactor = new Reactor();
  readonly #link: RouterDiscoveryLink;

  constructor(config: UnnumberedConfig) {
    this.#state = initialUnnumbered(config);
    this.#link = new KernelRouterDiscovery(this.#reactor).open(
      { index: linkIndexOf("va"), name: "va" },
      routerDiscoveryFilter().program,
      (frame) => this.step({ kind: "frame", nowMs: performance.now(), frame }),
    );
  }

  step(event: UnnumberedEvent): void {
    for (const effect of stepUnnumbered(this.#state, event)) {
      if (effect.kind === "peers") this.peers = effect.addresses;
      else equal(this.#link.send(effect.frame), true);
    }
  }

  async until(holds: () => boolean): Promise<void> {
    await until(() => {
      this.step({ kind: "deadline", nowMs: performance.now() });
      return holds();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#link.close();
    equal(this.#link.send(new Uint8Array(60)), false);
    await this.#reactor.close();
  }
}

await runCase({
  async "finds bird, and is found"() {
    const before = ownDescriptors();
    await using peer = await cable();
    {
      await using ours = new Unnumbered({
        mac: parseMacAddr("02:00:00:00:00:01") ?? ZERO_MAC,
        address: parseIpv6Addr("fe80::1") ?? UNSPECIFIED_IPV6,
        seed: 1,
      });
      const nowMs = performance.now();
      ours.step({ kind: "link", nowMs, running: true });
      // The peer's kernel takes us for a router, and for nobody's default one.
      await ours.until(() =>
        /fe80::1 .*router/.test(peer.run("ip -6 neigh show"))
      );
      equal(peer.run("ip -6 route show default"), "");
      deepEqual(ours.peers, []);
      await using _bird = advertisingBird(peer);
      await ours.until(() => ours.peers.length > 0);
      deepEqual(ours.peers, ["fe80::2"]);
    }
    deepEqual(ownDescriptors(), before);
  },
});

async function cable(): Promise<Host> {
  shell(QUICK_IPV6);
  const peer = await Host.make();
  ip(`
    link add va type veth peer name vb netns ${peer.pid}
    link set va address 02:00:00:00:00:01
    addr add fe80::1/64 dev va nodad
    link set va up
  `);
  peer.run(
    "echo 1 > /proc/sys/net/ipv6/conf/vb/accept_ra; " +
      "ip link set vb addrgenmode none; ip link set vb up; " +
      "ip addr add fe80::2/64 dev vb nodad",
  );
  return peer;
}

function advertisingBird(peer: Host): AsyncDisposable {
  const folder = shell("mktemp -d").trim();
  const config = `log "${folder}/log" all; router id 10.0.0.2; ` +
    'protocol device {} protocol radv { interface "vb" { ' +
    "min ra interval 3; max ra interval 4; default lifetime 0; }; }";
  shell(`echo '${config}' > ${folder}/bird.conf`);
  peer.run(
    `bird -c ${folder}/bird.conf -s ${folder}/bird.ctl -P ${folder}/bird.pid`,
  );
  return {
    async [Symbol.asyncDispose]() {
      shell(`kill $(cat ${folder}/bird.pid)`);
      await until(() => !shell(`ls ${folder}`).includes("bird.pid"));
      shell(`rm -r ${folder}`);
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 15_000;
  while (!holds()) {
    if (performance.now() > deadlineMs) {
      throw new Error(`Not in 15 s: ${holds}`);
    }
    // deno-lint-ignore no-await-in-loop -- one look after the other
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
