/**
 * The network of the interoperability suite: our speaker and a router on one
 * cable, and a second way between them over a host that forwards.
 *
 * ```text
 *   us  e0 10.0.0.1, 2001:db8::1 ───────────── e0 10.0.0.2, 2001:db8::2  router
 *       e1 10.1.0.1 ── 10.1.0.9 mid 10.2.0.9 ── e1 10.2.0.2
 * ```
 *
 * @module
 */

import { ipBatch, must } from "@/lab/command.ts";

/** The namespace of our speaker. */
export const US = "us";

/** The namespace of the router. */
export const ROUTER = "router";

/** The namespace between them. */
export const MID = "mid";

/** Our addresses and the router's, and those between them. */
export const ADDRESS = {
  us4: "10.0.0.1",
  us6: "2001:db8::1",
  router4: "10.0.0.2",
  router6: "2001:db8::2",
  farUs: "10.1.0.1",
  farRouter: "10.2.0.2",
  midUs: "10.1.0.9",
  midRouter: "10.2.0.9",
} as const;

/** Builds it; call once per sandbox. */
export async function buildNetwork(): Promise<void> {
  await Promise.all([US, ROUTER, MID].map(addNamespace));
  await cable([US, "e0"], [ROUTER, "e0"]);
  await cable([US, "e1"], [MID, "e1"]);
  await cable([MID, "e2"], [ROUTER, "e1"]);
  await Promise.all([
    ipBatch(US, [
      `addr add ${ADDRESS.us4}/24 dev e0`,
      `addr add ${ADDRESS.us6}/64 dev e0 nodad`,
      `addr add ${ADDRESS.farUs}/24 dev e1`,
      "route add 10.2.0.0/24 via 10.1.0.9",
    ]),
    ipBatch(MID, [
      `addr add ${ADDRESS.midUs}/24 dev e1`,
      `addr add ${ADDRESS.midRouter}/24 dev e2`,
    ]),
    ipBatch(ROUTER, [
      `addr add ${ADDRESS.router4}/24 dev e0`,
      `addr add ${ADDRESS.router6}/64 dev e0 nodad`,
      `addr add ${ADDRESS.farRouter}/24 dev e1`,
      "route add 10.1.0.0/24 via 10.2.0.9",
    ]),
  ]);
}

/** Adds a host whose addresses can be used at once, and that forwards. */
export async function addNamespace(name: string): Promise<void> {
  await must("ip", ["netns", "add", name]);
  await must("ip", ["netns", "exec", name, "sysctl", "-qw", ...SETTINGS]);
  await must("ip", ["-n", name, "link", "set", "lo", "up"]);
}

/** Connects two interfaces of two hosts. */
export async function cable(
  [a, of]: readonly [string, string],
  [b, to]: readonly [string, string],
): Promise<void> {
  const ends = ["netns", a, "type", "veth", "peer", "name", to, "netns", b];
  await must("ip", ["link", "add", of, ...ends]);
  await must("ip", ["-n", a, "link", "set", of, "up"]);
  await must("ip", ["-n", b, "link", "set", to, "up"]);
}

const SETTINGS = [
  "net.ipv6.conf.all.accept_dad=0",
  "net.ipv6.conf.default.accept_dad=0",
  "net.ipv4.ip_forward=1",
  "net.ipv6.conf.all.forwarding=1",
  "net.ipv4.fib_multipath_hash_policy=1",
  "net.ipv6.fib_multipath_hash_policy=1",
] as const;
