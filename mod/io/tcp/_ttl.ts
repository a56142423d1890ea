/**
 * How far packets may travel, as numbers of the kernel.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import type { TcpHops } from "@/port/tcp.ts";

/** With which TTL packets are sent, and from which on they are taken. */
export interface TtlSetting {
  /** 1 to 255; -1 for the system's own. */
  readonly send: number;
  /** 0 to 255; 0 takes any. */
  readonly least: number;
}

/**
 * What a distance comes to.
 *
 * @param hops The distance.
 */
export function ttlOf(hops: TcpHops): TtlSetting {
  switch (hops.kind) {
    case "gtsm":
      assert(
        hops.hopsMax >= 1 && hops.hopsMax <= 254,
        "A peer under GTSM is 1 to 254 hops away",
      );
      // RFC 5082 §3: sent with 255, so each router on the way takes one off.
      return { send: 255, least: 256 - hops.hopsMax };
    case "limit":
      assert(hops.hops >= 1 && hops.hops <= 255, "A TTL is 1 to 255");
      return { send: hops.hops, least: 0 };
    case "system":
      return { send: -1, least: 0 };
  }
}
