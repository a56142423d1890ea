import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { formatPrefix } from "@/addr/prefix.ts";
import {
  CAPTURED,
  type CapturedMessage,
  longReader,
  sessionOf,
} from "./_vectors_test.ts";
import type { BgpCapability } from "./capability.ts";
import {
  formatCommunity,
  formatExtendedCommunity,
  formatLargeCommunity,
} from "./community.ts";
import { bgpMessageType, encodeKeepalive } from "./header.ts";
import { BGP_MESSAGE_TYPE } from "./iana.ts";
import {
  decodeNotification,
  encodeNotification,
  hardResetInner,
  notificationName,
  prefixLimit,
  shutdownText,
} from "./notification.ts";
import { decodeOpen, encodeOpen } from "./open.ts";
import type { AsSegment, Nlri, PathAttribute } from "./path_attribute.ts";
import { attributeFlags, attributeType } from "./path_attribute_codec.ts";
import { decodeRouteRefresh, encodeRouteRefresh } from "./route_refresh.ts";
import { decodeUpdate, encodeUpdate } from "./update.ts";

Deno.test.each(CAPTURED)("$id means what it means", (captured) => {
  const { meaning } = captured;
  const { optionalParameters: _, extendedOptionalParameters: __, ...rest } =
    meaning;
  deepStrictEqual(
    abbreviated(meaningOf(captured), rest),
    flagsWithoutLength(rest),
  );
});

Deno.test.each(CAPTURED)("$id is written and means the same", (captured) => {
  const written = rewritten(captured);
  deepStrictEqual(
    { ...meaningOf({ ...captured, hex: written }), length: 0 },
    { ...meaningOf(captured), length: 0 },
  );
});

Deno.test("what is not written byte for byte becomes shorter", () => {
  // By two-octet lengths of short attributes and a parameter for each capability.
  const other = CAPTURED.filter((captured) =>
    rewritten(captured) !== captured.hex
  );
  deepStrictEqual(
    other.filter((captured) =>
      rewritten(captured).length >= captured.hex.length
    ).map(({ id }) => id),
    [],
  );
  ok(2 * other.length < CAPTURED.length, `${other.length} are`);
});

Deno.test("captured messages come out of a stream however it is cut", () => {
  const whole = CAPTURED.map(({ hex }) => hex).join("");
  const bytes = Uint8Array.fromHex(whole);
  for (const size of [1, 2, 7, 18, 19, 20, 1_448, 65_536, bytes.length]) {
    const reader = longReader();
    const messages: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      // A buffer of its own, spoilt afterwards: nobody may rely on it.
      const chunk = bytes.slice(at, at + size);
      reader.push(chunk);
      for (let next = reader.next(); next !== undefined; next = reader.next()) {
        ok(next.ok);
        messages.push(next.value.toHex());
      }
      chunk.fill(0);
    }
    strictEqual(reader.heldBytes, 0);
    deepStrictEqual(messages, CAPTURED.map(({ hex }) => hex));
  }
});

type Meaning = Record<string, unknown>;

/** A message read and told in the words of the vectors. */
function meaningOf(captured: CapturedMessage): Meaning {
  const reader = longReader();
  reader.push(Uint8Array.fromHex(captured.hex));
  const next = reader.next();
  ok(next?.ok);
  const bytes = next.value;
  const { length } = bytes;
  switch (bgpMessageType(bytes)) {
    case BGP_MESSAGE_TYPE.open: {
      const open = decodeOpen(bytes);
      ok(open.ok);
      return {
        type: "OPEN",
        length,
        version: 4,
        myAs: open.value.myAs,
        holdTime: open.value.holdTimeSeconds,
        bgpId: open.value.bgpIdentifier,
        capabilities: open.value.capabilities.map(capabilityMeaning),
      };
    }
    case BGP_MESSAGE_TYPE.update:
      return updateMeaning(captured, bytes);
    case BGP_MESSAGE_TYPE.notification:
      return notificationMeaning(bytes);
    case BGP_MESSAGE_TYPE.keepalive:
      return { type: "KEEPALIVE", length };
    default: {
      const refresh = decodeRouteRefresh(bytes);
      ok(refresh.ok);
      const { family, subtype } = refresh.value;
      return {
        type: "ROUTE-REFRESH",
        length,
        family,
        subtype: ["request", "BoRR", "EoRR"][subtype],
      };
    }
  }
}

