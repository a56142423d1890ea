/**
 * `deno task bench:failover`: how long a client is without answers when the node
 * breaks that answers for an address, and what it loses when the address moves on
 * purpose, on a real control plane.
 *
 * Parts, `--write` and `--judge` are those of `deno task bench`; `--rounds=3`
 * makes so many rounds of each instead of 20. `--peer=kube-vip:/path/to/kube-vip`
 * measures a peer in the same run, in the parts `faults` and `api`; there may be
 * several, see `peers.ts`. Their logs stay in `dist/reports/peers`.
 *
 * @module
 */

import { labPart, prepare } from "../kubernetes/prepare.ts";
import { runBench } from "../runner.ts";
import {
  benchFaults,
  benchFaultsWithoutApi,
  benchLossyFaults,
} from "./faults.ts";
import { givenPeers } from "./given_peers.ts";
import { benchMoves } from "./moves.ts";
import { PEER_FLAG } from "./peers.ts";
import { ROUNDS_FLAG } from "./rounds.ts";

try {
  givenPeers();
} catch (error) {
  if (!(error instanceof RangeError)) throw error;
  Deno.stderr.writeSync(new TextEncoder().encode(`${error.message}\n`));
  Deno.exit(2);
}

Deno.exit(
  await runBench({
    module: import.meta.url,
    title: "Figures of fail-over",
    command: "deno task bench:failover --write",
    page: new URL("../../../docs/figures-failover.md", import.meta.url),
    flags: [ROUNDS_FLAG, PEER_FLAG],
    parts: [
      labPart("faults", benchFaults),
      labPart("api", benchFaultsWithoutApi),
      labPart("loss", benchLossyFaults),
      labPart("moves", benchMoves),
    ],
    prepare,
  }, Deno.args),
);
