/**
 * What the API server allots to Services: cluster IPs and node ports.
 *
 * What is in use follows from the Services stored, so nothing can leak; the
 * lowest free one after the last choice is taken, where a kube-apiserver draws.
 *
 * @module
 */

import {
  type IpAddr,
  ipAddrBigint,
  ipAddrOf,
  parseIpAddr,
} from "@/addr/ip_addr.ts";
import { parsePrefix, prefixRange } from "@/addr/prefix.ts";
import { assert } from "@/lang/assert.ts";
import { arrayAt, type JsonObject, numberAt, stringsAt } from "./json.ts";

/** An IP family as Services name it. */
export type FamilyName = "IPv4" | "IPv6";

/** Holds the addresses and ports that stored Services use. */
export class ServiceAllocator {
  readonly #pools: Readonly<Record<FamilyName, NumberPool>>;
  readonly #ports = new NumberPool(30_000n, 32_767n);

  /**
   * @param ranges Prefixes of cluster IPs.
   */
  constructor(ranges: Readonly<Record<FamilyName, string>>) {
    this.#pools = {
      IPv4: poolOf(ranges.IPv4),
      IPv6: poolOf(ranges.IPv6),
    };
  }

  /** Notes a change of a stored Service. */
  track(
    object: JsonObject | undefined,
    previous: JsonObject | undefined,
  ): void {
    if (previous !== undefined) {
      this.#each(previous, (pool, number) => pool.release(number));
    }
    if (object !== undefined) {
      this.#each(object, (pool, number) => pool.hold(number));
    }
  }

  /** A free cluster IP, or `undefined` when there is none. */
  freeIp(family: FamilyName): string | undefined {
    const number = this.#pools[family].free(new Set());
    return number === undefined
      ? undefined
      : ipAddrOf(family === "IPv4" ? 4 : 6, number);
  }

  /** Why a cluster IP cannot be had, or `undefined` when it can. */
  ipError(ip: string): string | undefined {
    const addr = parseIpAddr(ip);
    if (addr === undefined) return `${ip} is not a valid IP`;
    const pool = this.#pools[familyName(addr)];
    const number = ipAddrBigint(addr);
    if (!pool.contains(number)) {
      return `failed to allocate IP ${ip}: the provided IP is not in the valid range`;
    }
    return pool.isHeld(number)
      ? `failed to allocate IP ${ip}: provided IP is already allocated`
      : undefined;
  }

  /**
   * A free node port.
   *
   * @param besides Ports that are chosen but not stored yet; the choice is
   * added to them.
   * @returns The port, or `undefined` when there is none.
   */
  freePort(besides: Set<bigint>): number | undefined {
    const number = this.#ports.free(besides);
    if (number === undefined) return undefined;
    besides.add(number);
    return Number(number);
  }

  /** Why a node port cannot be had, or `undefined` when it can. */
  portError(port: number): string | undefined {
    if (!this.#ports.contains(BigInt(port))) {
      return "provided port is not in the valid range. The range of valid ports is 30000-32767";
    }
    return this.#ports.isHeld(BigInt(port))
      ? "provided port is already allocated"
      : undefined;
  }

  #each(
    service: JsonObject,
    use: (pool: NumberPool, number: bigint) => void,
  ): void {
    for (const ip of stringsAt(service, "spec", "clusterIPs")) {
      const addr = parseIpAddr(ip);
      if (addr !== undefined) {
        use(this.#pools[familyName(addr)], ipAddrBigint(addr));
      }
    }
    const ports = new Set([numberAt(service, "spec", "healthCheckNodePort")]);
    for (const port of arrayAt(service, "spec", "ports")) {
      ports.add(numberAt(port, "nodePort"));
    }
    ports.delete(0);
    for (const port of ports) use(this.#ports, BigInt(port));
  }
}

/** The family of an address, as Services name it. */
export function familyName(addr: IpAddr): FamilyName {
  return addr.includes(":") ? "IPv6" : "IPv4";
}

class NumberPool {
  readonly #first: bigint;
  readonly #last: bigint;
  readonly #held = new Set<bigint>();
  #next: bigint;

  constructor(first: bigint, last: bigint) {
    this.#first = first;
    this.#last = last;
    this.#next = first;
  }

  contains(number: bigint): boolean {
    return number >= this.#first && number <= this.#last;
  }

  isHeld(number: bigint): boolean {
    return this.#held.has(number);
  }

  hold(number: bigint): void {
    this.#held.add(number);
    this.#next = number === this.#last ? this.#first : number + 1n;
  }

  release(number: bigint): void {
    this.#held.delete(number);
  }

  free(besides: ReadonlySet<bigint>): bigint | undefined {
    const span = this.#last - this.#first + 1n;
    for (
      let step = 0n;
      step <= BigInt(this.#held.size + besides.size);
      step++
    ) {
      if (step >= span) return undefined;
      const number = this.#first + (this.#next - this.#first + step) % span;
      if (!this.#held.has(number) && !besides.has(number)) return number;
    }
    return undefined;
  }
}

function poolOf(text: string): NumberPool {
  const prefix = parsePrefix(text);
  assert(prefix !== undefined, `A range of cluster IPs is a prefix: ${text}`);
  const { first, last } = prefixRange(prefix);
  // Network and broadcast address are not given out.
  return new NumberPool(first + 1n, last - 1n);
}
