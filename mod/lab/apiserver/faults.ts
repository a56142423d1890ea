/**
 * What goes wrong on purpose. Rules decide about requests as they come in;
 * whoever holds the server may also strike at what is open already.
 *
 * @module
 */

import type { Random } from "@/lang/random.ts";
import type { Verb } from "./resource_request.ts";
import type { CutKind } from "./watch_session.ts";

/** Which requests a fault strikes; what is absent does not matter. */
export interface FaultMatch {
  /** What is to be done. */
  readonly verbs?: readonly Verb[];
  /** Such as `services`, `services/status` or `eips.network.kubesphere.io`. */
  readonly resource?: string;
  /** Namespace. */
  readonly namespace?: string;
  /** Name of the object. */
  readonly name?: string;
  /** Address of the client. */
  readonly remoteAddress?: string;
  /** Part of the name the client gives itself. */
  readonly userAgent?: string;
}

/** What goes wrong. */
export type Fault =
  | {
    /** The answer takes longer, by a random time between the bounds. */
    readonly kind: "latency";
    readonly minMs: number;
    readonly maxMs: number;
  }
  | {
    /** The answer is an error, and nothing was done. */
    readonly kind: "error";
    readonly code: number;
    readonly retryAfterSeconds?: number;
  }
  | {
    /** The connection is dropped before or after the request took effect. */
    readonly kind: "drop";
    readonly how: CutKind;
    readonly when: "before" | "after";
  }
  | {
    /** The request is never answered, and the connection stays. */
    readonly kind: "hang";
  }
  | {
    /** A watch begins, and nothing ever comes. */
    readonly kind: "silent-watch";
  }
  | {
    /** A watch begins, and what it has to tell comes when the rule goes. */
    readonly kind: "held-watch";
  }
  | {
    /** A watch is cut after some events. */
    readonly kind: "cut-watch";
    readonly how: CutKind;
    readonly afterEvents: number;
  }
  | {
    /**
     * Reads are answered from the past: from this revision, or from the one
     * there was when the rule was added.
     */
    readonly kind: "stale";
    readonly revision?: number;
  }
  | {
    /** Writes are answered as if they were stored, and are not. */
    readonly kind: "lie";
  };

/** A fault, and when it strikes. */
export interface FaultRule {
  /** Which requests; all when absent. */
  readonly match?: FaultMatch;
  /** How often at most; without end when absent. */
  readonly times?: number;
  /** How likely, 0 to 1; always when absent. */
  readonly probability?: number;
  /** What happens. */
  readonly fault: Fault;
}

/** A request, as faults see it. */
export interface FaultSubject {
  /** What is to be done. */
  readonly verb: Verb;
  /** Such as `services/status`. */
  readonly resource: string;
  /** Namespace, or empty. */
  readonly namespace: string;
  /** Name, or empty. */
  readonly name: string;
  /** Address of the client. */
  readonly remoteAddress: string;
  /** Name the client gives itself. */
  readonly userAgent: string;
}

/** What the rules decide about one request. */
export interface FaultDecision {
  /** How long the answer waits, in milliseconds. */
  readonly delayMs: number;
  /** Rules that strike, by number. */
  readonly faults: ReadonlyMap<number, Fault>;
}

/** The rules that stand. */
export class FaultRules {
  readonly #random: Random;
  readonly #rules = new Map<number, { rule: FaultRule; left: number }>();
  #lastId = 0;

  /**
   * Makes an empty set of rules.
   *
   * @param random Decides what is left to chance.
   */
  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * Adds a rule.
   *
   * @param rule The rule.
   * @returns Its number.
   */
  add(rule: FaultRule): number {
    this.#rules.set(++this.#lastId, { rule, left: rule.times ?? Infinity });
    return this.#lastId;
  }

  /** Removes a rule; says whether it was there. */
  remove(id: number): boolean {
    return this.#rules.delete(id);
  }

  /** The rules that stand, by number. */
  entries(): [number, FaultRule][] {
    return [...this.#rules].map(([id, { rule }]) => [id, rule]);
  }

  /**
   * Decides about a request.
   *
   * @param subject The request.
   * @returns What strikes it.
   */
  decide(subject: FaultSubject): FaultDecision {
    let delayMs = 0;
    const faults = new Map<number, Fault>();
    for (const [id, entry] of this.#rules) {
      const { match, probability = 1, fault } = entry.rule;
      if (entry.left <= 0 || !matchesFault(match, subject)) continue;
      if (!concerns(fault, subject.verb)) continue;
      if (probability < 1 && this.#random.next() >= probability) continue;
      entry.left--;
      faults.set(id, fault);
      if (fault.kind === "latency") {
        delayMs += fault.minMs +
          this.#random.next() * (fault.maxMs - fault.minMs);
      }
    }
    return { delayMs, faults };
  }
}

/**
 * Tells whether a fault is aimed at a request.
 *
 * @param match The aim; everything when absent.
 * @param subject The request.
 * @returns Whether it is.
 */
export function matchesFault(
  match: FaultMatch | undefined,
  subject: FaultSubject,
): boolean {
  const { verbs, resource, namespace, name, remoteAddress, userAgent } =
    match ?? {};
  return (verbs === undefined || verbs.includes(subject.verb)) &&
    (resource === undefined || resource === subject.resource) &&
    (namespace === undefined || namespace === subject.namespace) &&
    (name === undefined || name === subject.name) &&
    (remoteAddress === undefined || remoteAddress === subject.remoteAddress) &&
    (userAgent === undefined || subject.userAgent.includes(userAgent));
}

function concerns(fault: Fault, verb: Verb): boolean {
  switch (fault.kind) {
    case "silent-watch":
    case "held-watch":
    case "cut-watch":
      return verb === "watch";
    case "stale":
      return verb === "get" || verb === "list";
    case "lie":
      return verb !== "get" && verb !== "list" && verb !== "watch";
    default:
      return true;
  }
}
