/** What a real agent records replays on a desk. */

import { deepStrictEqual, ok } from "node:assert/strict";
import { LabCluster, programOf } from "@/lab/mod.ts";
import { replayRecording } from "../sim/replay.ts";
import { MAIN, testSandboxed } from "../support/sandboxed.ts";
import { until } from "./_stage.ts";

const VIP = "192.168.0.91";

testSandboxed(
  "a real agent's recording replays without a difference, and a flipped event is noticed",
  async () => {
    const folder = await Deno.makeTempDir({ prefix: "foghorn-recording-" });
    try {
      const path = `${folder}/n1.jsonl`;
      await recordRun(path, folder);
      const lines = (await Deno.readTextFile(path)).split("\n");
      const { turns, differences } = replayRecording(lines);
      deepStrictEqual(differences, []);
      ok(turns >= 10, `${turns} turns`);
      // It became the controller, gave the address, and answered for it.
      for (const word of [`"${VIP}"`, "claimed", `"exit"`]) {
        ok(lines.some((line) => line.includes(word)), word);
      }
      const at = lines.findIndex((line) => line.includes(`"running":true`));
      const flipped = lines.with(
        at,
        lines[at]?.replaceAll(`"running":true`, `"running":false`) ?? "",
      );
      ok(replayRecording(flipped).differences.length > 0);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

/** One agent, from its start to its end, with a Service that comes and goes. */
async function recordRun(path: string, folder: string): Promise<void> {
  const program = programOf(MAIN);
  // What permissions.md says is to be added for a recording.
  const agent = program.agent.toSpliced(-1, 0, `--allow-write=${folder}`);
  await using lab = await LabCluster.build({
    program: { ...program, agent },
    vips: [VIP],
    nodes: 1,
    agentFlags: ["--record", path],
  });
  lab.api.createEip({ name: "pool", address: VIP, isDefault: true });
  await lab.startAgents();
  lab.createService({ name: "web" });
  const owned = `foghorn_owned_addresses{link="eth0"}`;
  await until(
    async () => (await lab.node("n1").metrics()).get(owned) === 1,
    { timeoutMs: 30_000, what: () => `n1 does not answer for ${VIP}` },
  );
  await lab.node("n1").stopAgent();
}
