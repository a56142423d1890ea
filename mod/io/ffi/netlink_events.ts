/**
 * Hears from the kernel that its interfaces, addresses or routes have changed
 * (rtnetlink(7), groups). What they are is asked afterwards: an announcement
 * may be lost, an answer not.
 *
 * @module
 */

import { MSG_DONTWAIT, setReceiveBuffer } from "./_sockets.ts";
import { openNetlink } from "./_netlink_socket.ts";
import {
  allocate,
  check,
  closeFd,
  libc,
  type OffHeapMemory,
  outcome,
} from "./libc.ts";
import { isDefaultRoute } from "./kernel_network.ts";
import { decodeNetlinkMessages, RTM } from "./netlink_message.ts";
import { ERRNO } from "./os_error.ts";

/** What has changed since it was last asked. */
export interface NetlinkNews {
  /** An interface or an address. */
  readonly links: boolean;
  /** A route. */
  readonly routes: boolean;
  /** A default route among them. */
  readonly gateways: boolean;
}

/** A socket that hears of changes. */
export class NetlinkEvents implements Disposable {
  /** Its descriptor, readable when something has changed. */
  readonly fd: number;
  readonly #memory: OffHeapMemory = allocate(RECEIVE_BYTES);
  readonly #bytes = new Uint8Array(this.#memory.buffer);
  #overflows = 0;
  #closed = false;

  /**
   * Begins to listen.
   *
   * @param options Whether to hear of routes too, and how many bytes may wait to
   * be read.
   */
  constructor(
    options: {
      readonly routes?: boolean;
      readonly receiveBufferBytes?: number;
    } = {},
  ) {
    this.fd = openNetlink(
      options.routes === true ? LINK_GROUPS | ROUTE_GROUPS : LINK_GROUPS,
    );
    setReceiveBuffer(this.fd, options.receiveBufferBytes ?? EVENTS_BYTES);
  }

  /** How often changes came faster than they were read (ENOBUFS). */
  get overflows(): number {
    return this.#overflows;
  }

  /**
   * Takes what has been told; never blocks.
   *
   * @returns What changed. After an overflow everything may have: ask anew.
   */
  drain(): NetlinkNews {
    let links = false;
    let routes = false;
    let gateways = false;
    for (;;) {
      const length = outcome(
        libc().recv(
          this.fd,
          this.#memory.pointer,
          BigInt(RECEIVE_BYTES),
          MSG_DONTWAIT,
        ),
      );
      if (length === -ERRNO.EAGAIN) return { links, routes, gateways };
      if (length === -ERRNO.EINTR) continue;
      if (length === -ERRNO.ENOBUFS) {
        this.#overflows++;
        links = true;
        routes = true;
        gateways = true;
        continue;
      }
      check(length, "recv", "hear of changes of the network");
      const heard = this.#bytes.subarray(0, length);
      for (const message of decodeNetlinkMessages(heard)) {
        const { type } = message;
        if (isDefaultRoute(message)) gateways = true;
        if (type === RTM.newRoute || type === RTM.delRoute) routes = true;
        else links = true;
      }
    }
  }

  /** Closes it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeFd(this.fd);
    this.#memory.free();
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }
}

// An announcement is some 1.5 KiB; what is longer is cut, its type is not.
const RECEIVE_BYTES = 65_536;
const EVENTS_BYTES = 1_048_576;
// RTMGRP_LINK, _IPV4_IFADDR, _IPV6_IFADDR; _IPV4_ROUTE, _IPV6_ROUTE
const LINK_GROUPS = 0x1 | 0x10 | 0x100;
const ROUTE_GROUPS = 0x40 | 0x400;
