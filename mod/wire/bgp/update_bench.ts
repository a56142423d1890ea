import { ipv4AddrFromNumber } from "@/addr/ipv4_addr.ts";
import { BgpMessageReader } from "./message_reader.ts";
import { PackedNlri } from "./packed_nlri.ts";
import type { UpdateSession } from "./session.ts";
import { decodeUpdate } from "./update.ts";
import {
  encodeAnnouncementHead,
  packAnnouncements,
  packWithdrawals,
} from "./update_packer.ts";
import { UpdateScanner } from "./update_scanner.ts";

const SESSION: UpdateSession = {
  external: true,
  fourOctetAs: true,
  families: ["ipv4-unicast"],
  addPathReceive: [],
  addPathSend: [],
  extendedNextHop: [],
  extendedMessage: false,
};
const HEAD = encodeAnnouncementHead(
  "ipv4-unicast",
  { address: ipv4AddrFromNumber(0x0a00_0001) },
  [
    { kind: "origin", origin: "igp" },
    { kind: "as-path", segments: [{ kind: "sequence", asns: [65_001] }] },
    { kind: "communities", communities: [0xfde9_0001] },
  ],
  SESSION,
);
const ROUTES = 1_000_000;
const NLRI = new PackedNlri("ipv4-unicast", { capacity: ROUTES });
for (let i = 0; i < ROUTES; i++) NLRI.pushIpv4(0x1400_0000 + i, 32);
const OUT = new Uint8Array(256 * 1_024);
const STREAM = stream();

Deno.bench("pack 1,000,000 routes of one attribute set", () => {
  for (let from = 0; from < NLRI.byteLength;) {
    ({ from } = packAnnouncements(HEAD, NLRI, {
      out: OUT,
      from,
      session: SESSION,
    }));
  }
});

Deno.bench("pack 1,000,000 withdrawals", () => {
  for (let from = 0; from < NLRI.byteLength;) {
    ({ from } = packWithdrawals(NLRI, { out: OUT, from, session: SESSION }));
  }
});

Deno.bench("list 1,000,000 routes", () => {
  NLRI.clear();
  for (let i = 0; i < ROUTES; i++) NLRI.pushIpv4(0x1400_0000 + i, 32);
});

Deno.bench("check and count 1,000,000 received routes", () => {
  const scanner = new UpdateScanner(SESSION);
  readAll((message) => void scanner.scan(message));
});

Deno.bench("read 1,000,000 received routes as values", () => {
  readAll((message) => void decodeUpdate(message, SESSION));
});

const SINGLE = new PackedNlri("ipv4-unicast");
SINGLE.pushIpv4(0xc000_0201, 32);
Deno.bench("pack one route", () => {
  packAnnouncements(HEAD, SINGLE, { out: OUT, session: SESSION });
});

/** The routes as they come, in chunks as TCP gives them. */
function readAll(read: (message: Uint8Array) => void): void {
  const reader = new BgpMessageReader();
  for (let at = 0; at < STREAM.length; at += 65_536) {
    reader.push(STREAM.subarray(at, at + 65_536));
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      if (next.ok) read(next.value);
    }
  }
}

function stream(): Uint8Array {
  const bytes = new Uint8Array(6_000_000);
  const { at } = packAnnouncements(HEAD, NLRI, {
    out: bytes,
    session: SESSION,
  });
  return bytes.subarray(0, at);
}
