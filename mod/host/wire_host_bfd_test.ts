import {
  deepStrictEqual as deepEqual,
  match,
  strictEqual as equal,
} from "node:assert/strict";
import { assert } from "@/lang/assert.ts";
import {
  type WireCommand,
  WireCore,
  type WireLink,
  type WireReport,
} from "@/node/mod.ts";
import type { BfdPath, BfdPort, ReceivedDatagram } from "@/port/bfd.ts";
import type { WirePort } from "@/port/packet_link.ts";
import { WireHost } from "./wire_host.ts";

const PEER = "10.0.0.2" as BfdPath["peer"];
const LOCAL = "10.0.0.1" as BfdPath["local"];
const BEGIN: WireCommand = {
  kind: "bfd",
  sessions: [{
    id: "peer",
    peer: PEER,
    local: LOCAL,
    link: "eth0",
    passive: false,
    minTxMs: 50,
    minRxMs: 50,
    multiplier: 3,
  }],
};

Deno.test("WireHost opens BFD sessions, sends by them, and tells their states", () => {
  const port = begun();
  deepEqual(port.opened, ["peer"]);
  equal(port.sent.length, 1);
  port.peerSays("down");
  deepEqual(port.states(), ["init"]);
  port.peerSays("up");
  deepEqual(port.states(), ["init", "up"]);
  port.commands.push({ kind: "bfd-enable", id: "peer", enabled: false });
  port.turn();
  deepEqual(port.states(), ["init", "up", "admin-down"]);
  port.commands.push({ kind: "bfd", sessions: [] });
  port.turn();
  port.clockMs += 10_000;
  port.turn();
  deepEqual(port.closed, ["peer"]);
});

Deno.test("WireHost waits until a BFD packet is due, and hears a peer before it counts it as silent", () => {
  const port = begun();
  port.peerSays("down");
  port.peerSays("up");
  const sent = port.sent.length;
  port.turn();
  const waitMs = port.waitMs ?? NaN;
  equal(waitMs > 0 && waitMs <= 1_000, true);
  // Both at once: the loop was late, and the peer was not.
  port.clockMs += 4_000;
  port.peerSays("up");
  deepEqual(port.states(), ["init", "up"]);
  equal(port.sent.length > sent, true);
  port.clockMs += 4_000;
  port.turn();
  deepEqual(port.states(), ["init", "up", "down"]);
  const last = port.reports.at(-1);
  equal(last?.kind === "bfd-state" && last.pathFailed, true);
});

Deno.test("WireHost says once that a BFD session cannot be opened, and tries again", () => {
  const port = new FakePort();
  port.refuses = true;
  port.commands.push(BEGIN);
  port.turn();
  for (let i = 0; i < 5; i++) {
    port.clockMs += 1_000;
    port.turn();
  }
  const told = port.reports.filter(({ kind }) => kind === "bfd-failed");
  equal(told.length, 1);
  match(JSON.stringify(told), /no such address/);
  equal(port.sent.length, 0);
  port.refuses = false;
  port.clockMs += 1_000;
  port.turn();
  deepEqual(port.opened, ["peer"]);
  equal(port.sent.length, 1);
});

Deno.test("WireHost tells which BFD session the core refuses", () => {
  const port = begun();
  const [session] = BEGIN.kind === "bfd" ? BEGIN.sessions : [];
  assert(session !== undefined, "There is a session");
  const sessions = [session, { ...session, id: "again" }];
  port.commands.push({ kind: "bfd", sessions });
  port.turn();
  deepEqual(port.reports.at(-1), {
    kind: "bfd-failed",
    id: "again",
    message: "Cannot begin a second BFD session with the peer on one path",
  });
});

/** A host whose clock, sockets and peer are a test's. */
class FakePort {
  clockMs = 1_000;
  waitMs: number | undefined;
  refuses = false;
  readonly commands: WireCommand[] = [];
  readonly reports: WireReport[] = [];
  readonly opened: string[] = [];
  readonly closed: string[] = [];
  readonly sent: Uint8Array[] = [];
  readonly #queue: ReceivedDatagram[] = [];
  readonly #bfd: BfdPort = {
    open: ({ id }) => {
      if (this.refuses) throw new Error("EADDRNOTAVAIL, no such address");
      this.opened.push(id);
    },
    send: (_id, bytes) => {
      if (this.opened.length === 0) return false;
      this.sent.push(bytes);
      return true;
    },
    receive: () => this.#queue.splice(0),
    close: (id) => this.closed.push(id),
  };
  readonly #port: WirePort<WireLink, WireCommand, WireReport> = {
    nowMs: () => this.clockMs,
    wait: (timeoutMs) => {
      this.waitMs = timeoutMs;
      return this.#queue.length > 0 ? [0] : [];
    },
    takeCommands: () => this.commands.splice(0),
    open: () => {
      throw new Error("No link is opened here");
    },
    report: (report) => this.reports.push(report),
    bfd: this.#bfd,
  };
  readonly #host = new WireHost(
    new WireCore({ node: "n1", incarnation: 1n }),
    this.#port,
  );

  turn(): void {
    this.#host.turn();
  }

  states(): readonly string[] {
    return this.reports.flatMap((report) =>
      report.kind === "bfd-state" ? [report.state] : []
    );
  }

  peerSays(state: "down" | "up"): void {
    // RFC 5880 §4.1: our discriminator is where the peer looks for its own.
    const ours = this.sent.at(-1)?.toHex().slice(8, 16) ?? "";
    const flags = state === "up" ? "c0" : "40";
    const payload = Uint8Array.fromHex(
      `20${flags}0318` + "00000009" + ours + "000f4240" + "0000c350" +
        "00000000",
    );
    this.#queue.push({
      source: PEER,
      destination: LOCAL,
      link: "eth0",
      ttl: 255,
      multihop: false,
      payload,
    });
    this.turn();
  }
}

function begun(): FakePort {
  const port = new FakePort();
  port.commands.push(BEGIN);
  port.turn();
  port.turn();
  return port;
}
