/**
 * Addresses as sockets take them: `struct sockaddr_in` and `struct sockaddr_in6`
 * (RFC 3493 §3), with the zone of link-local ones (RFC 4007).
 *
 * @module
 */

import { familyOf, type IpAddr, isIpv4 } from "@/addr/ip_addr.ts";
import { ipv4Addr, ipv4AddrBytes } from "@/addr/ipv4_addr.ts";
import { ipv6Addr, ipv6AddrBytes } from "@/addr/ipv6_addr.ts";
import { cString, libc } from "./libc.ts";

/** An address with its port. */
export interface SocketAddress {
  /** The address. */
  readonly address: IpAddr;
  /** The port. */
  readonly port: number;
  /** Index of the interface of a link-local address; 0 for others. */
  readonly zoneIndex: number;
}

/** Address families as sockets number them. */
export const AF_INET = 2;
/** IPv6. */
export const AF_INET6 = 10;
/** Room for an address of either family, in bytes. */
export const SOCKET_ADDRESS_BYTES_MAX = 28;

/**
 * The family of an address, as sockets number it.
 *
 * @param address The address.
 */
export function socketFamilyOf(address: IpAddr): number {
  return familyOf(address) === 4 ? AF_INET : AF_INET6;
}

/**
 * Writes an address.
 *
 * @param socketAddress The address.
 * @returns `struct sockaddr_in` or `struct sockaddr_in6`.
 */
export function encodeSocketAddress(
  { address, port, zoneIndex }: SocketAddress,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(isIpv4(address) ? 16 : SOCKET_ADDRESS_BYTES_MAX);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, socketFamilyOf(address), true);
  view.setUint16(2, port);
  if (isIpv4(address)) {
    bytes.set(ipv4AddrBytes(address), 4);
  } else {
    bytes.set(ipv6AddrBytes(address), 8);
    view.setUint32(24, zoneIndex, true);
  }
  return bytes;
}

/**
 * Reads an address.
 *
 * @param bytes What the kernel wrote.
 * @returns The address, or `undefined` when it is of another family.
 */
export function decodeSocketAddress(
  bytes: Uint8Array,
): SocketAddress | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 16) return undefined;
  const family = view.getUint16(0, true);
  const port = view.getUint16(2);
  if (family === AF_INET) {
    return { address: ipv4Addr(bytes.subarray(4, 8)), port, zoneIndex: 0 };
  }
  if (family !== AF_INET6 || bytes.length < SOCKET_ADDRESS_BYTES_MAX) {
    return undefined;
  }
  return {
    address: ipv6Addr(bytes.subarray(8, 24)),
    port,
    zoneIndex: view.getUint32(24, true),
  };
}

/**
 * The index of an interface.
 *
 * @param name Its name.
 * @returns Its index, or 0 when there is none of this name.
 */
export function linkIndexOf(name: string): number {
  return libc().if_nametoindex(cString(name));
}

/**
 * The name of an interface.
 *
 * @param index Its index.
 * @returns Its name, or `undefined` when it is gone.
 */
export function linkNameOf(index: number): string | undefined {
  const name = new Uint8Array(IF_NAME_BYTES);
  if (libc().if_indextoname(index, name) === null) return undefined;
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}

const IF_NAME_BYTES = 16;
