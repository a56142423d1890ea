import {
  deepStrictEqual,
  match,
  ok,
  strictEqual,
  throws,
} from "node:assert/strict";
import {
  type NodeView,
  type VipView,
  type WireCommand,
  type WireConfig,
  WireCore,
  type WireLink,
  type WireReport,
} from "@/node/mod.ts";
import type {
  EchoFilters,
  FrameMemory,
  PacketLink,
  WirePort,
} from "@/port/packet_link.ts";
import { WireHost } from "./wire_host.ts";

Deno.test("WireHost says that it runs, answers what comes, and stops when told to", () => {
  const port = new FakePort();
  const host = new WireHost(new WireCore(CONFIG), port);
  port.script = [
    () => port.commands.push(...BEGIN),
    ...listened(port),
    () => port.link(1).queue.push(REQUEST, REQUEST),
    () => port.commands.push({ kind: "stop" }),
  ];
  host.run();
  strictEqual(port.reports[0]?.kind, "ready");
  ok(port.reports.some(({ kind }) => kind === "owned"));
  strictEqual(port.link(1).answers.length, 2);
  match(
    port.link(1).answers[0]?.toHex() ?? "",
    /^02000000000b020000000001080600010800060400020200/,
  );
  strictEqual(port.link(1).isClosed, true);
});

Deno.test("WireHost waits until the next deadline of the core, or for ever", () => {
  const port = new FakePort();
  const core = new WireCore(CONFIG);
  const host = new WireHost(core, port);
  host.turn();
  strictEqual(port.waits[0], undefined);
  port.commands.push(...BEGIN);
  host.turn();
  const dueMs = core.deadlineMs();
  ok(dueMs !== undefined);
  host.turn();
  strictEqual(port.waits.at(-1), dueMs - port.waitedMs);
});

Deno.test("WireHost throws away what is queued after a pause, and answers again when it has listened", () => {
  const port = begun();
  port.clockMs += 5_000;
  port.link(1).queue.push(REQUEST);
  port.turn();
  strictEqual(port.link(1).discarded, 1);
  strictEqual(port.link(1).answers.length, 0);
  ok(
    port.reports.some((report) =>
      report.kind === "paused" && report.gapMs >= 5_000
    ),
  );
  port.clockMs += 50;
  port.link(1).queue.push(REQUEST);
  port.turn();
  strictEqual(port.link(1).answers.length, 0);
  port.passSecond();
  port.link(1).queue.push(REQUEST);
  port.turn();
  strictEqual(port.link(1).discarded, 1);
  strictEqual(port.link(1).answers.length, 1);
});

Deno.test("WireHost answers what agents say before it answers anybody else", () => {
  const port = new FakePort({ node: "n1", incarnation: 1n });
  port.commands.push({ kind: "cluster", clusterId: CLUSTER }, ...BEGIN);
  port.turn();
  port.listen();
  const { sent, said, queue, answers } = port.link(1);
  const from = sent.length;
  said.push(...Array.from({ length: 40 }, () => PROBE));
  queue.push(REQUEST);
  let answered = 0;
  port.link(1).onAnswer = () => {
    answered = sent.length - from;
  };
  port.turn();
  strictEqual(answers.length, 1);
  ok(answered >= 40, `${answered} were sent before`);
});

Deno.test("WireHost answers ping where it is wanted, after it has answered for addresses", () => {
  const port = new FakePort();
  port.commands.push(...BEGIN);
  port.turn();
  port.listen();
  const link = port.link(1);
  deepStrictEqual(link.echoFilters, []);
  port.commands.push({ kind: "pings", vips: [VIP.vip, SIX] });
  port.turn();
  // The other one is none of this link's.
  deepStrictEqual(link.echoFilters, ["icmp"]);
  const from = link.sent.length;
  let before = 0;
  link.onAnswer = () => {
    before = link.sent.length - from;
  };
  link.queue.push(REQUEST);
  link.asked.push(PING);
  port.ready.push(1);
  port.turn();
  strictEqual(before, 0);
  deepStrictEqual(
    link.sent.slice(from).map((frame) => frame.subarray(0, 14).toHex()),
    ["02000000000b" + "020000000001" + "0800"],
  );
  port.commands.push({ kind: "pings", vips: [] });
  port.turn();
  deepStrictEqual(link.echoFilters, []);
  link.asked.push(PING);
  port.ready.push(1);
  port.turn();
  strictEqual(link.sent.length, from + 1);
});

