import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import type { Ipv4Addr } from "@/addr/ipv4_addr.ts";
import { assert } from "@/lang/assert.ts";
import type {
  TcpConnection,
  TcpDialOutcome,
  TcpDropCounts,
  TcpPort,
  TcpTarget,
} from "@/port/tcp.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { BgpHost, type BgpHostPeer } from "./bgp_host.ts";

Deno.test("BgpHost tells of a dial that ConnectRetryTimer ends, and that the password differs", () => {
  const { clock, host, tcp, failures } = stage();
  host.setPeer("router", peer({ md5Key: "s3cr3t" }));
  strictEqual(tcp.dials.length, 1);
  tcp.counts = { ...tcp.counts, md5Wrong: 2 };
  tcp.dropped = 2;
  clock.advance(1_000);
  strictEqual(tcp.dials.length, 2, "it dials again");
  deepStrictEqual(failures.length, 1);
  const [failure] = failures;
  match(
    failure?.message ?? "",
    /^Cannot dial 10\.0\.0\.2 port 179: no answer in \d+ ms$/,
  );
  strictEqual(failure?.doubt, "password-differs");
  host.close();
});

Deno.test("BgpHost does not take a dial that is no longer wanted for one in vain", () => {
  const { clock, host, failures } = stage();
  host.setPeer("router", peer());
  host.removePeer("router", CEASE);
  clock.advance(5_000);
  deepStrictEqual(failures, []);
  host.close();
});

Deno.test("BgpHost hands on why a dial failed, without a doubt where that says it all", () => {
  const { host, tcp, failures } = stage();
  host.setPeer("router", peer());
  tcp.dials[0]?.onOutcome({
    ok: false,
    error: { kind: "refused", message: "Nobody listens", droppedSegments: 0 },
  });
  deepStrictEqual(failures, [{ message: "Nobody listens", doubt: undefined }]);
  host.close();
});

Deno.test("BgpHost doubts a peer that is waited for by what was refused since it had no session", () => {
  const { host, tcp } = stage();
  tcp.counts = { ...tcp.counts, md5Unexpected: 7 };
  const { target: _, ...passive } = peer();
  host.setPeer("router", passive);
  strictEqual(host.doubtOf("router"), undefined, "that was before");
  tcp.counts = { ...tcp.counts, md5Unexpected: 9 };
  strictEqual(host.doubtOf("router")?.reason, "password-missing-here");
  strictEqual(host.doubtOf("another"), undefined);
  host.close();
});

Deno.test("BgpHost does not doubt a peer by what was refused while another one was there", () => {
  const { clock, host, tcp } = stage();
  const { target: _, ...passive } = peer();
  host.setPeer("first", passive);
  tcp.counts = { ...tcp.counts, md5Unexpected: 7 };
  clock.advance(10);
  host.setPeer("second", passive);
  strictEqual(host.doubtOf("first")?.reason, "password-missing-here");
  strictEqual(host.doubtOf("second"), undefined);
  host.close();
});

Deno.test("BgpHost wakes for what is due sooner than what it waited for", () => {
  const { clock, host, tcp } = stage();
  host.setPeer("first", peer());
  clock.advance(1_000);
  strictEqual(tcp.dials.length, 2, "the first one is due two seconds from now");
  host.setPeer("second", peer());
  strictEqual(tcp.dials.length, 3);
  clock.advance(1_000);
  strictEqual(tcp.dials.length, 4, "the second one is dialled again");
  host.close();
});

Deno.test("BgpHost says R in its first OPEN when it is restarting (RFC 4724 §3)", () => {
  for (const restarting of [true, false]) {
    const { host, tcp } = stage(restarting);
    host.setPeer("router", peer());
    tcp.dials[0]?.onOutcome({ ok: true, value: tcp.connection });
    // Capability 64 of 2 octets: flags with R, and 120 seconds.
    const hex = tcp.written.map((bytes) => bytes.toHex()).join("");
    ok(hex.includes(restarting ? "40028078" : "40020078"), hex);
    host.close();
  }
});

