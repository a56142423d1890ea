/**
 * A thousand Services created at once, then five thousand: each gets one
 * address, its own, and the node that is entitled to it answers.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one address after the other is asked
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { testOnKubernetes } from "./_stage.ts";
import { createCrowd, deleteCrowd, prepareCrowd } from "./crowd.ts";
import type { KubernetesLab } from "./lab.ts";

testOnKubernetes(
  "thousands of Services at once",
  { proxyModes: ["nftables", "nftables"] },
  async (lab, step) => {
    await lab.startAgents();
    await prepareCrowd(lab);
    await step(
      "each of 1,000 gets an address of its own, is answered, and goes",
      async () => {
        await crowd(lab, 1_000, { behindMsMax: 6_000 });
        await deleteCrowd(lab);
      },
    );
    await step(
      "each of 5,000 gets an address of its own, and is answered",
      () => crowd(lab, 5_000, { behindMsMax: 15_000 }),
    );
  },
);

/** Three times the floors, which are 2 s and 5 s after the last was created. */
async function crowd(
  lab: KubernetesLab,
  count: number,
  { behindMsMax }: { readonly behindMsMax: number },
): Promise<void> {
  const { createdMs, addressedMs, addresses } = await createCrowd(
    lab,
    count,
    CREATED_MS_MAX,
  );
  const behindMs = addressedMs - createdMs;
  ok(behindMs < behindMsMax, `The last address came ${behindMs} ms late`);
  const given = [...addresses.values()].flatMap((seen) => [...seen]);
  deepStrictEqual(
    [...addresses].filter(([, seen]) => seen.size !== 1),
    [],
    "An address changed",
  );
  strictEqual(new Set(given).size, count);
  for (let i = 0; i < given.length; i += count / ASKED) {
    const vip = given[i] ?? "";
    const [owner] = lab.order(vip);
    if (owner === undefined) throw new Error("There are nodes");
    await lab.isAnsweredBy(vip, owner, ["n1", "n2"], ANSWERED_MS_MAX);
  }
}

const ASKED = 25;
const CREATED_MS_MAX = 600_000;
/** kube-proxy has thousands of rules to write first. */
const ANSWERED_MS_MAX = 120_000;
