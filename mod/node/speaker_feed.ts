/**
 * From BgpConf, BgpPeers and routes to what the BGP speaker of this node is to
 * do: only what differs from what it was told before.
 *
 * There is a speaker where the BgpConf `default` gives this node an AS number,
 * and it speaks to the BgpPeers that select the node.
 *
 * @module
 */

import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import type { BgpConf, BgpPeer, BgpPeerSpec, Eip, Node } from "@/api/mod.ts";
import { BGP_CONF_NAME, CNI_LABEL } from "@/api/names.ts";
import {
  type AddressPool,
  type ExportPolicy,
  PolicyInForce,
} from "@/bgp/mod.ts";
import { matchesLabels } from "@/ipam/mod.ts";
import {
  bgpConfProblem,
  bgpPeerProblem,
  type BgpTables,
  byAgeOf,
  duplicatePeerProblem,
  isTakenOut,
  type RouteChange,
  type RoutePlan,
} from "@/reconcile/mod.ts";
import type { BgpCommand } from "./bgp_commands.ts";
import { BgpSelection } from "./bgp_selection.ts";
import {
  BGP_PORT,
  bgpIdentityOf,
  type BgpNode,
  bgpPeerTerms,
  RACK_LABEL,
} from "./bgp_terms.ts";

import { isLinkLocal } from "./session_next_hops.ts";
import { type Fellow, ThirdParties } from "./third_parties.ts";

/** Another agent, as its Lease tells. */
export interface FellowAgent {
  /** Its node. */
  readonly node: string;
  /** Whether its Lease has not run out. */
  readonly live: boolean;
  /** Whether it is about to stop. */
  readonly leaving: boolean;
  /** Names of the routers that it has sessions with. */
  readonly routers: readonly string[];
}

/** What the speaker is fed from. */
export interface SpeakerInput {
  /** BgpConfs and BgpPeers. */
  readonly tables: BgpTables;
  /** This node; undefined: it is not known, and nobody is spoken to. */
  readonly node: Node | undefined;
  /** All routes of the cluster. */
  readonly routes: ReadonlyMap<IpAddr, RoutePlan>;
  /** What of them is another than before. */
  readonly change: RouteChange;
  /** What the objects name; absent: nothing is named. */
  readonly named?: SpeakerReferences;
  /** All Nodes. */
  readonly nodes: ReadonlyMap<string, Node>;
  /** All other agents; the same list while nothing of them changed. */
  readonly agents: readonly FellowAgent[];
  /** What routers say of themselves, by name of the BgpPeer. */
  readonly routerNames: ReadonlyMap<string, string>;
}

/** What BgpConf and BgpPeers name. */
export interface SpeakerReferences {
  /** The policy in force; undefined: not known yet, sessions stay as they are. */
  readonly policy: PolicyInForce | undefined;
  /** The password of a peer. */
  passwordOf(peer: BgpPeer): PasswordLook;
}

/** What is known of a password that a Secret has. */
export type PasswordLook =
  /** No Secret is named. */
  | { readonly kind: "none" }
  /** Nothing is known yet: a session stays as it is. */
  | { readonly kind: "unheard" }
  /** There is none: no session. */
  | { readonly kind: "missing"; readonly message: string }
  | {
    readonly kind: "known";
    readonly authPassword: string;
    /** The Secret's. */
    readonly version: string;
  };

/** Why a BgpPeer that selects this node is not spoken to, or the speaker not at all. */
export interface SpeakerRefusal {
  /** The BgpPeer; undefined: the BgpConf. */
  readonly peer: string | undefined;
  /** One sentence. */
  readonly message: string;
}

/** A peer that is to be spoken to. */
interface WantedPeer {
  /** All of it; another one where anything is. */
  readonly text: string;
  /** What its routes go through; another object where that is another. */
  readonly policy: ExportPolicy | undefined;
  /** Absent: it stays as it is. */
  readonly command?: BgpCommand;
  /** Its address, where it tells it from other routers. */
  readonly address: IpAddr | undefined;
  /** Whether it is all routers of a prefix: they are told of nobody else, as they dial whom they want. */
  readonly isRange: boolean;
}

/** What the speaker is told of an address. */
interface Told {
  /** The Eip it is from. */
  readonly eip: string;
  /** How much of its traffic this node should get; absent: as much as any other. */
  readonly weight: number | undefined;
}

