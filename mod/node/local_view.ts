/**
 * What this node knows of itself: its interfaces, which of them reach what, and
 * whether its kernel would answer ARP in our place.
 *
 * @module
 */

import {
  type AddrRange,
  parseAddrRange,
  rangeContains,
} from "@/addr/addr_range.ts";
import { type IpAddr, isIpv4 } from "@/addr/ip_addr.ts";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import type { Prefix } from "@/addr/prefix.ts";
import { CONDITION_REASON } from "@/api/conditions.ts";
import type {
  PublishedHeld,
  PublishedLink,
  PublishedProblem,
} from "@/api/links_annotation.ts";
import type { Eip, PublishedNodeProxy } from "@/api/mod.ts";
import {
  type Announcements,
  canReachTargets,
  isServed,
  selectPoolLinks,
  type VipPlan,
} from "@/reconcile/mod.ts";
import type { Instant, LocalLink } from "./main_events.ts";
import {
  type Absence,
  absenceSentence,
  type Conflict,
  type ForeignAddress,
  type OwnerLedger,
} from "./owner_ledger.ts";
import type { UnheardFellow } from "./unheard.ts";
import type { WireLink } from "./wire_messages.ts";

/** What must be asked of the machine. */
export interface LocalQuestions {
  /** Routes to look up, when they may have changed. */
  readonly targets: readonly IpAddr[] | undefined;
  /** Links whose `arp_ignore` to read. */
  readonly arpIgnoreLinks: readonly string[] | undefined;
}

/** What other agents must know of this node. */
export interface LocalPublication {
  /** Its links. */
  readonly links: readonly PublishedLink[];
  /** Its `can_reach:` results. */
  readonly canReach: ReadonlyMap<IpAddr, string>;
  /** What is wrong with it. */
  readonly problems: readonly PublishedProblem[];
  /** Addresses that foreign hosts have, the newest last. */
  readonly held: readonly PublishedHeld[];
  /** Why it should not answer for VIPs, a reason; absent: it may. */
  readonly unfit?: string;
  /** What it tells for NodeProxy; absent: no Service wants that. */
  readonly nodeProxy?: PublishedNodeProxy;
  /** Names of the routers it has BGP sessions with, sorted; absent: none. */
  readonly bgpRouters?: readonly string[];
}

/** This node's own interfaces and settings. */
export class LocalView {
  readonly #node: string;
  #links: readonly LocalLink[] = [];
  #linksKnown = false;
  #localAddresses: ReadonlySet<IpAddr> = new Set();
  #routes: ReadonlyMap<IpAddr, string> = new Map();
  #routesKnown = false;
  #arpIgnore: ReadonlyMap<string, number> = new Map();
  /** The pools that are answered for, and their text, by which a change is told. */
  #pools: readonly Omit<ActivePool, "links">[] = [];
  #nodeAddress = "";
  #poolsText = "";
  /** What is derived from the announcements and this node's state, and for which of both it holds. */
  #derived: Derived | undefined;
  /** What the health port of kube-proxy says while it is not healthy. */
  #unfit: string | undefined;
  #nodeProxy: PublishedNodeProxy | undefined;
  #bgpRouters: readonly string[] = [];
  #unheard: readonly UnheardFellow[] = [];
  #conflicts: readonly Conflict[] = [];
  #foreign: readonly ForeignAddress[] = [];
  #absences: readonly Absence[] = [];
  /** Why links cannot be served, by name. */
  #failures: ReadonlyMap<string, string> = new Map();
  #conflictsVersion = 0;
  /** Another number after every change of this node's own state. */
  #version = 0;
  #targets = "";
  /** Targets whose routes were asked for when routes were last told. */
  #answered: ReadonlySet<IpAddr> = new Set();
  #asked: readonly IpAddr[] = [];
  #askRoutes = false;
  #arpIgnoreAskedMs: number | undefined;
  #arpIgnoreLinks = "";

  /** The view of a node that has not looked yet. */
  constructor(node: string) {
    this.#node = node;
  }

  /** Whether the interfaces are known. */
  get isKnown(): boolean {
    return this.#linksKnown;
  }