Deno.test("WireHost says so where ping cannot be answered, and answers ARP all the same", () => {
  const port = new FakePort();
  port.commands.push(...BEGIN);
  port.turn();
  port.listen();
  port.filterBytesMax = 8;
  port.commands.push({ kind: "pings", vips: [VIP.vip] });
  port.turn();
  port.link(1).echoRefusal = "EMFILE";
  port.commands.push({ kind: "pings", vips: [] });
  port.turn();
  deepStrictEqual(
    port.reports.filter(({ kind }) => kind === "ping-failed"),
    [
      {
        kind: "ping-failed",
        link: "eth0",
        message: "The kernel has no room for the filter of ping's requests",
      },
      { kind: "ping-failed", link: "eth0", message: "EMFILE" },
    ],
  );
  port.link(1).queue.push(REQUEST);
  port.turn();
  strictEqual(port.link(1).answers.length, 1);
});

Deno.test("WireHost reports a link that cannot be opened, and serves the others", () => {
  const port = new FakePort();
  port.refuses = "bad0";
  port.commands.push(
    { kind: "links", links: [{ ...ETH0, index: 9, name: "bad0" }, ETH0] },
    ...BEGIN.slice(1),
  );
  port.turn();
  port.listen();
  deepStrictEqual(port.reports.find(({ kind }) => kind === "link-failed"), {
    kind: "link-failed",
    link: "bad0",
    message: "EPERM, CAP_NET_RAW is missing",
  });
  port.link(2).queue.push(REQUEST);
  port.turn();
  strictEqual(port.link(2).answers.length, 1);
});

Deno.test("WireHost takes the short filter where the kernel has no room for the long one, and says so", () => {
  const port = new FakePort();
  port.filterBytesMax = 200;
  port.commands.push(...BEGIN);
  port.turn();
  port.clockMs += 20;
  port.turn();
  deepStrictEqual(port.reports.findLast(({ kind }) => kind === "link-ready"), {
    kind: "link-ready",
    link: "eth0",
    filter: "plain",
  });
  const { filters } = port.link(1);
  ok(filters.length > 0 && filters.every((bytes) => bytes <= 200));
  port.filterBytesMax = 32_768;
  port.commands.push({ kind: "vips", upserts: [], removes: [VIP.vip] });
  port.turn();
  port.clockMs += 20;
  port.turn();
  deepStrictEqual(port.reports.findLast(({ kind }) => kind === "link-ready"), {
    kind: "link-ready",
    link: "eth0",
    filter: "exact",
  });
});

Deno.test("WireHost sends announcements, joins and leaves groups", () => {
  const port = begun();
  ok(port.link(1).sent.length >= 2);
  const six: VipView = { ...VIP, vip: SIX };
  port.commands.push({ kind: "vips", upserts: [six], removes: [] });
  port.passSecond();
  deepStrictEqual(port.link(1).groups, ["+ff02::1:ff00:91"]);
  port.commands.push({ kind: "vips", upserts: [], removes: [SIX] });
  port.turn();
  deepStrictEqual(port.link(1).groups, [
    "+ff02::1:ff00:91",
    "-ff02::1:ff00:91",
  ]);
});

Deno.test("WireHost does not let one link keep the others and its commands waiting", () => {
  const port = begun();
  const { queue } = port.link(1);
  for (let i = 0; i < 100; i++) queue.push(REQUEST);
  port.turn();
  // One slot each time, sixteen times.
  strictEqual(port.link(1).answers.length, 16);
  port.turn();
  strictEqual(port.link(1).answers.length, 32);
});