Deno.test("BgpHost takes a link-local peer over its interface only (RFC 4007 §6)", () => {
  const { host, tcp } = stage();
  const address = parseIpAddr("fe80::2");
  assert(address !== undefined, "It is an address");
  const { target: _, ...waited } = peer();
  host.listen({ port: 179, addresses: [] });
  host.setPeer("router", {
    ...waited,
    source: { addr: address, lengthBits: 128 },
    zone: "eth1",
  });
  for (const zone of ["eth2", "eth1"]) {
    const closed: string[] = [];
    tcp.accept({
      ...tcp.connection,
      peer: { address, zone, port: 40_000 },
      close: (how = "finish") => closed.push(how),
    });
    deepStrictEqual(closed, zone === "eth1" ? [] : ["reset"]);
  }
  host.close();
});

class FakeTcp implements TcpPort {
  openCount = 0;
  readonly dials: {
    readonly target: TcpTarget;
    readonly onOutcome: (outcome: TcpDialOutcome) => void;
  }[] = [];
  readonly written: Uint8Array[] = [];
  counts: TcpDropCounts = {
    md5Missing: 0,
    md5Unexpected: 0,
    md5Wrong: 0,
    tooFar: 0,
  };
  dropped = 0;
  readonly connection: TcpConnection = {
    local: { address: ipv4("10.0.0.1"), port: 40_000 },
    peer: { address: ipv4("10.0.0.2"), port: 179 },
    start: () => {},
    setHops: () => {},
    write: (bytes) => this.written.push(bytes.slice()) && bytes.length,
    unacknowledgedBytes: () => 0,
    droppedSegments: () => 0,
    pause: () => {},
    resume: () => {},
    close: () => {},
  };

  dial(
    target: TcpTarget,
    onOutcome: (outcome: TcpDialOutcome) => void,
  ): ReturnType<TcpPort["dial"]> {
    this.dials.push({ target, onOutcome });
    return { cancel: () => {}, droppedSegments: () => this.dropped };
  }

  accept: (connection: TcpConnection) => void = () => {};

  listen(
    ...[, onConnection]: Parameters<TcpPort["listen"]>
  ): ReturnType<TcpPort["listen"]> {
    this.accept = onConnection;
    return {
      endpoints: [],
      failures: [],
      setKeys: () => [],
      close: () => {},
    };
  }

  dropCounts(): TcpDropCounts {
    return this.counts;
  }

  close(): void {}
}

function stage(restarting = false): {
  readonly clock: VirtualClock;
  readonly host: BgpHost;
  readonly tcp: FakeTcp;
  readonly failures: { message: string; doubt: string | undefined }[];
} {
  const clock = new VirtualClock();
  const tcp = new FakeTcp();
  const failures: { message: string; doubt: string | undefined }[] = [];
  const host = new BgpHost({
    clock,
    tcp,
    nextHopsOf: () => ({ ipv4: ipv4("10.0.0.1") }),
    tell: () => {},
    tellFailure: (_peer, { message }, doubt) =>
      failures.push({ message, doubt: doubt?.reason }),
  }, { seed: 1, restarting });
  return { clock, host, tcp, failures };
}

function peer(options: { readonly md5Key?: string } = {}): BgpHostPeer {
  const address = ipv4("10.0.0.2");
  const hops = { kind: "limit", hops: 1 } as const;
  return {
    speaker: {
      connection: {
        open: {
          kind: "open",
          myAs: 65_001,
          holdTimeSeconds: 90,
          bgpIdentifier: ipv4("10.0.0.1"),
          capabilities: [
            { kind: "multiprotocol", family: "ipv4-unicast" },
            {
              kind: "graceful-restart",
              restartState: false,
              notification: false,
              restartTimeSeconds: 120,
              families: [],
            },
          ],
        },
        expectation: { peerAs: 65_002 },
        times: {
          connectRetryTimeMs: 120_000,
          delayOpenTimeMs: 0,
          idleHoldTimeMs: 60_000,
          sendHoldTimeMs: 0,
        },
      },
      address,
      pathsMax: { "ipv4-unicast": 1, "ipv6-unicast": 1 },
      enabled: true,
    },
    target: { peer: { address, port: 179 }, hops, ...options },
    source: { addr: address, lengthBits: 32 },
    hops,
    ...options,
  };
}

function ipv4(text: string): Ipv4Addr {
  const parsed = parseIpAddr(text);
  assert(parsed !== undefined, `${text} is an address`);
  return parsed as Ipv4Addr;
}

const CEASE = {
  kind: "notification",
  code: 6,
  subcode: 3,
  data: new Uint8Array(0),
} as const;
