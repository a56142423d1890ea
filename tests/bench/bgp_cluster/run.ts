/**
 * `deno task bench:bgp:cluster`: from what happens to Services, endpoints, agents
 * and nodes of a real control plane to a router's kernel.
 *
 * Parts, `--write` and `--judge` are those of `deno task bench`; `--rounds=3`
 * makes so many rounds of each instead of 20.
 *
 * @module
 */

import { BIRD } from "../../support/bird_router.ts";
import { lackOf } from "../../support/needs.ts";
import { builtKubernetesBinaries } from "../../kubernetes/build.ts";
import { daemonVersions } from "../bgp/versions.ts";
import { labPart, prepare } from "../kubernetes/prepare.ts";
import { ROUNDS_FLAG } from "../failover/rounds.ts";
import type { PartReport } from "../report.ts";
import { type BenchPart, runBench } from "../runner.ts";
import { benchCreated } from "./created.ts";
import { benchCrowd } from "./crowd.ts";
import { benchMoves } from "./moves.ts";
import { benchPower } from "./power.ts";

Deno.exit(
  await runBench({
    module: import.meta.url,
    title: "Figures of BGP on a real control plane",
    command: "deno task bench:bgp:cluster --write",
    page: new URL("../../../docs/figures-bgp-cluster.md", import.meta.url),
    flags: [ROUNDS_FLAG],
    parts: [
      routerPart("created", benchCreated),
      routerPart("moves", benchMoves),
      routerPart("power", benchPower),
      routerPart("crowd", benchCrowd),
    ],
    prepare,
    versions: async () => [
      ...await daemonVersions(["bird"]),
      `Kubernetes 1.${(await builtKubernetesBinaries())?.minor ?? ""}`,
    ],
    elsewhere: [
      "[figures-bgp.md](figures-bgp.md): the speaker beside other daemons, into one receiver",
    ],
  }, Deno.args),
);

/** A part that needs a router besides. */
function routerPart(name: string, run: () => Promise<PartReport>): BenchPart {
  const part = labPart(name, run);
  return {
    ...part,
    lack: async () => lackOf(BIRD) ?? await part.lack(),
  };
}
