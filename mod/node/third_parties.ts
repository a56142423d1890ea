/**
 * Next hops besides this node, for routers that only some nodes speak to: over
 * ADD-PATH (RFC 7911) a session tells of every fit node whose agent lives and
 * has no session with that router itself.
 *
 * What is announced by such a next hop is in the speaker's table while some peer
 * is to know it; which next hops a peer is told of is said for each peer. New
 * ones are announced before old ones are withdrawn.
 *
 * @module
 */

import { familyOf, type IpAddr } from "@/addr/ip_addr.ts";
import type { RouteChange, RoutePlan } from "@/reconcile/mod.ts";
import type { BgpCommand } from "./bgp_commands.ts";

/** Another node's agent. */
export interface Fellow {
  /** Its node. */
  readonly node: string;
  /** The node's internal addresses; the first of a family counts. */
  readonly addresses: readonly IpAddr[];
  /** Whether it may be a next hop: its agent lives and stays, and its rack is ours where that counts. */
  readonly isCandidate: boolean;
  /** Whether it goes as planned, so that what it was the next hop of is marked first. */
  readonly isGoing: boolean;
  /** Names of the routers that it has sessions with. */
  readonly routers: readonly string[];
}

/** What decides. */
export interface ThirdPartyInput {
  /** The other agents. */
  readonly fellows: readonly Fellow[];
  /** The peers, and the names of each one's router. */
  readonly peers: ReadonlyMap<string, readonly string[]>;
  /** All routes. */
  readonly routes: ReadonlyMap<IpAddr, RoutePlan>;
  /** What of them is another than before. */
  readonly change: RouteChange;
}

/** Which next hops besides itself a node's speaker was told of. */
export class ThirdParties {
  /** Next hops by address of a Service. */
  readonly #told = new Map<IpAddr, Told>();
  /** What each peer is told of, as text; a peer without entry of none. */
  readonly #peers = new Map<string, string>();
  #parties: ReadonlyMap<string, Fellow> = new Map();
  #partiesText = "";
  /** The node that has an address, also of nodes that are gone. */
  readonly #nodes = new Map<IpAddr, string>();

