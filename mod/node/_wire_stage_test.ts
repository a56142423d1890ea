/**
 * Plays a script through a wire core, and tells it in the words of the wire.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { isIpv4, parseIpAddr } from "@/addr/ip_addr.ts";
import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import { parseIpv6Addr, solicitedNodeMulticast } from "@/addr/ipv6_addr.ts";
import {
  BROADCAST_MAC,
  type MacAddr,
  multicastMac,
  parseMacAddr,
  ZERO_MAC,
} from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";
import { decodeArp, encodeArp } from "@/wire/arp.ts";
import { decodeEthernet, encodeEthernet, ETHER_TYPE } from "@/wire/ethernet.ts";
import {
  clusterIdOf,
  decodeFellow,
  encodeFellow,
  FELLOW_GROUP,
  nodeIdOf,
} from "@/wire/fellow.ts";
import type {
  ClusterId,
  FellowMessage,
  FellowState,
} from "@/wire/fellow_frame.ts";
import {
  type FrameBatch,
  frameOf,
  heapFrameBatch,
  setFrame,
} from "@/wire/frame_batch.ts";
import { decodeIpv6, encodeIpv6 } from "@/wire/ipv6.ts";
import { decodeNdp, encodeNdp } from "@/wire/ndp.ts";
import { WireCore, type WireEffect } from "./wire.ts";
import type {
  NodeView,
  VipView,
  WireCommand,
  WireLink,
} from "./wire_messages.ts";

/** A wire core on a stage. */
export class WireStage {
  readonly core: WireCore = new WireCore({ node: "n1", incarnation: 1_000n });
  readonly lines: string[] = [];
  /** Incarnations that the core's frames named, in order. */
  readonly incarnations: bigint[] = [];
  nowMs: number = 0;
  /** Whether links that the core asks for are opened at once. */
  opensLinks: boolean = true;
  readonly #lists = new Map<string, { text: string; version: number }>();
  readonly #memory = new Map<number, { rx: FrameBatch; tx: FrameBatch }>();

  /** The story so far. */
  get text(): string {
    return this.lines.join("\n");
  }

