/**
 * An agent that is refused its packet sockets cannot answer: it says so, and the
 * addresses are answered for from elsewhere.
 *
 * @module
 */

import { match, strictEqual } from "node:assert/strict";
import { type Condition, projectEip } from "@/api/mod.ts";
import { programOf } from "@/lab/program.ts";
import { MAIN } from "../support/sandboxed.ts";
import { type Stage, testOnStage, until } from "./_stage.ts";

const VIP = "192.168.0.91";

testOnStage(
  "an agent without NET_RAW lets the others answer",
  { nodes: 2, services: [{ name: "web", vips: [VIP] }] },
  async (stage, step) => {
    const [first = "", second = ""] = stage.order(VIP);
    const node = stage.lab.node(first);
    await step("it starts anew without: the next one answers", async () => {
      await node.stopAgent();
      await stage.isAnsweredBy(VIP, second, MOVE_MS_MAX);
      const program = programOf(MAIN);
      node.startAgent([], {
        ...program,
        agent: ["setpriv", "--bounding-set", "-net_raw", ...program.agent],
      });
      await until(() => degraded(stage)?.reason === "SocketRefused", {
        timeoutMs: MOVE_MS_MAX,
        what: () => `The Eip does not say so: ${degraded(stage)?.message}`,
      });
      match(
        degraded(stage)?.message ?? "",
        new RegExp(
          `^Cannot open packet socket on "eth0": EPERM, CAP_NET_RAW is missing, so .* \\(nodes ${first}\\)$`,
        ),
      );
      const answer = await node.ask("/readyz");
      strictEqual(answer.ok && answer.status, 503);
      await stage.isAnsweredBy(VIP, second, MOVE_MS_MAX);
    });
    await step("the other one ends: the Service says why", async () => {
      await stage.lab.node(second).stopAgent();
      const path = `/api/v1/services/default/web/why`;
      let text = "";
      await until(async () => {
        text = await whyOn(first, path);
        return /SocketRefused/.test(text);
      }, { timeoutMs: MOVE_MS_MAX, what: () => `It is not told: ${text}` });
      stage.lab.node(second).startAgent();
      await stage.lab.node(second).waitReady();
      await stage.isAnsweredBy(VIP, second, MOVE_MS_MAX);
    });
    await step("it starts anew with it: all is well", async () => {
      await node.stopAgent();
      node.startAgent();
      await node.waitReady();
      await until(() => degraded(stage)?.status === "False", {
        timeoutMs: MOVE_MS_MAX,
        what: () => `Still degraded: ${degraded(stage)?.message}`,
      });
      // It goes back to where it was a minute later, which other tests wait for.
      await stage.isAnsweredBy(VIP, second, MOVE_MS_MAX);
    });
  },
);

/** What an agent tells on its own node. */
async function whyOn(node: string, path: string): Promise<string> {
  const { stdout } = await new Deno.Command("ip", {
    args: [
      ...["netns", "exec", node, Deno.execPath(), "eval", "--quiet"],
      `console.log(await (await fetch("http://127.0.0.1:7473${path}")).text())`,
    ],
  }).output();
  return new TextDecoder().decode(stdout);
}

function degraded(stage: Stage): Condition | undefined {
  const path = "/apis/network.kubesphere.io/v1alpha2/eips/web-v4";
  const eip = projectEip(stage.lab.api.read(path));
  if (!eip.ok) throw new Error(eip.error);
  return eip.value.status.conditions.find(({ type }) => type === "Degraded");
}

const MOVE_MS_MAX = 30_000;