Deno.test("WireHost closes a link that is not wanted any more", () => {
  const port = begun();
  port.commands.push({ kind: "links", links: [] });
  port.turn();
  strictEqual(port.link(1).isClosed, true);
  port.ready.push(1);
  port.turn();
  strictEqual(port.link(1).answers.length, 0);
});

Deno.test("WireHost counts what the kernel dropped", () => {
  const port = begun();
  port.link(1).dropped = 12;
  // Looked for every ten seconds, and told in the next turn.
  for (let second = 0; second < 12; second++) port.passSecond();
  const counters = port.reports.findLast(({ kind }) => kind === "counters");
  ok(counters?.kind === "counters");
  strictEqual(counters.links[0]?.overruns, 12);
});

Deno.test("WireHost does not hide a defect of the core", () => {
  const port = new FakePort();
  port.script = [() => {
    throw new Error("a defect");
  }];
  throws(
    () => new WireHost(new WireCore(CONFIG), port).run(),
    /a defect/,
  );
});

/** A port with a host that answers for VIP on eth0. */
function begun(): FakePort {
  const port = new FakePort();
  port.commands.push(...BEGIN);
  port.turn();
  port.listen();
  return port;
}

/** What happens while an agent listens: nothing, for two seconds. */
function listened(port: FakePort): readonly (() => void)[] {
  return Array.from({ length: 40 }, () => () => {
    port.clockMs += 50;
  });
}

/** A port that a test holds in its hands. */
class FakePort implements WirePort<WireLink, WireCommand, WireReport> {
  /** The time. */
  clockMs = 1_000;
  readonly commands: WireCommand[] = [];
  readonly reports: WireReport[] = [];
  /** For how long it was to wait, each time. */
  readonly waits: (number | undefined)[] = [];
  /** When it was to wait last. */
  waitedMs = 0;
  /** Links to call ready although nothing is queued. */
  readonly ready: number[] = [];
  /** What happens while the host waits, one each time. */
  script: (() => void)[] = [];
  refuses = "";
  filterBytesMax = 32_768;
  readonly #links = new Map<number, FakeLink>();
  readonly #host: WireHost;

  /** A port whose host has not begun. */
  constructor(config: WireConfig = CONFIG) {
    this.#host = new WireHost(new WireCore(config), this);
  }

  nowMs(): number {
    return this.clockMs;
  }

  wait(timeoutMs: number | undefined): readonly number[] {
    this.waits.push(timeoutMs);
    this.waitedMs = this.clockMs;
    this.script.shift()?.();
    const queued = [...this.#links].filter(([, { queue }]) => queue.length > 0);
    return [...queued.map(([tag]) => tag), ...this.ready.splice(0)];
  }

  takeCommands(): readonly WireCommand[] {
    return this.commands.splice(0);
  }

  open(link: WireLink, tag: number): PacketLink {
    if (link.name === this.refuses) {
      throw new Error("EPERM, CAP_NET_RAW is missing");
    }
    const opened = new FakeLink(() => this.filterBytesMax);
    this.#links.set(tag, opened);
    return opened;
  }

  report(report: WireReport): void {
    this.reports.push(report);
  }

  link(tag: number): FakeLink {
    const link = this.#links.get(tag);
    if (link === undefined) throw new Error(`link ${tag} was not opened`);
    return link;
  }

  /** Lets a second pass without a pause that would be noticed. */
  passSecond(): void {
    for (let i = 0; i < 20; i++) {
      this.clockMs += 50;
      this.turn();
    }
  }

  /** Lets the time pass in which an agent listens before it answers. */
  listen(): void {
    this.passSecond();
    this.passSecond();
  }

  /** One turn of its host. */
  turn(): void {
    this.#host.turn();
  }
}

/** A link of one slot each way. */
class FakeLink implements PacketLink {
  readonly rx: FrameMemory = memory();
  readonly tx: FrameMemory = memory();
  readonly queue: Uint8Array[] = [];
  readonly said: Uint8Array[] = [];
  readonly asked: Uint8Array[] = [];
  echoFilters: readonly string[] = [];
  echoRefusal: string | undefined;
  readonly answers: Uint8Array[] = [];
  readonly sent: Uint8Array[] = [];
  readonly filters: number[] = [];
  readonly groups: string[] = [];
  onAnswer: () => void = () => {};
  discarded = 0;
  dropped = 0;
  isClosed = false;
  readonly #filterBytesMax: () => number;

