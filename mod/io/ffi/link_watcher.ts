/**
 * Follows the interfaces of this machine and their addresses.
 *
 * What the kernel announces is not read, only that it did: after every burst of
 * announcements the whole list is asked anew (a tenth of a millisecond on an
 * ordinary node), so an announcement that was lost costs nothing. There is no
 * polling.
 *
 * @module
 */

import type { Prefix } from "@/addr/prefix.ts";
import { addrBits, familyOf, type IpAddr } from "@/addr/ip_addr.ts";
import type { LinkInfo } from "@/port/link.ts";
import type {
  KernelAddress,
  KernelGateway,
  KernelLink,
} from "./kernel_network.ts";
import { Netlink } from "./netlink.ts";
import { NetlinkEvents } from "./netlink_events.ts";
import type { Reactor } from "./reactor.ts";

/** Keeps the list of all interfaces, and calls back when it changes. */
export class LinkWatcher implements Disposable {
  readonly #reactor: Reactor;
  readonly #events: NetlinkEvents;
  readonly #netlink = new Netlink();
  readonly #onChange: (links: readonly LinkInfo[]) => void;
  readonly #routes: boolean;
  #links: readonly LinkInfo[];
  #closed = false;

  /**
   * Asks for the list and begins to watch.
   *
   * @param reactor Waits for the announcements; has to outlive the watcher.
   * @param onChange Called with the whole list soon after this returns, then
   * once for every burst of changes, never with the same list twice.
   * @param options `routes`: tells the gateways of each link, and calls back
   * when any route changes, with the list as it is; not for routers with full
   * tables. `receiveBufferBytes`: room for
   * announcements that are not read yet.
   */
  constructor(
    reactor: Reactor,
    onChange: (links: readonly LinkInfo[]) => void,
    options: {
      readonly routes?: boolean;
      readonly receiveBufferBytes?: number;
    } = {},
  ) {
    this.#reactor = reactor;
    this.#onChange = onChange;
    this.#routes = options.routes ?? false;
    // Heard before asked: what changes in between is announced.
    this.#events = new NetlinkEvents(options);
    this.#links = this.#read();
    reactor.add(this.#events.fd, () => this.#changed());
    queueMicrotask(() => {
      if (!this.#closed) onChange(this.#links);
    });
  }

  /** All interfaces, by index, as they were told last. */
  get links(): readonly LinkInfo[] {
    return this.#links;
  }

  /** How often announcements were lost (and the list asked anew). */
  get overflows(): number {
    return this.#events.overflows;
  }

  /** Stops watching; the callback is not called after this. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reactor.remove(this.#events.fd);
    this.#events.close();
    this.#netlink.close();
  }

  /** Stops watching. */
  [Symbol.dispose](): void {
    this.close();
  }

  #changed(): void {
    const news = this.#events.drain();
    // A link that goes down takes its IPv4 routes along without a word.
    const links = news.links || news.gateways ? this.#read() : this.#links;
    const same = JSON.stringify(links) === JSON.stringify(this.#links);
    if (!same) this.#links = links;
    if (!same || news.routes) this.#onChange(this.#links);
  }

  #read(): readonly LinkInfo[] {
    return linkInfos(
      this.#netlink.links(),
      this.#netlink.addresses(),
      this.#routes ? this.#netlink.gateways() : [],
    );
  }
}

/**
 * Puts interfaces and addresses together.
 *
 * @param links All interfaces.
 * @param addresses All addresses.
 * @param gateways The next hops of all default routes.
 * @returns The interfaces with the addresses that are good to use, and at most
 *   {@linkcode GATEWAYS_PER_LINK_MAX} gateways, the first by text.
 */
export function linkInfos(
  links: readonly KernelLink[],
  addresses: readonly KernelAddress[],
  gateways: readonly KernelGateway[] = [],
): readonly LinkInfo[] {
  const prefixes = Map.groupBy(
    addresses.filter(({ tentative, dadFailed }) => !tentative && !dadFailed),
    ({ linkIndex }) => linkIndex,
  );
  return links.map((link) => ({
    index: link.index,
    name: link.name,
    kind: link.kind,
    mac: link.mac,
    up: link.up,
    running: link.running,
    mtu: link.mtu,
    masterIndex: link.masterIndex,
    prefixes: (prefixes.get(link.index) ?? []).map(prefixOf),
    gateways: gatewaysOf(gateways, link.index),
  }));
}

function gatewaysOf(
  gateways: readonly KernelGateway[],
  index: number,
): readonly IpAddr[] {
  const own = gateways.filter(({ linkIndex }) => linkIndex === index);
  return [...new Set(own.map(({ address }) => address))].sort()
    .slice(0, GATEWAYS_PER_LINK_MAX);
}

function prefixOf(address: KernelAddress): Prefix {
  // The subnet of a point-to-point address is the other end's.
  const lengthBits = address.peer === undefined
    ? address.prefixLengthBits
    : addrBits(familyOf(address.address));
  return { addr: address.address, lengthBits };
}

/** Most gateways told of one link; a route may have hundreds of paths. */
export const GATEWAYS_PER_LINK_MAX = 8;
