import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { formatPrefix } from "@/addr/prefix.ts";
import malformed from "../../../tests/vectors/bgp/malformed.json" with {
  type: "json",
};
import { asOccurrences } from "./as_path.ts";
import type { BgpError } from "./bgp_error.ts";
import { bgpMessageType } from "./header.ts";
import { BGP_MESSAGE_TYPE } from "./iana.ts";
import type { NotificationMessage, OpenMessage } from "./message.ts";
import { BgpMessageReader } from "./message_reader.ts";
import { negotiateSession } from "./negotiate.ts";
import { decodeOpen } from "./open.ts";
import type { PathAttribute } from "./path_attribute.ts";
import { attributeType } from "./path_attribute_codec.ts";
import { decodeRouteRefresh } from "./route_refresh.ts";
import type { NegotiatedSession } from "./session.ts";
import { decodeUpdate } from "./update.ts";
import { UpdateScanner } from "./update_scanner.ts";
import type { Nlri } from "./path_attribute.ts";

/** A case of the vectors. */
interface Case {
  readonly id: string;
  readonly phase: string;
  readonly send?: string;
  readonly open?: string;
  readonly before?: string;
  readonly prefix?: string;
  readonly peerAs?: number;
  readonly expect: {
    readonly action: string;
    readonly code?: number;
    readonly subcode?: number;
    readonly data?: string;
  };
}

const ALL: readonly Case[] = malformed.cases as readonly Case[];
/** Messages that are right, at the wrong time: reactions of the state machine, which is not here. */
const ORDER = new Set([
  "fsm-update-in-opensent",
  "fsm-rr-in-opensent",
  "fsm-notification-in-opensent",
  "fsm-open-in-openconfirm",
  "fsm-rr-in-openconfirm",
  "fsm-notification-in-established",
  "fsm-hold-expiry-openconfirm",
]);
const CASES = ALL.filter(({ id }) => !ORDER.has(id));

Deno.test.each(CASES)("$id is reacted to as expected", (test) => {
  const reaction = reactionTo(test);
  const { action, code, subcode, data } = test.expect;
  switch (action) {
    case "notification":
      ok(reaction.kind === "notification", reaction.kind);
      strictEqual(reaction.notification.code, code);
      strictEqual(reaction.notification.subcode, subcode);
      if (data !== undefined) {
        strictEqual(reaction.notification.data.toHex(), data);
      }
      return;
    case "accept-or-2/7":
    case "accept-or-2/0":
    case "accept-or-treat-as-withdraw":
      strictEqual(reaction.kind, "accept");
      return;
    case "route-not-used":
      ok(reaction.kind === "accept" && reaction.unused);
      return;
    default:
      strictEqual(reaction.kind, action);
  }
});

Deno.test("messages at the wrong time are right by themselves", () => {
  const found = ALL.filter(({ id }) => ORDER.has(id));
  strictEqual(found.length, ORDER.size);
  strictEqual(CASES.length + ORDER.size, 80);
  for (const { send } of found) {
    if (send === undefined || send === "") continue; // Silence is tested there, too.
    const reader = new BgpMessageReader();
    reader.push(Uint8Array.fromHex(send));
    ok(reader.next()?.ok);
  }
});

Deno.test("a ROUTE-REFRESH of a wrong length comes back as data", () => {
  const test = ALL.find(({ id }) => id === "rr-len-24-err");
  ok(test !== undefined);
  const reaction = reactionTo(test);
  ok(reaction.kind === "notification");
  strictEqual(reaction.notification.data.toHex(), test.send);
});

type Reaction =
  | {
    readonly kind: "notification";
    readonly notification: NotificationMessage;
  }
  | { readonly kind: "accept"; readonly unused: boolean }
  | {
    readonly kind:
      | "treat-as-withdraw"
      | "attribute-discard"
      | "ignore-message"
      | "disable-family";
  };

function reactionTo(test: Case): Reaction {
  const reader = new BgpMessageReader();
  const negotiated = test.phase.startsWith("connected")
    ? undefined
    : establish(test, reader);
  if (negotiated !== undefined && test.before !== undefined) {
    const before = bytesOf(test.before);
    reader.push(before);
    ok(reader.next()?.ok);
    const reading = decodeUpdate(before, negotiated);
    ok(reading.ok && reading.value.action === "accept");
    deepStrictEqual(reading.value.update.nlri.map(formatPrefix), [test.prefix]);
  }
  reader.push(bytesOf(test.send));
  const next = reader.next();
  ok(next !== undefined, "The message is whole");
  if (!next.ok) return refused(next.error);
  return negotiated === undefined
    ? reactionToOpen(next.value, test)
    : reactionInSession(next.value, test, negotiated);
}

