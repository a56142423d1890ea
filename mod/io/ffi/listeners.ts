/**
 * Who listens on a port of this host, from `/proc/net/tcp` and its fellows:
 * any user may read them, and `hostNetwork` shows those of the host.
 *
 * ```text
 *   sl  local_address rem_address   st tx_queue rx_queue tr tm->when …
 *    0: 0100007F:2780 00000000:0000 0A 00000000:00000000 00:00000000 …
 * ```
 *
 * Addresses are in words of the machine's order, which is little-endian on all
 * that this runs on. TCP lists those that listen first (proc_net_tcp.rst), so
 * nothing behind them is read. Ports that a network plugin forwards to Pods
 * (`hostPort`) have no socket and are not seen.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { ipv4Addr } from "@/addr/ipv4_addr.ts";
import { ipv6Addr } from "@/addr/ipv6_addr.ts";
import type { HostListener } from "@/port/node_ports.ts";
import { readProcFile } from "./proc_file.ts";

/**
 * The sockets of this network namespace that take what comes to some ports.
 *
 * @param ports The ports, each like `80/TCP`.
 * @returns Those of TCP that listen, those of UDP that are not connected.
 */
export function readListeners(
  ports: readonly string[],
): readonly HostListener[] {
  const wanted = new Set(ports);
  return TABLES.flatMap(({ file, protocol, state }) => {
    const isSorted = protocol === "TCP";
    const text = readProcFile(`/proc/net/${file}`, {
      bytesMax: TABLE_BYTES_MAX,
      isEnough: (text) => isSorted && hasOtherState(text, state),
    }) ?? "";
    return decodeListeners(text, { protocol, state })
      .filter(({ port }) => wanted.has(`${port}/${protocol}`));
  });
}

/**
 * Reads a table of sockets.
 *
 * @param text The table, or the beginning of it.
 * @param kind Its protocol, and the state of sockets that are meant, in hexadecimal.
 * @returns The sockets; lines that are not of this form are passed by.
 */
export function decodeListeners(
  text: string,
  { protocol, state }: { readonly protocol: string; readonly state: string },
): readonly HostListener[] {
  const found: HostListener[] = [];
  for (const line of text.split("\n")) {
    const [, hex = "", port = "", is] = LINE.exec(line) ?? [];
    const address = addressOf(hex);
    if (is !== state || address === undefined) continue;
    found.push({ protocol, address, port: Number.parseInt(port, 16) });
  }
  return found;
}

function hasOtherState(text: string, state: string): boolean {
  const last = text.slice(0, text.lastIndexOf("\n")).split("\n").at(-1) ?? "";
  const is = LINE.exec(last)?.[3];
  return is !== undefined && is !== state;
}

function addressOf(hex: string): IpAddr | undefined {
  const bytes = new Uint8Array(hex.length / 2);
  for (const [i] of bytes.entries()) {
    // The bytes of each word of four stand in reverse.
    const at = (i & ~3) + 3 - (i & 3);
    bytes[i] = Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16);
  }
  if (bytes.length === 4) return ipv4Addr(bytes);
  if (bytes.length !== 16) return undefined;
  return isMapped(bytes) ? ipv4Addr(bytes.subarray(12)) : ipv6Addr(bytes);
}

/** ::ffff:0:0/96 (RFC 4291 §2.5.5.2). */
function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) &&
    bytes[10] === 0xff && bytes[11] === 0xff;
}

const LINE =
  /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /;
// include/net/tcp_states.h: TCP_LISTEN; TCP_CLOSE, in which an unconnected UDP socket is.
const TCP_LISTEN = "0A";
const UDP_UNCONNECTED = "07";
const TABLES = [
  { file: "tcp", protocol: "TCP", state: TCP_LISTEN },
  { file: "tcp6", protocol: "TCP", state: TCP_LISTEN },
  { file: "udp", protocol: "UDP", state: UDP_UNCONNECTED },
  { file: "udp6", protocol: "UDP", state: UDP_UNCONNECTED },
] as const;
/** Room for several thousand sockets. */
const TABLE_BYTES_MAX = 1_048_576;
