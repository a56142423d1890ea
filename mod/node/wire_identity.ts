/**
 * By what agents on a link know each other: the cluster they belong to, and the
 * key of the Secret `foghorn-wire-key` where there is one.
 *
 * @module
 */

import type { WireKeySecret } from "@/api/mod.ts";
import { clusterIdOf } from "@/wire/fellow.ts";
import type { Instant, WatchNews } from "./main_events.ts";
import type { WireCluster } from "./wire_messages.ts";

/** What the watch of the Secret tells. */
export type SecretNews = Extract<
  WatchNews,
  { readonly watched: "secret" }
>["news"];

/** What is to be logged of the key. */
export type KeyNews =
  /** Another key is used from here on, or none. */
  | { readonly kind: "changed"; readonly signed: boolean }
  /** The Secret cannot be used: the last good key stays. */
  | { readonly kind: "unusable"; readonly problem: string };

/** Keeps the identity of the cluster, and its key. */
export class WireIdentity {
  #uid: string | undefined;
  #wireKey: string | undefined;
  #problem: string | undefined;
  /** Whether the Secret, or that it cannot be had, is known. */
  #settled = false;
  #untilMs: number | undefined;
  #cluster: WireCluster | undefined;

  /**
   * Notes the UID of the Namespace kube-system.
   *
   * @param uid The UID; undefined while it is not known: what was known stays.
   * @param at The time.
   */
  setUid(uid: string | undefined, at: Instant): void {
    if (uid === undefined || uid === "" || uid === this.#uid) return;
    this.#uid = uid;
    this.#untilMs ??= at.nowMs + SECRET_WAIT_MS;
    this.#cluster = undefined;
  }

  /**
   * Takes what the watch of the Secret tells.
   *
   * A Secret that is gone ends the use of a key. One that cannot be used does
   * not: the last good key stays, so that a slip of the hand splits no cluster.
   *
   * @param news The news.
   * @returns What is worth a line in the log.
   */
  take(news: SecretNews): KeyNews | undefined {
    switch (news.kind) {
      case "listed":
        return this.#use(news.objects[0]);
      case "changed":
        return this.#use(news.object);
      case "deleted":
        return this.#use(undefined);
      case "lost":
        // Without the right to read it an agent works without a key.
        this.#settled = true;
        return undefined;
      case "alive":
      case "unprojectable":
        return undefined;
    }
  }

  /** What the wire core is to be told; undefined: not known yet. The same value while nothing changed. */
  cluster(at: Instant): WireCluster | undefined {
    if (this.#uid === undefined) return undefined;
    if (!this.#settled && at.nowMs < (this.#untilMs ?? 0)) return undefined;
    this.#untilMs = at.nowMs;
    this.#cluster ??= {
      clusterId: clusterIdOf(this.#uid),
      ...(this.#wireKey === undefined ? {} : { wireKey: this.#wireKey }),
    };
    return this.#cluster;
  }

  /** Whether frames carry an HMAC. */
  get isSigned(): boolean {
    return this.#wireKey !== undefined;
  }

  /** When to go on without having heard of the Secret, or undefined. */
  deadlineMs(): number | undefined {
    return this.#settled || this.#cluster !== undefined
      ? undefined
      : this.#untilMs;
  }

  #use(secret: WireKeySecret | undefined): KeyNews | undefined {
    this.#settled = true;
    if (secret?.problem !== undefined) {
      if (secret.problem === this.#problem) return undefined;
      this.#problem = secret.problem;
      return { kind: "unusable", problem: secret.problem };
    }
    this.#problem = undefined;
    if (secret?.wireKey === this.#wireKey) return undefined;
    this.#wireKey = secret?.wireKey;
    this.#cluster = undefined;
    return { kind: "changed", signed: this.#wireKey !== undefined };
  }
}

/** How long the identity waits for the Secret to be listed. */
const SECRET_WAIT_MS = 3_000;
