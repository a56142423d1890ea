import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { KernelHostPorts } from "./host_ports.ts";

Deno.test.each([
  { name: "a mode", body: "iptables", mode: "iptables" },
  { name: "a line", body: "ipvs\n", mode: "ipvs" },
  { name: "a page", body: "<html>not found</html>", mode: undefined },
  { name: "a long word", body: "x".repeat(5000), mode: undefined },
  { name: "an error", body: "nftables", status: 404, mode: undefined },
])("KernelHostPorts takes $name", async ({ body, mode, status = 200 }) => {
  const asked: string[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      asked.push(new URL(request.url).pathname);
      return new Response(body, { status });
    },
  );
  const { port } = server.addr;
  const found = await new KernelHostPorts(server.addr).look([`${port}/TCP`]);
  strictEqual(found.mode, mode);
  deepStrictEqual(asked, ["/proxyMode"]);
  deepStrictEqual(found.listeners, [
    { protocol: "TCP", port, address: "127.0.0.1" },
  ]);
});

Deno.test("KernelHostPorts knows no mode where nobody answers, or nobody is asked", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  const look = new KernelHostPorts({ hostname, port });
  const silent = look.look([]);
  const connection = await listener.accept();
  deepStrictEqual(await silent, { listeners: [] });
  connection.close();
  listener.close();
  deepStrictEqual(await look.look([]), { listeners: [] });
  deepStrictEqual(await new KernelHostPorts(undefined).look([]), {
    listeners: [],
  });
});