  /** What the speaker is to do now. */
  commands(input: ThirdPartyInput): readonly BgpCommand[] {
    const peers = this.#setPeers(input);
    const isChanged = this.#setParties(input);
    const { routes, change } = input;
    const vips = isChanged
      ? new Set([...this.#told.keys(), ...routes.keys()])
      : [
        ...change.upserts.map(({ vip }) => vip),
        ...change.removes,
      ];
    const going = new Set(
      input.fellows.filter(({ isGoing }) => isGoing).map(({ node }) => node),
    );
    const batches = new Batches();
    for (const vip of vips) this.#look(vip, { routes, going }, batches);
    if (isChanged) this.#forget(input.fellows);
    return [
      ...batches.commands("announce"),
      ...peers,
      ...batches.commands("retire"),
      ...batches.commands("withdraw"),
    ];
  }

  /** Takes everything back. */
  takeBack(): readonly BgpCommand[] {
    const nothing = { upserts: [], removes: [] };
    const none = { fellows: [], peers: new Map(), routes: new Map() };
    return this.commands({ ...none, change: nothing });
  }

  /** Which next hops each peer may be told of: the nodes that have no session with its router. */
  #setPeers({ fellows, peers }: ThirdPartyInput): readonly BgpCommand[] {
    const commands: BgpCommand[] = [];
    for (const name of this.#peers.keys()) {
      if (!peers.has(name)) this.#peers.delete(name);
    }
    for (const [name, routers] of peers) {
      const nextHops = fellows.filter((fellow) => !speaksTo(fellow, routers))
        .flatMap(({ addresses }) => addresses);
      const text = nextHops.join();
      if ((this.#peers.get(name) ?? "") === text) continue;
      this.#peers.set(name, text);
      commands.push({ kind: "set-third-parties", name, nextHops });
    }
    return commands;
  }

  /** The nodes that some peer is to know as next hops; whether they are others than before. */
  #setParties({ fellows, peers }: ThirdPartyInput): boolean {
    const parties = new Map<string, Fellow>();
    for (const fellow of fellows) {
      for (const addr of fellow.addresses) this.#nodes.set(addr, fellow.node);
      if (!fellow.isCandidate) continue;
      const isWanted = [...peers.values()].some((routers) =>
        !speaksTo(fellow, routers)
      );
      if (isWanted) parties.set(fellow.node, fellow);
    }
    this.#parties = parties;
    const text = [...parties].map(([node, { addresses }]) =>
      `${node} ${addresses}`
    ).join();
    const isChanged = text !== this.#partiesText;
    this.#partiesText = text;
    return isChanged;
  }

  #look(
    vip: IpAddr,
    { routes, going }: {
      readonly routes: ReadonlyMap<IpAddr, RoutePlan>;
      readonly going: ReadonlySet<string>;
    },
    batches: Batches,
  ): void {
    const { hops: told, eip: before } = this.#told.get(vip) ?? NOT_TOLD;
    const route = routes.get(vip);
    const wanted: Hop[] = (route?.nodes ?? []).flatMap((node) => {
      const nextHop = nextHopOf(this.#parties.get(node), vip);
      const weight = route?.weights?.[node];
      return nextHop === undefined ? [] : { nextHop, weight };
    });
    const eip = route?.eip ?? before;
    for (const hop of wanted) {
      const isTold = told.some(({ nextHop, weight }) =>
        nextHop === hop.nextHop && weight === hop.weight
      );
      if (isTold && eip === before) continue;
      batches.add("announce", { ...hop, eip }, vip);
    }
    for (const hop of told) {
      const { nextHop } = hop;
      if (wanted.some((one) => one.nextHop === nextHop)) continue;
      const isGoing = route !== undefined &&
        going.has(this.#nodes.get(nextHop) ?? "");
      if (isGoing) batches.add("retire", { ...hop, eip: before }, vip);
      else batches.add("withdraw", { nextHop }, vip);
    }
    if (wanted.length === 0) this.#told.delete(vip);
    else this.#told.set(vip, { hops: wanted, eip });
  }

  /** Forgets the nodes of addresses that nobody has, and nobody was told of. */
  #forget(fellows: readonly Fellow[]): void {
    const known = new Set(fellows.flatMap(({ addresses }) => addresses));
    const told = new Set(
      [...this.#told.values()].flatMap(({ hops }) =>
        hops.map(({ nextHop }) => nextHop)
      ),
    );
    for (const addr of this.#nodes.keys()) {
      if (!known.has(addr) && !told.has(addr)) this.#nodes.delete(addr);
    }
  }
}

/** What the speaker was told of an address. */
interface Told {
  /** Next hops. */
  readonly hops: readonly Hop[];
  /** The Eip it is from. */
  readonly eip: string;
}

/** A next hop, and how much traffic it should get; absent: as much as any other. */
interface Hop {
  readonly nextHop: IpAddr;
  readonly weight?: number | undefined;
}

/** How addresses are reached, and the Eip they are from, where that counts. */
interface Way extends Hop {
  readonly eip?: string;
}

/** Addresses of Services by what is to be done with them, their next hop, its weight, and their Eip. */
class Batches {
  readonly #ways = {
    announce: new Map<string, Batch>(),
    retire: new Map<string, Batch>(),
    withdraw: new Map<string, Batch>(),
  };

  add(
    kind: "announce" | "retire" | "withdraw",
    { nextHop, weight, eip }: Way,
    vip: IpAddr,
  ): void {
    const key = `${nextHop} ${weight} ${eip}`;
    const batch = this.#ways[kind].get(key);
    if (batch !== undefined) batch.vips.push(vip);
    else {
      const of = {
        ...(weight === undefined ? {} : { weight }),
        ...(eip === undefined ? {} : { eip }),
      };
      this.#ways[kind].set(key, { nextHop, ...of, vips: [vip] });
    }
  }

  commands(kind: "announce" | "retire" | "withdraw"): readonly BgpCommand[] {
    return [...this.#ways[kind].values()].map((batch) => ({ kind, ...batch }));
  }
}

interface Batch {
  readonly nextHop: IpAddr;
  readonly weight?: number;
  readonly eip?: string;
  readonly vips: IpAddr[];
}

function speaksTo({ routers }: Fellow, names: readonly string[]): boolean {
  return names.some((name) => routers.includes(name));
}

/** Of the address's family, if the node has one; else by the other (RFC 8950), where the session can. */
function nextHopOf(
  fellow: Fellow | undefined,
  vip: IpAddr,
): IpAddr | undefined {
  const { addresses = [] } = fellow ?? {};
  return addresses.find((addr) => familyOf(addr) === familyOf(vip)) ??
    addresses[0];
}

const NOT_TOLD: Told = { hops: [], eip: "" };
