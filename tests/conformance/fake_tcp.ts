/**
 * A speaker's host on a TCP made by hand, which tells what was wanted of it.
 *
 * @module
 */

import { BgpHost, type BgpHostPeer } from "@/host/bgp_host.ts";
import { ip, OURS, prefix } from "./talk.ts";

/** The host, and what it wanted. */
export class FakeTcp {
  readonly host: BgpHost;
  /** What was wanted, in its order. */
  readonly wanted: string[] = [];
  #accept: ((connection: unknown) => void) | undefined;

  constructor() {
    const say = (what: string, value: unknown) => {
      this.wanted.push(`${what} ${JSON.stringify(value)}`);
    };
    const ports = {
      clock: { nowMs: () => 0, setTimer: () => ({ cancel() {} }) },
      tcp: {
        dropCounts: () => ({}),
        listen: (spec: { keys: unknown }, accept: (c: unknown) => void) => {
          this.#accept = accept;
          say("listen", spec.keys);
          return {
            failures: [],
            endpoints: [],
            close() {},
            setKeys: (keys: unknown) => {
              say("keys", keys);
              return [];
            },
          };
        },
        dial: (target: { hops: unknown; md5Key?: string }) => {
          say("dial", [target.hops, target.md5Key ?? null]);
          return {
            cancel: () => say("cancel", null),
            droppedSegments: () => 0,
          };
        },
      },
      nextHopsOf: () => ({}),
      tell: () => {},
      tellFailure: () => {},
    };
    this.host = new BgpHost(ports as never, { seed: 1 });
    this.host.listen({ addresses: [], port: 0 } as never);
  }

  /** Somebody dials us. */
  arrive(address: string): void {
    this.#accept?.({
      peer: { address: ip(address), port: 50_000 },
      local: { address: ip("10.0.0.2"), port: 179 },
      start: () => this.wanted.push("start"),
      write: (bytes: Uint8Array) => {
        this.wanted.push(`write ${bytes[18]}`);
        return bytes.length;
      },
      close: (how: string) => this.wanted.push(`close ${how}`),
      setHops: (hops: unknown) =>
        this.wanted.push(`hops ${JSON.stringify(hops)}`),
      unacknowledgedBytes: () => 0,
    });
  }
}

/** The peer 10.0.0.1 as a host has to know it. */
export function hostPeer(
  hops: BgpHostPeer["hops"],
  key: { readonly md5Key?: string } = {},
): BgpHostPeer {
  return {
    speaker: {
      connection: {
        open: OURS,
        expectation: { peerAs: 65_001 },
        times: {
          connectRetryTimeMs: 120_000,
          delayOpenTimeMs: 0,
          idleHoldTimeMs: 0,
          sendHoldTimeMs: 0,
        },
      },
      address: ip("10.0.0.1"),
      pathsMax: { "ipv4-unicast": 1, "ipv6-unicast": 1 },
      enabled: true,
    },
    target: { peer: { address: ip("10.0.0.1"), port: 179 }, hops, ...key },
    source: prefix("10.0.0.1/32"),
    hops,
    ...key,
  };
}
