/**
 * What the operating system refused, with its name for it.
 *
 * @module
 */

/** An error of a system call that this program cannot go on from. */
export class OsError extends Error {
  /** The name that stack traces show. */
  override readonly name: string = "OsError";
  /** The system call, such as `socket`. */
  readonly call: string;
  /** The error's number, 1 to 133. */
  readonly errno: number;
  /** The error's name, such as `EPERM`. */
  readonly errnoName: string;

  /**
   * Names what was refused.
   *
   * @example Usage
   * ```ts
   * import { OsError } from "@/io/ffi/os_error.ts";
   * import { strictEqual as equal } from "node:assert/strict";
   *
   * const error = new OsError("socket", 1, {
   *   action: 'open packet socket on "eth0"',
   *   hint: "CAP_NET_RAW is missing",
   * });
   * equal(
   *   error.message,
   *   'Cannot open packet socket on "eth0": EPERM, CAP_NET_RAW is missing',
   * );
   * ```
   *
   * @param call The system call.
   * @param errno Its error.
   * @param what What was tried, and what would be right where that is known.
   */
  constructor(
    call: string,
    errno: number,
    what: { readonly action: string; readonly hint?: string | undefined },
  ) {
    const errnoName = errnoNameOf(errno);
    const hint = what.hint === undefined ? "" : `, ${what.hint}`;
    super(`Cannot ${what.action}: ${errnoName}${hint}`);
    this.call = call;
    this.errno = errno;
    this.errnoName = errnoName;
  }
}

/**
 * The name of an error number.
 *
 * @param errno The number, as Linux has it on x86_64 and aarch64.
 * @returns Its name, or `errno N` for one that is not listed.
 */
export function errnoNameOf(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
}

/** Numbers of the errors this program tells apart (include/uapi/asm-generic/errno.h). */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EPIPE: 32,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  EINPROGRESS: 115,
} as const;

const ERRNO_NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(ERRNO).map(([name, errno]) => [errno, name] as const),
  [5, "EIO"],
  [16, "EBUSY"],
  [21, "EISDIR"],
  [28, "ENOSPC"],
  [38, "ENOSYS"],
  [71, "EPROTO"],
  [88, "ENOTSOCK"],
  [93, "EPROTONOSUPPORT"],
  [94, "ESOCKTNOSUPPORT"],
]);
