import { throws } from "node:assert/strict";
import { inPrivateNetwork } from "../../../tests/io/private_network.ts";
import {
  command,
  NAMESPACES,
  testNeeding,
} from "../../../tests/support/needs.ts";
import { ReceiveBatch, SendBatch } from "./packet_batch.ts";

const SCRIPT = new URL("../../../tests/io/packet_socket.ts", import.meta.url);

const CASES: readonly string[] = [
  "echoes 1000 requests",
  "receives its EtherType only, and everything on request",
  "cuts a frame that is longer than its slot",
  "replaces its filter",
  "keeps its filter where the kernel has no room for another",
  "receives nothing before its filter is there",
  "counts what found no room",
  "goes on when the interface was down",
  "opens on an interface that is down",
  "tells that the interface is gone",
  "skips a frame the kernel refuses",
  "counts what the interface has no room for",
  "hears groups",
  "carries frames of agents whole, and no others",
  "names an interface that is not there",
];

for (const testCase of CASES) {
  testNeeding(
    [NAMESPACES, command("ip")],
    `PacketSocket ${testCase}`,
    () => inPrivateNetwork(SCRIPT, testCase),
  );
}

testNeeding(
  [NAMESPACES, command("ip")],
  "PacketSocket names the capability that is missing",
  () =>
    inPrivateNetwork(SCRIPT, "names the capability that is missing", {
      through: ["setpriv", "--bounding-set=-net_raw"],
    }),
);

Deno.test("batches refuse a number of slots the kernel does not take", () => {
  throws(() => new ReceiveBatch(0), /1 to 1024/);
  throws(() => new SendBatch(1025), /1 to 1024/);
});
