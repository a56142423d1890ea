/**
 * Ends of connections, as the kernel has them and as the port does.
 *
 * @module
 */

import { isIpv6 } from "@/addr/ip_addr.ts";
import { OsError } from "@/io/ffi/os_error.ts";
import {
  linkIndexOf,
  linkNameOf,
  type SocketAddress,
} from "@/io/ffi/socket_address.ts";
import type { TcpEndpoint } from "@/port/tcp.ts";

/**
 * An end as a socket takes it.
 *
 * @param endpoint The end.
 * @returns Its address, or `undefined` when its interface is not here.
 */
export function socketAddressOf(
  { address, zone, port }: TcpEndpoint,
): SocketAddress | undefined {
  const zoneIndex = zone === undefined ? 0 : linkIndexOf(zone);
  if (zone !== undefined && zoneIndex === 0) return undefined;
  return { address, port, zoneIndex };
}

/**
 * An end as the port tells it.
 *
 * @param socketAddress What the kernel says; undefined once a socket is dead.
 * @param fallback What it was meant to be.
 */
export function endpointOf(
  socketAddress: SocketAddress | undefined,
  fallback: TcpEndpoint,
): TcpEndpoint {
  if (socketAddress === undefined) return fallback;
  const { address, port, zoneIndex } = socketAddress;
  const zone = zoneIndex === 0 ? undefined : linkNameOf(zoneIndex);
  return zone === undefined ? { address, port } : { address, zone, port };
}

/**
 * An end in words.
 *
 * @param endpoint The end.
 * @returns `192.0.2.1 port 179`, or `fe80::1%eth0 port 179`.
 */
export function describeEndpoint({ address, zone, port }: TcpEndpoint): string {
  const suffix = isIpv6(address) && zone !== undefined ? `%${zone}` : "";
  return `${address}${suffix} port ${port}`;
}

/**
 * An error with its sentence.
 *
 * @param call The system call.
 * @param errno Its error, above 0.
 * @param action What was tried, as it follows "Cannot".
 * @param hints What would be right, by error number.
 */
export function refusal(
  call: string,
  errno: number,
  action: string,
  hints: Readonly<Record<number, string>>,
): OsError {
  return new OsError(call, errno, { action, hint: hints[errno] });
}
