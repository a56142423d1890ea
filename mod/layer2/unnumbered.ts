/**
 * Finds the peers of an interface whose addresses nobody configured
 * ("unnumbered" BGP), and is found by them: routers advertise themselves
 * (RFC 4861 §6.2), and who hears one knows its link-local address.
 *
 * We advertise with a Router Lifetime of 0: hosts on the link learn our address
 * and make us nobody's default router (RFC 4861 §4.2). The first three
 * advertisements come quickly, and a solicitation is answered within half a
 * second, but no more often than every three seconds (§6.2.4, §6.2.6).
 *
 * A router that was heard stays until the link is lost: what its lifetime ends is
 * its being a default router, and not its address.
 *
 * The state is changed in place, by one owner.
 *
 * @module
 */

import { ALL_NODES_MULTICAST, type Ipv6Addr } from "@/addr/ipv6_addr.ts";
import { type MacAddr, multicastMac } from "@/addr/mac_addr.ts";
import { Random } from "@/lang/random.ts";
import { decodeEthernet, encodeEthernet, ETHER_TYPE } from "@/wire/ethernet.ts";
import { IP_PROTOCOL } from "@/wire/iana.ts";
import { decodeIpv6, encodeIpv6 } from "@/wire/ipv6.ts";
import { NDP_HOP_LIMIT } from "@/wire/ndp.ts";
import {
  decodeRouterDiscovery,
  encodeRouterDiscovery,
} from "@/wire/router_discovery.ts";

/** Who we are on the link. */
export interface UnnumberedConfig {
  /** Our MAC address. */
  readonly mac: MacAddr;
  /** Our link-local address. */
  readonly address: Ipv6Addr;
  /** Chance for the intervals. */
  readonly seed: number;
}

/** What can happen. Every event carries the monotonic time it happened. */
export type UnnumberedEvent =
  | {
    /** A frame that passed `routerDiscoveryFilter()`. */
    readonly kind: "frame";
    readonly nowMs: number;
    readonly frame: Uint8Array;
  }
  | {
    /** The link was lost, or is back: what was heard on it says nothing any more. */
    readonly kind: "link";
    readonly nowMs: number;
    readonly running: boolean;
  }
  | {
    /** The deadline has come. */
    readonly kind: "deadline";
    readonly nowMs: number;
  };

/** What is asked of the outside. */
export type UnnumberedEffect =
  | {
    /** Send a frame. */
    readonly kind: "send";
    readonly frame: Uint8Array<ArrayBuffer>;
  }
  | {
    /** The routers that are heard on the link, sorted; a cable has one. */
    readonly kind: "peers";
    readonly addresses: readonly Ipv6Addr[];
  };

/** What is known of one link. */
export interface UnnumberedState {
  /** Its configuration, fixed at birth. */
  readonly config: UnnumberedConfig;
  /** Chance. */
  readonly random: Random;
  /** Link-local addresses that advertised themselves, and when they last did. */
  readonly heard: Map<Ipv6Addr, number>;
  /** Advertisements that still come quickly. */
  initialLeft: number;
  /** When we advertised last. */
  lastMs: number;
  /** When to advertise next; never while the link is lost. */
  nextMs: number | undefined;
}

/** A router that was not heard for so long gives way to one that was: three intervals of bird and frr. */
export const SILENCE_MS_MAX = 30_000;

/** Routers of one link that are remembered; further ones are not. */
export const UNNUMBERED_PEERS_MAX = 16;

/** Nobody is heard, and nothing was said; it begins with the first `link` event. */
export function initialUnnumbered(config: UnnumberedConfig): UnnumberedState {
  return {
    config,
    random: new Random(config.seed),
    heard: new Map(),
    initialLeft: INITIAL_ADVERTISEMENTS,
    lastMs: -Infinity,
    nextMs: undefined,
  };
}

/**
 * Advances by one event.
 *
 * @param state Where it is; changed in place.
 * @param event What happened.
 * @returns What is asked for.
 */
export function stepUnnumbered(
  state: UnnumberedState,
  event: UnnumberedEvent,
): readonly UnnumberedEffect[] {
  switch (event.kind) {
    case "frame":
      return state.nextMs === undefined ? [] : hear(state, event);
    case "link":
      return event.running ? begin(state, event.nowMs) : lose(state);
    case "deadline":
      if (state.nextMs === undefined || event.nowMs < state.nextMs) return [];
      return [advertise(state, event.nowMs)];
  }
}

/**
 * When to deliver the next `deadline` event.
 *
 * @param state The state.
 * @returns A time on the monotonic clock, or `undefined` while the link is lost.
 */
