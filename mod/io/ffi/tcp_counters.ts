/**
 * What the kernel counted of TCP (`/proc/net/netstat`).
 *
 * @module
 */

import type { TcpDropCounts } from "@/port/tcp.ts";
import { readProcFile } from "./proc_file.ts";

/**
 * Reads what was refused in the network namespace of this process.
 *
 * @returns The counts; 0 for one that this kernel does not have.
 */
export function readTcpDropCounts(): TcpDropCounts {
  return parseTcpDropCounts(
    readProcFile("/proc/self/net/netstat", { bytesMax: NETSTAT_BYTES_MAX }) ??
      "",
  );
}

/**
 * Finds the counts in the kernel's table: a line of names, then one of values.
 *
 * @example Usage
 * ```ts
 * import { parseTcpDropCounts } from "@/io/ffi/tcp_counters.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const text = "TcpExt: SyncookiesSent TCPMinTTLDrop\nTcpExt: 0 7\n";
 * strictEqual(parseTcpDropCounts(text).tooFar, 7);
 * ```
 *
 * @param text The text of `/proc/net/netstat`.
 */
export function parseTcpDropCounts(text: string): TcpDropCounts {
  const [names = [], values = []] = text.split("\n")
    .filter((line) => line.startsWith("TcpExt: "))
    .map((line) => line.split(" "));
  const countOf = (name: string): number =>
    Number(values[names.indexOf(name)] ?? 0);
  return {
    md5Missing: countOf("TCPMD5NotFound"),
    md5Unexpected: countOf("TCPMD5Unexpected"),
    md5Wrong: countOf("TCPMD5Failure"),
    tooFar: countOf("TCPMinTTLDrop"),
  };
}

const NETSTAT_BYTES_MAX = 65_536;
