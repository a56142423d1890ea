/**
 * A TCP connection on its way: prepared, begun, and waited for.
 *
 * @module
 */

import { addrBits, familyOf, type IpAddr } from "@/addr/ip_addr.ts";
import { assert } from "@/lang/assert.ts";
import { err, ok } from "@/lang/result.ts";
import { EPOLLOUT } from "@/io/ffi/epoll.ts";
import { closeFd } from "@/io/ffi/libc.ts";
import { ERRNO, errnoNameOf, OsError } from "@/io/ffi/os_error.ts";
import { socketFamilyOf } from "@/io/ffi/socket_address.ts";
import {
  bindSocket,
  bindToDevice,
  connectSocket,
  openTcp,
  sendAtOnce,
  setMd5Key,
  setTtl,
  socketDrops,
  takeSocketError,
} from "@/io/ffi/tcp_socket.ts";
import type { Timer } from "@/port/clock.ts";
import type {
  TcpDial,
  TcpDialFailure,
  TcpDialOutcome,
  TcpTarget,
} from "@/port/tcp.ts";
import { describeEndpoint, refusal, socketAddressOf } from "./_endpoint.ts";
import { ttlOf } from "./_ttl.ts";
import { KernelTcpConnection, type TcpSurroundings } from "./tcp_connection.ts";

/** Dials once; tells its outcome once, unless it is cancelled. */
export class KernelTcpDial implements TcpDial {
  readonly #target: TcpTarget;
  readonly #around: TcpSurroundings;
  #tell: ((outcome: TcpDialOutcome) => void) | undefined;
  #fd = -1;
  #timer: Timer | undefined;

  /**
   * Begins.
   *
   * @param target What is dialed, and how.
   * @param around What its connection shares with others.
   * @param onOutcome Takes what became of it.
   */
  constructor(
    target: TcpTarget,
    around: TcpSurroundings,
    onOutcome: (outcome: TcpDialOutcome) => void,
  ) {
    assert(target.timeoutMs > 0, "A dial has a time it may take");
    this.#target = target;
    this.#around = around;
    this.#tell = onOutcome;
    around.open.add(this);
    try {
      this.#begin();
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      queueMicrotask(() => this.#fail(failureOf(error)));
    }
  }

  cancel(): void {
    this.#tell = undefined;
    this.#free(true);
  }

  droppedSegments(): number {
    return this.#around.open.has(this) && this.#fd >= 0
      ? socketDrops(this.#fd)
      : 0;
  }

  /** Gives it up, with the port. */
  abandon(): void {
    this.cancel();
  }

  #begin(): void {
    const { peer, timeoutMs } = this.#target;
    const action = `dial ${describeEndpoint(peer)}`;
    const far = socketAddressOf(peer);
    if (far === undefined) throw noInterface(action, peer.zone);
    this.#fd = openTcp(peer.address);
    this.#prepare(action, far.zoneIndex);
    const begun = connectSocket(this.#fd, far);
    if (begun < 0 && begun !== -ERRNO.EINPROGRESS) {
      throw refusal("connect", -begun, action, HINTS);
    }
    // Also when it is up at once: nothing is told from within the call.
    this.#around.poller.add(this.#fd, () => this.#ready(action), EPOLLOUT);
    const { clock } = this.#around;
    this.#timer = clock.setTimer(
      clock.nowMs() + timeoutMs,
      () => this.#timedOut(action),
    );
  }

  #prepare(action: string, zoneIndex: number): void {
    const { peer, source, device, hops, md5Key } = this.#target;
    const family = socketFamilyOf(peer.address);
    sendAtOnce(this.#fd);
    if (device !== undefined) {
      const bound = bindToDevice(this.#fd, device);
      if (bound === -ERRNO.ENODEV) throw noInterface(action, device);
      if (bound < 0) throw refusal("setsockopt", -bound, action, HINTS);
    }
    const confined = setTtl(this.#fd, family, ttlOf(hops));
    if (confined < 0) throw refusal("setsockopt", -confined, action, HINTS);
    if (md5Key !== undefined) this.#sign(action, peer.address, md5Key);
    if (source !== undefined) {
      const from = { address: source, port: 0, zoneIndex };
      const bound = socketFamilyOf(source) === family
        ? bindSocket(this.#fd, from)
        : -ERRNO.EAFNOSUPPORT;
      if (bound < 0) {
        throw refusal("bind", -bound, `${action} from ${source}`, {
          ...HINTS,
          [ERRNO.EADDRNOTAVAIL]: "no interface has this address",
          [ERRNO.EAFNOSUPPORT]: "the two are of different families",
        });
      }
    }
  }

  #sign(action: string, address: IpAddr, key: string): void {
    const lengthBits = addrBits(familyOf(address));
    const bytes = new TextEncoder().encode(key);
    const signed = setMd5Key(this.#fd, { addr: address, lengthBits }, bytes);
    if (signed < 0) throw refusal("setsockopt", -signed, action, MD5_HINTS);
  }

  #ready(action: string): void {
    const errno = takeSocketError(this.#fd);
    if (errno !== 0) {
      this.#fail(failureOf(
        refusal("connect", errno, action, HINTS),
        socketDrops(this.#fd),
      ));
      return;
    }
    const tell = this.#tell;
    this.#free(false);
    tell?.(
      ok(
        new KernelTcpConnection(this.#fd, this.#around, {
          meant: this.#target.peer,
        }),
      ),
    );
  }

  #timedOut(action: string): void {
    const { timeoutMs } = this.#target;
    this.#fail({
      kind: "timed-out",
      message: `Cannot ${action}: no answer in ${timeoutMs} ms`,
      droppedSegments: socketDrops(this.#fd),
    });
  }

