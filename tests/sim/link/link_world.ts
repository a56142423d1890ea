/**
 * A few nodes on one or several links, the hosts around them, and an API server
 * of little more than Leases: everything a fail-over is made of, in one thread
 * and in virtual time.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { Random } from "@/lang/random.ts";
import type { WireCommand } from "@/node/mod.ts";
import { clusterIdOf } from "@/wire/fellow.ts";
import { orderFor } from "../facts.ts";
import { START_MS, Timeline } from "../timeline.ts";
import { addrOf, macOf } from "./addresses.ts";
import type { LinkAgent } from "./agent.ts";
import { WireAgent } from "./wire_agent.ts";
import { Gateway } from "./hosts.ts";
import { LinkNode } from "./link_node.ts";
import type { WorldPlan } from "./plan.ts";
import { LinkRules } from "./rules.ts";
import { type ApiVip, LinkApi } from "./scripted_main.ts";
import { LinkSegment } from "./segment.ts";

/** A world. */
export class LinkWorld {
  readonly plan: WorldPlan;
  readonly timeline: Timeline = new Timeline();
  readonly random: Random;
  readonly api: LinkApi = new LinkApi();
  readonly rules: LinkRules;
  readonly nodes: LinkNode[] = [];
  readonly segments: Map<string, LinkSegment> = new Map();
  /** What agents know each other's frames by. */
  readonly cluster: WireCommand;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #gateways = new Map<string, IpAddr>();
  readonly #askers: Gateway[] = [];
  readonly #watching = new Set<LinkNode>();
  /** Chance of its own for who is preferred. */
  readonly #preferring: Random;
  #boots = 0;

