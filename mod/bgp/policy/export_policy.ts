/**
 * A policy applied to what one peer is told.
 *
 * Statements are tried in their order: where all conditions of one hold, its
 * actions are done, and its disposition ends it or lets the next one follow,
 * which sees what was changed. What GoBGP does with the routes it originates is
 * done here too: they meet the import policies first, before they have an AS
 * path, and the export policies once our AS number is in it.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { type Prefix, prefixContains } from "@/addr/prefix.ts";
import type { Origin } from "@/wire/bgp/path_attribute.ts";
import type { ExportContext, ExportPolicy, PolicyResult } from "../exporter.ts";
import type { OwnAttributes, Path } from "../loc_rib.ts";
import { conditionHolds, type RouteView } from "./_condition_check.ts";
import { changedAttributes, prependedAsns } from "./_action_effect.ts";
import type {
  BgpPolicy,
  PolicyAction,
  PolicyChain,
  PolicyStatement,
} from "./policy.ts";

/**
 * The policy towards a peer. Conditions on neighbors are settled here, and what
 * is behind a statement that ends it for every route is left out.
 *
 * @param policy The policy.
 * @param neighbor The peer's address, where it is known.
 * @returns What the peer's routes go through.
 */
export function exportPolicy(
  policy: BgpPolicy,
  neighbor: IpAddr | undefined,
): ExportPolicy {
  const importing = towards(policy.importing, undefined);
  const exporting = canPass(importing)
    ? towards(policy.exporting, neighbor)
    : { ...policy.exporting, statements: [] };
  const needsPrefix = [...importing.statements, ...exporting.statements]
    .some(({ conditions }) =>
      conditions.some(({ kind }) => kind === "prefix-set")
    );
  return {
    needsPrefix,
    apply(path, context) {
      const draft = new Draft(path, context);
      return draft.passes(importing) && draft.passes(exporting, context)
        ? draft.result
        : undefined;
    },
  };
}

/** A chain for one neighbor: what no route meets is left out. */
function towards(
  chain: PolicyChain,
  neighbor: IpAddr | undefined,
): PolicyChain {
  const statements: PolicyStatement[] = [];
  for (const statement of chain.statements) {
    const isMeant = statement.conditions.every((one) =>
      one.kind !== "neighbor-set" || isNeighbor(one, neighbor)
    );
    if (!isMeant) continue;
    const conditions = statement.conditions.filter(({ kind }) =>
      kind !== "neighbor-set"
    );
    statements.push({ ...statement, conditions });
    if (conditions.length === 0 && statement.disposition !== "none") break;
  }
  return { ...chain, statements };
}

/** False where no route is accepted, whatever it is. */
function canPass({ statements, otherwise }: PolicyChain): boolean {
  const last = statements.at(-1);
  const isSettled = last?.conditions.length === 0 &&
    last.disposition !== "none";
  return !isSettled && otherwise === "accept" ||
    statements.some(({ disposition }) => disposition === "accept");
}

/** As in GoBGP, an empty set means everybody, and a peer without address is in none, inverted or not. */
function isNeighbor(
  { networks, option }: {
    readonly networks: readonly Prefix[];
    readonly option: "any" | "invert";
  },
  neighbor: IpAddr | undefined,
): boolean {
  if (networks.length === 0) return true;
  if (neighbor === undefined) return false;
  const isIn = networks.some((network) => prefixContains(network, neighbor));
  return isIn !== (option === "invert");
}

/** A route on its way through the statements. */
class Draft {
  readonly #path: Path;
  readonly #context: ExportContext;
  #attributes: OwnAttributes;
  #origin: Origin = "igp";
  #nextHop: IpAddr | "self" | undefined;
  /** AS numbers put there on import, behind ours. */
  #behind: readonly number[] = [];
  /** AS numbers put there on export, in front of ours. */
  #before: readonly number[] = [];

  constructor(path: Path, context: ExportContext) {
    this.#path = path;
    this.#context = context;
    this.#attributes = path.attributes;
  }

  get result(): PolicyResult {
    return {
      attributes: this.#attributes,
      origin: this.#origin,
      ...(this.#nextHop === undefined ? {} : { nextHop: this.#nextHop }),
      prepended: this.#before,
      originated: this.#behind,
    };
  }

  /**
   * Goes through a chain.
   *
   * @param chain The chain.
   * @param session The session on export; absent on import.
   * @returns Whether the route is accepted.
   */
  passes(chain: PolicyChain, session?: ExportContext): boolean {
    for (const { conditions, actions, disposition } of chain.statements) {
      if (conditions.length > 0) {
        const view = this.#view(session);
        if (!conditions.every((one) => conditionHolds(one, view))) continue;
      }
      for (const action of actions) this.#do(action, session);
      if (disposition !== "none") return disposition === "accept";
    }
    return chain.otherwise === "accept";
  }

  #view(session: ExportContext | undefined): RouteView {
    const { family, prefix, ownNextHop } = this.#context;
    return {
      family,
      prefix,
      attributes: this.#attributes,
      origin: this.#origin,
      asns: this.#asns(session),
      // The next hop from before any action, as in GoBGP.
      nextHop: this.#path.nextHop ?? ownNextHop,
    };
  }

  #asns(session: ExportContext | undefined): readonly number[] {
    if (session === undefined) return this.#behind;
    const own = session.external ? [session.localAs] : [];
    return [...this.#before, ...own, ...this.#behind];
  }

  #do(action: PolicyAction, session: ExportContext | undefined): void {
    switch (action.kind) {
      case "prepend": {
        const added = prependedAsns(action, this.#asns(session));
        if (session === undefined) this.#behind = [...added, ...this.#behind];
        else this.#before = [...added, ...this.#before];
        break;
      }
      case "next-hop":
        this.#nextHop = this.#nextHopBy(action.nextHop, session);
        break;
      case "origin":
        this.#origin = action.origin;
        break;
      default:
        this.#attributes = changedAttributes(this.#attributes, action);
    }
  }

  #nextHopBy(
    wanted: IpAddr | "self" | "unchanged",
    session: ExportContext | undefined,
  ): IpAddr | "self" | undefined {
    if (wanted === "unchanged") return this.#path.nextHop;
    // There is no session on import, so nothing is said there.
    if (wanted === "self" && session === undefined) return this.#nextHop;
    return wanted;
  }
}
