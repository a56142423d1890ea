import {
  deepStrictEqual as deepEqual,
  ok,
  strictEqual as equal,
} from "node:assert/strict";
import { type Ipv6Addr, parseIpv6Addr } from "@/addr/ipv6_addr.ts";
import { parseMacAddr } from "@/addr/mac_addr.ts";
import { assert } from "@/lang/assert.ts";
import { decodeEthernet, encodeEthernet } from "@/wire/ethernet.ts";
import { decodeIpv6, encodeIpv6 } from "@/wire/ipv6.ts";
import {
  decodeRouterDiscovery,
  encodeRouterDiscovery,
} from "@/wire/router_discovery.ts";
import {
  initialUnnumbered,
  SILENCE_MS_MAX,
  stepUnnumbered,
  UNNUMBERED_PEERS_MAX,
  type UnnumberedConfig,
  unnumberedDeadlineMs,
  type UnnumberedEffect,
  unnumberedNeighbor,
  type UnnumberedState,
} from "./unnumbered.ts";

const MAC = parseMacAddr("02:00:00:00:00:01");
assert(MAC !== undefined, "A constant is an address");
const CONFIG: UnnumberedConfig = {
  mac: MAC,
  address: addr("fe80::1"),
  seed: 7,
};

Deno.test("stepUnnumbered() advertises nobody's default router, from the link-local address (RFC 4861 §6.2.3)", () => {
  const state = initialUnnumbered(CONFIG);
  const [effect] = start(state);
  assert(effect?.kind === "send", "It sends at once");
  const ethernet = decodeEthernet(effect.frame);
  assert(ethernet.ok, "It is a frame");
  deepEqual(
    [ethernet.value.source, ethernet.value.destination],
    [MAC, "33:33:00:00:00:01"],
  );
  const packet = decodeIpv6(ethernet.value.payload);
  assert(packet.ok, "It is a packet");
  deepEqual([packet.value.source, packet.value.destination], [
    "fe80::1",
    "ff02::1",
  ]);
  deepEqual(decodeRouterDiscovery(packet.value), {
    ok: true,
    value: {
      kind: "router-advertisement",
      curHopLimit: 0,
      managed: false,
      other: false,
      routerLifetimeSeconds: 0,
      reachableTimeMs: 0,
      retransTimerMs: 0,
      sourceLinkLayer: MAC,
    },
  });
});

Deno.test("stepUnnumbered() advertises three times quickly, then by chance (RFC 4861 §6.2.4)", () => {
  const state = initialUnnumbered(CONFIG);
  start(state);
  const gaps: number[] = [];
  let nowMs = 0;
  for (let i = 0; i < 40; i++) {
    const dueMs = deadline(state);
    gaps.push(dueMs - nowMs);
    equal(
      stepUnnumbered(state, { kind: "deadline", nowMs: dueMs - 1 }).length,
      0,
    );
    equal(stepUnnumbered(state, { kind: "deadline", nowMs: dueMs }).length, 1);
    nowMs = dueMs;
  }
  deepEqual(gaps.slice(0, 2), [3_000, 3_000]);
  ok(gaps.slice(2).every((gap) => gap >= 3_300 && gap <= 10_000));
  ok(new Set(gaps).size > 30);
});

Deno.test("stepUnnumbered() answers a solicitation soon, and not too often (RFC 4861 §6.2.6)", () => {
  const state = initialUnnumbered(CONFIG);
  start(state);
  for (let i = 0; i < 3; i++) wake(state);
  const lastMs = state.lastMs;
  const askedMs = lastMs + 100;
  hear(state, askedMs, "router-solicitation", "fe80::2");
  ok(deadline(state) <= lastMs + 3_500 && deadline(state) >= lastMs + 3_000);
  wake(state);
  const laterMs = state.lastMs + 3_200;
  hear(state, laterMs, "router-solicitation", "::");
  ok(deadline(state) >= laterMs && deadline(state) <= laterMs + 500);
  // One answer for many questions.
  hear(state, laterMs + 1, "router-solicitation", "fe80::3");
  wake(state);
  ok(deadline(state) > laterMs + 3_000);
});

