/**
 * An interface whose router is a BGP peer: who that router is, and what is
 * missing while nobody knows.
 *
 * @module
 */

import { isIpv6 } from "@/addr/ip_addr.ts";
import type { Ipv6Addr } from "@/addr/ipv6_addr.ts";
import type { MacAddr } from "@/addr/mac_addr.ts";
import type { Prefix } from "@/addr/prefix.ts";
import {
  initialUnnumbered,
  routerDiscoveryFilter,
  stepUnnumbered,
  unnumberedDeadlineMs,
  unnumberedNeighbor,
  type UnnumberedState,
} from "@/layer2/mod.ts";
import { isLinkLocal } from "./session_next_hops.ts";

/** What can be told of an interface. */
export interface UnnumberedLink {
  /** Its kernel index; an interface made anew has another one. */
  readonly index: number;
  /** Its name. */
  readonly name: string;
  /** Its MAC address; undefined: it is not an Ethernet interface. */
  readonly mac: MacAddr | undefined;
  /** Whether it is switched on. */
  readonly up: boolean;
  /** Whether it is switched on and has a carrier. */
  readonly running: boolean;
  /** Its addresses. */
  readonly prefixes: readonly Prefix[];
}

/** Who we are on it: another one needs another socket. */
export interface UnnumberedSelf {
  /** Its index. */
  readonly index: number;
  /** Its name. */
  readonly name: string;
  /** Its MAC address. */
  readonly mac: MacAddr;
  /** Our link-local address. */
  readonly address: Ipv6Addr;
}

/** What passes the socket: solicitations and advertisements of routers. */
export const UNNUMBERED_FILTER: Uint8Array = routerDiscoveryFilter().program;

/**
 * Who we are on an interface.
 *
 * @param name Its name.
 * @param link What the kernel says of it.
 * @returns That, or one sentence that says what is missing.
 */
export function unnumberedSelf(
  name: string,
  link: UnnumberedLink | undefined,
): UnnumberedSelf | string {
  if (link === undefined) {
    return `There is no interface ${name} on this node: change spec.conf.neighborInterface, or let spec.nodeSelector leave the node out`;
  }
  const { index, mac, up, running, prefixes } = link;
  if (!up) return `${name} is switched off: ip link set ${name} up`;
  if (!running) return `${name} has no carrier: look at the cable`;
  if (mac === undefined) {
    return `${name} is not an Ethernet interface: no router can be heard there`;
  }
  const address = prefixes.map(({ addr }) => addr).filter(isIpv6)
    .find(isLinkLocal);
  return address === undefined
    ? `${name} has no link-local address: switch IPv6 on there (net.ipv6.conf.${name}.disable_ipv6=0)`
    : { index, name, mac, address };
}

/** Advertises us, hears routers, and chooses the one to speak to. */
export class UnnumberedInterface {
  readonly #name: string;
  readonly #state: UnnumberedState;
  #neighbor: Ipv6Addr | undefined;

  /** Begins with {@linkcode UnnumberedInterface.start}. */
  constructor({ name, mac, address }: UnnumberedSelf, seed: number) {
    this.#name = name;
    this.#state = initialUnnumbered({ mac, address, seed });
  }

  /** Advertises at once; the frames to send. */
  start(nowMs: number): readonly Uint8Array<ArrayBuffer>[] {
    return this.#step({ kind: "link", nowMs, running: true });
  }

  /** Takes a frame; the frames to send. */
  take(
    frame: Uint8Array,
    nowMs: number,
  ): readonly Uint8Array<ArrayBuffer>[] {
    return this.#step({ kind: "frame", nowMs, frame });
  }

  /** The deadline has come; the frames to send. */
  wake(nowMs: number): readonly Uint8Array<ArrayBuffer>[] {
    return this.#step({ kind: "deadline", nowMs });
  }

  /** When to call {@linkcode UnnumberedInterface.wake}. */
  deadlineMs(): number {
    return unnumberedDeadlineMs(this.#state) ?? Infinity;
  }

  /**
   * The router to speak to.
   *
   * @param isUp Whether there is a session with the one of before: then it stays.
   * @param nowMs The time.
   */
  neighbor(isUp: boolean, nowMs: number): Ipv6Addr | undefined {
    if (!isUp) {
      this.#neighbor = unnumberedNeighbor(this.#state, this.#neighbor, nowMs);
    }
    return this.#neighbor;
  }

  /** What is missing, or worth to know, while there is no session. */
  lack(): string | undefined {
    const others = [...this.#state.heard.keys()].filter((address) =>
      address !== this.#neighbor
    ).toSorted();
    if (this.#neighbor === undefined) {
      return `No router advertisement heard on ${this.#name}: have the router advertise itself there (frr: no ipv6 nd suppress-ra; bird: protocol radv)`;
    }
    return others.length === 0
      ? undefined
      : `Several routers are heard on ${this.#name}: ${this.#neighbor} is spoken to, ${
        others.join(", ")
      } not`;
  }

  #step(
    event: Parameters<typeof stepUnnumbered>[1],
  ): readonly Uint8Array<ArrayBuffer>[] {
    return stepUnnumbered(this.#state, event).flatMap((effect) =>
      effect.kind === "send" ? [effect.frame] : []
    );
  }
}
