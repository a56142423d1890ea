/**
 * `Eip.status.used`: which Services have which address, as text.
 *
 * A key is an address, a value is `namespace/name`, several joined by `;`. An
 * object in Kubernetes has about 1 MiB, so the map is cut at
 * {@linkcode USED_BYTES_MAX}, and the Eip's status says that it is.
 *
 * @module
 */

import type { UsedAddress } from "./request.ts";

/** The used addresses of a pool, as its status carries them. */
export interface UsedMap {
  /** Address to Services; the lowest addresses where it is partial. */
  readonly used: Readonly<Record<string, string>>;
  /** Addresses in use, also those that are not in the map. */
  readonly usage: number;
  /** Whether addresses were left out. */
  readonly partial: boolean;
}

/**
 * Writes the used addresses of a pool.
 *
 * @example Usage
 * ```ts
 * import { usedMap } from "@/ipam/used_map.ts";
 * import { parseIpAddr } from "@/addr/ip_addr.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * const address = parseIpAddr("192.0.2.1");
 * deepStrictEqual(address && usedMap([{ address, services: ["ns1/a", "ns2/b"] }]), {
 *   used: { "192.0.2.1": "ns1/a;ns2/b" },
 *   usage: 1,
 *   partial: false,
 * });
 * ```
 *
 * @param addresses All of them, lowest first, as `Allocator.usedOf` gives them.
 * @param bytesMax How long the map may be as JSON, in bytes.
 */
export function usedMap(
  addresses: readonly UsedAddress[],
  bytesMax: number = USED_BYTES_MAX,
): UsedMap {
  const used: Record<string, string> = {};
  let bytes = BRACES_BYTES;
  for (const { address, services } of addresses) {
    const value = formatUsedServices(services);
    // Names in Kubernetes are ASCII: a character is a byte.
    bytes += address.length + value.length + ENTRY_BYTES;
    if (bytes > bytesMax) {
      return { used, usage: addresses.length, partial: true };
    }
    used[address] = value;
  }
  return { used, usage: addresses.length, partial: false };
}

/** Writes the Services that share an address: sorted, joined by `;`. */
export function formatUsedServices(services: readonly string[]): string {
  return services.toSorted().join(";");
}

/**
 * Reads the Services that share an address.
 *
 * @param text A value of `status.used`.
 * @returns The Services, as `namespace/name`; what is not of that form is left out.
 */
export function parseUsedServices(text: string): readonly string[] {
  return text.split(";").filter((part) => SERVICE_KEY.test(part));
}

/** Bytes of `status.used` as JSON. */
export const USED_BYTES_MAX: number = 256 * 1024;
const BRACES_BYTES = 2;
/** Four quotes, a colon and a comma. */
const ENTRY_BYTES = 6;
const SERVICE_KEY = /^[^/;]+\/[^/;]+$/;
