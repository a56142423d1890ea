/**
 * The interfaces of this machine as the port that the host stands on.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type { LinkInfo } from "@/port/link.ts";
import type { LinkTable } from "@/port/node_ports.ts";
import { LinkWatcher } from "./link_watcher.ts";
import { Netlink } from "./netlink.ts";
import type { Reactor } from "./reactor.ts";
import { arpIgnore } from "./sysctl.ts";

/** The interfaces the kernel has, in the network namespace of this process. */
export class KernelLinkTable implements LinkTable, Disposable {
  readonly #reactor: Reactor;
  readonly #netlink = new Netlink();
  readonly #watchers: LinkWatcher[] = [];

  /**
   * Opens the table.
   *
   * @param reactor Waits for changes; has to outlive the table.
   */
  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  /**
   * Calls back with all interfaces, soon and after every change.
   *
   * A change of routes is one too: it may change what
   * {@linkcode KernelLinkTable.routeTo} says.
   *
   * @param onChange Takes the whole list.
   */
  watch(onChange: (links: readonly LinkInfo[]) => void): void {
    this.#watchers.push(
      new LinkWatcher(this.#reactor, onChange, { routes: true }),
    );
  }

  /**
   * The interface the kernel would send to an address by.
   *
   * @param address The address.
   * @returns Its name; `undefined` without a route, or when the address is this
   * machine's own.
   */
  routeTo(address: IpAddr): string | undefined {
    const route = this.#netlink.routeTo(address);
    if (route === undefined || route.local) return undefined;
    return this.#netlink.links()
      .find(({ index }) => index === route.linkIndex)?.name;
  }

  /**
   * Which ARP requests the kernel itself leaves unanswered on an interface.
   *
   * @param link The interface's name.
   * @returns The larger of the settings of `all` and of its own, 0 to 8.
   */
  arpIgnore(link: string): number {
    return arpIgnore(link);
  }

  /** Stops watching. */
  close(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#netlink.close();
  }

  /** Stops watching. */
  [Symbol.dispose](): void {
    this.close();
  }
}