  /** A world whose nodes start within a tenth of a second. */
  constructor(plan: WorldPlan, trace?: (line: string) => void) {
    this.plan = plan;
    this.#trace = trace;
    this.random = new Random(plan.seed * 7 + 3);
    this.#preferring = new Random(plan.seed * 37 + 5);
    this.rules = new LinkRules(this);
    this.cluster = {
      kind: "cluster",
      clusterId: CLUSTER_ID,
      ...(plan.isSigned ? { wireKey: WIRE_KEY } : {}),
    };
    this.#plugIn();
    this.#addVips();
    for (const node of this.nodes) {
      this.timeline.at(this.draw(plan.bootSpreadMs), () => node.boot());
    }
    if (plan.preferAtMs !== undefined) {
      this.timeline.at(plan.preferAtMs, () => this.#preferOthers());
    }
    this.#settleLater();
  }

  /** The time. */
  get nowMs(): number {
    return this.timeline.nowMs;
  }

  /** A number from 0, below a bound. */
  draw(maxExclusive: number): number {
    return this.random.int(maxExclusive);
  }

  /** How late a process is woken. */
  lateMs(): number {
    return 0.05 + this.random.next() * this.plan.lateMsMax;
  }

  /** Lets time pass. */
  run(durationMs: number): void {
    this.timeline.run(durationMs);
  }

  /** Tells what happens, if anybody wants to know. */
  trace(text: () => string): void {
    this.#trace?.(`${this.nowMs.toFixed(2).padStart(10)} ${text()}`);
  }

  /** A host on each link asks for one of its VIPs, another one in each round. */
  ask(round: number): void {
    for (const [at, asker] of this.#askers.entries()) {
      const vips = this.api.vips.filter(({ link }) => link === `eth${at}`);
      const vip = vips[round % vips.length];
      if (vip !== undefined) asker.ask(vip.vip, ASKER);
    }
  }

  /** Something on the API server changed; mains learn of it a little later. */
  apiChanged(): void {
    for (const node of this.nodes) {
      if (this.#watching.has(node)) continue;
      this.#watching.add(node);
      this.timeline.after(1 + this.draw(this.plan.watchDelayMsMax), () => {
        this.#watching.delete(node);
        node.watch();
      });
    }
  }

  /** An agent for a node. */
  makeAgent(node: LinkNode, incarnation: bigint): LinkAgent {
    return new WireAgent({ node: node.name, incarnation }, {
      monoMs: () => node.monoMs,
      worldMs: () => this.nowMs,
      send: (link, frame) => {
        const port = node.ports.find((at) => at.link === link);
        port?.segment.send(port.port, frame);
      },
      report: (report) => node.reported(report),
      answered: (waitedMs) => this.rules.answered(node, waitedMs),
    });
  }

  /** A number for a start that is larger than that of every earlier one. */
  incarnation(): bigint {
    return BigInt(START_MS) * 1_000n + BigInt(++this.#boots);
  }

  /** Whom a node may ask for a sign of life. */
  gatewaysOf(link: string): readonly IpAddr[] {
    const ip = this.#gateways.get(link);
    return ip === undefined ? [] : [ip];
  }

  /** The nodes in the order of their right to a VIP, those first that may have it. */
  order({ vip, eligible, preferences }: ApiVip): readonly LinkNode[] {
    const preferred = (name: string): number => preferences.get(name) ?? 0;
    return orderFor(vip, eligible)
      .toSorted((a, b) => preferred(b) - preferred(a))
      .map((name) =>
        this.nodes[Number(name.slice("node-".length))] as LinkNode
      );
  }

  #plugIn(): void {
    const { plan } = this;
    for (let at = 0; at < plan.nodes; at++) {
      this.nodes.push(new LinkNode(this, at));
    }
    for (let at = 0; at < plan.links; at++) {
      const link = `eth${at}`;
      const segment = new LinkSegment(this.timeline, this.random, plan.cabling);
      segment.isFiltered = plan.isFiltered;
      this.segments.set(link, segment);
      for (const node of this.nodes) {
        node.plug(link, segment, macOf(at, node.index + 1));
        const macs = this.api.macs.get(node.name) ?? [];
        this.api.macs.set(node.name, [...macs, macOf(at, node.index + 1)]);
      }
      const asker = new Gateway(segment, {
        ip: addrOf(ASKER.ipv4),
        mac: macOf(at, 0xfd),
      });
      asker.ips.add(addrOf(ASKER.ipv6));
      asker.plug();
      this.#askers.push(asker);
      if (!plan.hasGateway) continue;
      const ip = addrOf(`192.168.${at}.1`);
      new Gateway(segment, { ip, mac: macOf(at, 0xfe) }).plug();
      this.#gateways.set(link, ip);
    }
  }

  #addVips(): void {
    const { plan, api } = this;
    const names = this.nodes.map(({ name }) => name);
    for (let at = 0; at < plan.vips; at++) {
      const link = at % plan.links;
      api.vips.push({
        vip: vipAt(at, link, this.random.next() < plan.sixShare),
        link: `eth${link}`,
        eligible: names,
        preferences: this.#drawPreferences(names),
        isGone: false,
      });
    }
  }

  #drawPreferences(names: readonly string[]): ReadonlyMap<string, number> {
    if (!this.plan.isPreferring) return NOBODY;
    const chance = this.#preferring;
    return new Map(
      names.filter(() => chance.int(2) === 0)
        .map((name) => [name, chance.pick([1, 2, 63])]),
    );
  }

  /** Labels of Nodes change, or an Eip does. */
  #preferOthers(): void {
    const names = this.nodes.map(({ name }) => name);
    for (const vip of this.api.vips) {
      vip.preferences = this.#drawPreferences(names);
    }
    this.trace(() => "OTHERS ARE PREFERRED");
    this.apiChanged();
  }

  /** Mains look at the clock now and then. */
  #settleLater(): void {
    this.timeline.after(SETTLE_EVERY_MS, () => {
      for (const node of this.nodes) node.settle();
      this.#settleLater();
    });
  }
}

function vipAt(at: number, link: number, isSix: boolean): IpAddr {
  return isSix
    ? addrOf(`2001:db8:${link + 1}::${(at + 0x100).toString(16)}`)
    : addrOf(`10.${link}.${1 + (at >> 8)}.${at & 0xff}`);
}

const NOBODY: ReadonlyMap<string, number> = new Map();
const ASKER = { ipv4: "192.168.0.7", ipv6: "2001:db8::7" };
const CLUSTER_ID = clusterIdOf("7c6b0f2e-link-world");
const WIRE_KEY = btoa("a key of thirty-two bytes, really");
const SETTLE_EVERY_MS = 1_000;
