import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  decodeNodeProxy,
  encodeNodeProxy,
  formatPort,
  NODE_PROXY_PORTS_MAX,
} from "./node_proxy.ts";

Deno.test("encodeNodeProxy() writes the same for the same, whatever the order", () => {
  const ports = [{ port: 80, protocol: "TCP" }, { port: 53, protocol: "UDP" }];
  const free = ports.map(formatPort);
  strictEqual(
    encodeNodeProxy({ mode: "nftables", free, taken: ["22/TCP"] }),
    encodeNodeProxy({
      mode: "nftables",
      free: free.toReversed(),
      taken: ["22/TCP"],
    }),
  );
});

Deno.test("encodeNodeProxy() is bounded, and what it writes can be read", () => {
  const free = Array.from({ length: 300 }, (_, i) => `${40_000 + i}/TCP`);
  const text = encodeNodeProxy({ mode: "x".repeat(99), free, taken: [] });
  const read = decodeNodeProxy(text);
  strictEqual(read.ok && read.value.free.length, NODE_PROXY_PORTS_MAX);
  strictEqual(read.ok && read.value.mode.length, 32);
});

Deno.test.each([
  { name: "no JSON", text: "{" },
  { name: "a list", text: "[]" },
  { name: "no mode", text: '{"free":[],"taken":[]}' },
  {
    name: "a long mode",
    text: `{"mode":"${"m".repeat(33)}","free":[],"taken":[]}`,
  },
  { name: "no ports", text: '{"mode":""}' },
  { name: "a number", text: '{"mode":"","free":[80],"taken":[]}' },
  { name: "port 0", text: '{"mode":"","free":["0/TCP"],"taken":[]}' },
  {
    name: "another protocol",
    text: '{"mode":"","free":[],"taken":["1/ICMP"]}',
  },
  {
    name: "too many ports",
    text: JSON.stringify({
      mode: "",
      free: Array.from({ length: 257 }, (_, i) => `${i + 1}/TCP`),
      taken: [],
    }),
  },
  { name: "a text without end", text: " ".repeat(20_000) },
])("decodeNodeProxy() refuses $name", ({ text }) => {
  deepStrictEqual(decodeNodeProxy(text).ok, false);
});
