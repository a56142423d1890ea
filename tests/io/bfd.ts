/**
 * BFD between the wire isolate of this process and a router on a veth pair; run
 * by `mod/io/bfd_port_test.ts`.
 *
 * @module
 */

import {
  deepStrictEqual as deepEqual,
  match,
  ok,
  strictEqual as equal,
} from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { BfdSessionConfig } from "@/bfd/mod.ts";
import { WorkerWireIsolate } from "@/cli/wire_isolate.ts";
import {
  bindSocket,
  closeUdp,
  connectSocket,
  openUdp,
  sendAsControl,
  sendDatagram,
} from "@/io/ffi/mod.ts";
import type { BfdReport, WireReport } from "@/node/mod.ts";
import { Host, QUICK_IPV6 } from "./namespaces.ts";
import { ip, runCase, shell } from "./private_network.ts";

/** The wire isolate here, and a host on the other end of the cable `va`, `vb`. */
class Stage implements AsyncDisposable {
  readonly reports: { readonly atMs: number; readonly report: BfdReport }[] =
    [];
  readonly #wire = new WorkerWireIsolate({
    node: "n1",
    incarnation: 7n,
    isAlone: true,
  });
  readonly peer: Host;

  private constructor(peer: Host) {
    this.peer = peer;
    this.#wire.onReport((report) => this.#take(report));
    this.#wire.onFailure((message) => {
      throw new Error(message);
    });
  }

  static async make(): Promise<Stage> {
    shell(QUICK_IPV6);
    const peer = await Host.make();
    ip(`
      link add va type veth peer name vb netns ${peer.pid}
      addr add 10.0.0.1/24 dev va
      addr add fe80::1/64 dev va nodad
      link set va up
    `);
    peer.run(
      "ip addr add 10.0.0.2/24 dev vb; " +
        "ip link set vb addrgenmode none; ip link set vb up; " +
        "ip addr add fe80::2/64 dev vb nodad",
    );
    return new Stage(peer);
  }

  sessions(...sessions: readonly BfdSessionConfig[]): void {
    this.#wire.send([{ kind: "bfd", sessions }]);
  }

  enable(id: string, enabled: boolean): void {
    this.#wire.send([{ kind: "bfd-enable", id, enabled }]);
  }

  /** The state a session was reported in last. */
  stateOf(id: string): string | undefined {
    const last = this.reports.findLast(({ report }) => report.id === id);
    return last?.report.kind === "bfd-state"
      ? last.report.state
      : last?.report.message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wire.close();
    await this.#wire.ended();
    await this.peer[Symbol.asyncDispose]();
  }

  #take(report: WireReport): void {
    if (report.kind !== "bfd-state" && report.kind !== "bfd-failed") return;
    this.reports.push({ atMs: performance.now(), report });
  }
}

const TIMERS = { minTxMs: 50, minRxMs: 50, multiplier: 3, passive: false };
const FOUR: BfdSessionConfig = {
  id: "four",
  peer: addr("10.0.0.2"),
  local: addr("10.0.0.1"),
  link: "va",
  ...TIMERS,
};
const SIX: BfdSessionConfig = {
  id: "six",
  peer: addr("fe80::2"),
  local: addr("fe80::1"),
  link: "va",
  ...TIMERS,
};
/** Nothing comes in any more, and nobody is told. */
const SILENCE = "nft 'add table netdev silence; " +
  "add chain netdev silence in { type filter hook ingress device va priority 0; policy drop; }'";

