import { inPrivateNetwork } from "../../tests/io/private_network.ts";
import {
  command,
  NAMESPACES,
  type Need,
  testNeeding,
} from "../../tests/support/needs.ts";

const SCRIPT = new URL("../../tests/io/bfd.ts", import.meta.url);

const CASES: readonly string[] = [
  "comes up with bird, and notices its silence",
  "comes up over several hops",
  "is switched off and on, and removed",
  "opens a session whose address comes later",
  "sends with a TTL of 255 from a port of its own, and drops what was forwarded",
];

for (const testCase of CASES) {
  testNeeding(
    [NAMESPACES, ...["ip", "bird", "nft", "tcpdump"].map(command)],
    `BFD ${testCase}`,
    () => inPrivateNetwork(SCRIPT, testCase),
  );
}

// It gives its files to its own user, whom a namespace of users does not have.
const ROOT: Need = {
  kind: "told",
  lack: Deno.uid() === 0 ? undefined : "frr changes its user: run as root",
};

testNeeding(
  [NAMESPACES, ROOT, ...["ip", "vtysh", "nft"].map(command)],
  "BFD comes up with frr, and is told when it is switched off there",
  () =>
    inPrivateNetwork(
      SCRIPT,
      "comes up with frr, and is told when it is switched off there",
    ),
);
