import { decodeIpv6, encodeIpv6 } from "./ipv6.ts";
import { decodeNdp, encodeNdp } from "./ndp.ts";

const SOLICITATION = Uint8Array.fromHex(
  "6000000000203aff20010db8000000000000000000000011" +
    "ff0200000000000000000001ff000010" +
    "87001bf10000000020010db8000000000000000000000010010102000000000b",
);

const packet = decodeIpv6(SOLICITATION);
const message = packet.ok ? decodeNdp(packet.value) : packet;

Deno.bench("decodeIpv6(), decodeNdp() read a solicitation", {
  group: "ndp",
  baseline: true,
}, () => {
  const packet = decodeIpv6(SOLICITATION);
  if (packet.ok) decodeNdp(packet.value);
});

if (packet.ok && message.ok) {
  Deno.bench("encodeNdp(), encodeIpv6() write a solicitation", {
    group: "ndp",
  }, () => {
    const payload = encodeNdp(message.value, packet.value);
    encodeIpv6({ ...packet.value, payload });
  });
}
