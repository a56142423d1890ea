/**
 * The probes of the DaemonSet, asked for as a kubelet does: at the address of
 * the Node, which is IPv4, or IPv6, with the arguments of the manifests.
 *
 * @module
 */

import { strictEqual } from "node:assert/strict";
import { ipBatch } from "@/lab/command.ts";
import { setSysctl } from "@/lab/network.ts";
import { AGENT_ARGS, HTTP_PORT } from "@/manifests/mod.ts";
import { testOnStage, until } from "./_stage.ts";

const VIP = "192.168.0.91";

testOnStage(
  "a kubelet is answered at the address of its Node, of whichever family",
  { nodes: 1, services: [{ name: "web", vips: [VIP] }] },
  async (stage, step) => {
    const node = stage.lab.node("n1");
    const { ipv4, ipv6 } = node.host;
    const answers = async (address: string, path: string) => {
      const { status } = await stage.lab.client.request(address, {
        port: HTTP_PORT.number,
        path,
      });
      strictEqual(status, 200, `${address} ${path}`);
    };
    const restart = async () => {
      await node.stopAgent();
      node.startAgent(AGENT_ARGS.slice(1));
      await node.waitReady();
    };
    const probed = async (...addresses: readonly string[]) => {
      for (const address of addresses) {
        // deno-lint-ignore no-await-in-loop -- one after the other
        await answers(address, "/healthz");
        // deno-lint-ignore no-await-in-loop -- one after the other
        await answers(address, "/readyz");
      }
    };
    await step("on a dual-stack node", async () => {
      await restart();
      await probed(ipv4, ipv6);
    });
    await step("on one that keeps the families apart", async () => {
      await setSysctl("n1", { "net/ipv6/bindv6only": "1" });
      await restart();
      await probed(ipv4, ipv6);
      await setSysctl("n1", { "net/ipv6/bindv6only": "0" });
    });
    await step("on one without IPv4 on the link", async () => {
      await ipBatch("n1", [`addr del ${ipv4}/24 dev eth0`]);
      await restart();
      await probed(ipv6);
      await ipBatch("n1", [`addr add ${ipv4}/24 dev eth0`]);
      await until(
        async () => (await stage.lab.client.request(VIP)).status === 200,
        { timeoutMs: 30_000, what: () => `Nobody answers for ${VIP}` },
      );
    });
  },
);
