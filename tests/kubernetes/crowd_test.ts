/**
 * Thousands of Services created at once: each gets one address, its own, and the
 * node that is entitled to it answers.
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
      "a thousand: each gets an address of its own, is answered, and goes",
      async () => {
        // Three times the floor of two seconds.
        await crowd(lab, 1_000, 6_000);
        await deleteCrowd(lab);
      },
    );
    await step(
      "five thousand: each gets an address of its own, and is answered",
      async () => {
        // Rules for thousands of Services are another matter, and take the API
        // server's time.
        await Promise.all(lab.nodes.map((node) => node.stopProxy()));
        // Three times the floor of five seconds.
        await crowd(lab, 5_000, 15_000);
      },
    );
  },
);

/** Creates so many, and looks what became of them. */
async function crowd(
  lab: KubernetesLab,
  count: number,
  behindMsMax: number,
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
    await lab.isAnsweredBy(vip, owner, ["n1", "n2"]);
  }
}

const ASKED = 25;
const CREATED_MS_MAX = 900_000;
