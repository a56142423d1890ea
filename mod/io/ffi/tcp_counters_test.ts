import { deepStrictEqual as deepEqual } from "node:assert/strict";
import { parseTcpDropCounts, readTcpDropCounts } from "./tcp_counters.ts";

Deno.test("parseTcpDropCounts() finds the counts by name", () => {
  const text = [
    "TcpExt: TCPMD5NotFound Other TCPMD5Unexpected TCPMD5Failure TCPMinTTLDrop",
    "TcpExt: 1 2 3 4 5",
    "IpExt: TCPMinTTLDrop",
    "IpExt: 9",
    "",
  ].join("\n");
  deepEqual(parseTcpDropCounts(text), {
    md5Missing: 1,
    md5Unexpected: 3,
    md5Wrong: 4,
    tooFar: 5,
  });
});

Deno.test("parseTcpDropCounts() counts nothing that the kernel does not tell", () => {
  const none = { md5Missing: 0, md5Unexpected: 0, md5Wrong: 0, tooFar: 0 };
  deepEqual(parseTcpDropCounts(""), none);
  deepEqual(parseTcpDropCounts("TcpExt: Other\nTcpExt: 5\n"), none);
});

Deno.test("readTcpDropCounts() reads numbers", () => {
  const counts = Object.values(readTcpDropCounts());
  deepEqual(counts.map((count) => Number.isInteger(count)), [
    true,
    true,
    true,
    true,
  ]);
});
