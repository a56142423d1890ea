/**
 * A thousand Services created at once, then five thousand: each gets one address,
 * its own, and the node that is entitled to it answers.
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
    await step(
      "a thousand: each gets an address of its own, is answered, and goes",
      async () => {
        await crowdIsServed(lab, 1_000, THOUSAND_BEHIND_MS_MAX);
        await deleteCrowd(lab);
      },
    );
    // No step: deleting them would take as long as creating them did.
    await crowdIsServed(lab, 5_000, FIVE_THOUSAND_BEHIND_MS_MAX);
  },
);

async function crowdIsServed(
  lab: KubernetesLab,
  count: number,
  behindMsMax: number,
): Promise<void> {
  await prepareCrowd(lab);
  const { createdMs, addressedMs, addresses } = await createCrowd(
    lab,
    count,
    count * CREATED_MS_MAX,
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
    await lab.isAnsweredBy(vip, owner, ["n1", "n2"]);
  }
}

const ASKED = 25;
// For each Service; the API server and its controllers need a twentieth to a quarter of it.
const CREATED_MS_MAX = 300;
// Three times the floors of two and five seconds.
const THOUSAND_BEHIND_MS_MAX = 6_000;
const FIVE_THOUSAND_BEHIND_MS_MAX = 15_000;
