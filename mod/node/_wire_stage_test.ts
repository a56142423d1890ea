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
  readonly core: WireCore = new WireCore({ node: "n1" });
  readonly lines: string[] = [];
  nowMs: number = 0;
  /** Whether links that the core asks for are opened at once. */
  opensLinks: boolean = true;
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

  /** Everything a node of two agents is told at its start. */
  begin(vips: readonly string[], eligible: readonly string[] = ["n1"]): void {
    this.command({ kind: "links", links: [ETH0] });
    this.command({ kind: "nodes", nodes: [N1, N2] });
    this.command({
      kind: "vips",
      upserts: vips.map((vip) => view(vip, eligible)),
      removes: [],
    });
    this.command({ kind: "synced" });
    this.settle();
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

  deadline(): readonly WireEffect[] {
    const effects = [
      ...this.core.wake(this.nowMs),
      ...this.core.deadline(this.nowMs),
    ];
    const told = effects.filter((effect) => effect.kind !== "count-overruns");
    if (told.length > 0) this.#tell("deadline");
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
    this.#heed(this.core.takeClaims(tag, this.nowMs));
    return answers === 0 ? undefined : frameText(frameOf(memory.tx, 0));
  }

  #tell(text: string): void {
    this.lines.push(`${this.nowMs} ms ${text}`);
  }

  #heed(effects: readonly WireEffect[]): readonly WireEffect[] {
    for (const effect of effects) {
      if (effect.kind !== "count-overruns") {
        this.lines.push(`  ${effectText(effect)}`);
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
    default:
      return `${effect.kind} ${effect.tag}`;
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
