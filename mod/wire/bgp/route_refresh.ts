/**
 * ROUTE-REFRESH (RFC 2918 §3, RFC 7313 §3.2).
 *
 * ```text
 *  19    21        22     23
 *  +-----+---------+------+
 *  | AFI | Subtype | SAFI |
 *  +-----+---------+------+
 * ```
 *
 * @module
 */

import { err, ok, type Result } from "@/lang/result.ts";
import { putU16, u16At } from "./_bytes.ts";
import type { BgpError } from "./bgp_error.ts";
import { bgpFamily, familyCodes } from "./family.ts";
import { putHeader } from "./header.ts";
import { BGP_ERROR, BGP_MESSAGE_TYPE, ROUTE_REFRESH_ERROR } from "./iana.ts";
import type { RouteRefreshMessage } from "./message.ts";

/** Size of a ROUTE-REFRESH, in bytes. */
export const ROUTE_REFRESH_BYTES = 23;

/**
 * Reads a ROUTE-REFRESH.
 *
 * @param message A whole message of this type from {@linkcode BgpMessageReader}.
 * @returns The message, of any subtype and family; or, where capability 70 left
 * its length to be judged here, why the session ends (RFC 7313 §5).
 */
export function decodeRouteRefresh(
  message: Uint8Array,
): Result<RouteRefreshMessage, BgpError> {
  if (message.length !== ROUTE_REFRESH_BYTES) {
    return err({
      notification: {
        kind: "notification",
        code: BGP_ERROR.routeRefreshMessage,
        subcode: ROUTE_REFRESH_ERROR.invalidLength,
        data: message.slice(),
      },
      field: "Length",
      offsetBytes: 16,
    });
  }
  return ok({
    kind: "route-refresh",
    family: bgpFamily(u16At(message, 19), message[22] as number),
    subtype: message[21] as number,
  });
}

/**
 * Writes a ROUTE-REFRESH.
 *
 * @param refresh The message.
 * @returns A new array of {@linkcode ROUTE_REFRESH_BYTES} bytes.
 */
export function encodeRouteRefresh(
  refresh: RouteRefreshMessage,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ROUTE_REFRESH_BYTES);
  const { afi, safi } = familyCodes(refresh.family);
  putHeader(bytes, 0, bytes.length, BGP_MESSAGE_TYPE.routeRefresh);
  putU16(bytes, 19, afi);
  bytes[21] = refresh.subtype;
  bytes[22] = safi;
  return bytes;
}
