/**
 * Where everything in MP_REACH_NLRI and MP_UNREACH_NLRI lies (RFC 4760 §3, §4).
 *
 * ```text
 *  0     2      3      4          +1
 *  +-----+------+------+----------+---+------+
 *  | AFI | SAFI | Len  | Next hop | 0 | NLRI |   MP_REACH_NLRI
 *  +-----+------+------+----------+---+------+
 *  | AFI | SAFI | NLRI |                         MP_UNREACH_NLRI
 *  +-----+------+------+
 * ```
 *
 * @module
 */

import { u16At } from "./_bytes.ts";
import { bitsMaxOf, countNlri } from "./_nlri.ts";
import { bgpFamily, isUnicastFamily, type UnicastFamily } from "./family.ts";
import { SAFI } from "./iana.ts";
import type { UpdateSession } from "./session.ts";

/** One of the two attributes in the message at hand. */
export class MpLayout {
  /** Its family; `undefined` where it is absent, ignored or wrong. */
  family: UnicastFamily | undefined;
  /** Whether it stands in the message, whatever its family. */
  present = false;
  nextHopAt = 0;
  nextHopBytes = 0;
  nlriFrom = 0;
  nlriTo = 0;
  count = 0;
  readonly #hasNextHop: boolean;

  /** MP_REACH_NLRI has a next hop, MP_UNREACH_NLRI has none. */
  constructor(options: { readonly hasNextHop: boolean }) {
    this.#hasNextHop = options.hasNextHop;
  }

  clear(): void {
    this.discard();
    this.present = false;
  }

  /** It is not to be used. @returns The family it was of. */
  discard(): UnicastFamily | undefined {
    const { family } = this;
    this.family = undefined;
    this.nlriFrom = 0;
    this.nlriTo = 0;
    this.count = 0;
    return family;
  }

  /** Reads a value; `family` is set where it can be read, also of a malformed one. */
  read(
    bytes: Uint8Array,
    from: number,
    to: number,
    session: UpdateSession,
  ): "right" | "foreign" | "malformed" {
    this.present = true;
    if (to - from < 3) return "malformed";
    const safi = bytes[from + 2] as number;
    if (safi !== SAFI.unicast) return "foreign";
    const family = bgpFamily(u16At(bytes, from), safi);
    if (!isUnicastFamily(family) || !session.families.includes(family)) {
      return "foreign";
    }
    this.family = family;
    let nlriFrom = from + 3;
    if (this.#hasNextHop) {
      if (to - from < 5) return "malformed";
      this.nextHopAt = from + 4;
      this.nextHopBytes = bytes[from + 3] as number;
      // The byte behind the next hop is reserved (RFC 4760 §3).
      nlriFrom = this.nextHopAt + this.nextHopBytes + 1;
      if (!nextHopFits(this.nextHopBytes, family, session) || nlriFrom > to) {
        return "malformed";
      }
    }
    const count = countNlri(
      bytes,
      nlriFrom,
      to,
      bitsMaxOf(family),
      session.addPathReceive.includes(family),
    );
    if (count < 0) return "malformed";
    this.count = count;
    this.nlriFrom = nlriFrom;
    this.nlriTo = to;
    return "right";
  }
}

/** Lengths of next hops: RFC 4760 §3, RFC 2545 §3, RFC 8950 §3. */
function nextHopFits(
  length: number,
  family: UnicastFamily,
  session: UpdateSession,
): boolean {
  if (length === 4) return family === "ipv4-unicast";
  const ipv6 = length === 16 || length === 32;
  return ipv6 &&
    (family === "ipv6-unicast" || session.extendedNextHop.includes(family));
}
