import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import { assert } from "@/lang/assert.ts";
import type { BfdReport, WireCommand, WireReport } from "@/node/mod.ts";
import { bgpPeerTerms } from "@/node/bgp_terms.ts";
import type { TcpPort } from "@/port/tcp.ts";
import { VirtualClock } from "../../tests/support/virtual_clock.ts";
import { partBfd } from "./bgp_bfd.ts";
import { NodeSpeaker } from "./node_speaker.ts";

Deno.test("a speaker without BFD says nothing to the wire isolate, and sets no timer for it", () => {
  const world = new World();
  world.setPeer({});
  const { timers } = world.clock;
  world.speaker.setLinks(LINKS);
  world.speaker.close();
  deepStrictEqual(world.sent, []);
  strictEqual(timers, new World().setPeer({}).clock.timers);
});

Deno.test("BFD begins with the peer, and ends with the speaker", () => {
  const world = new World();
  world.setPeer({ bfd: {} });
  const [command] = world.sent;
  assert(command?.kind === "bfd", "It is told of BFD");
  deepStrictEqual(
    command.sessions.map(({ id, local, link }) => [id, local, link]),
    [["tor", "10.0.0.1", "eth0"]],
  );
  // Nothing else than before: nothing is said.
  world.setPeer({ bfd: {} });
  strictEqual(world.sent.length, 1);
  world.speaker.close();
  deepStrictEqual(world.sent.at(-1), { kind: "bfd", sessions: [] });
});

Deno.test("a peer whose path failed is dialled again once BFD is up, and the status says so meanwhile", () => {
  const world = new World();
  world.setPeer({ bfd: {} });
  strictEqual(world.dials, 1);
  world.report({ state: "up", pathFailed: false });
  world.report({
    state: "down",
    pathFailed: true,
    cause: "detection-time-expired",
  });
  world.clock.advance(50_000);
  strictEqual(world.dials, 1);
  match(
    world.why() ?? "",
    /^BFD found that the path to the peer had failed, and BGP waits/,
  );
  world.report({ state: "up", pathFailed: false });
  world.clock.advance(200);
  strictEqual(world.dials, 2);
  // Reports of BFD are the speaker's, all others main's.
  deepStrictEqual(world.toMain, []);
  world.fromWire({ kind: "ready" });
  deepStrictEqual(world.toMain, [{ kind: "ready" }]);
});

class World {
  readonly clock = new VirtualClock();
  readonly sent: WireCommand[] = [];
  readonly toMain: WireReport[] = [];
  readonly #reports: { readonly why?: string }[] = [];
  readonly speaker: NodeSpeaker;
  dials = 0;
  fromWire: (report: WireReport) => void = () => {};

  constructor() {
    const { bfd, wire } = partBfd({
      send: (commands) => void this.sent.push(...commands),
      onReport: (sink) => {
        this.fromWire = sink;
      },
      onFailure: () => {},
      close: () => {},
    });
    wire.onReport((report) => this.toMain.push(report));
    this.speaker = new NodeSpeaker(
      { clock: this.clock, tcp: this.#tcp(), bfd },
      { seed: 1 },
    );
    this.speaker.setLinks(LINKS);
    this.speaker.onReport((report) => {
      if (report.kind === "peer") this.#reports.push(report.session);
    });
  }

  setPeer(more: { readonly bfd?: Record<string, never> }): this {
    const spec = {
      conf: { neighborAddress: "10.0.0.2", peerAs: 65_001 },
      ...more,
    };
    const node = { name: "n1", labels: {}, addresses: [ip("10.0.0.1")] };
    const terms = bgpPeerTerms({ as: 65_000 }, { name: "tor", spec }, node);
    assert(terms.ok, "It can be used");
    this.speaker.obey({ kind: "set-peer", name: "tor", terms: terms.value });
    return this;
  }

  report(
    report: Omit<BfdReport & { kind: "bfd-state" }, "kind" | "id">,
  ): void {
    this.fromWire({ kind: "bfd-state", id: "tor", ...report });
  }

  why(): string | undefined {
    return this.#reports.at(-1)?.why;
  }

  #tcp(): TcpPort {
    return {
      openCount: 0,
      dial: () => {
        this.dials++;
        return { cancel: () => {}, droppedSegments: () => 0 };
      },
      listen: () => ({
        endpoints: [],
        failures: [],
        setKeys: () => [],
        close: () => {},
      }),
      dropCounts: () => ({
        md5Missing: 0,
        md5Unexpected: 0,
        md5Wrong: 0,
        tooFar: 0,
      }),
      close: () => {},
    };
  }
}

function ip(text: string) {
  const addr = parseIpAddr(text);
  assert(addr !== undefined, "It is an address");
  return addr;
}

const LINKS = [{
  name: "eth0",
  index: 2,
  kind: "",
  mac: undefined,
  up: true,
  running: true,
  mtu: 1_500,
  masterIndex: undefined,
  prefixes: [{ addr: ip("10.0.0.1"), lengthBits: 24 }],
  gateways: [],
}];