  constructor(filterBytesMax: () => number) {
    this.#filterBytesMax = filterBytesMax;
  }

  receive(): number {
    const frame = this.queue.shift();
    if (frame === undefined) return 0;
    this.rx.bytes.set(frame, 2);
    this.rx.lengths[0] = frame.length;
    return 1;
  }

  send(count: number): number {
    const length = this.tx.lengths[0] ?? 0;
    if (count > 0) this.answers.push(this.tx.bytes.slice(2, 2 + length));
    this.onAnswer();
    return count;
  }

  sendFrame(frame: Uint8Array<ArrayBuffer>): boolean {
    this.sent.push(frame);
    return true;
  }

  receiveFellows(): readonly Uint8Array[] {
    return this.said.splice(0);
  }

  discard(): number {
    const { length } = this.queue.splice(0);
    this.discarded += length;
    return length;
  }

  setFilter(_protocol: string, instructions: Uint8Array): boolean {
    if (instructions.length > this.#filterBytesMax()) return false;
    this.filters.push(instructions.length);
    return true;
  }

  setEchoFilters(filters: EchoFilters): boolean {
    if (this.echoRefusal !== undefined) throw new Error(this.echoRefusal);
    this.echoFilters = Object.keys(filters);
    return Object.values(filters).every((filter) =>
      filter.length <= this.#filterBytesMax()
    );
  }

  receiveEchoes(): readonly Uint8Array[] {
    return this.asked.splice(0, 16);
  }

  setGroup(group: string, wanted: boolean): void {
    this.groups.push(`${wanted ? "+" : "-"}${group}`);
  }

  overruns(): number {
    return this.dropped;
  }

  close(): void {
    this.isClosed = true;
  }
}

function memory(): FrameMemory {
  return {
    slots: 1,
    bytes: new Uint8Array(256),
    lengths: new Uint32Array(1),
    lengthStride: 1,
    lengthOffset: 0,
  };
}

const ETH0: WireLink = {
  name: "eth0",
  index: 2,
  mac: "02:00:00:00:00:01" as WireLink["mac"],
  running: true,
};
const N1: NodeView = {
  node: "n1",
  live: true,
  leaving: false,
  macs: [ETH0.mac],
};
const VIP: VipView = {
  vip: "192.0.2.91" as VipView["vip"],
  links: ["eth0"],
  eligible: ["n1"],
};
const SIX = "2001:db8::91" as VipView["vip"];
const CONFIG = { node: "n1", incarnation: 1n, isAlone: true };
const BEGIN: readonly WireCommand[] = [
  { kind: "links", links: [ETH0] },
  { kind: "nodes", nodes: [N1] },
  { kind: "vips", upserts: [VIP], removes: [] },
  { kind: "synced" },
];
const CLUSTER = "484551ba038426dd" as Extract<
  WireCommand,
  { readonly kind: "cluster" }
>["clusterId"];
/** A PROBE of the node n2 of that cluster. */
const PROBE = Uint8Array.fromHex(
  [
    "020000000001 020000000002 88b5",
    "4648 01 04 484551ba038426dd 0480a93d2e9b094b 0000000000000001 0008 0000",
    "0000000000000000 000000000000",
  ].join("").replaceAll(" ", ""),
);

/** Of 192.0.2.11 to 192.0.2.91: are you there? */
const PING = Uint8Array.fromHex(
  [
    "020000000001 02000000000b 0800",
    "4500001c673840004001 4f42 c000020b c000025b",
    "0800bab23d4c0001",
  ].join("").replaceAll(" ", ""),
);

/** Who has 192.0.2.91? Tell 192.0.2.11. */
const REQUEST = Uint8Array.fromHex(
  [
    "ffffffffffff 02000000000b 0806",
    "0001 0800 06 04 0001",
    "02000000000b c000020b",
    "000000000000 c000025b",
  ].join("").replaceAll(" ", ""),
);
