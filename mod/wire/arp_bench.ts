import { decodeArp, encodeArp } from "./arp.ts";

const REQUEST = Uint8Array.fromHex(
  "000108000604000102000000000bc000020b000000000000c000020a",
);
const FOREIGN = REQUEST.slice();
FOREIGN[0] = 0x06;

Deno.bench(
  "decodeArp() reads a request",
  { group: "arp", baseline: true },
  () => {
    decodeArp(REQUEST);
  },
);

Deno.bench("decodeArp() refuses a foreign packet", { group: "arp" }, () => {
  decodeArp(FOREIGN);
});

const packet = decodeArp(REQUEST);
if (packet.ok) {
  Deno.bench("encodeArp() writes a request", { group: "arp" }, () => {
    encodeArp(packet.value);
  });
}
