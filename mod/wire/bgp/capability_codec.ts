/**
 * Capabilities as bytes: code, length, value (RFC 5492 §4).
 *
 * @module
 */

import { assert, unreachable } from "@/lang/assert.ts";
import { ByteWriter, u16At, u32At } from "./_bytes.ts";
import type { AddPathMode, BgpCapability, BgpRole } from "./capability.ts";
import { bgpFamily, familyCodes } from "./family.ts";
import { BGP_CAPABILITY } from "./iana.ts";

/**
 * Reads the value of a capability.
 *
 * @param code Its code.
 * @param value Its value.
 * @returns The capability, or `undefined` when a known one has a wrong length.
 */
export function decodeCapability(
  code: number,
  value: Uint8Array,
): BgpCapability | undefined {
  const read = READERS.get(code);
  return read === undefined ? unknown(code, value) : read(value);
}

/**
 * Writes a capability.
 *
 * @param capability The capability.
 * @returns Code, length and value.
 */
export function encodeCapability(
  capability: BgpCapability,
): Uint8Array<ArrayBuffer> {
  const value = new ByteWriter(16);
  writeValue(capability, value);
  assert(value.length <= 0xff, "A capability has up to 255 bytes");
  return new ByteWriter(value.length + 2).u8(codeOf(capability))
    .u8(value.length).bytes(value.take()).take();
}

function writeValue(capability: BgpCapability, to: ByteWriter): void {
  switch (capability.kind) {
    case "multiprotocol": {
      const { afi, safi } = familyCodes(capability.family);
      to.u16(afi).u8(0).u8(safi);
      return;
    }
    case "extended-next-hop":
      for (const { family, nextHopAfi } of capability.tuples) {
        const { afi, safi } = familyCodes(family);
        to.u16(afi).u16(safi).u16(nextHopAfi);
      }
      return;
    case "role":
      to.u8(ROLES.indexOf(capability.role));
      return;
    case "graceful-restart":
    case "long-lived-graceful-restart":
      writeRestart(capability, to);
      return;
    case "four-octet-as":
      to.u32(capability.as);
      return;
    case "add-path":
      for (const { family, mode } of capability.families) {
        const { afi, safi } = familyCodes(family);
        to.u16(afi).u8(safi).u8(ADD_PATH_MODES.indexOf(mode) + 1);
      }
      return;
    case "fqdn":
      for (const name of [capability.hostname, capability.domain]) {
        const bytes = new TextEncoder().encode(name);
        to.u8(bytes.length).bytes(bytes);
      }
      return;
    case "unknown":
      to.bytes(capability.value);
      return;
    case "route-refresh":
    case "route-refresh-cisco":
    case "extended-message":
    case "enhanced-route-refresh":
      return;
    default:
      unreachable(capability);
  }
}

function writeRestart(
  capability: Extract<
    BgpCapability,
    { readonly kind: "graceful-restart" | "long-lived-graceful-restart" }
  >,
  to: ByteWriter,
): void {
  const flags = (forwardingPreserved: boolean) =>
    forwardingPreserved ? FORWARDING_FLAG : 0;
  if (capability.kind === "graceful-restart") {
    const { restartTimeSeconds, restartState, notification } = capability;
    assert(
      restartTimeSeconds <= RESTART_TIME_SECONDS_MAX,
      "A restart time has 12 bits",
    );
    to.u16(
      (restartState ? RESTART_FLAG : 0) |
        (notification ? NOTIFICATION_FLAG : 0) | restartTimeSeconds,
    );
    for (const { family, forwardingPreserved } of capability.families) {
      const { afi, safi } = familyCodes(family);
      to.u16(afi).u8(safi).u8(flags(forwardingPreserved));
    }
    return;
  }
  for (const item of capability.families) {
    const { afi, safi } = familyCodes(item.family);
    to.u16(afi).u8(safi).u8(flags(item.forwardingPreserved));
    to.u8(item.staleTimeSeconds >>> 16).u16(item.staleTimeSeconds & 0xffff);
  }
}

function codeOf(capability: BgpCapability): number {
  return capability.kind === "unknown"
    ? capability.code
    : CODES[capability.kind];
}

type ValueReader = (value: Uint8Array) => BgpCapability | undefined;

/** A capability whose value is empty. */
function flag(
  kind: Extract<
    BgpCapability["kind"],
    | "route-refresh"
    | "route-refresh-cisco"
    | "extended-message"
    | "enhanced-route-refresh"
  >,
): ValueReader {
  return (value) => value.length === 0 ? { kind } : undefined;
}

function readMultiprotocol(value: Uint8Array): BgpCapability | undefined {
  if (value.length !== 4) return undefined;
  const family = bgpFamily(u16At(value, 0), value[3] as number);
  return { kind: "multiprotocol", family };
}

function readExtendedNextHop(value: Uint8Array): BgpCapability | undefined {
  return tuples(value, 0, 6, (at) => ({
    family: bgpFamily(u16At(value, at), u16At(value, at + 2)),
    nextHopAfi: u16At(value, at + 4),
  }), (list) => ({ kind: "extended-next-hop", tuples: list }));
}

function readRole(value: Uint8Array): BgpCapability | undefined {
  if (value.length !== 1) return undefined;
  const role = ROLES[value[0] as number];
  return role === undefined
    ? unknown(BGP_CAPABILITY.role, value)
    : { kind: "role", role };
}

