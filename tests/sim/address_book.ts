/**
 * Who has which address, as the API server shows it, and the two rules about
 * it: no address on two Services that may not share it, and none that changes
 * without a request.
 *
 * @module
 */

import type { Change } from "@/lab/apiserver/watch_cache.ts";
import {
  type EipFacts,
  eipFacts,
  ipNumber,
  type ServiceFacts,
  serviceFacts,
} from "./facts.ts";
import type { Timeline } from "./timeline.ts";

/** What a Service was given. */
interface Promised {
  readonly uid: string;
  readonly ips: readonly string[];
  /** What it asked for. */
  readonly request: string;
  /** The Eips it was labelled with. */
  readonly labels: readonly string[];
  /** Whether it asks for something else since. */
  readonly isOpen: boolean;
}

/** Addresses whose Eip is gone, and from when until when they may be given up. */
interface Gap {
  readonly name: string;
  readonly family: number;
  readonly first: bigint;
  readonly last: bigint;
  readonly fromMs: number;
  untilMs: number;
}

/** Keeps account of addresses. */
export class AddressBook {
  readonly #timeline: Timeline;
  readonly #broken: (what: string) => never;
  readonly #services = new Map<string, ServiceFacts>();
  readonly #promised = new Map<string, Promised>();
  readonly #gaps: Gap[] = [];
  #isWiping = false;

  /** A book without entries. */
  constructor(timeline: Timeline, broken: (what: string) => never) {
    this.#timeline = timeline;
    this.#broken = broken;
  }

  /** The Services by key. */
  get services(): ReadonlyMap<string, ServiceFacts> {
    return this.#services;
  }

  /** Lets somebody destroy statuses: what was given stays promised. */
  wiping(wipe: () => void): void {
    this.#isWiping = true;
    wipe();
    this.#isWiping = false;
  }

  /** The addresses a Service was given and has not lost by a request. */
  promisedTo(key: string): readonly string[] {
    return this.#promised.get(key)?.ips ?? [];
  }

  /** Takes a change of an Eip. */
  eip({ type, object }: Change): void {
    const facts = eipFacts(object);
    if (type === "DELETED") this.#openGap(facts);
    else {
      for (const gap of this.#gaps) {
        if (gap.name !== facts.key || gap.untilMs !== Infinity) continue;
        gap.untilMs = this.#timeline.nowMs + GAP_HEEDED_MS;
      }
    }
  }

  /** Takes a change of a Service. */
  service({ type, object }: Change): void {
    const facts = serviceFacts(object);
    const { key } = facts;
    const before = this.#services.get(key);
    if (type === "DELETED") {
      this.#services.delete(key);
      this.#promised.delete(key);
      return;
    }
    this.#services.set(key, facts);
    const had = [...before?.ips ?? [], ...this.promisedTo(key)];
    for (const ip of facts.ips) {
      if (!had.includes(ip)) this.#checkAlone(facts, ip);
    }
    if (!facts.isServed) this.#promised.delete(key);
    else this.#checkKept(facts, before?.ips ?? []);
  }

  #checkAlone(facts: ServiceFacts, ip: string): void {
    for (const other of this.#services.values()) {
      if (other.key === facts.key) continue;
      const has = other.ips.includes(ip) ||
        this.promisedTo(other.key).includes(ip) &&
          !this.#isGiven(ip, this.#promised.get(other.key)?.labels);
      if (!has || mayShare(facts, other, ip)) continue;
      this.#broken(
        `${facts.key} was given ${ip}, which ${other.key} has and does not share`,
      );
    }
  }

  #checkKept(facts: ServiceFacts, shown: readonly string[]): void {
    const { key, ips, request, uid, labels } = facts;
    const known = this.#promised.get(key);
    const promised = known?.uid === uid ? known : undefined;
    const isOpen = promised !== undefined &&
      (promised.isOpen || promised.request !== request);
    const lost = promised?.ips.filter((ip) => !ips.includes(ip)) ?? [];
    const isLoss = lost.length > 0 && (ips.length > 0 || shown.length > 0);
    if (isLoss && !this.#isWiping && !isOpen) {
      const taken = lost.find((ip) => !this.#isGiven(ip, promised?.labels));
      if (taken !== undefined) {
        this.#broken(
          `${key} had ${taken} and shows ${
            ips.join(" ") || "nothing"
          }, and asked for no change`,
        );
      }
    }
    if (ips.length > 0) {
      const isSame = lost.length === 0 && promised?.ips.length === ips.length;
      this.#promised.set(key, {
        uid,
        ips,
        request,
        labels,
        isOpen: isSame && isOpen,
      });
    } else if (promised !== undefined) {
      this.#promised.set(key, { ...promised, request, isOpen });
    }
  }

  #openGap({ key, family, first, last }: EipFacts): void {
    this.#gaps.push({
      name: key,
      family,
      first,
      last,
      fromMs: this.#timeline.nowMs + GONE_MS,
      untilMs: Infinity,
    });
  }

  /** Whether an address may be given up because its Eip has been gone for long: the one that had it, or that its Service is labelled with. */
  #isGiven(ip: string, labels: readonly string[] = []): boolean {
    const number = ipNumber(ip);
    const familyOfIp = ip.includes(":") ? 6 : 4;
    const { nowMs } = this.#timeline;
    return this.#gaps.some(({ name, family, first, last, fromMs, untilMs }) =>
      fromMs <= nowMs && nowMs < untilMs && family === familyOfIp &&
      (labels.includes(name) || first <= number && number <= last)
    );
  }
}

/** Whether two Services may have one address together: one of them names it, which is the wish to share it. */
export function mayShare(
  a: ServiceFacts,
  b: ServiceFacts,
  ip: string,
): boolean {
  const isNamed = a.wantedIps.includes(ip) || b.wantedIps.includes(ip);
  const samePorts = a.ports.some((port) => b.ports.includes(port));
  const samePlaces = !a.isLocal && !b.isLocal || a.selector === b.selector;
  return isNamed && !samePorts && samePlaces;
}

/** For how long the addresses of an Eip that vanished are kept, less what clocks differ. */
const GONE_MS = 25_000;
/** How long a controller may take to see that an Eip is back. */
const GAP_HEEDED_MS = 120_000;