  /** The tag of the link that was opened last. */
  get tag(): number {
    return Math.max(0, ...this.#memory.keys());
  }

  command(command: WireCommand): readonly WireEffect[] {
    this.#tell(commandText(command));
    return this.#heed(this.core.step(command, this.nowMs));
  }

  /** Everything an agent is told at its start; goes on until nothing keeps it from answering any more. */
  begin(
    vips: readonly string[],
    { eligible = ["n1"], nodes = [N1] }: {
      readonly eligible?: readonly string[];
      readonly nodes?: readonly NodeView[];
    } = {},
  ): void {
    this.command({ kind: "cluster", clusterId: CLUSTER });
    this.command({ kind: "links", links: [ETH0] });
    this.command({ kind: "nodes", nodes });
    this.command({
      kind: "vips",
      upserts: vips.map((vip) => view(vip, eligible)),
      removes: [],
    });
    this.command({ kind: "synced" });
    this.passUntil(BEGUN_MS);
  }

  /** Lets a fellow speak on the link. */
  fellow(name: string, message: FellowMessage): void {
    const frame = encodeFellow(
      { sender: nodeIdOf(name), incarnation: 5n, message },
      {
        identity: { cluster: CLUSTER, node: nodeIdOf(name) },
        source: N2.macs[0] ?? ETH0.mac,
        destination: FELLOW_GROUP,
      },
    );
    this.#tell(`${name}: ${fellowText(message)}`);
    this.#heed(this.core.takeFrames(this.tag, [frame], this.nowMs));
  }

  /** Lets a fellow live on the link until a time: it owns these VIPs, and answers what it is asked. */
  live(name: string, untilMs: number, vips: readonly string[] = []): void {
    while (this.nowMs < untilMs) {
      const state = {
        ...fellowState(this.nowMs, vips.length),
        listVersion: this.#versionOf(name, vips),
      };
      const entries = vips.map((vip) => ({ vip: ip(vip), leaving: false }));
      this.fellow(name, {
        kind: "list",
        state,
        part: 0,
        parts: 1,
        node: name,
        entries,
      });
      const from = this.lines.length;
      this.passUntil(Math.min(untilMs, this.nowMs + 100));
      for (const line of this.lines.slice(from)) {
        const nonce = /send to 02:00:00:00:00:02: PROBE ([0-9]+)/.exec(line);
        if (nonce === null) continue;
        const { listVersion, ...flags } = state;
        this.fellow(name, {
          kind: "reply",
          nonce: BigInt(nonce[1] ?? ""),
          listVersion,
          unsure: flags.unsure,
          frozen: flags.frozen,
          listening: flags.listening,
          leaving: flags.leaving,
        });
      }
    }
  }

  /** Does what is due at this moment. */
  settle(): void {
    const dueMs = this.core.deadlineMs();
    if (dueMs !== undefined && dueMs <= this.nowMs) this.deadline();
  }

  /** Moves the clock to a time, doing on the way what is due. */
  passUntil(untilMs: number): void {
    for (;;) {
      const dueMs = this.core.deadlineMs();
      if (dueMs === undefined || dueMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.deadline();
    }
    this.nowMs = untilMs;
  }

  /** A version of a list stands for one content. */
  #versionOf(name: string, vips: readonly string[]): number {
    const text = vips.join();
    const before = this.#lists.get(name) ?? { text: "", version: 7 };
    const version = before.version + (text === before.text ? 0 : 1);
    this.#lists.set(name, { text, version });
    return version;
  }

  deadline(): readonly WireEffect[] {
    const effects = [
      ...this.core.wake(this.nowMs),
      ...this.core.deadline(this.nowMs),
    ];
    if (effects.some(isTold)) this.#tell("deadline");
    return this.#heed(effects);
  }

  /** What is answered to a request for an address; undefined: nothing. */
  ask(vip: string): string | undefined {
    const { tag } = this;
    const answer = this.hear(tag, request(vip));
    this.#tell(`${vip}? ${answer ?? "no answer"}`);
    return answer;
  }

  /** Gives a frame to a link; what is answered. */
  hear(tag: number, frame: Uint8Array): string | undefined {
    const memory = this.#memory.get(tag);
    if (memory === undefined) return undefined;
    setFrame(memory.rx, 0, frame);
    const answers = this.core.answer(tag, 1);
    this.#heed(this.core.takeSightings(tag, this.nowMs));
    return answers === 0 ? undefined : frameText(frameOf(memory.tx, 0));
  }

  #tell(text: string): void {
    this.lines.push(`${this.nowMs} ms ${text}`);
  }

  #heed(effects: readonly WireEffect[]): readonly WireEffect[] {
    for (const effect of effects) {
      if (isTold(effect)) this.lines.push(`  ${effectText(effect)}`);
      if (effect.kind === "send" && effect.frame[12] === 0x88) {
        this.incarnations.push(
          new DataView(effect.frame.buffer).getBigUint64(14 + 20),
        );
      }
      if (effect.kind === "close") this.#memory.delete(effect.tag);
      if (effect.kind !== "open" || !this.opensLinks) continue;
      const memory = { rx: heapFrameBatch(1), tx: heapFrameBatch(1) };
      this.#memory.set(effect.tag, memory);
      this.#heed(this.core.opened(effect.tag, memory, this.nowMs));
    }
    return effects;
  }
}

/** Beacons and counters are no news. */
function isTold(effect: WireEffect): boolean {
  if (effect.kind === "count-overruns") return false;
  return effect.kind !== "send" ||
    !effectText(effect).includes(": BEACON");
}

/** What a fellow without a flag says of itself. */
function fellowState(nowMs: number, vips: number): FellowState {
  return {
    listVersion: 7,
    uptimeMs: nowMs,
    beaconIntervalMs: 100,
    unsure: false,
    frozen: false,
    listening: false,
    leaving: false,
    vips,
  };
}

/** The address of a test. */
export function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  assert(addr !== undefined, `An address is expected: ${text}`);
  return addr;
}

/** The MAC address of a test. */
export function mac(text: string): MacAddr {
  const addr = parseMacAddr(text);
  assert(addr !== undefined, `A MAC address is expected: ${text}`);
  return addr;
}

