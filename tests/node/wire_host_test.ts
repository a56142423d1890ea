import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import { type MacAddr, parseMacAddr, ZERO_MAC } from "@/addr/mac_addr.ts";
import { type WireCommand, WireCore, type WireReport } from "@/node/mod.ts";
import type { WireLink } from "@/node/wire_messages.ts";
import type { PacketLink, WirePort } from "@/port/packet_link.ts";
import { decodeArp, encodeArp } from "@/wire/arp.ts";
import { decodeEthernet, encodeEthernet, ETHER_TYPE } from "@/wire/ethernet.ts";
import {
  type FrameBatch,
  frameOf,
  heapFrameBatch,
  setFrame,
} from "@/wire/frame_batch.ts";
import { WireHost } from "@/host/wire_host.ts";

const OWN = mac("02:00:00:00:00:01");
const CLIENT = mac("02:00:00:00:00:05");
const VIP = ip("192.168.0.91");
const LINK: WireLink = { name: "eth0", index: 2, mac: OWN, running: true };
const START: readonly WireCommand[] = [
  { kind: "links", links: [LINK] },
  {
    kind: "nodes",
    nodes: [{ node: "n1", live: true, leaving: false, macs: [OWN] }],
  },
  {
    kind: "vips",
    upserts: [{ vip: VIP, links: ["eth0"], eligible: ["n1"] }],
    removes: [],
  },
  { kind: "synced" },
];

Deno.test("WireHost answers a request for a VIP from the memory it was received in", () => {
  const port = new FakePort();
  const host = port.host();
  port.command(...START);
  host.turn();
  deepStrictEqual(port.owned(), [[VIP, true]]);
  port.link.receiveNext(request());
  host.turn();
  const [answer] = port.link.answers.map(arpOf);
  strictEqual(answer?.operation, "reply");
  strictEqual(answer?.senderMac, OWN);
  strictEqual(answer?.senderIp, VIP);
  strictEqual(answer?.targetMac, CLIENT);
});

Deno.test("WireHost lets requests in before it announces", () => {
  const port = new FakePort();
  const host = port.host();
  port.command(...START);
  host.turn();
  port.nowMs_ += 20;
  host.turn();
  const filtered = port.link.log.lastIndexOf("filter arp");
  const announced = port.link.log.indexOf("send");
  ok(filtered >= 0 && filtered < announced, `${port.link.log}`);
});

Deno.test("WireHost answers nothing more in the turn in which a VIP is taken away", () => {
  const port = new FakePort();
  const host = port.host();
  port.command(...START);
  host.turn();
  port.command({ kind: "vips", upserts: [], removes: [VIP] });
  port.link.receiveNext(request());
  host.turn();
  deepStrictEqual(port.link.answers, []);
  deepStrictEqual(port.owned(), [[VIP, true], [VIP, false]]);
});

Deno.test("WireHost decides nothing before it was told everything", () => {
  const port = new FakePort();
  const host = port.host();
  port.command(...START.slice(0, 3));
  host.turn();
  deepStrictEqual(port.owned(), []);
  port.command({ kind: "synced" });
  host.turn();
  deepStrictEqual(port.owned(), [[VIP, true]]);
});

Deno.test("WireHost discards what was queued while the process was stopped, and listens before it answers", () => {
  const port = new FakePort();
  const host = port.host();
  port.command(...START);
  host.turn();
  port.nowMs_ += 5_000;
  port.link.receiveNext(request());
  host.turn();
  deepStrictEqual(port.link.answers, []);
  strictEqual(port.reports.some(({ kind }) => kind === "paused"), true);
  port.nowMs_ += 50;
  port.link.receiveNext(request());
  host.turn();
  deepStrictEqual(port.link.answers, []);
  port.nowMs_ += 60;
  port.link.receiveNext(request());
  host.turn();
  strictEqual(port.link.answers.length, 1);
});

Deno.test("WireHost reports a link that cannot be opened, and goes on", () => {
  const port = new FakePort();
  port.refusal =
    'Cannot open packet socket on "eth0": EPERM, CAP_NET_RAW is missing';
  const host = port.host();
  port.command(...START);
  host.turn();
  deepStrictEqual(
    port.reports.filter(({ kind }) => kind === "link-failed"),
    [{ kind: "link-failed", link: "eth0", message: port.refusal }],
  );
  port.command({ kind: "links", links: [] });
  host.turn();
});

