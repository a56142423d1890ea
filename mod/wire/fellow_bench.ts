import type { MacAddr } from "@/addr/mac_addr.ts";
import {
  clusterIdOf,
  decodeFellow,
  encodeFellow,
  FELLOW_GROUP,
  nodeIdOf,
} from "./fellow.ts";
import type { FellowFrame } from "./fellow_frame.ts";

const IDENTITY = { cluster: clusterIdOf("a"), node: nodeIdOf("n1") };
const FRAME: FellowFrame = {
  sender: nodeIdOf("n2"),
  incarnation: 1n,
  message: {
    kind: "beacon",
    state: {
      listVersion: 7,
      uptimeMs: 123_456,
      beaconIntervalMs: 100,
      unsure: false,
      frozen: false,
      listening: false,
      leaving: false,
      vips: 3,
    },
  },
};
const AT = {
  identity: IDENTITY,
  source: "02:00:00:00:00:0a" as MacAddr,
  destination: FELLOW_GROUP,
};
const KEY = { key: new Uint8Array(32) };
const PAYLOAD = encodeFellow(FRAME, AT).subarray(14);
const SIGNED_IDENTITY = { ...IDENTITY, ...KEY };
const SIGNED = encodeFellow(FRAME, { ...AT, identity: SIGNED_IDENTITY })
  .subarray(14);

Deno.bench("read a beacon", () => void decodeFellow(PAYLOAD, IDENTITY));
Deno.bench("write a beacon", () => void encodeFellow(FRAME, AT));
Deno.bench("read a signed beacon", () => {
  decodeFellow(SIGNED, SIGNED_IDENTITY);
});
