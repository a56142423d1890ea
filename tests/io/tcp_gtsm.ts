/**
 * How far away those are who connect, before anything of theirs is read; run by
 * `mod/io/tcp/kernel_tcp_test.ts`.
 *
 * @module
 */

import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { BgpHost } from "@/host/bgp_host.ts";
import { SystemClock } from "@/io/clock.ts";
import { assert } from "@/lang/assert.ts";
import { bgpPeerTerms } from "@/node/bgp_terms.ts";
import type { TcpHops, TcpTarget } from "@/port/tcp.ts";
import { ip, runCase, shell } from "./private_network.ts";
import { addr, openMessage, Stage, until } from "./tcp_stage.ts";

const GTSM: Partial<TcpTarget> = hops({ kind: "gtsm", hopsMax: 2 });

await runCase({
  async "knows how far the SYN of a peer came"() {
    await using stage = await Stage.make();
    await behindRouter(stage);
    stage.listen();
    for (const peer of ["10.0.0.2", "2001:db8::2", "fe80::2%va"]) {
      // deno-lint-ignore no-await-in-loop -- one peer after the other
      const [mine, theirs] = await stage.pair(peer, GTSM);
      deepStrictEqual([mine.synTtl, theirs.synTtl], [undefined, 255]);
      // deno-lint-ignore no-await-in-loop -- one peer after the other
      const [, low] = await stage.pair(peer, hops({ kind: "limit", hops: 7 }));
      strictEqual(low.synTtl, 7);
    }
    for (const peer of ["10.0.1.2", "2001:db8:1::2"]) {
      // deno-lint-ignore no-await-in-loop -- one peer after the other
      const [, theirs] = await stage.pair(peer, GTSM);
      strictEqual(theirs.synTtl, 254, "over a router");
    }
  },

  async "refuses a peer from too far away before its OPEN is read"() {
    await using stage = await Stage.make();
    await behindRouter(stage, () => {});
    const [, far] = stage.hosts;
    assert(far !== undefined, "There is a host behind the router");
    const host = (hopsMax: number) => hostAt(stage, hopsMax);
    shell("echo 255 > /proc/sys/net/ipv4/ip_default_ttl");
    const near = host(1);
    far.on(() => near.host.listen({ port: 179, addresses: [] }));
    sayOpen("10.0.1.2");
    await until(() => near.refused.length > 0);
    deepStrictEqual(near.heard(), { open: 0, messages: 0 });
    match(
      near.refused[0] ?? "",
      /than GTSM permits \(1\), .* with a TTL of 254/,
    );
    near.host.close();
    // Two hops are permitted: the same OPEN is read.
    const wide = host(2);
    far.on(() => wide.host.listen({ port: 179, addresses: [] }));
    sayOpen("10.0.1.2");
    await until(() => wide.heard().open === 1);
    deepStrictEqual(wide.refused, []);
    wide.host.close();
  },
});

function hops(hops: TcpHops): Partial<TcpTarget> {
  return { hops, timeoutMs: 1_300 };
}

/** Puts a host behind the peer of a stage, and listens there. */
async function behindRouter(
  stage: Stage,
  listen: (host: Stage["hosts"][number]) => void = (host) =>
    stage.listen({}, host),
): Promise<void> {
  const far = await stage.host();
  stage.peer.run(
    `ip link add vc type veth peer name vd netns ${far.pid}; ` +
      "ip addr add 10.0.1.1/24 dev vc; ip link set vc up; " +
      "ip addr add 2001:db8:1::1/64 dev vc nodad; " +
      "echo 1 > /proc/sys/net/ipv4/ip_forward; " +
      "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding",
  );
  far.run(
    "ip addr add 10.0.1.2/24 dev vd; ip link set vd up; " +
      "ip addr add 2001:db8:1::2/64 dev vd nodad; " +
      "ip route add default via 10.0.1.1; " +
      "ip -6 route add default via 2001:db8:1::1",
  );
  ip("route add 10.0.1.0/24 via 10.0.0.2");
  ip("-6 route add 2001:db8:1::/64 via 2001:db8::2");
  listen(far);
}

/**
 * Connects and says its OPEN, all of which is there before this thread gets to
 * accept the connection.
 */
function sayOpen(peer: string): void {
  const open = openMessage().toHex().replace(/../g, "\\\\x$&");
  const talk = `exec 3<>/dev/tcp/${peer}/179; printf "${open}" >&3; sleep 2`;
  shell(`timeout 3 bash -c '${talk}' > /dev/null 2>&1 & sleep 0.3`);
}

/** A speaker that waits for us, over so many hops. */
function hostAt(stage: Stage, hopsMax: number) {
  const refused: string[] = [];
  const host = new BgpHost({
    clock: new SystemClock(),
    tcp: stage.tcp,
    nextHopsOf: () => ({}),
    tell: () => {},
    tellFailure: () => {},
    tellRefused: (_name, { message }) => void refused.push(message),
  }, { seed: 1 });
  const terms = bgpPeerTerms({ as: 65_002 }, {
    name: "tor",
    spec: {
      conf: { neighborAddress: "10.0.0.1", peerAs: 65_001 },
      transport: { passiveMode: true },
      ttlSecurity: { hops: hopsMax },
    },
  }, { name: "n1", labels: {}, addresses: [addr("10.0.1.2")] });
  assert(terms.ok, "They can be used");
  host.setPeer("tor", terms.value);
  const heard = () => {
    const { messages } = host.speaker.viewOf("tor") ?? {};
    const all = Object.values(messages?.received ?? {});
    const open = messages?.received.open ?? 0;
    return { open, messages: all.reduce((sum, count) => sum + count, 0) };
  };
  return { host, refused, heard };
}