Deno.test("stepUnnumbered() tells who is heard, once, and forgets them with the link", () => {
  const state = initialUnnumbered(CONFIG);
  deepEqual(hear(state, 0, "router-advertisement", "fe80::2"), []);
  start(state);
  deepEqual(hear(state, 1, "router-advertisement", "fe80::2"), [
    { kind: "peers", addresses: ["fe80::2"] },
  ]);
  deepEqual(hear(state, 2, "router-advertisement", "fe80::2"), []);
  deepEqual(hear(state, 3, "router-advertisement", "fe80::1:2"), [
    { kind: "peers", addresses: ["fe80::1:2", "fe80::2"] },
  ]);
  // What we say ourselves, mirrored by a bridge.
  deepEqual(hear(state, 4, "router-advertisement", "fe80::1"), []);
  const lost = { kind: "link", nowMs: 5, running: false } as const;
  deepEqual(stepUnnumbered(state, lost), [{ kind: "peers", addresses: [] }]);
  equal(unnumberedDeadlineMs(state), undefined);
  equal(stepUnnumbered(state, { ...lost, running: true }).length, 1);
  equal(hear(state, 6, "router-advertisement", "fe80::2").length, 1);
});

Deno.test("unnumberedNeighbor() stays with a router that is heard, and follows another one once it is not", () => {
  const state = initialUnnumbered(CONFIG);
  start(state);
  equal(unnumberedNeighbor(state, undefined, 0), undefined);
  hear(state, 1, "router-advertisement", "fe80::2");
  equal(unnumberedNeighbor(state, undefined, 1), "fe80::2");
  hear(state, 5_000, "router-advertisement", "fe80::3");
  const current = addr("fe80::2");
  equal(unnumberedNeighbor(state, current, SILENCE_MS_MAX), "fe80::2");
  equal(unnumberedNeighbor(state, current, SILENCE_MS_MAX + 1), "fe80::3");
  // One that advertises seldom is it while there is nobody else.
  hear(state, 6_000, "router-advertisement", "fe80::2");
  equal(unnumberedNeighbor(state, current, 1e9), "fe80::2");
});

Deno.test("stepUnnumbered() remembers a bounded number of routers", () => {
  const state = initialUnnumbered(CONFIG);
  start(state);
  for (let i = 0; i < 3 * UNNUMBERED_PEERS_MAX; i++) {
    hear(state, i, "router-advertisement", `fe80::9:${i.toString(16)}`);
  }
  equal(state.heard.size, UNNUMBERED_PEERS_MAX);
});

Deno.test("stepUnnumbered() is silent about what cannot be read", () => {
  const state = initialUnnumbered(CONFIG);
  start(state);
  const whole = frameOf("router-advertisement", "fe80::2");
  for (let length = 0; length < whole.length; length++) {
    const frame = whole.slice(0, length);
    deepEqual(stepUnnumbered(state, { kind: "frame", nowMs: 1, frame }), []);
  }
});

function start(state: UnnumberedState): readonly UnnumberedEffect[] {
  return stepUnnumbered(state, { kind: "link", nowMs: 0, running: true });
}

function deadline(state: UnnumberedState): number {
  return unnumberedDeadlineMs(state) ?? NaN;
}

function wake(state: UnnumberedState): void {
  stepUnnumbered(state, { kind: "deadline", nowMs: deadline(state) });
}

function hear(
  state: UnnumberedState,
  nowMs: number,
  kind: "router-solicitation" | "router-advertisement",
  source: string,
): readonly UnnumberedEffect[] {
  const frame = frameOf(kind, source);
  return stepUnnumbered(state, { kind: "frame", nowMs, frame });
}

function frameOf(
  kind: "router-solicitation" | "router-advertisement",
  text: string,
): Uint8Array {
  const ends = { source: addr(text), destination: addr("ff02::1") };
  const message = kind === "router-solicitation" ? { kind } : {
    kind,
    curHopLimit: 64,
    managed: false,
    other: false,
    routerLifetimeSeconds: 1_800,
    reachableTimeMs: 0,
    retransTimerMs: 0,
  };
  const payload = encodeRouterDiscovery(message, ends);
  const mac = parseMacAddr("02:00:00:00:00:02");
  const group = parseMacAddr("33:33:00:00:00:01");
  assert(mac !== undefined && group !== undefined, "Constants are addresses");
  return encodeEthernet({
    destination: group,
    source: mac,
    etherType: 0x86dd,
    payload: encodeIpv6({ ...ends, nextHeader: 58, hopLimit: 255, payload }),
  });
}

function addr(text: string): Ipv6Addr {
  const parsed = parseIpv6Addr(text);
  assert(parsed !== undefined, `${text} is an address`);
  return parsed;
}