  #fail(failure: TcpDialFailure): void {
    const tell = this.#tell;
    this.#free(true);
    tell?.(err(failure));
  }

  #free(closing: boolean): void {
    this.#timer?.cancel();
    this.#tell = undefined;
    if (!this.#around.open.delete(this) || this.#fd < 0) return;
    this.#around.poller.remove(this.#fd);
    if (closing) closeFd(this.#fd);
  }
}

/** The options of TCP MD5, when the kernel says no. */
export const MD5_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.ENOPROTOOPT]: "this kernel is built without TCP MD5",
  [ERRNO.ENOMEM]:
    "the kernel has no room for another key, see net.core.optmem_max",
  [ERRNO.EINVAL]: "a key has 1 to 80 bytes",
};

function noInterface(action: string, name: string | undefined): OsError {
  return new OsError("if_nametoindex", ERRNO.ENODEV, {
    action,
    hint: `there is no interface "${name}"`,
  });
}

function failureOf(error: OsError, droppedSegments = 0): TcpDialFailure {
  return {
    kind: KINDS.get(error.errno) ?? "failed",
    message: error.message,
    errnoName: errnoNameOf(error.errno),
    droppedSegments,
  };
}

const HINTS: Readonly<Record<number, string>> = {
  [ERRNO.ECONNREFUSED]: "nobody listens there",
  [ERRNO.ECONNRESET]: "the peer broke it as soon as it was up",
  [ERRNO.EPERM]: "CAP_NET_RAW is missing",
  [ERRNO.EINVAL]: "a link-local address needs its interface",
  [ERRNO.ENETUNREACH]: "there is no route",
  [ERRNO.EHOSTUNREACH]: "the peer is not on its link, or a router refused",
};

const KINDS: ReadonlyMap<number, TcpDialFailure["kind"]> = new Map([
  [ERRNO.ECONNREFUSED, "refused"],
  [ERRNO.ECONNRESET, "refused"],
  [ERRNO.ENETUNREACH, "unreachable"],
  [ERRNO.EHOSTUNREACH, "unreachable"],
  [ERRNO.ENETDOWN, "unreachable"],
  [ERRNO.ETIMEDOUT, "timed-out"],
  [ERRNO.EADDRNOTAVAIL, "address-unavailable"],
  [ERRNO.ENODEV, "address-unavailable"],
]);
