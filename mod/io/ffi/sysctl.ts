/**
 * The kernel's settings under `/proc/sys`.
 *
 * @module
 */

import { readProcFile } from "./proc_file.ts";

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
  return readProcFile(`/proc/sys/${path}`, { bytesMax: VALUE_BYTES_MAX })
    ?.replace(/\n$/, "");
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

const VALUE_BYTES_MAX = 4096;
