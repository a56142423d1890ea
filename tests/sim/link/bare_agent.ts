/** Temporary: bare cores behind the interface of an agent. */
import { type IpAddr, isIpv4 } from "@/addr/ip_addr.ts";
import { type Ipv6Addr, solicitedNodeMulticast } from "@/addr/ipv6_addr.ts";
import {
  BROADCAST_MAC,
  type MacAddr,
  macAddr,
  multicastMac,
  ZERO_MAC,
} from "@/addr/mac_addr.ts";
import { ipv4Addr } from "@/addr/ipv4_addr.ts";
import {
  failoverDeadlineMs,
  pendingHandOvers,
  stepFailover,
} from "@/layer2/failover/failover.ts";
import type {
  FailoverEffect,
  FailoverEvent,
} from "@/layer2/failover/events.ts";
import {
  type FailoverState,
  initialFailover,
} from "@/layer2/failover/state.ts";
import { decodeArp, encodeArp } from "@/wire/arp.ts";
import { encodeEthernet, ETHER_TYPE } from "@/wire/ethernet.ts";
import {
  clusterIdOf,
  decodeFellow,
  encodeFellow,
  FELLOW_GROUP,
  type FellowIdentity,
  nodeIdOf,
} from "@/wire/fellow.ts";
import type { NodeId } from "@/wire/fellow_frame.ts";
import type { NodeView, WireCommand, WireLink } from "@/node/mod.ts";
import type { AgentConfig, AgentHost, LinkAgent } from "./agent.ts";
import { isOfAgents } from "./segment.ts";

const IDS = new Map<string, NodeId>();
function idOf(name: string): NodeId {
  let id = IDS.get(name);
  if (id === undefined) IDS.set(name, id = nodeIdOf(name));
  return id;
}

