import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { LEADER_RENEW_PERIOD_MS } from "@/election/mod.ts";
import { MainStage } from "./_main_stage_test.ts";
import { PROXY_INTERVAL_MS } from "./proxy_health.ts";

Deno.test("MainCore at rest renews its Leases and asks the health port on time, and writes nothing else", () => {
  const stage = new MainStage("n1", { asksProxy: true });
  stage.lead();
  stage.serve();
  // What follows from the last change has been done by then.
  while (stage.nowMs < 60_000) rest(stage);
  const seen: { readonly what: string; readonly atMs: number }[] = [];
  while (stage.nowMs < 180_000) seen.push(...rest(stage));
  const own = gapsOf(seen, "foghorn-node-n1");
  ok(own.length > 30, own.join());
  // Every 3 s, give or take a tenth.
  ok(own.every((ms) => ms >= 2_700 && ms <= 3_301), own.join());
  deepStrictEqual(
    new Set(gapsOf(seen, "openelb-controller")),
    new Set([
      LEADER_RENEW_PERIOD_MS,
    ]),
  );
  deepStrictEqual(
    new Set(gapsOf(seen, "ask-proxy")),
    new Set([
      PROXY_INTERVAL_MS,
    ]),
  );
  const others = seen.filter(({ what }) =>
    !/^(foghorn-node-n1|openelb-controller|ask-proxy)$/.test(what)
  );
  deepStrictEqual(others, []);
  strictEqual(stage.core.view.isLeader, true);
});

/** Goes on to the next deadline; what is written and asked there. */
function rest(stage: MainStage) {
  const effects = stage.deadline();
  const seen = effects.flatMap((effect) => {
    if (effect.kind === "write") {
      return [effect.write.path.split("/").at(-1) ?? ""];
    }
    return effect.kind === "ask-proxy" ? [effect.kind] : [];
  }).map((what) => ({ what, atMs: stage.nowMs }));
  if (effects.some(({ kind }) => kind === "ask-proxy")) {
    stage.step({ kind: "proxy", status: 200 });
  }
  if (effects.some(({ kind }) => kind === "read-arp-ignore")) {
    stage.step({ kind: "arp-ignore", values: [["eth0", 1]] });
  }
  stage.answerAll();
  return seen;
}

function gapsOf(
  seen: readonly { readonly what: string; readonly atMs: number }[],
  what: string,
): readonly number[] {
  const at = seen.filter((one) => one.what === what).map(({ atMs }) => atMs);
  return at.slice(1).map((atMs, i) => Math.round(atMs - (at[i] ?? 0)));
}

Deno.test("MainCore tells the wire that another's Lease has run out when it has, though nothing else happens", () => {
  const stage = new MainStage();
  stage.lead();
  stage.serve();
  while (stage.nowMs < 60_000) rest(stage);
  stage.put("lease/openelb-system/foghorn-node-n2", {
    metadata: {
      ...{ name: "foghorn-node-n2", namespace: "openelb-system" },
      annotations: { "foghorn.openelb.io/links": "[]" },
    },
    spec: {
      ...{ holderIdentity: "boot2_1", leaseDurationSeconds: 10 },
      renewTime: "2026-01-01T00:01:00.000000Z",
    },
  });
  const seenMs = stage.nowMs;
  const isLive = () =>
    stage.commands().flatMap((command) =>
      command.kind === "nodes" ? [command.nodes] : []
    ).at(-1)?.find(({ node }) => node === "n2")?.live;
  strictEqual(isLive(), true);
  while (isLive() === true && stage.nowMs < seenMs + 60_000) rest(stage);
  strictEqual(stage.nowMs, seenMs + 10_000);
});
