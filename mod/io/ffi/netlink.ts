/**
 * Asks the kernel for its interfaces, addresses, routes and neighbors
 * (rtnetlink, RFC 3549 §3).
 *
 * An answer is complete when the request returns: the kernel writes it from
 * within the calls that read it, so nothing waits and nothing blocks. No
 * capability is needed.
 *
 * @module
 */

import { type IpAddr, isIpv4 } from "@/addr/ip_addr.ts";
import { ipv4AddrBytes } from "@/addr/ipv4_addr.ts";
import { ipv6AddrBytes } from "@/addr/ipv6_addr.ts";
import { MSG_DONTWAIT } from "./_sockets.ts";
import { openNetlink } from "./_netlink_socket.ts";
import {
  decodeAddress,
  decodeGateways,
  decodeLink,
  decodeNeighbor,
  decodeRoute,
  HEADER_BYTES,
  IFLA_EXT_MASK,
  KERNEL_FAMILY,
  type KernelAddress,
  type KernelGateway,
  type KernelLink,
  type KernelNeighbor,
  type KernelRoute,
  RTA,
} from "./kernel_network.ts";
import {
  allocate,
  check,
  closeFd,
  libc,
  type OffHeapMemory,
  outcome,
} from "./libc.ts";
import {
  decodeNetlinkMessages,
  encodeAttribute,
  encodeNetlinkRequest,
  type NetlinkMessage,
  NLM_F,
  NLMSG,
  RTM,
  word,
} from "./netlink_message.ts";
import { ERRNO, OsError } from "./os_error.ts";

/** A socket for questions. */
export class Netlink implements Disposable {
  readonly #fd = openNetlink(0);
  readonly #memory: OffHeapMemory = allocate(RECEIVE_BYTES);
  readonly #bytes = new Uint8Array(this.#memory.buffer);
  #sequence = 0;
  #closed = false;

  /** All interfaces, by index. */
  links(): readonly KernelLink[] {
    const skipStatistics = new Uint8Array(
      new Uint32Array([RTEXT_FILTER_SKIP_STATS]).buffer,
    );
    const body = concatenate(
      new Uint8Array(HEADER_BYTES.link),
      encodeAttribute(IFLA_EXT_MASK, skipStatistics),
    );
    return this.#dump(RTM.getLink, body, decodeLink)
      .toSorted((a, b) => a.index - b.index);
  }

  /** All addresses, in the kernel's order: the primary one of a subnet first. */
  addresses(): readonly KernelAddress[] {
    const body = new Uint8Array(HEADER_BYTES.address);
    return this.#dump(RTM.getAddress, body, decodeAddress);
  }

  /** The next hops of all default routes, of both families. */
  gateways(): readonly KernelGateway[] {
    const body = new Uint8Array(HEADER_BYTES.route);
    return this.#dump(RTM.getRoute, body, decodeGateways).flat();
  }

  /** All neighbors, of both families. */
  neighbors(): readonly KernelNeighbor[] {
    const body = new Uint8Array(HEADER_BYTES.neighbor);
    return this.#dump(RTM.getNeighbor, body, decodeNeighbor);
  }

  /**
   * Where the kernel would send a packet.
   *
   * @param address Whereto.
   * @returns The route, or `undefined` when there is none, or one that refuses.
   */
  routeTo(address: IpAddr): KernelRoute | undefined {
    const bytes = isIpv4(address)
      ? ipv4AddrBytes(address)
      : ipv6AddrBytes(address);
    const header = new Uint8Array(HEADER_BYTES.route);
    header[0] = isIpv4(address) ? KERNEL_FAMILY.ipv4 : KERNEL_FAMILY.ipv6;
    header[1] = bytes.length * 8;
    const body = concatenate(header, encodeAttribute(RTA.destination, bytes));
    try {
      return this.#exchange(RTM.getRoute, 0, body, decodeRoute).found[0];
    } catch (error) {
      if (error instanceof OsError && NO_ROUTE.has(error.errno)) {
        return undefined;
      }
      throw error;
    }
  }

  /** Closes it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeFd(this.#fd);
    this.#memory.free();
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }

  #dump<T>(
    type: number,
    body: Uint8Array,
    read: (message: NetlinkMessage) => T | undefined,
  ): readonly T[] {
    for (let attempt = 1;; attempt++) {
      const { found, interrupted } = this.#exchange(
        type,
        NLM_F.dump,
        body,
        read,
      );
      // Who goes on changing things is told of it, and asks again.
      if (!interrupted || attempt === DUMP_ATTEMPTS_MAX) return found;
    }
  }

  #exchange<T>(
    type: number,
    flags: number,
    body: Uint8Array,
    read: (message: NetlinkMessage) => T | undefined,
  ): { readonly found: readonly T[]; readonly interrupted: boolean } {
    const sequence = this.#sequence = (this.#sequence + 1) >>> 0;
    const request = encodeNetlinkRequest(type, { flags, sequence, body });
    const sent = outcome(
      libc().send(this.#fd, request, BigInt(request.length), 0),
    );
    check(sent, "send", "ask the kernel for its network");
    const found: T[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of decodeNetlinkMessages(this.#receive())) {
        if (message.sequence !== sequence) continue;
        if ((message.flags & NLM_F.dumpInterrupted) !== 0) interrupted = true;
        if (message.type === NLMSG.done) return { found, interrupted };
        if (message.type === NLMSG.error) throw refusal(message);
        const value = read(message);
        if (value !== undefined) found.push(value);
        if (flags === 0) return { found, interrupted };
      }
    }
  }

  #receive(): Uint8Array {
    for (;;) {
      const length = outcome(
        libc().recv(
          this.#fd,
          this.#memory.pointer,
          BigInt(RECEIVE_BYTES),
          MSG_DONTWAIT,
        ),
      );
      if (length === -ERRNO.EINTR) continue;
      check(length, "recv", "hear the kernel's answer");
      return this.#bytes.subarray(0, length);
    }
  }
}

function refusal(message: NetlinkMessage): OsError {
  const errno = -((word(message.body) ?? 0) | 0);
  return new OsError("rtnetlink", errno, {
    action: "ask the kernel for its network",
  });
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

/** Times a dump is repeated when what it tells changes meanwhile. */
const DUMP_ATTEMPTS_MAX = 8;
// The kernel fills at most 32 KiB at once.
const RECEIVE_BYTES = 65_536;
const RTEXT_FILTER_SKIP_STATS = 1 << 3;
// What the kernel answers when it has no route, or one of type blackhole,
// prohibit or unreachable, or no such family.
const NO_ROUTE: ReadonlySet<number> = new Set([
  ERRNO.ENETUNREACH,
  ERRNO.EHOSTUNREACH,
  ERRNO.EACCES,
  ERRNO.EINVAL,
  ERRNO.EAFNOSUPPORT,
  ERRNO.EOPNOTSUPP,
]);
