/**
 * What every kind of socket needs.
 *
 * @module
 */

import { libc, outcome } from "./libc.ts";

/** Options of a socket itself (include/uapi/asm-generic/socket.h). */
export const SOL_SOCKET = 1;
/** Makes `socket` return a descriptor that does not block and is closed on exec. */
export const SOCK_NONBLOCK_CLOEXEC: number = 0o4000 | 0o2000000;
/** Returns at once when there is nothing to receive. */
export const MSG_DONTWAIT = 0x40;
/** Tells the whole length of what was cut. */
export const MSG_TRUNC = 0x20;

/**
 * Sets an option that is a number.
 *
 * @param fd The socket.
 * @param level Whose option it is.
 * @param option Which.
 * @param value Its value, 32 bits.
 * @returns 0, or `-errno`.
 */
export function setNumberOption(
  fd: number,
  level: number,
  option: number,
  value: number,
): number {
  return setOption(fd, level, option, words(value));
}

/**
 * Sets an option that is a structure.
 *
 * @param fd The socket.
 * @param level Whose option it is.
 * @param option Which.
 * @param value Its bytes.
 * @returns 0, or `-errno`.
 */
export function setOption(
  fd: number,
  level: number,
  option: number,
  value: Uint8Array<ArrayBuffer>,
): number {
  return outcome(libc().setsockopt(fd, level, option, value, value.length));
}

/**
 * Makes room for what is received and not read yet. Beyond the system's limit
 * (`net.core.rmem_max`) it needs CAP_NET_ADMIN, without it the limit is used.
 *
 * @param fd The socket.
 * @param sizeBytes How much, above 0; the kernel doubles it for its own records.
 */
export function setReceiveBuffer(fd: number, sizeBytes: number): void {
  if (setNumberOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, sizeBytes) === 0) return;
  setNumberOption(fd, SOL_SOCKET, SO_RCVBUF, sizeBytes);
}

/**
 * The room for what is received and not read yet.
 *
 * @param fd The socket.
 * @returns Bytes, as the kernel counts them.
 */
export function receiveBufferBytes(fd: number): number {
  const value = new Uint32Array(1);
  const length = words(4);
  libc().getsockopt(
    fd,
    SOL_SOCKET,
    SO_RCVBUF,
    new Uint8Array(value.buffer),
    length,
  );
  return value[0] ?? 0;
}

/**
 * Reads an option that is an array of numbers.
 *
 * @param fd The socket.
 * @param level Whose option it is.
 * @param option Which.
 * @param count How many numbers to read, of 32 bits each.
 * @returns Them; as many as the kernel gave, none when it refuses.
 */
export function readNumbers(
  fd: number,
  level: number,
  option: number,
  count: number,
): Uint32Array {
  const values = new Uint32Array(count);
  const length = new Uint32Array([values.byteLength]);
  const result = outcome(
    libc().getsockopt(
      fd,
      level,
      option,
      new Uint8Array(values.buffer),
      new Uint8Array(length.buffer),
    ),
  );
  return result < 0
    ? new Uint32Array()
    : values.subarray(0, (length[0] ?? 0) >>> 2);
}

/**
 * Packs 32-bit words.
 *
 * @param values The words.
 * @returns Their bytes in the machine's order.
 */
export function words(...values: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Int32Array(values).buffer);
}

const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