Deno.test("WireHost closes a link that is used no more, and one made anew under its name", () => {
  const port = new FakePort();
  const host = port.host();
  port.command(...START);
  host.turn();
  const first = port.link;
  port.command({ kind: "links", links: [{ ...LINK, index: 7 }] });
  host.turn();
  strictEqual(first.log.at(-1), "close");
  ok(port.link !== first);
  port.command({ kind: "links", links: [] });
  host.turn();
  strictEqual(port.link.log.at(-1), "close");
});

/** A port whose links, commands and clock a test moves. */
class FakePort implements WirePort<WireLink, WireCommand, WireReport> {
  readonly reports: WireReport[] = [];
  readonly #commands: WireCommand[] = [];
  readonly #opened: FakeLink[] = [];
  refusal: string | undefined;
  nowMs_ = 1_000;

  host(): WireHost {
    return new WireHost(new WireCore({ node: "n1" }), this);
  }

  get link(): FakeLink {
    const link = this.#opened.at(-1);
    if (link === undefined) throw new Error("No link is open");
    return link;
  }

  command(...commands: readonly WireCommand[]): void {
    this.#commands.push(...commands);
  }

  owned(): readonly (readonly [IpAddr, boolean])[] {
    return this.reports.flatMap((report) =>
      report.kind === "owned" ? [[report.vip, report.owned] as const] : []
    );
  }

  nowMs(): number {
    return this.nowMs_;
  }

  wait(): readonly number[] {
    return this.#opened.filter(({ hasFrames }) => hasFrames)
      .map(({ tag }) => tag);
  }

  takeCommands(): readonly WireCommand[] {
    return this.#commands.splice(0);
  }

  open(_link: WireLink, tag: number): PacketLink {
    if (this.refusal !== undefined) throw new Error(this.refusal);
    const link = new FakeLink(tag);
    this.#opened.push(link);
    return link;
  }

  report(report: WireReport): void {
    this.reports.push(report);
  }
}

/** A link that receives what a test gives it. */
class FakeLink implements PacketLink {
  readonly rx: FrameBatch = heapFrameBatch(4);
  readonly tx: FrameBatch = heapFrameBatch(4);
  readonly log: string[] = [];
  readonly answers: Uint8Array[] = [];
  readonly tag: number;
  #queue: Uint8Array[] = [];

  constructor(tag: number) {
    this.tag = tag;
  }

  get hasFrames(): boolean {
    return this.#queue.length > 0;
  }

  receiveNext(frame: Uint8Array): void {
    this.#queue.push(frame);
  }

  receive(): number {
    const frames = this.#queue.splice(0, this.rx.slots);
    for (const [i, frame] of frames.entries()) setFrame(this.rx, i, frame);
    return frames.length;
  }

  send(count: number): number {
    for (let i = 0; i < count; i++) {
      this.answers.push(frameOf(this.tx, i).slice());
    }
    return count;
  }

  sendFrame(): boolean {
    this.log.push("send");
    return true;
  }

  discard(): number {
    return this.#queue.splice(0).length;
  }

  setFilter(protocol: "arp" | "ndp"): boolean {
    this.log.push(`filter ${protocol}`);
    return true;
  }

  setGroup(): void {}

  overruns(): number {
    return 0;
  }

  close(): void {
    this.log.push("close");
  }
}

function request(): Uint8Array {
  const senderIp = parseIpv4Addr("192.168.0.5");
  const targetIp = parseIpv4Addr("192.168.0.91");
  if (senderIp === undefined || targetIp === undefined) {
    throw new Error("Addresses are expected");
  }
  return encodeEthernet({
    destination: mac("ff:ff:ff:ff:ff:ff"),
    source: CLIENT,
    etherType: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: "request",
      senderMac: CLIENT,
      senderIp,
      targetMac: ZERO_MAC,
      targetIp,
    }),
  });
}

function arpOf(frame: Uint8Array) {
  const ethernet = decodeEthernet(frame);
  const arp = ethernet.ok ? decodeArp(ethernet.value.payload) : undefined;
  return arp?.ok === true ? arp.value : undefined;
}

function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  if (addr === undefined) throw new Error(`An address is expected: ${text}`);
  return addr;
}

function mac(text: string): MacAddr {
  const parsed = parseMacAddr(text);
  if (parsed === undefined) throw new Error(`A MAC is expected: ${text}`);
  return parsed;
}
