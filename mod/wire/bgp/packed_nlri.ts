/**
 * Many prefixes of one family, flat, in the form of the wire: five bytes for an
 * IPv4 host route. Writing an UPDATE is then copying.
 *
 * @module
 */

import { isIpv4 } from "@/addr/ip_addr.ts";
import { assert } from "@/lang/assert.ts";
import { putU32 } from "./_bytes.ts";
import {
  NLRI_BYTES_MAX,
  PATH_ID_BYTES,
  putIpv4Prefix,
  putNlri,
  putPrefixBytes,
  readNlri,
} from "./_nlri.ts";
import type { UnicastFamily } from "./family.ts";
import type { Nlri } from "./path_attribute.ts";

/** A list of prefixes that grows and is cleared, and keeps its memory. */
export class PackedNlri {
  /** The family of all of them. */
  readonly family: UnicastFamily;
  /** Whether each has a path identifier (RFC 7911 §3). */
  readonly addPath: boolean;
  #bytes: Uint8Array<ArrayBuffer>;
  #byteLength = 0;
  #count = 0;

  /** An empty list; `capacity` prefixes are added without new memory. */
  constructor(
    family: UnicastFamily,
    options: { readonly addPath?: boolean; readonly capacity?: number } = {},
  ) {
    this.family = family;
    this.addPath = options.addPath ?? false;
    const each = (this.addPath ? PATH_ID_BYTES : 0) +
      (family === "ipv4-unicast" ? 5 : 17);
    this.#bytes = new Uint8Array((options.capacity ?? 16) * each);
  }

  /** How many prefixes there are. */
  get count(): number {
    return this.#count;
  }

  /** How many bytes they take. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Their bytes and what lies behind them, until the next one is added. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** Forgets all prefixes. */
  clear(): void {
    this.#byteLength = 0;
    this.#count = 0;
  }

  /**
   * Adds a prefix.
   *
   * @param nlri The prefix, of the list's family; its path id under ADD-PATH.
   */
  push(nlri: Nlri): void {
    assert(
      isIpv4(nlri.addr) === (this.family === "ipv4-unicast"),
      "A prefix is of its list's family",
    );
    this.#reserve();
    this.#byteLength = putNlri(
      this.#bytes,
      this.#byteLength,
      nlri,
      this.addPath,
    );
    this.#count++;
  }

  /**
   * Adds an IPv4 prefix.
   *
   * @param address The address as an integer.
   * @param lengthBits 0 to 32.
   * @param pathId Its path identifier; not written without ADD-PATH.
   */
  pushIpv4(address: number, lengthBits: number, pathId = 0): void {
    assert(this.family === "ipv4-unicast", "An IPv4 prefix is in its list");
    this.#reserve();
    this.#putPathId(pathId);
    this.#byteLength = putIpv4Prefix(
      this.#bytes,
      this.#byteLength,
      address,
      lengthBits,
    );
    this.#count++;
  }

  /**
   * Adds an IPv6 prefix.
   *
   * @param address Bytes, of which 16 are the address.
   * @param at Where it begins.
   * @param lengthBits 0 to 128.
   * @param pathId Its path identifier; not written without ADD-PATH.
   */
  pushIpv6(
    address: Uint8Array,
    at: number,
    lengthBits: number,
    pathId = 0,
  ): void {
    assert(this.family === "ipv6-unicast", "An IPv6 prefix is in its list");
    this.#reserve();
    this.#putPathId(pathId);
    this.#byteLength = putPrefixBytes(
      this.#bytes,
      this.#byteLength,
      address,
      at,
      lengthBits,
    );
    this.#count++;
  }

  /**
   * Where a piece of the list ends that has room in a number of bytes.
   *
   * @param from Where a prefix begins.
   * @param roomBytes How many bytes there are for it and those behind it.
   * @returns Where the first prefix begins that does not fit.
   */
  pieceEnd(from: number, roomBytes: number): number {
    const limit = Math.min(from + roomBytes, this.#byteLength);
    if (limit === this.#byteLength) return limit;
    const bytes = this.#bytes;
    const idBytes = this.addPath ? PATH_ID_BYTES : 0;
    let at = from;
    while (at < limit) {
      const bits = bytes[at + idBytes] as number;
      const next = at + idBytes + 1 + ((bits + 7) >>> 3);
      if (next > limit) break;
      at = next;
    }
    return at;
  }

  /** The prefixes as values. */
  toArray(): Nlri[] {
    return readNlri(
      this.#bytes,
      0,
      this.#byteLength,
      this.family,
      this.addPath,
    );
  }

  #putPathId(pathId: number): void {
    if (!this.addPath) return;
    putU32(this.#bytes, this.#byteLength, pathId);
    this.#byteLength += PATH_ID_BYTES;
  }

  #reserve(): void {
    if (this.#byteLength + NLRI_BYTES_MAX <= this.#bytes.length) return;
    const grown = new Uint8Array(
      2 * this.#bytes.length + NLRI_BYTES_MAX,
    );
    grown.set(this.#bytes.subarray(0, this.#byteLength));
    this.#bytes = grown;
  }
}