export class BareAgent implements LinkAgent {
  #commands: (WireCommand & { kind: string })[] = [];
  #links = new Map<
    string,
    {
      link: WireLink;
      state: FailoverState;
      queue: { frame: Uint8Array; at: number }[];
      known: Set<IpAddr>;
      due: { at: number; vip: IpAddr }[];
    }
  >();
  #identity: FellowIdentity;
  #nodes: readonly NodeView[] = [];
  #vips = new Map<
    IpAddr,
    { vip: IpAddr; links: readonly string[]; eligible: readonly string[] }
  >();
  #macs = new Map<MacAddr, string>();
  #synced = false;
  #frozen = false;
  #leaving = false;
  #left = false;
  readonly config: AgentConfig;
  readonly host: AgentHost;
  constructor(config: AgentConfig, host: AgentHost) {
    this.config = config;
    this.host = host;
    this.#identity = { cluster: clusterIdOf("uid"), node: idOf(config.node) };
  }
  post(command: WireCommand): void {
    this.#commands.push(command);
  }
  queue(link: string, frame: Uint8Array): boolean {
    const l = this.#links.get(link);
    if (l === undefined || l.queue.length > 512) return false;
    if (!isOfAgents(frame) && !this.#wants(l.known, frame)) return false;
    l.queue.push({ frame, at: this.host.worldMs() });
    return true;
  }
  #wants(known: Set<IpAddr>, frame: Uint8Array): boolean {
    if (frame[12] !== 8 || frame[13] !== 6) return false;
    const arp = decodeArp(frame.subarray(14));
    if (!arp.ok) return false;
    return known.has(arp.value.targetIp) || known.has(arp.value.senderIp) ||
      arp.value.operation === "reply";
  }
  deadlineMs(): number | undefined {
    let min = Infinity;
    for (const { state, due } of this.#links.values()) {
      min = Math.min(
        min,
        failoverDeadlineMs(state) ?? Infinity,
        due[0]?.at ?? Infinity,
      );
    }
    return min === Infinity ? undefined : min;
  }
  turn(): void {
    const nowMs = this.host.monoMs();
    for (const name of this.#links.keys()) {
      this.#step(name, { kind: "turn", nowMs });
    }
    const commands = this.#commands;
    this.#commands = [];
    for (const c of commands) this.#command(c, nowMs);
    for (const [name, l] of this.#links) {
      const queue = l.queue;
      l.queue = [];
      for (const { frame, at } of queue) this.#frame(name, frame, nowMs, at);
      this.#step(name, { kind: "deadline", nowMs });
      for (;;) {
        const first = l.due[0];
        if (first === undefined || first.at > nowMs) break;
        l.due.shift();
        this.#announce(name, first.vip);
      }
    }
    if (
      this.#leaving && !this.#left &&
      [...this.#links.values()].every(({ state }) =>
        pendingHandOvers(state) === 0
      )
    ) {
      this.#left = true;
      this.host.report({ kind: "left" });
    }
  }
  #frame(name: string, frame: Uint8Array, nowMs: number, at: number): void {
    const l = this.#links.get(name);
    if (l === undefined) return;
    if (isOfAgents(frame)) {
      const decoded = decodeFellow(frame.subarray(14), this.#identity);
      if (decoded.ok) {
        this.#step(name, {
          kind: "frame",
          nowMs,
          mac: macAddr(frame.subarray(6, 12)),
          frame: decoded.value,
        });
      }
      return;
    }
    const arp = decodeArp(frame.subarray(14));
    if (!arp.ok) return;
    const { operation, senderMac, senderIp, targetIp } = arp.value;
    if (l.known.has(senderIp)) {
      const node = this.#macs.get(senderMac);
      this.#step(name, {
        kind: "claim",
        nowMs,
        vip: senderIp,
        mac: senderMac,
        ...(node === undefined ? {} : { node }),
      });
    } else if (!this.#macs.has(senderMac)) {
      this.#step(name, { kind: "heard", nowMs, ip: senderIp, mac: senderMac });
    }
    if (
      operation === "request" && l.state.answering.has(targetIp) &&
      senderIp !== targetIp
    ) {
      this.host.answered(this.host.worldMs() - at);
      this.host.send(
        name,
        encodeEthernet({
          destination: senderMac,
          source: l.link.mac,
          etherType: ETHER_TYPE.arp,
          payload: encodeArp({
            operation: "reply",
            senderMac: l.link.mac,
            senderIp: targetIp,
            targetMac: senderMac,
            targetIp: senderIp,
          }),
        }),
      );
    }
  }
  #command(c: WireCommand, nowMs: number): void {
    const k = c as unknown as { kind: string; frozen?: boolean };
    if (k.kind === "frozen") {
      this.#frozen = k.frozen === true;
      for (const name of this.#links.keys()) {
        this.#step(name, { kind: "view", nowMs, frozen: this.#frozen });
      }
      return;
    }
    switch (c.kind) {
      case "links":
        for (const link of c.links) {
          const l = this.#links.get(link.name);
          if (l === undefined) {
            const state = initialFailover({
              node: this.config.node,
              nodeId: idOf(this.config.node),
              nodeIdOf: idOf,
              incarnation: this.config.incarnation,
              patienceMs: 0,
            });
            this.#links.set(link.name, {
              link,
              state,
              queue: [],
              known: new Set(),
              due: [],
            });
            this.#view(link.name, nowMs);
            if (this.#synced) this.#step(link.name, { kind: "synced", nowMs });
            const gateways =
              (link as unknown as { gateways?: IpAddr[] }).gateways ?? [];
            this.#step(link.name, { kind: "gateways", nowMs, gateways });
            if (link.running) this.#step(link.name, { kind: "link-up", nowMs });
          } else {
            const before = l.link;
            l.link = link;
            if (before.running !== link.running) {
              this.#step(link.name, {
                kind: link.running ? "link-up" : "link-down",
                nowMs,
              });
            }
          }
        }
        break;
      case "nodes":
        this.#nodes = c.nodes;
        this.#macs = new Map(
          c.nodes.flatMap(({ node, macs }) =>
            macs.map((mac) => [mac, node] as const)
          ),
        );
        for (const name of this.#links.keys()) {
          this.#step(name, { kind: "view", nowMs, nodes: c.nodes });
        }
        break;
      case "vips":
        for (const vip of c.removes) this.#vips.delete(vip);
        for (const view of c.upserts) this.#vips.set(view.vip, view);
        for (const name of this.#links.keys()) {
          this.#view(name, nowMs, c.removes);
        }
        break;
      case "synced":
        this.#synced = true;
        for (const name of this.#links.keys()) {
          this.#step(name, { kind: "synced", nowMs });
        }
        break;
      case "leave":
        this.#leaving = true;
        for (const name of this.#links.keys()) {
          this.#step(name, { kind: "leave", nowMs });
        }
        break;
      case "stop":
        for (const name of this.#links.keys()) {
          this.#step(name, { kind: "stop", nowMs });
        }
    }
  }
  #view(name: string, nowMs: number, removes: readonly IpAddr[] = []): void {
    const l = this.#links.get(name);
    if (l === undefined) return;
    const upserts = [...this.#vips.values()].filter(({ links }) =>
      links.includes(name)
    );
    for (const { vip } of upserts) l.known.add(vip);
    const gone = removes.filter((vip) => l.known.delete(vip));
    this.#step(name, {
      kind: "view",
      nowMs,
      nodes: this.#nodes,
      frozen: this.#frozen,
      upserts,
      removes: gone,
    });
  }
  #step(name: string, event: FailoverEvent): void {
    const l = this.#links.get(name);
    if (l === undefined) return;
    const [, effects] = stepFailover(l.state, event);
    for (const effect of effects) this.#carry(name, l, effect, event.nowMs);
  }
  #carry(
    name: string,
    l: {
      link: WireLink;
      state: FailoverState;
      due: { at: number; vip: IpAddr }[];
    },
    effect: FailoverEffect,
    nowMs: number,
  ): void {
    switch (effect.kind) {
      case "send":
        this.host.send(
          name,
          encodeFellow({
            sender: this.#identity.node,
            incarnation: this.config.incarnation,
            message: effect.message,
          }, {
            identity: this.#identity,
            source: l.link.mac,
            destination: effect.to ?? FELLOW_GROUP,
          }),
        );
        break;
      case "announce":
        this.#announce(name, effect.vip);
        if (!effect.once) {
          l.due.push(
            ...[200, 1000, 2000, 5000].map((d) => ({
              at: nowMs + d,
              vip: effect.vip,
            })),
          );
        }
        l.due.sort((a, b) => a.at - b.at);
        break;
      case "ask": {
        if (!isIpv4(effect.ip)) break;
        this.host.send(
          name,
          encodeEthernet({
            destination: effect.to ?? BROADCAST_MAC,
            source: l.link.mac,
            etherType: ETHER_TYPE.arp,
            payload: encodeArp({
              operation: "request",
              senderMac: l.link.mac,
              senderIp: ipv4Addr(Uint8Array.of(0, 0, 0, 0)),
              targetMac: ZERO_MAC,
              targetIp: effect.ip,
            }),
          }),
        );
        break;
      }
      case "report":
        if (!effect.owned) {
          l.due = l.due.filter(({ vip }) => vip !== effect.vip);
        }
        this.host.report({
          kind: "owned",
          vip: effect.vip,
          link: name,
          owned: effect.owned,
          reason: effect.reason,
        });
        break;
      case "paused":
        this.host.report({ kind: "paused", gapMs: effect.gapMs });
        break;
      default:
    }
  }
  #announce(name: string, vip: IpAddr): void {
    const l = this.#links.get(name);
    if (l === undefined || !isIpv4(vip) || !l.state.answering.has(vip)) return;
    for (const operation of ["request", "reply"] as const) {
      this.host.send(
        name,
        encodeEthernet({
          destination: BROADCAST_MAC,
          source: l.link.mac,
          etherType: ETHER_TYPE.arp,
          payload: encodeArp({
            operation,
            senderMac: l.link.mac,
            senderIp: vip,
            targetMac: operation === "request" ? ZERO_MAC : BROADCAST_MAC,
            targetIp: vip,
          }),
        }),
      );
    }
  }
}
void multicastMac;
void solicitedNodeMulticast;
export type Unused = Ipv6Addr;