/** A VIP on eth0. */
export function view(vip: string, eligible: readonly string[]): VipView {
  return { vip: ip(vip), links: ["eth0"], eligible };
}

/** An ARP request or a multicast Neighbor Solicitation of a host. */
export function request(vip: string): Uint8Array {
  const target = ip(vip);
  if (!isIpv4(target)) return solicitation(vip);
  return encodeEthernet({
    destination: BROADCAST_MAC,
    source: ASKER,
    etherType: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: "request",
      senderMac: ASKER,
      senderIp: ip4("192.0.2.11"),
      targetMac: ZERO_MAC,
      targetIp: target,
    }),
  });
}

/** A gratuitous ARP request of some host. */
export function claim(vip: string, from: MacAddr): Uint8Array {
  const target = ip4(vip);
  return encodeEthernet({
    destination: BROADCAST_MAC,
    source: from,
    etherType: ETHER_TYPE.arp,
    payload: encodeArp({
      operation: "request",
      senderMac: from,
      senderIp: target,
      targetMac: ZERO_MAC,
      targetIp: target,
    }),
  });
}

/** An ARP reply or a solicited Neighbor Advertisement to this node. */
export function answerFrom(addr: string, from: MacAddr): Uint8Array {
  const sender = ip(addr);
  if (isIpv4(sender)) {
    return encodeEthernet({
      destination: ETH0.mac,
      source: from,
      etherType: ETHER_TYPE.arp,
      payload: encodeArp({
        operation: "reply",
        senderMac: from,
        senderIp: sender,
        targetMac: ETH0.mac,
        targetIp: ip4("0.0.0.0"),
      }),
    });
  }
  const [source, destination] = [ip6(addr), ip6("fe80::1")];
  return encodeEthernet({
    destination: ETH0.mac,
    source: from,
    etherType: ETHER_TYPE.ipv6,
    payload: encodeIpv6({
      source,
      destination,
      nextHeader: 58,
      hopLimit: 255,
      payload: encodeNdp({
        kind: "neighbor-advertisement",
        target: source,
        router: false,
        solicited: true,
        override: true,
        targetLinkLayer: from,
      }, { source, destination }),
    }),
  });
}

function solicitation(vip: string): Uint8Array {
  const target = ip6(vip);
  const destination = solicitedNodeMulticast(target);
  const source = ip6("2001:db8::b");
  return encodeEthernet({
    destination: multicastMac(destination),
    source: ASKER,
    etherType: ETHER_TYPE.ipv6,
    payload: encodeIpv6({
      source,
      destination,
      nextHeader: 58,
      hopLimit: 255,
      payload: encodeNdp({
        kind: "neighbor-solicitation",
        target,
        sourceLinkLayer: ASKER,
      }, { source, destination }),
    }),
  });
}

/** A frame as tcpdump would say it. */
export function frameText(bytes: Uint8Array): string {
  const frame = decodeEthernet(bytes);
  if (!frame.ok) return "not Ethernet";
  const { destination, etherType, payload } = frame.value;
  if (etherType === ETHER_TYPE.arp) {
    const arp = decodeArp(payload);
    if (!arp.ok) return "not ARP";
    const { operation, senderIp, senderMac, targetIp } = arp.value;
    return operation === "request"
      ? `ARP who-has ${targetIp} tell ${senderIp} (${senderMac}) to ${destination}`
      : `ARP ${senderIp} is-at ${senderMac} to ${destination}`;
  }
  if (etherType === ETHER_TYPE.foghorn) {
    const said = decodeFellow(payload, {
      cluster: CLUSTER,
      node: nodeIdOf("nobody"),
    });
    const to = destination === FELLOW_GROUP ? "all" : destination;
    return `to ${to}: ${said.ok ? fellowText(said.value.message) : "?"}`;
  }
  const packet = decodeIpv6(payload);
  const message = packet.ok ? decodeNdp(packet.value) : packet;
  if (!message.ok) return "not Neighbor Discovery";
  const { kind, target } = message.value;
  if (kind === "neighbor-solicitation") return `NS who-has ${target}`;
  const { solicited, override, targetLinkLayer } = message.value;
  return `NA ${target} is-at ${targetLinkLayer}${
    solicited ? " solicited" : ""
  }${override ? " override" : ""} to ${destination}`;
}

