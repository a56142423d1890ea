/**
 * Nearly valid BGP: captured and crafted messages, mutated, cut into chunks of
 * any size, and read as a session reads them. What is checked for each:
 *
 * - nothing throws, and the reader holds at most one message
 * - the scanner and the decoder say the same of an UPDATE, and count the same
 * - what was accepted is written and read again as the same
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Random } from "@/lang/random.ts";
import { isUnicastFamily, type UnicastFamily } from "@/wire/bgp/family.ts";
import { bgpMessageType } from "@/wire/bgp/header.ts";
import {
  BGP_EXTENDED_MESSAGE_BYTES_MAX,
  BGP_MESSAGE_TYPE,
} from "@/wire/bgp/iana.ts";
import { BgpMessageReader } from "@/wire/bgp/message_reader.ts";
import { negotiateSession } from "@/wire/bgp/negotiate.ts";
import {
  decodeNotification,
  encodeNotification,
  hardResetInner,
  notificationName,
  prefixLimit,
  shutdownText,
} from "@/wire/bgp/notification.ts";
import { decodeOpen, encodeOpen } from "@/wire/bgp/open.ts";
import { decodeRouteRefresh } from "@/wire/bgp/route_refresh.ts";
import type { UpdateSession } from "@/wire/bgp/session.ts";
import { decodeUpdate, encodeUpdate } from "@/wire/bgp/update.ts";
import { UpdateScanner } from "@/wire/bgp/update_scanner.ts";
import captured from "../vectors/bgp/captured.json" with { type: "json" };
import malformed from "../vectors/bgp/malformed.json" with { type: "json" };

/** What came of a run: how often each thing happened. */
export type FuzzTally = ReadonlyMap<string, number>;

/**
 * Feeds mutated messages to the codec.
 *
 * @param options Where chance begins, and how many messages.
 * @returns How often each kind of outcome was met.
 */
export function fuzzBgp(
  options: { readonly seed: number; readonly messages: number },
): FuzzTally {
  const random = new Random(options.seed);
  const tally = new Map<string, number>();
  const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1);
  let reader = new BgpMessageReader();
  let session = sessionBy(random);
  for (let i = 0; i < options.messages; i++) {
    if (i % MESSAGES_PER_SESSION === 0) session = sessionBy(random);
    reader.limits = {
      extendedMessage: session.extendedMessage,
      enhancedRouteRefresh: random.int(2) === 0,
    };
    const message = mutated(random);
    try {
      if (!feed(reader, message, session, random, count)) {
        reader = new BgpMessageReader();
      }
    } catch (error) {
      throw new Error(
        `Message ${i} of seed ${options.seed}: ${message.toHex()} in ${
          JSON.stringify(session)
        }`,
        { cause: error },
      );
    }
  }
  return tally;
}

/** @returns Whether the stream goes on. */
function feed(
  reader: BgpMessageReader,
  message: Uint8Array,
  session: UpdateSession,
  random: Random,
  count: (what: string) => void,
): boolean {
  for (let at = 0; at < message.length;) {
    const size = 1 + random.int(random.int(4) === 0 ? 20 : message.length);
    reader.push(message.slice(at, at + size));
    at += size;
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      if (!next.ok) {
        count(notificationName(next.error.notification));
        return false;
      }
      if (!read(next.value, session, count)) return false;
    }
    ok(reader.heldBytes < BGP_EXTENDED_MESSAGE_BYTES_MAX);
  }
  return true;
}

/** @returns Whether the session goes on. */
function read(
  message: Uint8Array,
  session: UpdateSession,
  count: (what: string) => void,
): boolean {
  switch (bgpMessageType(message)) {
    case BGP_MESSAGE_TYPE.open:
      return readOpen(message, count);
    case BGP_MESSAGE_TYPE.update:
      return readUpdate(message, session, count);
    case BGP_MESSAGE_TYPE.notification: {
      const notification = decodeNotification(message);
      hardResetInner(notification);
      prefixLimit(notification);
      ok((shutdownText(notification) ?? "").length <= 255);
      deepStrictEqual(
        encodeNotification(notification, { extendedMessage: true }),
        message.slice(),
      );
      count("NOTIFICATION");
      return true;
    }
    case BGP_MESSAGE_TYPE.keepalive:
      count("KEEPALIVE");
      return true;
    default: {
      const refresh = decodeRouteRefresh(message);
      count(
        refresh.ok
          ? "ROUTE-REFRESH"
          : notificationName(refresh.error.notification),
      );
      return refresh.ok;
    }
  }
}

function readOpen(
  message: Uint8Array,
  count: (what: string) => void,
): boolean {
  const open = decodeOpen(message);
  if (!open.ok) {
    count(notificationName(open.error.notification));
    return false;
  }
  const again = decodeOpen(encodeOpen(open.value));
  ok(again.ok);
  deepStrictEqual(again.value, open.value);
  for (const ours of OUR_OPENS) {
    const negotiated = negotiateSession(ours, open.value, {});
    count(
      negotiated.ok ? "OPEN" : notificationName(negotiated.error.notification),
    );
  }
  return true;
}

