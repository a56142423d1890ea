/**
 * What this node has to tell for NodeProxy: how kube-proxy forwards, and on
 * which of the ports that Services want the host itself listens.
 *
 * Nothing is asked and nothing is told while no Service wants that. A UDP socket
 * may have a port by chance for a moment, as the resolver of every program does:
 * a port that was free is taken when it is seen twice in a row.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import {
  formatPort,
  IPVS_MODE,
  type PortText,
  type PublishedNodeProxy,
} from "@/api/mod.ts";
import type { Instant } from "./main_events.ts";

/** A socket of the host that takes what comes to a port. */
export interface Listener {
  /** `TCP` or `UDP`. */
  readonly protocol: string;
  /** The port. */
  readonly port: number;
  /** The address it is bound to; the unspecified one stands for all. */
  readonly address: IpAddr;
}

/** What was found on the host. */
export interface HostLook {
  /** The ports that were looked for. */
  readonly ports: readonly PortText[];
  /** How kube-proxy says that it forwards; absent: it does not say. */
  readonly mode?: string;
  /** Who listens on one of the ports; absent: that could not be told. */
  readonly listeners?: readonly Listener[];
}

/** What else is known of the host. */
export interface HostFacts {
  /** Addresses of the Node. */
  readonly addresses: ReadonlySet<IpAddr>;
  /** Whether there is an interface that only IPVS has. */
  readonly hasIpvsLink: boolean;
}

/** Keeps what there is to tell. */
export class PortLook {
  #wanted: readonly PortText[] = [];
  #waits = false;
  #dueMs: number | undefined;
  #told: PublishedNodeProxy | undefined;
  #mode = "";
  /** Whether kube-proxy said, beside the interface of IPVS, that it is in another mode. */
  #isLinkStale = false;
  /** Ports seen taken in the last look. */
  #seen: ReadonlySet<PortText> = new Set();

  /** What to tell; the same value while nothing changed, undefined while nothing is wanted or known. */
  get told(): PublishedNodeProxy | undefined {
    return this.#told;
  }

  /** When to look next, or undefined. */
  deadlineMs(): number | undefined {
    return this.#waits ? undefined : this.#dueMs;
  }

  /** Takes the ports that are wanted; the same list while they are the same. */
  want(ports: readonly PortText[], at: Instant): void {
    if (ports === this.#wanted) return;
    this.#wanted = ports;
    if (ports.length > 0) {
      this.#dueMs = at.nowMs;
      return;
    }
    this.#dueMs = undefined;
    this.#told = undefined;
    this.#seen = new Set();
  }

  /** The ports to look for now; undefined: none. The answer must come by {@linkcode PortLook.take}. */
  takeAsk(at: Instant): readonly PortText[] | undefined {
    if (this.#waits || this.#dueMs === undefined) return undefined;
    if (at.nowMs < this.#dueMs) return undefined;
    this.#waits = true;
    return this.#wanted;
  }

  /** Takes what was found. */
  take(look: HostLook, facts: HostFacts, at: Instant): void {
    this.#waits = false;
    if (this.#wanted.length === 0) return;
    const isSame = look.ports.join() === this.#wanted.join();
    this.#dueMs = isSame ? at.nowMs + PORT_LOOK_INTERVAL_MS : at.nowMs;
    this.#judgeMode(look.mode, facts.hasIpvsLink);
    const { free, taken } = look.listeners === undefined
      ? { free: this.#told?.free ?? [], taken: this.#told?.taken ?? [] }
      : this.#judgePorts(look.ports, look.listeners, facts);
    const told = { mode: this.#mode, free, taken };
    if (!sameTold(told, this.#told)) this.#told = told;
  }

  #judgePorts(
    ports: readonly PortText[],
    listeners: readonly Listener[],
    { addresses }: HostFacts,
  ): Pick<PublishedNodeProxy, "free" | "taken"> {
    const seen = new Set(
      listeners.filter(({ address }) =>
        UNSPECIFIED.has(address) || addresses.has(address)
      ).map(formatPort),
    );
    const isTaken = (port: PortText): boolean => {
      if (!seen.has(port)) return false;
      const wasFree = this.#told?.free.includes(port) === true;
      return !port.endsWith("/UDP") || !wasFree || this.#seen.has(port);
    };
    const taken = ports.filter(isTaken);
    this.#seen = seen;
    return { taken, free: ports.filter((port) => !taken.includes(port)) };
  }

  #judgeMode(mode: string | undefined, hasIpvsLink: boolean): void {
    if (!hasIpvsLink) this.#isLinkStale = false;
    if (mode !== undefined) {
      this.#mode = mode;
      this.#isLinkStale = hasIpvsLink && mode !== IPVS_MODE;
    } else if (hasIpvsLink && !this.#isLinkStale) this.#mode = IPVS_MODE;
  }
}

function sameTold(
  a: PublishedNodeProxy,
  b: PublishedNodeProxy | undefined,
): boolean {
  return a.mode === b?.mode && a.free.join() === b.free.join() &&
    a.taken.join() === b.taken.join();
}

/** How often the host is looked at while a Service wants NodeProxy. */
export const PORT_LOOK_INTERVAL_MS = 10_000;
/** The interfaces on which kube-proxy in IPVS mode, and kube-router, bind addresses. */
export const IPVS_LINKS: readonly string[] = ["kube-ipvs0", "kube-dummy-if"];
const UNSPECIFIED: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);
