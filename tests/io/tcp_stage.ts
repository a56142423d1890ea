/**
 * Hosts that speak TCP with each other, for `tcp.ts`.
 *
 * @module
 */

import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import { SystemClock } from "@/io/clock.ts";
import { Reactor } from "@/io/ffi/reactor.ts";
import { KernelTcp } from "@/io/tcp/kernel_tcp.ts";
import { type ConnectionDoubt, doubtOf } from "@/node/connection_doubt.ts";
import type {
  TcpConnection,
  TcpDialFailure,
  TcpDialOutcome,
  TcpEnd,
  TcpKey,
  TcpListener,
  TcpListenSpec,
  TcpTarget,
} from "@/port/tcp.ts";
import { Host, QUICK_IPV6 } from "./namespaces.ts";
import { ip, shell } from "./private_network.ts";

/** This host and a peer on one cable, `va` here and `vb` there. */
export class Stage implements AsyncDisposable {
  readonly reactor: Reactor = new Reactor();
  readonly tcp: KernelTcp = new KernelTcp(this.reactor, new SystemClock());
  readonly hosts: Host[] = [];
  readonly accepted: TcpConnection[] = [];
  #awaited: ((connection: TcpConnection) => void)[] = [];

  /** Cables the peer. */
  static async make(): Promise<Stage> {
    const stage = new Stage();
    shell(QUICK_IPV6);
    const peer = await stage.host();
    ip(`
      link add va type veth peer name vb netns ${peer.pid}
      addr add 10.0.0.1/24 dev va
      addr add 2001:db8::1/64 dev va nodad
      addr add fe80::1/64 dev va nodad
      link set va up
    `);
    peer.run(
      "ip addr add 10.0.0.2/24 dev vb; ip addr add 10.0.0.3/24 dev vb; " +
        "ip addr add 2001:db8::2/64 dev vb nodad; " +
        "ip addr add fe80::2/64 dev vb nodad; ip link set vb up",
    );
    await until(() => peer.run("ip link show vb").includes("LOWER_UP"));
    return stage;
  }

  async host(): Promise<Host> {
    const host = await Host.make();
    this.hosts.push(host);
    return host;
  }

  get peer(): Host {
    const [peer] = this.hosts;
    if (peer === undefined) throw new Error("A stage has a peer");
    return peer;
  }

  /** Listens on the peer, or on another host. */
  listen(
    spec: Partial<TcpListenSpec> = {},
    host: Host = this.peer,
  ): TcpListener {
    const whole = { port: 179, addresses: [], keys: [], ...spec };
    return host.on(() =>
      this.tcp.listen(whole, (connection) => {
        this.accepted.push(connection);
        this.#awaited.shift()?.(connection);
      })
    );
  }

  /** The next connection that is accepted. */
  next(): Promise<TcpConnection> {
    return new Promise((resolve) => this.#awaited.push(resolve));
  }

  /** Dials the peer. */
  dial(
    peer: string,
    options: Partial<TcpTarget> = {},
  ): Promise<TcpDialOutcome> {
    const [address = "", zone] = peer.split("%");
    const target: TcpTarget = {
      peer: {
        address: addr(address),
        port: 179,
        ...(zone === undefined ? {} : { zone }),
      },
      hops: { kind: "system" },
      timeoutMs: 2_000,
      ...options,
    };
    return new Promise((resolve) => this.tcp.dial(target, resolve));
  }

  /** Dials in vain, and what the kernel's counts say of it. */
  async doubt(
    peer: string,
    options: Partial<TcpTarget>,
    gtsmHopsMax?: number,
  ): Promise<ConnectionDoubt | undefined> {
    const before = this.tcp.dropCounts();
    const outcome = await this.dial(peer, { timeoutMs: 1_300, ...options });
    return doubtOf(before, this.tcp.dropCounts(), {
      outcome: outcome.ok
        ? "connected"
        : outcome.error.kind === "timed-out"
        ? "timed-out"
        : "told",
      signed: options.md5Key !== undefined,
      droppedSegments: outcome.ok ? 0 : outcome.error.droppedSegments,
      ...(gtsmHopsMax === undefined ? {} : { gtsmHopsMax }),
    });
  }

  /** Two connected ends: dialed, accepted. */
  async pair(
    peer = "10.0.0.2",
    options: Partial<TcpTarget> = {},
  ): Promise<readonly [TcpConnection, TcpConnection]> {
    const [outcome, accepted] = await Promise.all([
      this.dial(peer, options),
      this.next(),
    ]);
    return [up(outcome), accepted];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.tcp.close();
    await this.reactor.close();
    await Promise.all(this.hosts.map((host) => host[Symbol.asyncDispose]()));
  }
}

/** What a connection tells. */
export class Ear {
  readonly chunks: string[] = [];
  bytes = 0;
  writable = 0;
  end: TcpEnd | undefined;

  constructor(connection: TcpConnection, onWritable: () => void = () => {}) {
    connection.start({
      onData: (chunk) => {
        this.bytes += chunk.length;
        if (chunk.length < 100) this.chunks.push(text(chunk));
      },
      onWritable: () => {
        this.writable++;
        onWritable();
      },
      onEnd: (end) => this.end = end,
    });
  }
}

/** A BIRD that waits for us with a password and GTSM. */
export function birdOn(
  host: Host,
): AsyncDisposable & { control(command: string): string } {
  const folder = shell("mktemp -d").trim();
  const config = `log "${folder}/bird.log" all; router id 10.0.0.2; ` +
    "protocol device {} protocol bgp up { local 10.0.0.2 as 65002; " +
    'neighbor 10.0.0.1 as 65001; passive on; password "s3cr3t"; ' +
    "ttl security on; ipv4 { import all; export none; }; }";
  shell(`echo '${config}' > ${folder}/bird.conf`);
  const socket = `-s ${folder}/bird.ctl`;
  host.run(`bird -c ${folder}/bird.conf ${socket} -P ${folder}/bird.pid`);
  return {
    control: (command) => host.run(`birdc ${socket} ${command} || true`),
    async [Symbol.asyncDispose]() {
      shell(`kill $(cat ${folder}/bird.pid)`);
      await until(() => !shell(`ls ${folder}`).includes("bird.pid"));
      shell(`rm -r ${folder}`);
    },
  };
}

/** An OPEN (RFC 4271 §4.2) of AS 65001 with the identifier 10.0.0.1, without capabilities. */
export function openMessage(): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(
    "ff".repeat(16) + "001d" + "01" + "04" + "fde9" + "005a" + "0a000001" +
      "00",
  );
}

export function key(prefix: string, md5Key = "s3cr3t"): TcpKey {
  const parsed = parsePrefix(prefix);
  if (parsed === undefined) throw new Error(`${prefix} is a prefix`);
  return { prefix: parsed, md5Key };
}

export function addr(text: string): IpAddr {
  const parsed = parseIpAddr(text);
  if (parsed === undefined) throw new Error(`${text} is an address`);
  return parsed;
}

export function up(outcome: TcpDialOutcome): TcpConnection {
  if (!outcome.ok) throw new Error(outcome.error.message);
  return outcome.value;
}

export function down(outcome: TcpDialOutcome): TcpDialFailure {
  if (outcome.ok) throw new Error("It connected");
  return outcome.error;
}

export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.slice());
}

/** Long enough for what is on its way on a cable of this machine. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 150));
}

export async function until(holds: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > deadlineMs) {
      throw new Error(`Not in 10 s: ${holds}`);
    }
    // deno-lint-ignore no-await-in-loop -- one look after the other
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
