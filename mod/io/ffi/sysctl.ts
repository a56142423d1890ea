/**
 * The kernel's settings under `/proc/sys`, read by the C library: Deno opens
 * nothing under `/proc` unless everything is allowed.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import { allocate, check, closeFd, cString, libc, outcome } from "./libc.ts";
import { ERRNO } from "./os_error.ts";

/**
 * Reads a setting of the network namespace this process is in.
 *
 * @example Usage
 * ```ts
 * import { readSysctl } from "@/io/ffi/sysctl.ts";
 * import { match, strictEqual as equal } from "node:assert/strict";
 *
 * match(readSysctl("net/ipv4/conf/all/arp_ignore") ?? "", /^\d$/);
 * equal(readSysctl("net/no/such/setting"), undefined);
 * ```
 *
 * @param path Its path below `/proc/sys`, such as `net/ipv4/ip_forward`.
 * @returns Its value without the end of the line, at most 4096 bytes of it, or
 * `undefined` when there is no such setting.
 */
export function readSysctl(path: string): string | undefined {
  assert(!path.includes("\0"), "A path has no NUL");
  const action = `read /proc/sys/${path}`;
  const name = cString(`/proc/sys/${path}`);
  const fd = outcome(libc().open(name, O_RDONLY_CLOEXEC));
  if (fd === -ERRNO.ENOENT || fd === -ERRNO.ENOTDIR) return undefined;
  check(fd, "open", action);
  using memory = allocate(VALUE_BYTES_MAX);
  const length = outcome(
    libc().read(fd, memory.pointer, BigInt(VALUE_BYTES_MAX)),
  );
  closeFd(fd);
  check(length, "read", action);
  const bytes = new Uint8Array(memory.buffer, 0, length);
  return new TextDecoder().decode(bytes).replace(/\n$/, "");
}

/**
 * Which ARP requests the kernel itself leaves unanswered on an interface: the
 * larger of the settings of `all` and of its own is in force.
 *
 * @param linkName The interface.
 * @returns `arp_ignore`, 0 to 8; 0 answers for every local address on every
 * interface.
 */
export function arpIgnore(linkName: string): number {
  const ofLink = readSysctl(`net/ipv4/conf/${linkName}/arp_ignore`);
  const ofAll = readSysctl("net/ipv4/conf/all/arp_ignore");
  return Math.max(Number(ofAll ?? "0"), Number(ofLink ?? "0"));
}

const O_RDONLY_CLOEXEC = 0o2000000;
const VALUE_BYTES_MAX = 4096;