await runCase({
  async "comes up with bird, and notices its silence"() {
    await using stage = await Stage.make();
    await using bird = birdOn(stage.peer);
    stage.sessions(FOUR, SIX);
    await until(() => stage.stateOf("four") === "up");
    await until(() => stage.stateOf("six") === "up");
    await until(() => (bird.sessions().match(/ Up /g) ?? []).length === 2);
    // Both agreed on 50 ms, by a Poll Sequence.
    await until(() => /10\.0\.0\.1 .* 0\.050 .* 0\.150/.test(bird.sessions()));
    equal(stage.reports.some(({ report }) => isFailure(report)), false);
    const tookMs: number[] = [];
    for (let round = 0; round < 5; round++) {
      const silentMs = performance.now();
      shell(SILENCE);
      // deno-lint-ignore no-await-in-loop -- one silence after the other
      await until(() => stage.stateOf("four") === "down");
      const told = stage.reports.findLast(({ report }) => report.id === "four");
      tookMs.push((told?.atMs ?? NaN) - silentMs);
      deepEqual(told?.report, {
        kind: "bfd-state",
        id: "four",
        state: "down",
        pathFailed: true,
        cause: "detection-time-expired",
      });
      shell("nft delete table netdev silence");
      // deno-lint-ignore no-await-in-loop -- one silence after the other
      await until(() =>
        stage.stateOf("four") === "up" && stage.stateOf("six") === "up"
      );
    }
    // Counted from before nft was started, which takes some ten milliseconds.
    const median = tookMs.toSorted((a, b) => a - b)[2] ?? NaN;
    ok(median >= 90 && median <= 200, `${tookMs.map(Math.round)} ms`);
  },

  async "comes up over several hops"() {
    await using stage = await Stage.make();
    ip("addr add 10.9.0.1/32 dev lo");
    ip("route add 10.9.0.2/32 via 10.0.0.2");
    stage.peer.run(
      "ip addr add 10.9.0.2/32 dev lo; ip route add 10.9.0.1/32 via 10.0.0.1",
    );
    await using bird = birdOn(stage.peer);
    stage.sessions({
      id: "far",
      peer: addr("10.9.0.2"),
      local: addr("10.9.0.1"),
      ...TIMERS,
    });
    await until(() => stage.stateOf("far") === "up");
    await until(() => /10\.9\.0\.1 .*Up/.test(bird.sessions()));
    shell(SILENCE);
    await until(() => stage.stateOf("far") === "down");
  },

  async "is switched off and on, and removed"() {
    await using stage = await Stage.make();
    await using bird = birdOn(stage.peer);
    // Slow enough that a router that is kept waiting for a processor is not silent.
    stage.sessions({ ...FOUR, minTxMs: 200, minRxMs: 200 });
    await until(() => stage.stateOf("four") === "up");
    stage.enable("four", false);
    await until(() => stage.stateOf("four") === "admin-down");
    await until(() => /10\.0\.0\.1 .*Down/.test(bird.sessions()));
    stage.enable("four", true);
    await until(() => stage.stateOf("four") === "up");
    stage.sessions();
    await until(() => !/ Up /.test(bird.sessions()));
    equal(stage.reports.some(({ report }) => isFailure(report)), false);
    // The ports are free again, a moment after the peer was told.
    await until(() => !shell("ss -Hlun").includes(":3784"));
  },

  async "comes up with frr, and is told when it is switched off there"() {
    await using stage = await Stage.make();
    await using frr = frrOn(stage.peer);
    stage.sessions(FOUR);
    await until(() => stage.stateOf("four") === "up");
    await until(() => /"status":"up"/.test(frr.peers()));
    await until(() => /"transmit-interval":50,/.test(frr.peers()));
    frr.configure("peer 10.0.0.1", "shutdown");
    await until(() => stage.stateOf("four") === "down");
    const last = stage.reports.at(-1)?.report;
    deepEqual(last, {
      kind: "bfd-state",
      id: "four",
      state: "down",
      pathFailed: false,
      cause: "neighbor-admin-down",
    });
    frr.configure("peer 10.0.0.1", "no shutdown");
    await until(() => stage.stateOf("four") === "up");
    shell(SILENCE);
    await until(() => stage.stateOf("four") === "down");
    await until(() => /"status":"down"/.test(frr.peers()));
  },

  async "opens a session whose address comes later"() {
    await using stage = await Stage.make();
    await using _bird = birdOn(stage.peer);
    ip("addr del 10.0.0.1/24 dev va");
    stage.sessions(FOUR);
    await until(() => stage.reports.length > 0);
    match(
      stage.stateOf("four") ?? "",
      /^Cannot send BFD to 10\.0\.0\.2 from 10\.0\.0\.1: EADDRNOTAVAIL/,
    );
    ip("addr add 10.0.0.1/24 dev va");
    await until(() => stage.stateOf("four") === "up");
    equal(stage.reports.filter(({ report }) => isRefusal(report)).length, 1);
  },

  async "sends with a TTL of 255 from a port of its own, and drops what was forwarded"() {
    await using stage = await Stage.make();
    const file = shell("mktemp").trim();
    const capture = new Deno.Command("sh", {
      args: [
        "-c",
        `exec nsenter --net=/proc/${stage.peer.pid}/ns/net tcpdump -n -v -c 2 ` +
        `--immediate-mode -i vb udp > ${file} 2> ${file}.err`,
      ],
    }).spawn();
    await until(() => shell(`cat ${file}.err`).includes("listening"));
    stage.sessions(FOUR);
    equal((await capture.status).success, true);
    const seen = shell(`cat ${file}; rm ${file} ${file}.err`);
    match(seen, /tos 0xc0, ttl 255/);
    const port = Number(
      /10\.0\.0\.1\.(\d+) > 10\.0\.0\.2\.3784/.exec(seen)?.[1],
    );
    ok(port >= 49_152 && port <= 65_535, seen);
    // A first packet that was forwarded once, then the same from next door.
    const forwarded = stage.peer.on(() => senderOn("10.0.0.2", "10.0.0.1"));
    for (let i = 0; i < 20; i++) sendDatagram(forwarded, firstPacket());
    await new Promise((resolve) => setTimeout(resolve, 300));
    deepEqual(stage.reports, []);
    sendAsControl(forwarded, FOUR.peer, 255);
    sendDatagram(forwarded, firstPacket());
    await until(() => stage.stateOf("four") === "init");
    closeUdp(forwarded);
  },
});