/** Addresses by what is to be done with them, their Eip and their weight. */
class Batches {
  readonly #batches = {
    announce: new Map<string, { told: Told; vips: IpAddr[] }>(),
    retire: new Map<string, { told: Told; vips: IpAddr[] }>(),
  };

  add(kind: "announce" | "retire", told: Told, vip: IpAddr): void {
    const key = `${told.eip} ${told.weight ?? ""}`;
    const batch = this.#batches[kind].get(key);
    if (batch === undefined) {
      this.#batches[kind].set(key, { told, vips: [vip] });
    } else batch.vips.push(vip);
  }

  all(
    kind: "announce" | "retire",
  ): readonly { readonly vip: IpAddr; readonly told: Told }[] {
    return [...this.#batches[kind].values()].flatMap(({ told, vips }) =>
      vips.map((vip) => ({ vip, told }))
    );
  }

  commands(kind: "announce" | "retire"): readonly BgpCommand[] {
    return [...this.#batches[kind].values()].map(
      ({ told: { eip, weight }, vips }) => ({
        kind,
        vips,
        eip,
        ...(weight === undefined ? {} : { weight }),
      }),
    );
  }
}

/** What the speaker of one node was told. */
export class SpeakerFeed {
  readonly #node: string;
  readonly #announced = new Set<IpAddr>();
  /** What was told of each address that is announced. */
  readonly #told = new Map<IpAddr, Told>();
  readonly #selection = new BgpSelection();
  /** Peers by name, as they were set, to tell what is another. */
  readonly #peers = new Map<string, Omit<WantedPeer, "command">>();
  /** The address that each peer is configured with, where it tells routers apart. */
  readonly #addresses = new Map<string, IpAddr>();
  readonly #thirdParties = new ThirdParties();
  /** The rack whose nodes alone are next hops; undefined: all are. */
  #rack: string | undefined;
  #agents: readonly FellowAgent[] = [];
  #fellows: readonly Fellow[] = [];
  /** Where it listens; undefined: nowhere. */
  #listens: string | undefined;
  /** Who we are; undefined: there is no speaker. */
  #identity: { readonly as: number; readonly routerId: string } | undefined;
  #refusals: readonly SpeakerRefusal[] = [];
  /** What may be announced as a whole. */
  #pools: readonly AddressPool[] = [];
  #isDirty = true;

  /** A speaker that was told nothing. */
  constructor(node: string) {
    this.#node = node;
  }

  /** Notes that a BgpConf, a BgpPeer or this node changed. */
  note(): void {
    this.#isDirty = true;
  }