  /** The addresses of this node's interfaces; another set when they changed. */
  get addresses(): ReadonlySet<IpAddr> {
    return this.#localAddresses;
  }

  /** `arp_ignore` by link, where VIPs are answered. */
  get arpIgnore(): ReadonlyMap<string, number> {
    return this.#arpIgnore;
  }

  /** Takes the complete list of interfaces. */
  setLinks(links: readonly LocalLink[]): void {
    this.#version++;
    this.#links = links;
    this.#linksKnown = true;
    this.#askRoutes = true;
    this.#arpIgnoreAskedMs = undefined;
    const addresses = new Set<IpAddr>();
    for (const { prefixes } of links) {
      for (const { addr } of prefixes) addresses.add(addr);
    }
    this.#localAddresses = addresses;
  }

  /** Takes the results of route look-ups. */
  setRoutes(routes: readonly (readonly [IpAddr, string])[]): void {
    this.#version++;
    this.#routesKnown = true;
    this.#routes = new Map(routes);
    this.#answered = new Set([...this.#asked, ...this.#routes.keys()]);
  }

  /** Takes what the health port of kube-proxy says, a phrase; undefined: that it is healthy, or not there. */
  setUnfit(answer: string | undefined): void {
    if (answer === this.#unfit) return;
    this.#unfit = answer;
    this.#version++;
  }

  /** Takes what there is to tell for NodeProxy; the same value while nothing changed. */
  setNodeProxy(told: PublishedNodeProxy | undefined): void {
    if (told === this.#nodeProxy) return;
    this.#nodeProxy = told;
    this.#version++;
  }

  /** Takes the names of the routers that this node has BGP sessions with, sorted. */
  setBgpRouters(names: readonly string[]): void {
    if (names.join() === this.#bgpRouters.join()) return;
    this.#bgpRouters = names;
    this.#version++;
  }

  /** Takes `arp_ignore` by link. */
  setArpIgnore(values: readonly (readonly [string, number])[]): void {
    const changed = values.length !== this.#arpIgnore.size ||
      values.some(([link, value]) => this.#arpIgnore.get(link) !== value);
    if (!changed) return;
    this.#version++;
    this.#arpIgnore = new Map(values);
  }

  /**
   * Takes the Eips after one of them changed. What most changes are about, the
   * usage in their status, makes no difference here.
   */
  setEips(eips: Iterable<Eip>): void {
    const active = [...eips].filter(isActiveLayer2);
    const text = JSON.stringify(
      active.map(({ meta, spec }) =>
        `${meta.name} ${spec.address} ${spec.interface ?? ""}`
      ).sort(),
    );
    if (text === this.#poolsText) return;
    this.#poolsText = text;
    this.#version++;
    this.#pools = active.flatMap(({ meta, spec }) => {
      const range = parseAddrRange(spec.address);
      return range === undefined
        ? []
        : [{ name: meta.name, interface: spec.interface ?? "", range }];
    });
  }

  /** Takes the address or CIDR that the own Node is annotated with; empty: none. */
  setNodeAddress(text: string): void {
    if (text === this.#nodeAddress) return;
    this.#nodeAddress = text;
    this.#version++;
  }

  /**
   * The links that VIPs are or may be answered on, as the wire core wants them:
   * those of every active Eip, before there is any VIP, so that the agents on
   * the link know each other by then; and those of the VIPs there are, also of
   * an Eip that gives out no more.
   */
  links(announcements: Announcements): readonly WireLink[] {
    return this.#derive(announcements).links;
  }

  /** The pools that are answered for. */
  pools(announcements: Announcements): readonly ActivePool[] {
    return this.#derive(announcements).pools;
  }

  /** The interfaces by name. */
  link(name: string): LocalLink | undefined {
    return this.#links.find((link) => link.name === name);
  }

  /** Takes the agents that should be heard and are not; the same list while nothing changed. */
  setUnheard(unheard: readonly UnheardFellow[]): void {
    if (unheard === this.#unheard) return;
    this.#unheard = unheard;
    this.#version++;
  }

  /** What must be asked of the machine now. */
  questions(
    eips: Iterable<Eip>,
    announcements: Announcements,
    at: Instant,
  ): LocalQuestions {
    const targets = targetsOf(eips);
    const text = targets.join(" ");
    const askRoutes = this.#linksKnown &&
      (text !== this.#targets || (this.#askRoutes && targets.length > 0));
    this.#targets = text;
    this.#asked = targets;
    this.#askRoutes = false;
    const links = this.#derive(announcements).used;
    const linksText = links.join(" ");
    // The kernel tells nobody when the setting changes: it is read again now
    // and then, as long as there is anything to answer for.
    const askArpIgnore = links.length > 0 &&
      (linksText !== this.#arpIgnoreLinks ||
        this.#arpIgnoreAskedMs === undefined ||
        at.nowMs - this.#arpIgnoreAskedMs >= ARP_IGNORE_INTERVAL_MS);
    this.#arpIgnoreLinks = linksText;
    if (askArpIgnore) this.#arpIgnoreAskedMs = at.nowMs;
    return {
      targets: askRoutes ? targets : undefined,
      arpIgnoreLinks: askArpIgnore ? links : undefined,
    };
  }

  /** When `arp_ignore` is to be read again, or undefined. */
  deadlineMs(): number | undefined {
    return this.#arpIgnoreAskedMs === undefined || this.#arpIgnoreLinks === ""
      ? undefined
      : this.#arpIgnoreAskedMs + ARP_IGNORE_INTERVAL_MS;
  }

  /**
   * What other agents must know of this node; the same value while nothing
   * changed, undefined before the interfaces, and the routes that were asked
   * for, are known.
   */
  published(
    announcements: Announcements,
    owners: OwnerLedger,
  ): LocalPublication | undefined {
    const known = this.#linksKnown &&
      (this.#routesKnown || this.#targets === "");
    if (!known) return undefined;
    if (owners.conflictsVersion !== this.#conflictsVersion) {
      this.#conflictsVersion = owners.conflictsVersion;
      this.#conflicts = [...owners.conflicts];
      this.#foreign = [...owners.foreign];
      this.#absences = [...owners.absences];
      this.#failures = new Map(owners.failures);
      this.#version++;
    }
    return this.#derive(announcements).publication;
  }

  /** Everything that takes a look at all VIPs, computed again only when something changed. */
  #derive(announcements: Announcements): Derived {
    const known = this.#derived;
    if (
      known?.version === this.#version &&
      known.announced === announcements.version
    ) return known;
    const used = namesUsed(announcements);
    const pools = this.#selected();
    const selected = pools.flatMap(({ links }) => links);
    const links = this.#wireLinks(new Set([...used, ...selected]));
    const unfit = this.#unfitReason(links);
    const derived: Derived = {
      pools,
      version: this.#version,
      announced: announcements.version,
      used: [...used].sort(),
      links,
      publication: {
        links: this.#publishedLinks(),
        canReach: this.#routes,
        problems: this.#problems(announcements, pools),
        held: this.#held(),
        ...(unfit === undefined ? {} : { unfit }),
        ...(this.#nodeProxy === undefined
          ? {}
          : { nodeProxy: this.#nodeProxy }),
        ...(this.#bgpRouters.length === 0
          ? {}
          : { bgpRouters: this.#bgpRouters }),
      },
    };
    this.#derived = derived;
    return derived;
  }

  /**
   * The active pools with the links that they select on this node; where a route
   * is still being looked up, with those they selected before: a link that is
   * closed for a moment has to get to know everybody anew.
   */
  #selected(): readonly ActivePool[] {
    const context = {
      links: this.#links,
      routes: this.#routes,
      nodeAddress: this.#nodeAddress,
    };
    return this.#pools.map((pool) => {
      const links = selectPoolLinks(pool, context);
      const awaits = canReachTargets(pool.interface).some((target) =>
        !this.#answered.has(target)
      );
      if (links.length > 0 || !awaits) return { ...pool, links };
      const before = this.#derived?.pools.find(({ name }) =>
        name === pool.name
      );
      return { ...pool, links: before?.links ?? links };
    });
  }

  #wireLinks(used: ReadonlySet<string>): readonly WireLink[] {
    const links: WireLink[] = [];
    for (
      const { index, name, mac, running, prefixes, gateways } of this.#links
    ) {
      if (mac === undefined || !used.has(name)) continue;
      const linkLocal = linkLocalOf(prefixes);
      links.push({
        name,
        index,
        mac,
        running,
        ...(gateways === undefined || gateways.length === 0
          ? {}
          : { gateways }),
        ...(linkLocal === undefined ? {} : { linkLocal }),
      });
    }
    return links.sort((a, b) => a.index - b.index);
  }

  #publishedLinks(): readonly PublishedLink[] {
    const links: PublishedLink[] = [];
    for (const { name, mac, running, prefixes, gateways } of this.#links) {
      if (mac === undefined) continue;
      links.push({
        name,
        up: running,
        mac,
        prefixes,
        ...(gateways === undefined ? {} : { gateways }),
      });
    }
    return links;
  }

  /** Addresses that foreign hosts have, whether a Service has them too or not. */
  #held(): readonly PublishedHeld[] {
    const held = this.#conflicts.filter(({ held }) => held)
      .map(({ vip, ...seen }) => ({ ip: vip, ...seen }));
    return [...held, ...this.#foreign]
      .sort((a, b) => a.seenMs - b.seenMs)
      .map(({ ip, mac, link }) => ({ ip, mac, link }));
  }

  /** Why this node should not answer, a reason; undefined: it may. */
  #unfitReason(links: readonly WireLink[]): string | undefined {
    const isRefused = links.length > 0 &&
      links.every(({ name }) => this.#failures.has(name));
    if (isRefused) return CONDITION_REASON.socketRefused;
    return this.#unfit && CONDITION_REASON.kubeProxyUnhealthy;
  }

  /** What is wrong on this node, one sentence per Eip and reason. */
  #problems(
    announcements: Announcements,
    pools: readonly ActivePool[],
  ): readonly PublishedProblem[] {
    const found = new Map<string, PublishedProblem>();
    const note = (problem: PublishedProblem): void => {
      const key = `${problem.eip} ${problem.reason}`;
      if (!found.has(key)) found.set(key, problem);
    };
    const unfit = this.#unfit;
    for (const plan of announcements.plans.values()) {
      const { vip, eip, links, problem } = plan;
      if (problem !== undefined) note({ eip, ...problem });
      if (unfit !== undefined && links.length > 0) {
        note(this.#unfitProblem(plan, unfit));
      }
      if (!isIpv4(vip) || !this.#localAddresses.has(vip)) continue;
      const loose = links.find((link) => this.#arpIgnore.get(link) === 0);
      if (loose !== undefined) {
        note({
          eip,
          reason: CONDITION_REASON.strictArpOff,
          message:
            `The kernel answers ARP for ${vip} on every node that holds it: set strictARP: true in kube-proxy's configuration, or net.ipv4.conf.all.arp_ignore=1 and arp_announce=2`,
        });
      }
    }
    for (const { vip, link, mac, held } of this.#conflicts) {
      const eip = announcements.plans.get(vip)?.eip;
      if (eip === undefined) continue;
      note({
        eip,
        reason: CONDITION_REASON.addressConflict,
        message: `The host with the MAC address ${mac} on ${link} ${
          held ? `answers for ${vip}, so no node takes it` : `claims ${vip} too`
        }: find it and take the address from it, or exclude it in the Eip`,
      });
    }
    for (const problem of this.#foreignProblems()) note(problem);
    for (const absence of this.#absences) {
      const eip = announcements.plans.get(absence.vip)?.eip;
      if (eip === undefined) continue;
      note({
        eip,
        reason: absence.verdict.kind === "stranger"
          ? CONDITION_REASON.addressConflict
          : CONDITION_REASON.addressUnanswered,
        message: absenceSentence(absence),
      });
    }
    for (const problem of unheardProblems(this.#unheard)) note(problem);
    for (const problem of this.#refusedProblems(pools)) note(problem);
    return [...found.values()].sort((a, b) =>
      a.eip === b.eip
        ? (a.reason < b.reason ? -1 : 1)
        : (a.eip < b.eip ? -1 : 1)
    );
  }

  *#foreignProblems(): Generator<PublishedProblem> {
    for (const { ip, mac, link } of this.#foreign) {
      const eip = this.#pools.find(({ range }) => rangeContains(range, ip))
        ?.name;
      if (eip === undefined) continue;
      yield {
        eip,
        reason: CONDITION_REASON.addressConflict,
        message:
          `The host with the MAC address ${mac} on ${link} has ${ip}, so it is not handed out: find it and take the address from it, or exclude it in the Eip`,
      };
    }
  }

  *#refusedProblems(
    pools: readonly ActivePool[],
  ): Generator<PublishedProblem> {
    for (const { name: eip, links } of pools) {
      const refused = links.find((link) => this.#failures.has(link));
      if (refused === undefined) continue;
      yield {
        eip,
        reason: CONDITION_REASON.socketRefused,
        message: `${
          this.#failures.get(refused)
        }, so no address is answered for there: give the agent the capability NET_RAW as deploy/foghorn.yaml does, and start it anew`,
      };
    }
  }

  #unfitProblem(
    { eip, eligible }: VipPlan,
    answer: string,
  ): PublishedProblem {
    // While it is unfit it is eligible only where every node is.
    const instead = eligible.includes(this.#node)
      ? "no node is better, so the addresses are answered here all the same"
      : "other nodes answer for the addresses";
    return {
      eip,
      reason: CONDITION_REASON.kubeProxyUnhealthy,
      message:
        `The health port of kube-proxy ${answer}: look at the log of kube-proxy on this node; until it is healthy ${instead}`,
    };
  }

  /** The node it is the view of. */
  get node(): string {
    return this.#node;
  }
}

/** A pool whose addresses are answered for. */
export interface ActivePool {
  /** Name of the Eip. */
  readonly name: string;
  /** `Eip.spec.interface`; empty when absent. */
  readonly interface: string;
  /** Its addresses. */
  readonly range: AddrRange;
  /** The links of this node that it selects. */
  readonly links: readonly string[];
}

/** What is derived from all VIPs. */
interface Derived {
  readonly version: number;
  readonly announced: number;
  readonly pools: readonly ActivePool[];
  readonly used: readonly string[];
  readonly links: readonly WireLink[];
  readonly publication: LocalPublication;
}

/** One problem per Eip, with the first few nodes. */
function* unheardProblems(
  unheard: readonly UnheardFellow[],
): Generator<PublishedProblem> {
  for (const [eip, fellows] of Map.groupBy(unheard, ({ eip }) => eip)) {
    const names = [
      ...new Set(fellows.map(({ node, link }) => `${node} on ${link}`)),
    ];
    const shown = names.slice(0, UNHEARD_NAMED_MAX).join(", ");
    const more = names.length > UNHEARD_NAMED_MAX
      ? ` and ${names.length - UNHEARD_NAMED_MAX} more`
      : "";
    yield {
      eip,
      reason: CONDITION_REASON.wireUnheard,
      message:
        `Agents whose Leases live are not heard: ${shown}${more}; let EtherType 0x88B5 pass between the nodes, fail-over takes as long as a Lease until then, see docs/failover.md`,
    };
  }
}

function isActiveLayer2(eip: Eip): boolean {
  return isServed(eip) && !eip.spec.disable &&
    eip.meta.deletionTimestamp === undefined;
}

function namesUsed(announcements: Announcements): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { links } of announcements.plans.values()) {
    for (const link of links) names.add(link);
  }
  return names;
}

/** The first address of fe80::/10 (RFC 4291 §2.5.6). */
function linkLocalOf(prefixes: readonly Prefix[]): Ipv6Addr | undefined {
  for (const { addr } of prefixes) {
    if (!isIpv4(addr) && /^fe[89ab][0-9a-f]:/.test(addr)) return addr;
  }
  return undefined;
}

function targetsOf(eips: Iterable<Eip>): readonly IpAddr[] {
  const targets = new Set<IpAddr>();
  for (const { spec } of eips) {
    for (const target of canReachTargets(spec.interface)) targets.add(target);
  }
  return [...targets].sort();
}

/** Agents named in the problem that they are not heard. */
const UNHEARD_NAMED_MAX = 3;
/** How often `arp_ignore` is read while there is anything to answer for. */
const ARP_IGNORE_INTERVAL_MS = 10_000;
