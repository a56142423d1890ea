import { deepStrictEqual } from "node:assert/strict";
import { encodeKeepalive } from "@/wire/bgp/header.ts";
import { encodeEndOfRib } from "@/wire/bgp/update.ts";
import { countMessages, initialMessageTally } from "./message_tally.ts";

Deno.test("countMessages() counts messages that follow each other, by their types", () => {
  const tally = initialMessageTally();
  const all = [
    encodeKeepalive(),
    encodeEndOfRib("ipv4-unicast"),
    encodeEndOfRib("ipv6-unicast"),
    encodeKeepalive(),
  ];
  const bytes = Uint8Array.from(all.flatMap((message) => [...message]));
  countMessages(tally, bytes);
  countMessages(tally, new Uint8Array(0));
  deepStrictEqual(tally, {
    ...initialMessageTally(),
    keepalive: 2,
    update: 2,
  });
});