function updateMeaning(captured: CapturedMessage, bytes: Uint8Array): Meaning {
  const reading = decodeUpdate(bytes, sessionOf(captured));
  ok(reading.ok);
  const { update, action, endOfRib } = reading.value;
  strictEqual(action, "accept");
  return {
    type: "UPDATE",
    length: bytes.length,
    withdrawn: update.withdrawn.map(nlriMeaning),
    attributes: update.attributes.map(attributeMeaning),
    nlri: update.nlri.map(nlriMeaning),
    ...(endOfRib === undefined ? {} : { endOfRib }),
  };
}

function notificationMeaning(bytes: Uint8Array): Meaning {
  const notification = decodeNotification(bytes);
  const { code, subcode, data } = notification;
  const inner = hardResetInner(notification);
  const text = shutdownText(notification);
  const limit = prefixLimit(notification);
  const told = inner !== undefined || text !== undefined || limit !== undefined;
  return {
    type: "NOTIFICATION",
    length: bytes.length,
    code,
    subcode,
    name: notificationName(notification),
    ...(inner === undefined ? {} : {
      hardResetInner: {
        code: inner.code,
        subcode: inner.subcode,
        data: inner.data.toHex(),
      },
    }),
    ...(text === undefined ? {} : { shutdownCommunication: text }),
    ...(limit === undefined
      ? {}
      : { family: limit.family, limit: limit.prefixesMax }),
    ...(told || data.length === 0 ? {} : { data: data.toHex() }),
  };
}

function rewritten(captured: CapturedMessage): string {
  const bytes = Uint8Array.fromHex(captured.hex);
  switch (bgpMessageType(bytes)) {
    case BGP_MESSAGE_TYPE.open: {
      const open = decodeOpen(bytes);
      ok(open.ok);
      return encodeOpen(open.value).toHex();
    }
    case BGP_MESSAGE_TYPE.update: {
      const session = sessionOf(captured);
      const reading = decodeUpdate(bytes, session);
      ok(reading.ok);
      const written = encodeUpdate(reading.value.update, session);
      ok(written !== undefined);
      return written.toHex();
    }
    case BGP_MESSAGE_TYPE.notification:
      return encodeNotification(decodeNotification(bytes)).toHex();
    case BGP_MESSAGE_TYPE.keepalive:
      return encodeKeepalive().toHex();
    default: {
      const refresh = decodeRouteRefresh(bytes);
      ok(refresh.ok);
      return encodeRouteRefresh(refresh.value).toHex();
    }
  }
}

function capabilityMeaning(capability: BgpCapability): Meaning {
  const code = CAPABILITY_CODES[capability.kind];
  const head = { code, name: capability.kind };
  switch (capability.kind) {
    case "multiprotocol":
      return { ...head, family: capability.family };
    case "extended-next-hop":
      return {
        ...head,
        tuples: capability.tuples.map(({ family, nextHopAfi }) => ({
          nlri: family,
          nextHopAfi,
        })),
      };
    case "role":
      return { ...head, role: capability.role };
    case "graceful-restart":
      return {
        ...head,
        restartState: capability.restartState,
        notification: capability.notification,
        restartTime: capability.restartTimeSeconds,
        families: capability.families,
      };
    case "four-octet-as":
      return { ...head, asn: capability.as };
    case "add-path":
      return { ...head, families: capability.families };
    case "long-lived-graceful-restart":
      return {
        ...head,
        families: capability.families.map((item) => ({
          family: item.family,
          forwardingPreserved: item.forwardingPreserved,
          staleTime: item.staleTimeSeconds,
        })),
      };
    case "fqdn":
      return {
        ...head,
        hostname: capability.hostname,
        domain: capability.domain,
      };
    default:
      return head;
  }
}

