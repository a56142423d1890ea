import { inPrivateNetwork } from "../../../tests/io/private_network.ts";
import {
  command,
  NAMESPACES,
  testNeeding,
} from "../../../tests/support/needs.ts";

const SCRIPT = new URL("../../../tests/io/tcp.ts", import.meta.url);

const CASES: readonly string[] = [
  "carries bytes both ways",
  "waits for a peer that does not read",
  "breaks a connection, and hears of it",
  "has its last words arrive although bytes wait unread",
  "counts a connection until its peer has taken the end",
  "tells why a peer is not reached",
  "dials from a source address, and by an interface",
  "listens on several addresses, and names one that is not here",
  "connects with the same password only",
  "reads from the kernel's counts that a password differs or is missing",
  "changes keys while it listens",
  "takes segments of near peers only",
  "reaches over a router as far as it is told",
  "leaves no descriptor",
  "ends with its port",
];

const GTSM_SCRIPT = new URL("../../../tests/io/tcp_gtsm.ts", import.meta.url);

for (
  const testCase of [
    "knows how far the SYN of a peer came",
    "refuses a peer from too far away before its OPEN is read",
  ]
) {
  testNeeding(
    [NAMESPACES, command("ip")],
    `KernelTcp ${testCase}`,
    () => inPrivateNetwork(GTSM_SCRIPT, testCase),
  );
}

for (const testCase of CASES) {
  testNeeding(
    [NAMESPACES, command("ip")],
    `KernelTcp ${testCase}`,
    () => inPrivateNetwork(SCRIPT, testCase),
  );
}

testNeeding(
  [NAMESPACES, command("ip"), command("bird")],
  "KernelTcp speaks to bird, signed and from next door",
  () => inPrivateNetwork(SCRIPT, "speaks to bird, signed and from next door"),
);