/** What an agent says, in a word. */
function fellowText(message: FellowMessage): string {
  switch (message.kind) {
    case "beacon":
      return `BEACON${flagsText(message.state)}`;
    case "list":
      return `LIST${flagsText(message.state)} ${
        message.entries.map(({ vip, leaving }) =>
          leaving ? `${vip} (leaving)` : vip
        ).join(" ")
      }`.trimEnd();
    case "probe":
    case "reply":
      return `${message.kind.toUpperCase()} ${message.nonce}`;
    default:
      return message.kind.toUpperCase();
  }
}

function flagsText(state: FellowState): string {
  const { unsure, frozen, listening, leaving } = state;
  const names = Object.entries({ unsure, frozen, listening, leaving })
    .filter(([, isSet]) => isSet).map(([name]) => name);
  return names.length === 0 ? "" : ` (${names.join(", ")})`;
}

function commandText(command: WireCommand): string {
  switch (command.kind) {
    case "links":
      return `links ${
        command.links.map(({ name, running }) =>
          running ? name : `${name} (down)`
        ).join(" ")
      }`;
    case "nodes":
      return `nodes ${
        command.nodes.map(({ node, live, leaving }) =>
          `${node}${live ? "" : " (dead)"}${leaving ? " (leaving)" : ""}`
        ).join(" ")
      }`;
    case "vips":
      return [
        "vips",
        ...command.upserts.map(({ vip, eligible }) => `+${vip} by ${eligible}`),
        ...command.removes.map((vip) => `-${vip}`),
      ].join(" ");
    default:
      return command.kind;
  }
}

function effectText(effect: WireEffect): string {
  switch (effect.kind) {
    case "open":
      return `open ${effect.link.name} as ${effect.tag}`;
    case "send":
      return `send ${frameText(effect.frame)}`;
    case "filter":
      return `filter ${effect.link} ${effect.exact ? "exact" : "plain"}`;
    case "group":
      return `${effect.wanted ? "join" : "leave"} ${effect.group}`;
    case "report":
      return `report ${reportText(effect.report)}`;
    case "close":
    case "count-overruns":
      return `${effect.kind} ${effect.tag}`;
    default:
      return effect.kind;
  }
}

function reportText(
  report: Extract<WireEffect, { readonly kind: "report" }>["report"],
): string {
  switch (report.kind) {
    case "owned":
      return `${
        report.owned ? "answers for" : "leaves"
      } ${report.vip}: ${report.reason}`;
    case "conflict":
      return `conflict: ${report.mac} claims ${report.vip}`;
    case "paused":
      return `paused for ${report.gapMs} ms`;
    case "counters":
      return "counters";
    case "held":
      return `${
        report.held ? "held" : "free"
      }: ${report.mac} has ${report.vip}`;
    case "foreign":
      return `${
        report.held ? "foreign" : "free"
      }: ${report.mac} has ${report.ip}`;
    case "presence":
      return `${report.verdict.kind}: ${report.vip} of ${report.owner}`;
    default:
      return report.kind;
  }
}

function ip4(text: string) {
  const addr = parseIpv4Addr(text);
  assert(addr !== undefined, `An IPv4 address is expected: ${text}`);
  return addr;
}

function ip6(text: string) {
  const addr = parseIpv6Addr(text);
  assert(addr !== undefined, `An IPv6 address is expected: ${text}`);
  return addr;
}

export const CLUSTER: ClusterId = clusterIdOf("a cluster");
/** When an agent that is alone has listened and probed. */
export const BEGUN_MS = 1_500;
/** The interface of this node. */
export const ETH0: WireLink = {
  name: "eth0",
  index: 2,
  mac: mac("02:00:00:00:00:01"),
  running: true,
};
/** This node. */
export const N1: NodeView = {
  node: "n1",
  live: true,
  leaving: false,
  macs: [ETH0.mac],
};
/** The other one. */
export const N2: NodeView = {
  node: "n2",
  live: true,
  leaving: false,
  macs: [mac("02:00:00:00:00:02")],
};
/** A host that is no node. */
export const ASKER: MacAddr = mac("02:00:00:00:00:0b");
