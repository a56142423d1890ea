/**
 * The rights in Kubernetes that the API server refused to this agent.
 *
 * An agent goes on without them as far as it can; what an operator needs is the
 * sentence that says which right to grant. The words of the refusal have it:
 * every authorizer's are put together by the API server itself.
 *
 * @module
 */

import type { Instant } from "./main_events.ts";

/** A right that an agent lacks. */
export interface MissingRight {
  /** Who lacks it, such as `system:serviceaccount:openelb-system:foghorn`. */
  readonly user: string;
  /** What is refused, such as `list`. */
  readonly verb: string;
  /** Of what, as a role names it: `services/status`. */
  readonly resource: string;
  /** Its API group; empty for the core group. */
  readonly group: string;
  /** The one namespace that was asked for; absent: all of them. */
  readonly namespace?: string;
}

/**
 * Remembers which rights were refused, until they are granted.
 *
 * An API server that has just started refuses what it has not read the roles of
 * yet. So a refusal is a want at once where that server has let us in already,
 * with no trouble since; elsewhere when it is repeated {@linkcode
 * REFUSAL_SETTLE_MS} later, with no other trouble in between.
 */
export class MissingRights {
  /** By what was tried. */
  readonly #refusals = new Map<string, Refusal>();
  /** Watches that are lost, and not for want of a right. */
  readonly #lost = new Set<string>();
  /** Watches that were let in, and not lost since. */
  readonly #letIn = new Set<string>();
  /** Since when it is refused what may be no want, by what was tried. */
  readonly #refusedSinceMs = new Map<string, number>();
  /** When something failed last that was not for want of a right. */
  #troubleMs = -Infinity;

  /**
   * Notes what a watch told.
   *
   * @param watched The kind it watches.
   * @param news What it told.
   * @param at The time.
   * @returns The right, when it was not known to be missing.
   */
  takeNews(
    watched: string,
    news: { readonly kind: string; readonly reason?: string },
    at: Instant,
  ): MissingRight | undefined {
    // What cannot be read says nothing about rights.
    if (news.kind === "unprojectable") return undefined;
    const source = `watch ${watched}`;
    if (news.kind !== "lost") {
      this.#granted(source);
      this.#lost.delete(source);
      this.#letIn.add(watched);
      return undefined;
    }
    const words = news.reason ?? "";
    if (parseMissingRight(words) === undefined) {
      this.#noteTrouble(at);
      this.#lost.add(source);
      this.#letIn.delete(watched);
      return undefined;
    }
    const isWant = this.#isSettled(at) && !this.#lost.has(source);
    this.#letIn.delete(watched);
    return this.#refused({ source, words, isWant, durationMs: Infinity }, at);
  }

  /**
   * Notes the answer to a write.
   *
   * @param source What was tried; the same text for the same right.
   * @param failure The words of a failure; undefined: it was let through.
   * @param at The time.
   * @returns Whether it failed for want of a right, and which one, when it was
   * not known to be missing.
   */
  takeAnswer(
    source: string,
    failure: string | undefined,
    at: Instant,
  ): { readonly fresh: MissingRight | undefined } | undefined {
    if (failure === undefined) {
      this.#granted(source);
      return undefined;
    }
    if (parseMissingRight(failure) === undefined) {
      this.#noteTrouble(at);
      return undefined;
    }
    const isWant = this.#isSettled(at);
    const durationMs = REFUSAL_REMEMBERED_MS;
    const refusal = { source, words: failure, isWant, durationMs };
    return { fresh: this.#refused(refusal, at) };
  }

  /**
   * Notes that this process stood still, and saw nothing of what happened.
   *
   * @param gapMs For how long.
   * @param at The time.
   */
  notePause(gapMs: number, at: Instant): void {
    if (gapMs >= API_START_MS) this.#noteTrouble(at);
  }

  /**
   * Forgets a watch that has ended.
   *
   * @param watched What it watched.
   */
  forget(watched: string): void {
    const source = `watch ${watched}`;
    this.#granted(source);
    this.#lost.delete(source);
    this.#letIn.delete(watched);
  }

  /** The rights that are missing now, each once. */
  missing(at: Instant): readonly MissingRight[] {
    const rights = new Map<string, MissingRight>();
    for (const { right, untilMs } of this.#refusals.values()) {
      if (at.nowMs < untilMs) rights.set(rightKey(right), right);
    }
    return [...rights.values()];
  }

  /** Whether the API server that refuses has read its roles. */
  #isSettled(at: Instant): boolean {
    if (at.nowMs - this.#troubleMs < SETTLE_MS) return false;
    const letIn = [...this.#letIn];
    return letIn.some(isOfRole) && letIn.some((watched) => !isOfRole(watched));
  }

  /** The API server may be another from here on: what it refused before says nothing about what it refuses. */
  #noteTrouble(at: Instant): void {
    this.#troubleMs = at.nowMs;
    this.#refusedSinceMs.clear();
  }

  #granted(source: string): void {
    this.#refusals.delete(source);
    this.#refusedSinceMs.delete(source);
  }

