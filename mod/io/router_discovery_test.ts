import { inPrivateNetwork } from "../../tests/io/private_network.ts";
import { command, NAMESPACES, testNeeding } from "../../tests/support/needs.ts";

const SCRIPT = new URL("../../tests/io/router_discovery.ts", import.meta.url);

testNeeding(
  [NAMESPACES, command("ip"), command("bird")],
  "KernelRouterDiscovery finds bird, and is found",
  () => inPrivateNetwork(SCRIPT, "finds bird, and is found"),
);