  /** Takes all Eips: by them peers are told of addresses. */
  setEips(eips: Iterable<Eip>): void {
    if (this.#selection.setEips(eips)) this.#isDirty = true;
  }

  /** Takes what may be announced as a whole, for peers that have addresses put together. */
  setPools(pools: readonly AddressPool[]): void {
    if (JSON.stringify(pools) === JSON.stringify(this.#pools)) return;
    this.#pools = pools;
    this.#isDirty = true;
  }

  /** AS number and BGP Identifier; undefined: there is no speaker. */
  get identity():
    | { readonly as: number; readonly routerId: string }
    | undefined {
    return this.#identity;
  }

  /** Names of the peers that it speaks to. */
  get peers(): Iterable<string> {
    return this.#peers.keys();
  }

  /** The address that a peer is configured with; undefined: it tells no router from others. */
  addressOf(peer: string): IpAddr | undefined {
    return this.#addresses.get(peer);
  }

  /** The addresses that it announces. */
  get announced(): ReadonlySet<IpAddr> {
    return this.#announced;
  }

  /** What of the objects cannot be used on this node. */
  get refusals(): readonly SpeakerRefusal[] {
    return this.#refusals;
  }

  /** What it is to do now. */
  commands(input: SpeakerInput): BgpCommand[] {
    const { tables, node, routes, change } = input;
    const commands: BgpCommand[] = [];
    const had = this.#identity !== undefined;
    const isDirty = this.#isDirty;
    this.#isDirty = false;
    const found = isDirty ? this.#conf(tables, node) : undefined;
    const isUp = isDirty ? found !== undefined : had;
    const wanted = found && this.#peersOf(input, found);
    // Peers that are left out of an Eip are not to see a route of it.
    if (wanted !== undefined) this.#renewPeers(wanted, commands);
    // Routes before new peers: a new session begins with all of them.
    if (isUp) {
      const due = had ? change : { upserts: [...routes.values()], removes: [] };
      const isGoing = node !== undefined && isTakenOut(node);
      this.#route(due, isGoing, commands);
    } else if (had) this.#takeAllBack(commands);
    if (!isDirty) {
      if (isUp) commands.push(...this.#third(input, isDirty));
      return commands;
    }
    if (found === undefined || wanted === undefined) {
      this.#setPeers(new Map(), commands);
      this.#listen(undefined, commands);
      return commands;
    }
    this.#addresses.clear();
    for (const [name, { address }] of wanted) {
      if (address !== undefined) this.#addresses.set(name, address);
    }
    const { asPerRack = {} } = found.conf.spec;
    this.#rack = Object.keys(asPerRack).length > 0
      ? found.node.labels[RACK_LABEL]
      : undefined;
    commands.push(...this.#third(input, isDirty, wanted));
    this.#listen(found.conf, commands);
    this.#setPeers(wanted, commands);
    return commands;
  }

  /** The BgpConf that counts, if this node can use it. */
  #conf(
    { bgpconf }: BgpTables,
    node: Node | undefined,
  ): { readonly conf: BgpConf; readonly node: BgpNode } | undefined {
    this.#identity = undefined;
    this.#refusals = [];
    const conf = bgpconf.get(BGP_CONF_NAME);
    if (conf === undefined || isAway(conf) || node === undefined) return;
    const own = bgpNodeOf(node);
    const identity = bgpIdentityOf(conf.spec, own);
    const problem = bgpConfProblem(conf)?.message ??
      (identity.ok ? undefined : identity.error);
    if (problem !== undefined || !identity.ok) {
      this.#refusals = [{ peer: undefined, message: problem ?? "" }];
      return undefined;
    }
    this.#identity = identity.value;
    return { conf, node: own };
  }

  #third(
    { agents, nodes, routes, change, routerNames }: SpeakerInput,
    isDirty: boolean,
    all: ReadonlyMap<string, Pick<WantedPeer, "isRange">> = this.#peers,
  ): readonly BgpCommand[] {
    if (isDirty || agents !== this.#agents) {
      this.#agents = agents;
      this.#fellows = agents.map((agent) =>
        fellowOf(agent, nodes.get(agent.node), this.#rack)
      );
    }
    const names = [...all].flatMap(([name, { isRange }]) =>
      isRange ? [] : [name]
    );
    const peers = new Map(names.map((name) => [
      name,
      [this.#addresses.get(name), routerNames.get(name)].filter((one) =>
        one !== undefined
      ),
    ]));
    return this.#thirdParties.commands({
      fellows: this.#fellows,
      peers,
      routes,
      change,
    });
  }

  #route(
    { upserts, removes }: RouteChange,
    isGoing: boolean,
    commands: BgpCommand[],
  ): void {
    const batches = new Batches();
    const withdraw: IpAddr[] = [];
    for (const { vip, nodes, eip, weights } of upserts) {
      const before = this.#told.get(vip);
      if (nodes.includes(this.#node)) {
        const weight = weights?.[this.#node];
        const isTold = before?.eip === eip && before.weight === weight;
        if (!isTold) batches.add("announce", { eip, weight }, vip);
      } else if (before === undefined) continue;
      else if (isGoing) batches.add("retire", before, vip);
      else withdraw.push(vip);
    }
    for (const vip of removes) {
      if (this.#announced.has(vip)) withdraw.push(vip);
    }
    for (const { vip, told } of batches.all("announce")) {
      this.#announced.add(vip);
      this.#told.set(vip, told);
    }
    const gone = batches.all("retire").map(({ vip }) => vip);
    for (const vip of [...gone, ...withdraw]) {
      this.#announced.delete(vip);
      this.#told.delete(vip);
    }
    commands.push(
      ...batches.commands("announce"),
      ...batches.commands("retire"),
    );
    if (withdraw.length > 0) {
      commands.push({ kind: "withdraw", vips: withdraw });
    }
  }

  #takeAllBack(commands: BgpCommand[]): void {
    const vips = [...this.#announced];
    this.#announced.clear();
    this.#told.clear();
    if (vips.length > 0) commands.push({ kind: "withdraw", vips });
    commands.push(...this.#thirdParties.takeBack());
  }

  #listen(conf: BgpConf | undefined, commands: BgpCommand[]): void {
    const command = listenCommand(conf);
    const text = command.kind === "ignore"
      ? undefined
      : JSON.stringify(command);
    if (text === this.#listens) return;
    this.#listens = text;
    commands.push(command);
  }

  #peersOf(
    { tables: { bgppeer }, named = NOTHING_NAMED }: SpeakerInput,
    { conf, node }: { readonly conf: BgpConf; readonly node: BgpNode },
  ): ReadonlyMap<string, WantedPeer> {
    const wanted = new Map<string, WantedPeer>();
    const refusals: SpeakerRefusal[] = [];
    const peers = [...bgppeer.values()].filter((peer) =>
      !isAway(peer) && matchesLabels(peer.spec.nodeSelector, node.labels)
    ).sort(byAgeOf);
    const used: BgpPeer[] = [];
    for (const peer of peers) {
      const { name } = peer.meta;
      const password = named.passwordOf(peer);
      const { policy } = named;
      if (password.kind === "unheard" || policy === undefined) {
        const known = this.#peers.get(name);
        if (known !== undefined) wanted.set(name, known);
        continue;
      }
      const spec = withPassword(peer.spec, password);
      const [selection, pools] = [this.#selection, this.#pools];
      const terms = bgpPeerTerms(
        conf.spec,
        { name, spec, policy, pools, selection },
        node,
      );
      const aliases = conf.spec.communityAliases ?? {};
      const problem = bgpPeerProblem(peer, aliases) ?? duplicatePeerProblem(
        peer,
        used,
        [{ meta: { name: node.name, labels: node.labels } }],
      ) ?? (password.kind === "missing" ? password : undefined);
      if (problem !== undefined || !terms.ok) {
        const message = problem?.message ?? (terms.ok ? "" : terms.error);
        refusals.push({ peer: name, message });
        continue;
      }
      used.push(peer);
      // What routes carry is in a function of the terms, which has no text.
      const { advertisement } = peer.spec;
      const { speaker: { address }, dynamic } = terms.value;
      const isRange = dynamic !== undefined;
      const isOfLink = address === undefined || isLinkLocal(address);
      wanted.set(name, {
        text: JSON.stringify([
          terms.value,
          advertisement,
          versionOf(peer, password),
        ]),
        policy: terms.value.speaker.policy,
        command: { kind: "set-peer", name, terms: terms.value },
        address: isOfLink || isRange ? undefined : address,
        isRange,
      });
    }
    this.#refusals = refusals;
    this.#selection.keep(new Set(wanted.keys()));
    return wanted;
  }

  /** Sets the peers that are known and to be other ones. */
  #renewPeers(
    wanted: ReadonlyMap<string, WantedPeer>,
    commands: BgpCommand[],
  ): void {
    for (const [name, { command, ...peer }] of wanted) {
      const known = this.#peers.get(name);
      if (command === undefined || known === undefined) continue;
      if (known.text === peer.text && known.policy === peer.policy) continue;
      this.#peers.set(name, peer);
      commands.push(command);
    }
  }

  #setPeers(
    wanted: ReadonlyMap<string, WantedPeer>,
    commands: BgpCommand[],
  ): void {
    for (const name of this.#peers.keys()) {
      if (wanted.has(name)) continue;
      this.#peers.delete(name);
      commands.push({ kind: "remove-peer", name });
    }
    for (const [name, { command, ...peer }] of wanted) {
      if (command === undefined || this.#peers.has(name)) continue;
      this.#peers.set(name, peer);
      commands.push(command);
    }
  }
}

/**
 * Which version of a password it is: recordings leave passwords out, and are to
 * show all the same that there is another.
 */
function versionOf(
  { meta, spec }: BgpPeer,
  look: PasswordLook,
): number | string | undefined {
  if (look.kind === "known") return look.version;
  const { authPassword = "" } = spec.conf ?? {};
  return authPassword === "" ? undefined : meta.generation;
}

/** A spec whose password is that of its Secret. */
function withPassword(spec: BgpPeerSpec, look: PasswordLook): BgpPeerSpec {
  if (look.kind !== "known") return spec;
  const { authPassword } = look;
  return { ...spec, conf: { ...spec.conf, authPassword } };
}

/** Whether an object is going, or is another's: the CNI is in charge of it. */
function isAway({ meta }: BgpConf | BgpPeer): boolean {
  return meta.deletionTimestamp !== undefined ||
    meta.labels[CNI_LABEL] !== undefined;
}

function fellowOf(
  { node, live, leaving, routers }: FellowAgent,
  object: Node | undefined,
  rack: string | undefined,
): Fellow {
  const isNear = rack === undefined || object?.meta.labels[RACK_LABEL] === rack;
  return {
    node,
    addresses: object === undefined ? [] : bgpNodeOf(object).addresses,
    isCandidate: live && !leaving && isNear,
    isGoing: leaving || object !== undefined && isTakenOut(object),
    routers,
  };
}

function bgpNodeOf({ meta, addresses }: Node): BgpNode {
  return {
    name: meta.name,
    labels: meta.labels,
    addresses: addresses.flatMap(({ type, address }) =>
      type === INTERNAL_IP ? parseIpAddr(address) ?? [] : []
    ),
  };
}

function listenCommand(conf: BgpConf | undefined): BgpCommand {
  const { listenPort = 0, listenAddresses = [] } = conf?.spec ?? {};
  if (conf === undefined || listenPort < 0) return { kind: "ignore" };
  return {
    kind: "listen",
    port: listenPort === 0 ? BGP_PORT : listenPort,
    addresses: listenAddresses.flatMap((text) => parseIpAddr(text) ?? []),
  };
}

const NOTHING_NAMED: SpeakerReferences = {
  policy: new PolicyInForce(),
  passwordOf: () => ({ kind: "none" }),
};
const INTERNAL_IP = "InternalIP";