export function unnumberedDeadlineMs(
  state: UnnumberedState,
): number | undefined {
  return state.nextMs;
}

/**
 * Which router of a link to speak to. A cable has one; where another one was put
 * on it, the old one falls silent, and the new one is it.
 *
 * @param state What was heard.
 * @param current Who is spoken to.
 * @param nowMs The time.
 * @returns The current one while it is heard, else the one heard last; `undefined`: nobody was heard.
 */
export function unnumberedNeighbor(
  state: UnnumberedState,
  current: Ipv6Addr | undefined,
  nowMs: number,
): Ipv6Addr | undefined {
  const lastMs = current === undefined ? undefined : state.heard.get(current);
  if (lastMs !== undefined && nowMs - lastMs < SILENCE_MS_MAX) return current;
  let latest = lastMs === undefined ? undefined : current;
  let latestMs = lastMs ?? -Infinity;
  for (const [address, heardMs] of state.heard) {
    if (heardMs <= latestMs) continue;
    latest = address;
    latestMs = heardMs;
  }
  return latest;
}

function begin(
  state: UnnumberedState,
  nowMs: number,
): readonly UnnumberedEffect[] {
  if (state.nextMs !== undefined) return [];
  state.initialLeft = INITIAL_ADVERTISEMENTS;
  // At once: the peer may be waiting for it.
  return [advertise(state, nowMs)];
}

function lose(state: UnnumberedState): readonly UnnumberedEffect[] {
  state.nextMs = undefined;
  if (state.heard.size === 0) return [];
  state.heard.clear();
  return [{ kind: "peers", addresses: [] }];
}

function hear(
  state: UnnumberedState,
  { nowMs, frame }: UnnumberedEvent & { readonly kind: "frame" },
): readonly UnnumberedEffect[] {
  const ethernet = decodeEthernet(frame);
  if (!ethernet.ok || ethernet.value.vlan !== undefined) return [];
  const packet = decodeIpv6(ethernet.value.payload);
  if (!packet.ok || packet.value.source === state.config.address) return [];
  const message = decodeRouterDiscovery(packet.value);
  if (!message.ok) return [];
  if (message.value.kind === "router-solicitation") {
    // RFC 4861 §6.2.6: after a delay of chance, and not too often.
    const dueMs = Math.max(
      nowMs + state.random.int(ANSWER_DELAY_MS_MAX + 1),
      state.lastMs + ADVERTISEMENTS_APART_MS,
    );
    state.nextMs = Math.min(state.nextMs ?? dueMs, dueMs);
    return [];
  }
  const { source } = packet.value;
  const isKnown = state.heard.has(source);
  if (!isKnown && state.heard.size >= UNNUMBERED_PEERS_MAX) return [];
  state.heard.set(source, nowMs);
  return isKnown
    ? []
    : [{ kind: "peers", addresses: [...state.heard.keys()].toSorted() }];
}

function advertise(
  state: UnnumberedState,
  nowMs: number,
): UnnumberedEffect {
  const { mac, address } = state.config;
  const span = INTERVAL_MS_MAX - INTERVAL_MS_MIN;
  state.initialLeft = Math.max(0, state.initialLeft - 1);
  state.lastMs = nowMs;
  state.nextMs = nowMs +
    (state.initialLeft > 0
      ? ADVERTISEMENTS_APART_MS
      : INTERVAL_MS_MIN + state.random.int(span + 1));
  const ends = { source: address, destination: ALL_NODES_MULTICAST };
  const payload = encodeRouterDiscovery({
    kind: "router-advertisement",
    curHopLimit: 0,
    managed: false,
    other: false,
    routerLifetimeSeconds: 0,
    reachableTimeMs: 0,
    retransTimerMs: 0,
    sourceLinkLayer: mac,
  }, ends);
  const packet = encodeIpv6({
    ...ends,
    nextHeader: IP_PROTOCOL.icmpv6,
    hopLimit: NDP_HOP_LIMIT,
    payload,
  });
  const frame = encodeEthernet({
    destination: multicastMac(ALL_NODES_MULTICAST),
    source: mac,
    etherType: ETHER_TYPE.ipv6,
    payload: packet,
  });
  return { kind: "send", frame: new Uint8Array(frame) };
}

// RFC 4861 §10, with intervals short enough for a peer that came late: bird and
// frr advertise unnumbered interfaces every 10 s, too.
const INITIAL_ADVERTISEMENTS = 3;
const ADVERTISEMENTS_APART_MS = 3_000;
const ANSWER_DELAY_MS_MAX = 500;
const INTERVAL_MS_MAX = 10_000;
const INTERVAL_MS_MIN = 3_300;
