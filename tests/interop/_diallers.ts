/**
 * How each daemon is made to dial a hundred peers, each from another address.
 *
 * @module
 */

import { stringify } from "yaml";
import type { Dialler, Pair } from "./_collisions.ts";
import type { Exabgp } from "./_exabgp.ts";
import type { Frr } from "./_frr.ts";
import type { Gobgp } from "./_gobgp.ts";
import type { Openbgpd } from "./_openbgpd.ts";

/** frr. */
export function frrDials(frr: Frr): Dialler {
  return {
    begin: (pairs) =>
      frr.beginWith([
        "router bgp 65002",
        " bgp router-id 10.0.0.2",
        " no bgp ebgp-requires-policy",
        ...pairs.flatMap(({ us, router }) => [
          ` neighbor ${us} remote-as 65001`,
          ` neighbor ${us} update-source ${router}`,
          ` neighbor ${us} timers connect 5`,
        ]),
        "",
      ].join("\n")),
  };
}

/** gobgpd, which begins after five, six, seven, eight or nine seconds, and gives up after five. */
export function gobgpDials(gobgp: Gobgp): Dialler {
  const neighbor = ({ us, router }: Pair) => ({
    "config": { "neighbor-address": us, "peer-as": 65_001 },
    "transport": { config: { "local-address": router } },
    "timers": { config: { "connect-retry": 5 } },
  });
  return {
    begin: (pairs) =>
      gobgp.beginWith(stringify({
        global: {
          config: {
            "as": 65_002,
            "router-id": "10.0.0.2",
            "local-address-list": ["0.0.0.0"],
          },
        },
        neighbors: pairs.map(neighbor),
      })),
    atOnce: 70,
    upMsMax: 60_000,
  };
}

/** exabgp. */
export function exabgpDials(exabgp: Exabgp): Dialler {
  return {
    begin: (pairs) =>
      exabgp.beginWith(
        pairs.flatMap(({ us, router }) => [
          `neighbor ${us} {`,
          `  router-id 10.0.0.2; local-address ${router};`,
          "  local-as 65002; peer-as 65001; hold-time 30;",
          "  family { ipv4 unicast; ipv6 unicast; }",
          "}",
        ]).join("\n"),
        pairs.map(({ router }) => router).join(" "),
      ),
    upMsMax: 60_000,
  };
}

/** openbgpd. */
export function openbgpdDials(openbgpd: Openbgpd): Dialler {
  return {
    begin: (pairs) =>
      openbgpd.beginWith([
        "AS 65002",
        "router-id 10.0.0.2",
        // Few connections wait at a listening socket of its.
        ...pairs.map(({ router }) => `listen on ${router}`),
        ...pairs.map(({ us, router }) =>
          `neighbor ${us} {\n remote-as 65001\n local-address ${router}\n}`
        ),
        "allow from any",
        "allow to any",
        "",
      ].join("\n")),
    upMsMax: 60_000,
  };
}