function readGracefulRestart(value: Uint8Array): BgpCapability | undefined {
  if (value.length < 2) return undefined;
  const head = u16At(value, 0);
  return tuples(value, 2, 4, (at) => ({
    family: bgpFamily(u16At(value, at), value[at + 2] as number),
    forwardingPreserved: ((value[at + 3] as number) & FORWARDING_FLAG) !== 0,
  }), (families) => ({
    kind: "graceful-restart",
    restartState: (head & RESTART_FLAG) !== 0,
    notification: (head & NOTIFICATION_FLAG) !== 0,
    restartTimeSeconds: head & RESTART_TIME_SECONDS_MAX,
    families,
  }));
}

function readFourOctetAs(value: Uint8Array): BgpCapability | undefined {
  if (value.length !== 4) return undefined;
  return { kind: "four-octet-as", as: u32At(value, 0) };
}

function readAddPath(value: Uint8Array): BgpCapability | undefined {
  return tuples(value, 0, 4, (at) => ({
    family: bgpFamily(u16At(value, at), value[at + 2] as number),
    mode: ADD_PATH_MODES[(value[at + 3] as number) - 1],
  }), (list) => {
    const families = list.flatMap(({ family, mode }) =>
      mode === undefined ? [] : [{ family, mode }]
    );
    // RFC 7911 §4: with any other value it is as if it was not understood.
    return families.length === list.length
      ? { kind: "add-path", families }
      : unknown(BGP_CAPABILITY.addPath, value);
  });
}

function readLongLived(value: Uint8Array): BgpCapability | undefined {
  return tuples(value, 0, 7, (at) => ({
    family: bgpFamily(u16At(value, at), value[at + 2] as number),
    forwardingPreserved: ((value[at + 3] as number) & FORWARDING_FLAG) !== 0,
    staleTimeSeconds: (value[at + 4] as number) * 0x1_0000 +
      u16At(value, at + 5),
  }), (families) => ({ kind: "long-lived-graceful-restart", families }));
}

/** Shown only, so a wrong length makes it unknown and ends nothing. */
function readFqdn(value: Uint8Array): BgpCapability {
  const hostBytes = value[0] ?? 0;
  const domainAt = 1 + hostBytes;
  const domainBytes = value[domainAt] ?? 0;
  if (value.length !== domainAt + 1 + domainBytes) {
    return unknown(BGP_CAPABILITY.fqdn, value);
  }
  const text = new TextDecoder();
  return {
    kind: "fqdn",
    hostname: text.decode(value.subarray(1, domainAt)),
    domain: text.decode(value.subarray(domainAt + 1)),
  };
}

/** Tuples of one size up to the end. */
function tuples<T>(
  value: Uint8Array,
  from: number,
  sizeBytes: number,
  read: (at: number) => T,
  wrap: (list: readonly T[]) => BgpCapability,
): BgpCapability | undefined {
  if ((value.length - from) % sizeBytes !== 0) return undefined;
  const list: T[] = [];
  for (let at = from; at < value.length; at += sizeBytes) list.push(read(at));
  return wrap(list);
}

function unknown(code: number, value: Uint8Array): BgpCapability {
  return { kind: "unknown", code, value: value.slice() };
}

const RESTART_FLAG = 0x8000;
const NOTIFICATION_FLAG = 0x4000;
const RESTART_TIME_SECONDS_MAX = 0x0fff;
const FORWARDING_FLAG = 0x80;
/** By their values, RFC 9234 §4.1. */
const ROLES: readonly BgpRole[] = [
  "provider",
  "rs",
  "rs-client",
  "customer",
  "peer",
];
/** By their values from 1 on, RFC 7911 §4. */
const ADD_PATH_MODES: readonly AddPathMode[] = ["receive", "send", "both"];

const CODES: Readonly<
  Record<Exclude<BgpCapability["kind"], "unknown">, number>
> = {
  "multiprotocol": BGP_CAPABILITY.multiprotocol,
  "route-refresh": BGP_CAPABILITY.routeRefresh,
  "route-refresh-cisco": BGP_CAPABILITY.routeRefreshCisco,
  "extended-next-hop": BGP_CAPABILITY.extendedNextHop,
  "extended-message": BGP_CAPABILITY.extendedMessage,
  "role": BGP_CAPABILITY.role,
  "graceful-restart": BGP_CAPABILITY.gracefulRestart,
  "four-octet-as": BGP_CAPABILITY.fourOctetAs,
  "add-path": BGP_CAPABILITY.addPath,
  "enhanced-route-refresh": BGP_CAPABILITY.enhancedRouteRefresh,
  "long-lived-graceful-restart": BGP_CAPABILITY.longLivedGracefulRestart,
  "fqdn": BGP_CAPABILITY.fqdn,
};

const READERS: ReadonlyMap<number, ValueReader> = new Map([
  [BGP_CAPABILITY.multiprotocol, readMultiprotocol],
  [BGP_CAPABILITY.routeRefresh, flag("route-refresh")],
  [BGP_CAPABILITY.routeRefreshCisco, flag("route-refresh-cisco")],
  [BGP_CAPABILITY.extendedNextHop, readExtendedNextHop],
  [BGP_CAPABILITY.extendedMessage, flag("extended-message")],
  [BGP_CAPABILITY.role, readRole],
  [BGP_CAPABILITY.gracefulRestart, readGracefulRestart],
  [BGP_CAPABILITY.fourOctetAs, readFourOctetAs],
  [BGP_CAPABILITY.addPath, readAddPath],
  [BGP_CAPABILITY.enhancedRouteRefresh, flag("enhanced-route-refresh")],
  [BGP_CAPABILITY.longLivedGracefulRestart, readLongLived],
  [BGP_CAPABILITY.fqdn, readFqdn],
]);