function readUpdate(
  message: Uint8Array,
  session: UpdateSession,
  count: (what: string) => void,
): boolean {
  const scanner = new UpdateScanner(session);
  const action = scanner.scan(message);
  const scannedErrors = scanner.errors;
  const reading = decodeUpdate(message, session);
  if (!reading.ok) {
    strictEqual(action, "session-reset");
    deepStrictEqual(scanner.reset, reading.error);
    count(notificationName(reading.error.notification));
    return false;
  }
  const { update, errors, endOfRib, disabledFamily } = reading.value;
  strictEqual(action, reading.value.action);
  deepStrictEqual(scannedErrors, errors);
  strictEqual(scanner.endOfRib, endOfRib);
  strictEqual(scanner.disabledFamily, disabledFamily);
  const tallies: Record<
    UnicastFamily,
    { announced: number; withdrawn: number }
  > = {
    "ipv4-unicast": {
      announced: update.nlri.length,
      withdrawn: update.withdrawn.length,
    },
    "ipv6-unicast": { announced: 0, withdrawn: 0 },
  };
  for (const attribute of update.attributes) {
    if (attribute.kind === "mp-reach" && isUnicastFamily(attribute.family)) {
      tallies[attribute.family].announced += attribute.nlri.length;
    }
    if (attribute.kind === "mp-unreach" && isUnicastFamily(attribute.family)) {
      tallies[attribute.family].withdrawn += attribute.withdrawn.length;
    }
  }
  deepStrictEqual(scanner.tallies, tallies);
  count(`UPDATE ${action}`);
  const mirrored = {
    ...session,
    addPathSend: session.addPathReceive,
    extendedMessage: true,
  };
  const written = encodeUpdate(update, mirrored);
  if (written === undefined) return true;
  const again = decodeUpdate(written, mirrored);
  ok(again.ok);
  deepStrictEqual(again.value.update, update);
  return true;
}

/** A message that is nearly one of the vectors; every other one is an UPDATE. */
function mutated(random: Random): Uint8Array {
  const original = pick(random, random.int(2) === 0 ? SEEDS : UPDATES);
  let bytes = original.slice();
  for (let left = random.int(3); left > 0; left--) {
    bytes = mutation(bytes, random);
  }
  // Mostly lengths are made right again, so that more than they are met.
  if (bytes.length >= 19 && random.int(8) > 0) {
    bytes[16] = bytes.length >>> 8;
    bytes[17] = bytes.length;
  }
  if (bytes.length >= 23 && bytes[18] === BGP_MESSAGE_TYPE.update) {
    const at = 21 + ((bytes[19] ?? 0) << 8) + (bytes[20] ?? 0);
    const length = ((bytes[at] ?? 0) << 8) + (bytes[at + 1] ?? 0) +
      bytes.length - original.length;
    if (at + 2 <= bytes.length && length >= 0 && random.int(4) > 0) {
      bytes[at] = length >>> 8;
      bytes[at + 1] = length;
    }
  }
  return bytes;
}

function mutation(
  bytes: Uint8Array<ArrayBuffer>,
  random: Random,
): Uint8Array<ArrayBuffer> {
  // Most of what is of interest lies behind the marker.
  const at = random.int(16) === 0 || bytes.length <= 18
    ? random.int(Math.max(1, bytes.length))
    : 18 + random.int(bytes.length - 18);
  switch (random.int(6)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(8));
      return bytes;
    case 1:
      bytes[at] = pick(random, INTERESTING);
      return bytes;
    case 2:
      return bytes.slice(0, at);
    case 3: {
      const more = pick(random, SEEDS);
      const from = 19 + random.int(Math.max(1, more.length - 19));
      return joined(
        bytes.subarray(0, at),
        more.subarray(from, from + random.int(40)),
        bytes.subarray(at),
      );
    }
    case 4:
      return joined(
        bytes.subarray(0, at),
        bytes.subarray(at + random.int(9)),
      );
    default:
      // A piece twice, as an attribute may be.
      return joined(
        bytes.subarray(0, at),
        bytes.subarray(Math.max(19, at - random.int(12))),
      );
  }
}

function joined(
  ...parts: readonly Uint8Array[]
): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(
    Math.min(length, BGP_EXTENDED_MESSAGE_BYTES_MAX),
  );
  let at = 0;
  for (const part of parts) {
    bytes.set(part.subarray(0, bytes.length - at), at);
    at = Math.min(bytes.length, at + part.length);
  }
  return bytes;
}

function sessionBy(random: Random): UpdateSession {
  const half = () => random.int(2) === 0;
  const families: readonly UnicastFamily[] = random.int(4) === 0
    ? ["ipv6-unicast"]
    : ["ipv4-unicast", "ipv6-unicast"];
  return {
    external: half(),
    fourOctetAs: random.int(4) > 0,
    families,
    addPathReceive: random.int(4) === 0 ? families : [],
    addPathSend: [],
    extendedNextHop: half() ? ["ipv4-unicast"] : [],
    extendedMessage: half(),
    disableFamilyOnError: half(),
  };
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.int(list.length)] as T;
}

const MESSAGES_PER_SESSION = 100;
const INTERESTING = [
  0,
  1,
  2,
  3,
  4,
  5,
  14,
  15,
  16,
  24,
  32,
  33,
  64,
  69,
  128,
  129,
  254,
  255,
];

/** Two voices: one that knows everything, one of old. */
const OUR_OPENS = [
  ...captured.messages.filter(({ id }) =>
    id === "roles-0" || id === "zoo-as4-old-0" || id === "base-bird-frr-0"
  ).map(({ hex }) => hex),
  "ffffffffffffffffffffffffffffffff001d0104fde9005a0a00000100",
].flatMap((hex) => {
  const open = decodeOpen(Uint8Array.fromHex(hex));
  return open.ok ? [open.value] : [];
});

const SEEDS: readonly Uint8Array<ArrayBuffer>[] = [
  ...captured.messages.map(({ hex }) => hex),
  ...malformed.cases.flatMap((item) =>
    "send" in item && typeof item.send === "string" && item.send !== ""
      ? [item.send]
      : []
  ),
].map((hex) => Uint8Array.fromHex(hex)).filter(({ length }) => length < 9_000);

const UPDATES = SEEDS.filter((seed) => seed[18] === BGP_MESSAGE_TYPE.update);