function establish(test: Case, reader: BgpMessageReader): NegotiatedSession {
  reader.push(bytesOf(test.open));
  const message = reader.next();
  ok(message?.ok);
  const open = decodeOpen(message.value);
  ok(open.ok);
  const negotiated = negotiateSession(OURS, open.value, {
    peerAs: test.peerAs ?? 65_001,
  });
  ok(negotiated.ok);
  reader.limits = negotiated.value;
  return negotiated.value;
}

function reactionToOpen(message: Uint8Array, test: Case): Reaction {
  strictEqual(bgpMessageType(message), BGP_MESSAGE_TYPE.open);
  const open = decodeOpen(message);
  if (!open.ok) return refused(open.error);
  const negotiated = negotiateSession(OURS, open.value, {
    peerAs: test.peerAs ?? 65_001,
  });
  return negotiated.ok
    ? { kind: "accept", unused: false }
    : refused(negotiated.error);
}

function reactionInSession(
  message: Uint8Array,
  test: Case,
  session: NegotiatedSession,
): Reaction {
  if (bgpMessageType(message) === BGP_MESSAGE_TYPE.routeRefresh) {
    const refresh = decodeRouteRefresh(message);
    if (!refresh.ok) return refused(refresh.error);
    const known = refresh.value.subtype <= 2;
    return known
      ? { kind: "accept", unused: false }
      : { kind: "ignore-message" };
  }
  strictEqual(bgpMessageType(message), BGP_MESSAGE_TYPE.update);
  const reading = decodeUpdate(message, session);
  const scanner = new UpdateScanner(session);
  const scanned = scanner.scan(message);
  if (!reading.ok) {
    strictEqual(scanned, "session-reset");
    deepStrictEqual(scanner.reset, reading.error);
    return refused(reading.error);
  }
  const { update, action, errors } = reading.value;
  strictEqual(scanned, action);
  const has = (list: readonly Nlri[]) =>
    list.some((nlri) => formatPrefix(nlri) === test.prefix);
  if (action === "treat-as-withdraw") {
    ok(has(update.withdrawn), "The prefix is withdrawn");
    deepStrictEqual(update.nlri, []);
    return { kind: action };
  }
  if (action === "accept") {
    const empty = message.length === 23;
    // The session and the prefix of before stay.
    ok(empty || has(update.nlri) || test.id === "upd-nlri-host-bits");
    return { kind: "accept", unused: isUnused(update.attributes) };
  }
  const [error] = errors;
  ok(error !== undefined && errors.length === 1);
  if (error.attributeType === 14) {
    deepStrictEqual(
      update.attributes.map(attributeType).filter((type) => type === 14),
      [],
    );
    return { kind: "ignore-message" };
  }
  ok(has(update.nlri), "The prefix stays");
  ok(
    !update.attributes.some((item) =>
      attributeType(item) === error.attributeType
    ),
    "The attribute is gone",
  );
  return { kind: action };
}

function isUnused(attributes: readonly PathAttribute[]): boolean {
  return attributes.some((item) =>
    (item.kind === "as-path" && asOccurrences(item.segments, 65_002) > 0) ||
    (item.kind === "next-hop" && item.nextHop === OURS.bgpIdentifier)
  );
}

function refused({ notification }: BgpError): Reaction {
  return { kind: "notification", notification };
}

function bytesOf(hex: string | undefined): Uint8Array {
  ok(hex !== undefined);
  return Uint8Array.fromHex(hex);
}

const OURS: OpenMessage = {
  kind: "open",
  myAs: 65_002,
  holdTimeSeconds: 90,
  bgpIdentifier: "10.0.0.2" as OpenMessage["bgpIdentifier"],
  capabilities: [
    { kind: "multiprotocol", family: "ipv4-unicast" },
    { kind: "multiprotocol", family: "ipv6-unicast" },
    { kind: "route-refresh" },
    { kind: "enhanced-route-refresh" },
    { kind: "four-octet-as", as: 65_002 },
  ],
};