function attributeMeaning(attribute: PathAttribute): Meaning {
  const head = {
    type: attributeType(attribute),
    name: ATTRIBUTE_NAMES[attribute.kind],
    flags: `0x${attributeFlags(attribute).toString(16)}`,
  };
  switch (attribute.kind) {
    case "origin":
      return { ...head, value: attribute.origin.toUpperCase() };
    case "as-path":
    case "as4-path":
      return { ...head, segments: attribute.segments.map(segmentMeaning) };
    case "next-hop":
      return { ...head, value: attribute.nextHop };
    case "multi-exit-disc":
      return { ...head, value: attribute.multiExitDisc };
    case "local-pref":
      return { ...head, value: attribute.localPref };
    case "aggregator":
    case "as4-aggregator":
      return { ...head, asn: attribute.as, address: attribute.address };
    case "communities":
      return {
        ...head,
        value: attribute.communities.map(formatCommunity),
      };
    case "originator-id":
      return { ...head, value: attribute.originatorId };
    case "cluster-list":
      return { ...head, value: attribute.clusterIds };
    case "extended-communities":
      return {
        ...head,
        value: attribute.communities.map(formatExtendedCommunity),
      };
    case "large-communities":
      return {
        ...head,
        value: attribute.communities.map(formatLargeCommunity),
      };
    case "mp-reach": {
      const { nextHop, linkLocalNextHop, family, nlri } = attribute;
      return {
        ...head,
        family,
        nextHop: linkLocalNextHop === undefined
          ? [nextHop]
          : [nextHop, linkLocalNextHop],
        nlri: nlri.map(nlriMeaning),
      };
    }
    case "mp-unreach":
      return {
        ...head,
        family: attribute.family,
        withdrawn: attribute.withdrawn.map(nlriMeaning),
      };
    case "only-to-customer":
      return { ...head, asn: attribute.as };
    case "unknown":
      return { ...head, value: attribute.value.toHex() };
    default:
      return head;
  }
}

function segmentMeaning({ kind, asns }: AsSegment): Meaning {
  return { type: `AS_${kind.toUpperCase().replaceAll("-", "_")}`, asns };
}

function nlriMeaning(nlri: Nlri): unknown {
  const prefix = formatPrefix(nlri);
  return nlri.pathId === undefined ? prefix : { prefix, pathId: nlri.pathId };
}

/** Long lists of ours, shortened as the vector's are. */
function abbreviated(value: unknown, like: unknown): unknown {
  if (Array.isArray(value) && Array.isArray(like)) {
    const gap = like.findIndex((item) =>
      typeof item === "string" && item.startsWith("... ")
    );
    if (gap < 0) return value.map((item, i) => abbreviated(item, like[i]));
    const behind = like.length - gap - 1;
    return [
      ...value.slice(0, gap),
      `... ${value.length} in all ...`,
      ...value.slice(value.length - behind, value.length),
    ];
  }
  if (isRecord(value) && isRecord(like)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        abbreviated(inner, like[key]),
      ]),
    );
  }
  return value;
}

/** The flag for two-octet lengths follows from the length here. */
function flagsWithoutLength(meaning: Meaning): Meaning {
  if (!Array.isArray(meaning["attributes"])) return meaning;
  return {
    ...meaning,
    attributes: meaning["attributes"].map((attribute: { flags: string }) => ({
      ...attribute,
      flags: `0x${(Number(attribute.flags) & 0xe0).toString(16)}`,
    })),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const CAPABILITY_CODES: Readonly<Record<BgpCapability["kind"], number>> = {
  "multiprotocol": 1,
  "route-refresh": 2,
  "extended-next-hop": 5,
  "extended-message": 6,
  "role": 9,
  "graceful-restart": 64,
  "four-octet-as": 65,
  "add-path": 69,
  "enhanced-route-refresh": 70,
  "long-lived-graceful-restart": 71,
  "fqdn": 73,
  "route-refresh-cisco": 128,
  "unknown": 0,
};

const ATTRIBUTE_NAMES: Readonly<Record<PathAttribute["kind"], string>> = {
  "origin": "ORIGIN",
  "as-path": "AS_PATH",
  "next-hop": "NEXT_HOP",
  "multi-exit-disc": "MED",
  "local-pref": "LOCAL_PREF",
  "atomic-aggregate": "ATOMIC_AGGREGATE",
  "aggregator": "AGGREGATOR",
  "communities": "COMMUNITIES",
  "originator-id": "ORIGINATOR_ID",
  "cluster-list": "CLUSTER_LIST",
  "mp-reach": "MP_REACH_NLRI",
  "mp-unreach": "MP_UNREACH_NLRI",
  "extended-communities": "EXTENDED_COMMUNITIES",
  "as4-path": "AS4_PATH",
  "as4-aggregator": "AS4_AGGREGATOR",
  "large-communities": "LARGE_COMMUNITIES",
  "only-to-customer": "OTC",
  "unknown": "unknown",
};
