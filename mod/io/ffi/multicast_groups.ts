/**
 * IPv6 groups that are listened to on one interface.
 *
 * Joining (IPV6_JOIN_GROUP, RFC 3493 §5.2) sets the interface's filter and tells
 * switches that snoop (MLD, RFC 3810). The kernel limits the memory one socket
 * may spend on groups (`net.core.optmem_max`), so they are spread over several
 * sockets; where even that does not help, the interface receives all groups.
 *
 * @module
 */

import { type Ipv6Addr, ipv6AddrBytes } from "@/addr/ipv6_addr.ts";
import { setOption, SOCK_NONBLOCK_CLOEXEC } from "./_sockets.ts";
import { check, closeFd, libc, outcome } from "./libc.ts";
import { ERRNO, errnoNameOf } from "./os_error.ts";
import { PacketSocket } from "./packet_socket.ts";

/** Groups that one socket joins: fits the smallest default of `optmem_max`, 20 KiB. */
export const GROUPS_PER_SOCKET_MAX = 256;

/** Sockets of one interface; 16,384 groups, beyond which all are received. */
export const GROUP_SOCKETS_MAX = 64;

/** What became of a wish to hear a group. */
export type GroupJoin =
  | {
    /** It is joined. */
    readonly kind: "joined";
  }
  | {
    /** The interface receives all groups instead; switches are not told. */
    readonly kind: "all-groups";
    /** Why joining failed, such as `ENOMEM`. */
    readonly reason: string;
  }
  | {
    /** The interface is gone. */
    readonly kind: "gone";
  };

/** The groups listened to on one interface, counted by their users. */
export class MulticastGroups implements Disposable {
  readonly #link: { readonly index: number; readonly name: string };
  readonly #groups = new Map<Ipv6Addr, Membership>();
  readonly #sockets: GroupSocket[] = [];
  #fallback: PacketSocket | undefined;
  #closed = false;

  /**
   * Listens to no group.
   *
   * @param link The interface.
   */
  constructor(link: { readonly index: number; readonly name: string }) {
    this.#link = link;
  }

  /** Groups with at least one user. */
  get size(): number {
    return this.#groups.size;
  }

  /** Whether the interface receives all groups because joining one failed. */
  get allGroups(): boolean {
    return this.#fallback !== undefined;
  }

  /**
   * Joins a group, or counts one more user of it.
   *
   * @param group A multicast address.
   * @returns What became of it.
   */
  join(group: Ipv6Addr): GroupJoin {
    const known = this.#groups.get(group);
    if (known !== undefined) {
      known.users++;
      return known.join;
    }
    const membership = this.#joinAnew(group);
    if (membership.join.kind !== "gone") this.#groups.set(group, membership);
    return membership.join;
  }

  /**
   * Counts one user less, and leaves the group with the last of them.
   *
   * @param group A multicast address; nothing happens when it has no user.
   */
  leave(group: Ipv6Addr): void {
    const known = this.#groups.get(group);
    if (known === undefined || --known.users > 0) return;
    this.#groups.delete(group);
    if (known.socket === undefined) {
      this.#endFallback();
      return;
    }
    known.socket.used--;
    // An interface that is gone has left all groups by itself.
    this.#set(known.socket.fd, IPV6_LEAVE_GROUP, group);
  }

  /** Leaves all groups. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { fd } of this.#sockets) closeFd(fd);
    this.#groups.clear();
    this.#endFallback();
  }

  /** Leaves all groups. */
  [Symbol.dispose](): void {
    this.close();
  }

  #joinAnew(group: Ipv6Addr): Membership {
    let refusal: number = -ERRNO.ENOBUFS;
    for (let i = 0; i < GROUP_SOCKETS_MAX; i++) {
      const socket = this.#sockets[i] ?? this.#open();
      if (socket === undefined) {
        refusal = -ERRNO.EAFNOSUPPORT;
        break;
      }
      if (socket.used >= GROUPS_PER_SOCKET_MAX) continue;
      refusal = this.#set(socket.fd, IPV6_JOIN_GROUP, group);
      if (refusal === 0) {
        socket.used++;
        return { join: { kind: "joined" }, users: 1, socket };
      }
      if (refusal === -ERRNO.ENODEV) {
        return { join: { kind: "gone" }, users: 0, socket: undefined };
      }
      // Only a socket that holds groups already is short of its own memory.
      if (!FULL.has(-refusal) || socket.used === 0) break;
    }
    return this.#fallBack(errnoNameOf(-refusal));
  }

  #fallBack(reason: string): Membership {
    this.#fallback ??= new PacketSocket({ link: this.#link, etherType: 0 });
    const kind = this.#fallback.setAllGroups(true) ? "all-groups" : "gone";
    if (kind === "gone") this.#endFallback();
    const join: GroupJoin = kind === "gone" ? { kind } : { kind, reason };
    return { join, users: 1, socket: undefined };
  }

  #endFallback(): void {
    for (const { socket } of this.#groups.values()) {
      if (socket === undefined) return;
    }
    this.#fallback?.close();
    this.#fallback = undefined;
  }

  #open(): GroupSocket | undefined {
    const fd = outcome(
      libc().socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK_CLOEXEC, 0),
    );
    // A kernel that was booted without IPv6.
    if (fd === -ERRNO.EAFNOSUPPORT) return undefined;
    check(fd, "socket", `join groups on "${this.#link.name}"`);
    const socket = { fd, used: 0 };
    this.#sockets.push(socket);
    return socket;
  }

  #set(fd: number, option: number, group: Ipv6Addr): number {
    // struct ipv6_mreq
    const request = new Uint8Array(IPV6_MREQ_BYTES);
    request.set(ipv6AddrBytes(group));
    new DataView(request.buffer).setInt32(16, this.#link.index, true);
    return setOption(fd, IPPROTO_IPV6, option, request);
  }
}

interface GroupSocket {
  readonly fd: number;
  used: number;
}

interface Membership {
  readonly join: GroupJoin;
  users: number;
  /** Absent when the interface receives all groups instead. */
  readonly socket: GroupSocket | undefined;
}

const FULL: ReadonlySet<number> = new Set([ERRNO.ENOMEM, ERRNO.ENOBUFS]);
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const IPPROTO_IPV6 = 41;
// include/uapi/linux/in6.h
const IPV6_JOIN_GROUP = 20;
const IPV6_LEAVE_GROUP = 21;
const IPV6_MREQ_BYTES = 20;