/** A BIRD that speaks BFD at 50 ms times 3 with both of our addresses. */
function birdOn(host: Host): AsyncDisposable & {
  sessions(): string;
} {
  const folder = shell("mktemp -d").trim();
  const config = `log "${folder}/bird.log" all; router id 10.0.0.2; ` +
    'protocol device {} protocol bfd { interface "vb" { ' +
    "min rx interval 50 ms; min tx interval 50 ms; multiplier 3; }; " +
    "multihop { min rx interval 50 ms; min tx interval 50 ms; }; " +
    "neighbor 10.9.0.1 local 10.9.0.2 multihop on; " +
    'neighbor 10.0.0.1 dev "vb"; neighbor fe80::1%vb; }';
  shell(`echo '${config}' > ${folder}/bird.conf`);
  const socket = `-s ${folder}/bird.ctl`;
  host.run(`bird -c ${folder}/bird.conf ${socket} -P ${folder}/bird.pid`);
  return {
    sessions: () => host.run(`birdc ${socket} show bfd sessions || true`),
    async [Symbol.asyncDispose]() {
      shell(`kill $(cat ${folder}/bird.pid)`);
      await until(() => !shell(`ls ${folder}`).includes("bird.pid"));
      shell(`rm -r ${folder}`);
    },
  };
}

/** FRR's bfdd at 50 ms times 3. */
function frrOn(host: Host): AsyncDisposable & {
  peers(): string;
  configure(...lines: readonly string[]): void;
} {
  const folder = shell("mktemp -d").trim();
  shell(
    `printf "bfd\n peer 10.0.0.1\n  transmit-interval 50\n  receive-interval 50\n" ` +
      `> ${folder}/bfdd.conf; chown -R frr:frr ${folder}`,
  );
  host.run(
    `/usr/lib/frr/bfdd -d -f ${folder}/bfdd.conf -P 0 -z ${folder}/zserv ` +
      `--vty_socket ${folder} --bfdctl ${folder}/bfdd.sock -i ${folder}/pid ` +
      `--log file:${folder}/log`,
  );
  const vtysh = (...commands: readonly string[]): string =>
    shell(
      `vtysh --vty_socket ${folder} ` +
        commands.map((command) => `-c "${command}"`).join(" "),
    );
  return {
    peers: () => vtysh("show bfd peers json").replaceAll(/\s/g, ""),
    configure: (...lines) => void vtysh("configure terminal", "bfd", ...lines),
    async [Symbol.asyncDispose]() {
      const pid = shell(`cat ${folder}/pid`).trim();
      shell(`kill ${pid}`);
      await until(() => shell(`kill -0 ${pid} 2>&1 || true`) !== "");
      shell(`rm -r ${folder}`);
    },
  };
}

/** A socket that sends with the system's TTL of 64. */
function senderOn(from: string, to: string): number {
  const fd = openUdp(addr(from));
  equal(bindSocket(fd, { address: addr(from), port: 50_000, zoneIndex: 0 }), 0);
  const peer = { address: addr(to), port: 3784, zoneIndex: 0 };
  equal(connectSocket(fd, peer), 0);
  return fd;
}

/** State Down, as a peer begins (RFC 5880 §4.1). */
function firstPacket(): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(
    "20400318" + "00000009" + "00000000" + "000f4240" + "0000c350" +
      "00000000",
  );
}

function isFailure(report: BfdReport): boolean {
  return report.kind === "bfd-failed" || report.pathFailed;
}

function isRefusal(report: BfdReport): boolean {
  return report.kind === "bfd-failed";
}

function addr(text: string): IpAddr {
  const parsed = parseIpAddr(text);
  if (parsed === undefined) throw new Error(`${text} is an address`);
  return parsed;
}

async function until(holds: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 15_000;
  while (!holds()) {
    if (performance.now() > deadlineMs) {
      throw new Error(`Not in 15 s: ${holds}`);
    }
    // deno-lint-ignore no-await-in-loop -- one look after the other
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
