/**
 * A thousand Services created at once: each gets one address, its own, and the
 * node that is entitled to it answers.
 *
 * Five thousand are created by `deno task bench:kubernetes`: creating them takes
 * the API server minutes.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one address after the other is asked
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { testOnKubernetes } from "./_stage.ts";
import { createCrowd, deleteCrowd, prepareCrowd } from "./crowd.ts";

testOnKubernetes(
  "a thousand Services at once",
  { proxyModes: ["nftables", "nftables"] },
  async (lab, step) => {
    await lab.startAgents();
    await step(
      "each gets an address of its own, is answered, and goes",
      async () => {
        await prepareCrowd(lab);
        const { createdMs, addressedMs, addresses } = await createCrowd(
          lab,
          COUNT,
          CREATED_MS_MAX,
        );
        const behindMs = addressedMs - createdMs;
        ok(
          behindMs < BEHIND_MS_MAX,
          `The last address came ${behindMs} ms late`,
        );
        const given = [...addresses.values()].flatMap((seen) => [...seen]);
        deepStrictEqual(
          [...addresses].filter(([, seen]) => seen.size !== 1),
          [],
          "An address changed",
        );
        strictEqual(new Set(given).size, COUNT);
        for (let i = 0; i < given.length; i += COUNT / ASKED) {
          const vip = given[i] ?? "";
          const [owner] = lab.order(vip);
          if (owner === undefined) throw new Error("There are nodes");
          await lab.isAnsweredBy(vip, owner, ["n1", "n2"]);
        }
        await deleteCrowd(lab);
      },
    );
  },
);

const COUNT = 1_000;
const ASKED = 25;
const CREATED_MS_MAX = 300_000;
// Three times the floor of two seconds.
const BEHIND_MS_MAX = 6_000;
