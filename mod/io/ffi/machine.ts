/**
 * What tells this machine, and this network namespace on it, from others.
 *
 * @module
 */

import { readLink } from "./fd_count.ts";
import { readSysctl } from "./sysctl.ts";

/**
 * An identity that every process in this network namespace shares until the
 * machine is started again, and no other machine has.
 *
 * @returns Letters, digits and one hyphen.
 */
export function machineIdentity(): string {
  const boot = readSysctl("kernel/random/boot_id") ?? "unknown";
  const namespace = readLink("/proc/self/ns/net");
  return `${boot.replaceAll("-", "").slice(0, 16)}-${
    namespace.replaceAll(/[^0-9]/g, "")
  }`;
}