  #refused(
    { source, words, isWant, durationMs }: Attempt,
    at: Instant,
  ): MissingRight | undefined {
    const right = parseMissingRight(words);
    if (right === undefined) return undefined;
    const missing = this.missing(at);
    const isKnown = missing.some((other) =>
      rightKey(other) === rightKey(right)
    );
    if (!isWant && !isKnown && !this.#isLasting(source, at)) return undefined;
    this.#refusedSinceMs.delete(source);
    this.#refusals.set(source, { right, untilMs: at.nowMs + durationMs });
    return isKnown ? undefined : right;
  }

  /** Whether this was refused long enough, and by one API server. */
  #isLasting(source: string, at: Instant): boolean {
    const sinceMs = this.#refusedSinceMs.get(source);
    const forMs = at.nowMs - (sinceMs ?? -Infinity);
    if (forMs < REFUSAL_SETTLE_MS) return false;
    if (forMs < REFUSAL_REMEMBERED_MS) return true;
    this.#refusedSinceMs.set(source, at.nowMs);
    return false;
  }
}

/**
 * Reads a refusal of the API server.
 *
 * @example Usage
 * ```ts
 * import { parseMissingRight } from "@/node/missing_rights.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const words = 'nodes is forbidden: User "u" cannot list resource "nodes" in API group "" at the cluster scope';
 * strictEqual(parseMissingRight(words)?.verb, "list");
 * ```
 *
 * @param message The refusal's words, with anything around them.
 * @returns The right; undefined when the refusal is about something else, such
 * as a quota.
 */
export function parseMissingRight(message: string): MissingRight | undefined {
  const match =
    /User "([^"]*)" cannot (\S+) resource "([^"]+)" in API group "([^"]*)"(?: in the namespace "([^"]*)")?/
      .exec(message);
  if (match === null) return undefined;
  const [, user = "", verb = "", resource = "", group = "", namespace] = match;
  return {
    user,
    verb,
    resource,
    group,
    ...(namespace === undefined ? {} : { namespace }),
  };
}

/**
 * One sentence that says which right is missing and what to do.
 *
 * @param right The right.
 */
export function missingRightSentence(right: MissingRight): string {
  const { user, verb, resource, group, namespace } = right;
  const what = group === "" ? resource : `${resource} of ${group}`;
  const where = namespace === undefined ? "" : ` in namespace ${namespace}`;
  return `The API server does not let ${user} ${verb} ${what}${where}: add the verb to the role bound to that user, docs/permissions.md has them all`;
}

interface Attempt {
  readonly source: string;
  readonly words: string;
  /** Whether the refusal by itself shows that the right is missing. */
  readonly isWant: boolean;
  readonly durationMs: number;
}

interface Refusal {
  readonly right: MissingRight;
  readonly untilMs: number;
}

function rightKey({ verb, resource, group }: MissingRight): string {
  return `${verb} ${resource}.${group}`;
}

/**
 * How long a refused write counts without another: whoever stops being the
 * controller does not try again. One that is still due is tried sooner.
 */
export const REFUSAL_REMEMBERED_MS = 300_000;

/**
 * How long a server may refuse that has not read its roles: longer than a watch
 * waits until it asks again, which is 15 s.
 */
export const REFUSAL_SETTLE_MS = 20_000;

/** An API server takes longer to start: while this process stood still for less, it was the same one. */
export const API_START_MS = 2_000;

/** How long after other trouble a refusal says nothing. */
export const SETTLE_MS = 10_000;

/** Of single objects the name follows the kind. */
function isOfRole(watched: string): boolean {
  return OF_ROLE.has(watched.replace(/\/.*/, ""));
}

/**
 * Watches that a Role lets in, in the agent's namespace; a ClusterRole does the
 * others. A server reads the two apart from each other.
 */
const OF_ROLE: ReadonlySet<string> = new Set([
  "lease",
  "secret",
  "certificate",
  "policy",
  "password",
]);
