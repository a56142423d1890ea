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

/** Remembers which rights were refused, until they are granted. */
export class MissingRights {
  /** By what was tried. */
  readonly #refusals = new Map<string, Refusal>();
  /** Watches that are lost, and not for want of a right. */
  readonly #lost = new Set<string>();
  /** What a watch was refused just after other trouble, and is told once. */
  readonly #unsettled = new Map<string, Unsettled>();
  /** When something failed last that was not for want of a right. */
  #troubleMs = -Infinity;

  /**
   * Notes what a watch told.
   *
   * @param watched The kind it watches.
   * @param news What it told.
   * @param at The time.
   * @returns The right, when it was not known to be missing. Right after other
   * trouble none is yet, see {@link MissingRights.takeDue}.
   */
  takeNews(
    watched: string,
    news: { readonly kind: string; readonly reason?: string },
    at: Instant,
  ): MissingRight | undefined {
    const source = `watch ${watched}`;
    if (news.kind === "lost") {
      const words = news.reason ?? "";
      if (parseMissingRight(words) === undefined) {
        this.#troubleMs = at.nowMs;
        this.#lost.add(source);
      } else if (this.#isSettled(at) && !this.#lost.has(source)) {
        return this.#refused(source, words, at, Infinity)?.fresh;
      } else {
        const dueMs = at.nowMs + WATCH_SETTLE_MS;
        this.#unsettled.set(source, { words, dueMs });
      }
      return undefined;
    }
    // What cannot be read says nothing about rights.
    if (news.kind === "unprojectable") return undefined;
    this.#refusals.delete(source);
    this.#unsettled.delete(source);
    this.#lost.delete(source);
    return undefined;
  }

  /**
   * Takes what was refused just after other trouble, and still is.
   *
   * @param at The time.
   * @returns The rights that were not known to be missing.
   */
  takeDue(at: Instant): readonly MissingRight[] {
    const due: MissingRight[] = [];
    for (const [source, { words, dueMs }] of this.#unsettled) {
      if (at.nowMs < dueMs) continue;
      this.#unsettled.delete(source);
      const fresh = this.#refused(source, words, at, Infinity)?.fresh;
      if (fresh !== undefined) due.push(fresh);
    }
    return due;
  }

  /** When {@link MissingRights.takeDue} has something, or undefined. */
  deadlineMs(): number | undefined {
    if (this.#unsettled.size === 0) return undefined;
    return Math.min(
      ...Array.from(this.#unsettled.values(), ({ dueMs }) => dueMs),
    );
  }

  /**
   * Notes the answer to a write.
   *
   * @param source What was tried; the same text for the same right.
   * @param failure The words of a failure; undefined: it was let through.
   * @param at The time.
   * @returns Whether it failed for want of a right, and which one, when it was
   * not known to be missing. An API server that has just started refuses what it
   * has not read the roles of yet: that is no want, the write is tried again.
   */
  takeAnswer(
    source: string,
    failure: string | undefined,
    at: Instant,
  ): { readonly fresh: MissingRight | undefined } | undefined {
    if (failure === undefined) {
      this.#refusals.delete(source);
      return undefined;
    }
    if (parseMissingRight(failure) === undefined) {
      this.#troubleMs = at.nowMs;
      return undefined;
    }
    return this.#isSettled(at)
      ? this.#refused(source, failure, at, REFUSAL_REMEMBERED_MS)
      : { fresh: undefined };
  }

  /** The rights that are missing now, each once. */
  missing(at: Instant): readonly MissingRight[] {
    const rights = new Map<string, MissingRight>();
    for (const { right, untilMs } of this.#refusals.values()) {
      if (at.nowMs < untilMs) rights.set(rightKey(right), right);
    }
    return [...rights.values()];
  }

  #isSettled(at: Instant): boolean {
    return at.nowMs - this.#troubleMs >= SETTLE_MS;
  }

  // A failure of another kind, such as an outage, says nothing about rights.
  #refused(
    source: string,
    words: string,
    at: Instant,
    durationMs: number,
  ): { readonly fresh: MissingRight | undefined } | undefined {
    const right = parseMissingRight(words);
    if (right === undefined) return undefined;
    const isKnown = this.missing(at).some((other) =>
      rightKey(other) === rightKey(right)
    );
    this.#refusals.set(source, { right, untilMs: at.nowMs + durationMs });
    return { fresh: isKnown ? undefined : right };
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

interface Unsettled {
  readonly words: string;
  readonly dueMs: number;
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

/** How long a watch that was lost before is given to be let in: it asks again within 15 s. */
export const WATCH_SETTLE_MS = 20_000;

/** How long after other trouble a refusal says nothing. */
export const SETTLE_MS = 10_000;
