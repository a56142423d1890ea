/**
 * What a client sees when the node breaks that answers for an address.
 *
 * Order and counts are judged; times only at three times what is promised, since
 * the machine may be busy. `deno task bench:failover` measures them.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one fault after the other
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { programOf } from "@/lab/program.ts";
import { MAIN } from "../support/sandboxed.ts";
import { FAULTS, FAULTS_WITHOUT_API } from "./_faults.ts";
import { type Fault, OutageStage, type Round } from "./_outage_stage.ts";
import { testWithKubernetes } from "./_stage.ts";

testWithKubernetes(
  "the next in line answers when the owner breaks",
  async (t, binaries) => {
    await using stage = await OutageStage.build(binaries, programOf(MAIN));
    const step = async (fault: Fault) => {
      await t.step({
        name: fault.name,
        fn: async () => judge(fault, await stage.breakOnce(fault)),
        // The lab's programs live longer than a step; the test as a whole is checked.
        sanitizeOps: false,
        sanitizeResources: false,
      });
    };
    for (const fault of FAULTS) await step(fault);
    for (const fault of FAULTS_WITHOUT_API) {
      if (fault.prepares === undefined) await stage.lab.plane.killApiserver();
      await step(fault);
      if (fault.prepares === undefined) await stage.lab.plane.startApiserver();
    }
  },
);

function judge(fault: Fault, round: Round): void {
  const { next, last } = round.owners;
  const successor = fault.both ? last : next;
  strictEqual(round.took.name, successor.name, "somebody else took over");
  const silentMsMax = TIMES * (fault.both ? 1_200 : 1_000);
  ok(round.coldMs <= silentMsMax, `silent for ${round.coldMs} ms`);
  if (fault.forwards) {
    deepStrictEqual(round.lost, [], "requests were lost");
  } else {
    ok(round.warmMs <= silentMsMax, `no answer for ${round.warmMs} ms`);
  }
  ok(
    round.doubleMs <= TIMES * DOUBLE_MS_MAX,
    `two answered for ${round.doubleMs} ms`,
  );
  if (fault.answersOn) {
    ok(
      round.returnedMs <= TIMES * DOUBLE_MS_MAX,
      `it answered for ${round.returnedMs} ms more`,
    );
  } else strictEqual(round.returned, 0, "it took the address back");
}

/** How much slower a busy machine may be. */
const TIMES = 3;
const DOUBLE_MS_MAX = 200;
