/**
 * Moves on purpose lose nothing.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one move after the other
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { programOf } from "@/lab/program.ts";
import { MAIN } from "../support/sandboxed.ts";
import { Kubelets } from "./kubelets.ts";
import { clusterMoves, GRACE_SECONDS, LOCAL, localMoves } from "./moves.ts";
import {
  type Move,
  OutageStage,
  type Round,
  SERVICE,
  VIP,
} from "./outage_stage.ts";
import { testWithKubernetes } from "./_stage.ts";

testWithKubernetes(
  "nothing is lost when an address moves on purpose",
  async (t, binaries) => {
    await using stage = await OutageStage.build(binaries, programOf(MAIN));
    await using _kubelets = new Kubelets(stage.lab);
    const run = async (on: OutageStage, moves: readonly Move[]) => {
      for (const move of moves) {
        await t.step({
          name: move.name,
          fn: async () => judge(move, await on.moveOnce(move)),
          // The lab's programs live longer than a step; the test as a whole is checked.
          sanitizeOps: false,
          sanitizeResources: false,
        });
      }
    };
    await run(stage, clusterMoves(SERVICE, VIP));
    const local = await stage.beside(LOCAL);
    const [first] = stage.lab.order(local.vip);
    await stage.lab.addPod(LOCAL.name, first?.name ?? "", GRACE_SECONDS);
    await run(local, localMoves(LOCAL.name));
  },
);

function judge(move: Move, round: Round): void {
  const { owner } = round.owners;
  strictEqual(round.took === owner, move.stays ?? false);
  deepStrictEqual(round.lost, [], "requests were lost");
  ok(round.doubleMs <= DOUBLE_MS_MAX, `two answered for ${round.doubleMs} ms`);
}

/** Three times what is promised: the machine may be busy. */
const DOUBLE_MS_MAX = 600;
