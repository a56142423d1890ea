/**
 * From a Service to an HTTP answer.
 *
 * @module
 */

import { testOnKubernetes } from "./_stage.ts";

testOnKubernetes(
  "Services are reached",
  { proxyModes: ["iptables"] },
  async (lab, step) => {
    await lab.startAgents();
    await step("by IPv4", async () => {
      const web = { name: "web", vips: ["192.168.0.91"], on: ["n1"] };
      await lab.expose(web);
      await lab.hasAddresses(web);
      await lab.isAnsweredBy("192.168.0.91", lab.node("n1"), ["n1"]);
    });
  },
);
