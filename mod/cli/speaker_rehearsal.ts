/**
 * A rehearsal before `foghorn speaker` listens: sessions with itself over
 * loopback, and routes on them.
 *
 * V8 compiles what has run often. Without a rehearsal the first sessions and
 * routes take about twice the time of later ones, and a router seldom has
 * enough of them to get to the later ones.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one session, and one route, after the other

import { type Ipv4Addr, parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import type { BgpPeerSpec } from "@/api/mod.ts";
import { BgpHost } from "@/host/bgp_host.ts";
import { SystemClock } from "@/io/clock.ts";
import type { Reactor } from "@/io/ffi/mod.ts";
import { KernelTcp } from "@/io/tcp/mod.ts";
import { assert } from "@/lang/assert.ts";
import { bgpPeerTerms } from "@/node/bgp_terms.ts";
import { setImmediate } from "node:timers";
import { CEASE, cease } from "@/wire/bgp/mod.ts";
import { parseSpeakerLine } from "./speaker_lines.ts";

/** A session that is not up by then never will be. */
export const SESSION_MS_MAX = 50;

/**
 * Rehearses. Where loopback is down, or no port is to be had, it ends early:
 * whatever is slower then is not wrong.
 *
 * @param reactor Waits on descriptors.
 * @param durationMs How long.
 * @returns How many sessions came up, and how many routes were told.
 */
export async function rehearse(
  reactor: Reactor,
  durationMs: number,
): Promise<{ readonly sessions: number; readonly routes: number }> {
  const clock = new SystemClock();
  const endMs = clock.nowMs() + durationMs;
  using tcp = new KernelTcp(reactor, clock);
  const waiting = makeHost(tcp, clock);
  const dialling = makeHost(tcp, clock);
  const counts = { sessions: 0, routes: 0 };
  try {
    const addresses = [{ address: LOOPBACK }];
    waiting.listen({ port: 0, addresses });
    const port = waiting.endpoints[0]?.port;
    if (port === undefined) return counts;
    while (clock.nowMs() < endMs) {
      setPeer(waiting, WAITING_AS, { passiveMode: true });
      setPeer(dialling, DIALLING_AS, { remotePort: port });
      const giveUpMs = Math.min(endMs, clock.nowMs() + SESSION_MS_MAX);
      while (!isUp(waiting) || !isUp(dialling)) {
        if (clock.nowMs() > giveUpMs) return counts;
        await turn();
      }
      counts.sessions++;
      for (let i = 0; i < ROUTES_PER_SESSION && clock.nowMs() < endMs; i++) {
        obey(dialling, `announce ${DOCUMENTATION_ROUTE}`);
        await turn();
        obey(dialling, `withdraw ${DOCUMENTATION_ROUTE}`);
        await turn();
        counts.routes++;
      }
      for (const host of [dialling, waiting]) {
        host.removePeer(PEER, cease(CEASE.peerDeconfigured));
      }
    }
    return counts;
  } finally {
    waiting.close();
    dialling.close();
  }
}

function makeHost(tcp: KernelTcp, clock: SystemClock): BgpHost {
  return new BgpHost({
    clock,
    tcp,
    nextHopsOf: () => ({ ipv4: LOOPBACK }),
    tell: () => {},
    tellFailure: () => {},
  }, { seed: 1 });
}

function setPeer(
  host: BgpHost,
  as: number,
  transport: NonNullable<BgpPeerSpec["transport"]>,
): void {
  const peerAs = as === WAITING_AS ? DIALLING_AS : WAITING_AS;
  const conf = { neighborAddress: LOOPBACK, peerAs };
  const terms = bgpPeerTerms(
    { as, routerId: `192.0.2.${as - WAITING_AS + 1}` },
    { name: PEER, spec: { conf, transport } },
    { name: PEER, labels: {}, addresses: [] },
  );
  assert(terms.ok, "The rehearsal's peers are right");
  host.setPeer(PEER, terms.value);
}

function isUp({ speaker }: BgpHost): boolean {
  return speaker.viewOf(PEER)?.state === "Established";
}

function obey(host: BgpHost, line: string): void {
  const { speaker } = host;
  const parsed = parseSpeakerLine(line);
  assert(parsed.ok, "The rehearsal's lines are right");
  const wanted = parsed.value;
  switch (wanted.kind) {
    case "announce": {
      const { prefix, nextHop, attributes } = wanted;
      return host.run(speaker.announce(prefix, nextHop, attributes));
    }
    case "withdraw":
      host.run(speaker.withdraw(wanted.prefix, wanted.which) ?? []);
  }
}

/** What others on the event loop have to do comes first. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const PEER = "rehearsal";
/** For documentation (RFC 5398), as are the route and the identifiers (RFC 5737). */
const WAITING_AS = 64_496;
const DIALLING_AS = 64_497;
const LOOPBACK = loopback();
const DOCUMENTATION_ROUTE = "192.0.2.1/32";
const ROUTES_PER_SESSION = 20;

function loopback(): Ipv4Addr {
  const address = parseIpv4Addr("127.0.0.1");
  assert(address !== undefined, "It is an address");
  return address;
}
