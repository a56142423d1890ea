import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { decodeListeners, readListeners } from "./listeners.ts";

const TCP = { protocol: "TCP", state: "0A" };
const TAIL =
  " 00000000:00000000 00:00000000 00000000     0        0 25 1 0000000000000000 100 0 0 10 0";
const HEAD =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

Deno.test.each([
  {
    name: "IPv4",
    line: "   0: 0100007F:2780 00000000:0000 0A",
    listener: { address: "127.0.0.1", port: 10_112 },
  },
  {
    name: "every IPv4 address",
    line: "  17: 00000000:0016 00000000:0000 0A",
    listener: { address: "0.0.0.0", port: 22 },
  },
  {
    name: "IPv6",
    line:
      "   1: B80D0120000000000000000011000000:0050 00000000000000000000000000000000:0000 0A",
    listener: { address: "2001:db8::11", port: 80 },
  },
  {
    name: "IPv4 at an IPv6 socket",
    line:
      "   1: 0000000000000000FFFF00000B0200C0:01BB 00000000000000000000000000000000:0000 0A",
    listener: { address: "192.0.2.11", port: 443 },
  },
])("decodeListeners() reads $name", ({ line, listener }) => {
  deepStrictEqual(decodeListeners(`${HEAD}${line}${TAIL}\n`, TCP), [{
    protocol: "TCP",
    ...listener,
  }]);
});

Deno.test("decodeListeners() passes by what is connected, cut off, or of another form", () => {
  const text = [
    HEAD.trimEnd(),
    `   0: 0100007F:0050 0200007F:0051 01${TAIL}`,
    `   1: 0100007F:00 0200007F:0051 0A${TAIL}`,
    `   2: 01007F:0050 0200007F:0051 0A${TAIL}`,
    "   3: 0100007F:0050 00000000:00",
  ].join("\n");
  deepStrictEqual(decodeListeners(text, TCP), []);
});

for (const hostname of ["127.0.0.1", "0.0.0.0", "::1"]) {
  Deno.test(`readListeners() finds who listens on ${hostname}, and nobody afterwards`, () => {
    const listener = Deno.listen({ hostname, port: 0 });
    const { port } = listener.addr;
    const ports = [`${port}/TCP`];
    deepStrictEqual(readListeners(ports), [
      { protocol: "TCP", port, address: hostname },
    ]);
    deepStrictEqual(readListeners([`${port}/UDP`, "1/TCP"]), []);
    listener.close();
    deepStrictEqual(readListeners(ports), []);
  });
}

Deno.test("readListeners() finds a UDP socket among hundreds of connections", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("hello"),
  );
  const connections = await Promise.all(
    Array.from(
      { length: 200 },
      () => Deno.connect({ hostname: "127.0.0.1", port: server.addr.port }),
    ),
  );
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  const found = readListeners([`${port}/UDP`, `${server.addr.port}/TCP`]);
  strictEqual(
    found.map((one) => `${one.port}/${one.protocol}`).sort().join(),
    [`${port}/UDP`, `${server.addr.port}/TCP`].sort().join(),
  );
  socket.close();
  for (const connection of connections) connection.close();
});
