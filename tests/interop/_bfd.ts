/**
 * BFD with a router, in all cases of a daemon, and how the cable is cut.
 *
 * @module
 */

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { BgpBfd, BgpPeerSpec } from "@/api/mod.ts";
import { must } from "@/lab/mod.ts";
import type { StepFunction } from "../support/steps.ts";
import { ROUTER, US } from "./_network.ts";
import { pathsAt, type Router, routerUntil, type Terms } from "./_router.ts";
import { peerSpec, type Stage } from "./_stage.ts";

/** A router, as far as BFD goes. */
export interface BfdRouter {
  /** The daemon. */
  readonly router: Router;
  /** Whether it says that BFD is up, at an interval in milliseconds. */
  isUp(intervalMs: number): Promise<boolean>;
}

/** What both sides have at first: three packets, half a second. */
const SLOW: BgpBfd = { minTxMs: 150, minRxMs: 150, multiplier: 3 };
/** A Hold Time after which nobody waits here: what is noticed is noticed by BFD. */
export const HOLD_SECONDS = 90;
const PREFIX = "192.0.2.77/32";

/** What every router has to do. */
export async function bfdCases(
  step: StepFunction,
  stage: Stage,
  { router, isUp }: BfdRouter,
  terms: Partial<Terms>,
): Promise<void> {
  const { speaker } = stage;
  let whole: Terms | undefined;
  const peer = (): string => whole?.local ?? "";
  await step("BGP and BFD come up, on the same addresses", async () => {
    whole = await stage.session({ holdTime: HOLD_SECONDS, ...terms }, {
      bfd: SLOW,
      ...LONG_HOLD,
    });
    await speaker.told(isBfd(peer(), "up"));
    await routerUntil(router, () => isUp(150), "BFD at 150 ms");
    const { bfd } = await speaker.peer(peer()) ?? {};
    deepStrictEqual(
      [bfd?.state, bfd?.local, bfd?.link, bfd?.blocks, bfd?.message],
      ["up", whole.peer, "e0", false, ""],
    );
    await speaker.line(`announce ${PREFIX}`);
    await pathsAt(router, PREFIX, 1);
  });
  await step("other timers leave the BGP session alone", async () => {
    const from = speaker.mark;
    ok(whole !== undefined);
    const spec = peerSpec(whole, {
      bfd: { ...SLOW, minTxMs: 200, minRxMs: 200 },
      ...LONG_HOLD,
    });
    await speaker.configure({ router: spec });
    await routerUntil(router, () => isUp(200), "BFD at 200 ms");
    strictEqual(tellsOfState(stage, from), false);
  });
  await step(
    "silence: Cease 6/10, routes gone, BGP waits for BFD",
    async () => {
      const from = speaker.mark;
      await cut();
      const { code, subcode } = await speaker.told(
        ({ kind, peer: of }) => kind === "notification-sent" && of === peer(),
        { from },
      );
      deepStrictEqual([code, subcode], [6, 10]);
      // Long before any Hold Time.
      await pathsAt(router, PREFIX, 0);
      const view = await speaker.peer(peer());
      deepStrictEqual(
        [view?.state, view?.bfd?.state, view?.bfd?.blocks, view?.bfd?.failures],
        ["Idle", "down", true, 1],
      );
      match(view?.bfd?.message ?? "", /Detection Time|does not hear us/);
      const healed = speaker.mark;
      await heal();
      await speaker.told(isBfd(peer(), "up"), { from: healed });
      await speaker.up(peer(), healed);
      await pathsAt(router, PREFIX, 1);
    },
  );
}

/** Whether the state of a BGP session was told of from a mark on. */
export function tellsOfState({ speaker }: Stage, from: number): boolean {
  const { lines, linesTotal } = speaker.process;
  return lines.slice(lines.length - (linesTotal - from)).some((line) =>
    line.includes('"peer-state"')
  );
}

/** Waits for a state of BFD. */
export function isBfd(
  peer: string,
  state: string,
): Parameters<Stage["speaker"]["told"]>[0] {
  return (told) =>
    told.kind === "bfd-state" && told.peer === peer && told.state === state;
}

/** Nothing arrives any more on either side, and no carrier is lost. */
export async function cut(link = "e0"): Promise<void> {
  for (const host of [US, ROUTER]) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await must("ip", [
      ...["netns", "exec", host, "nft"],
      `add table netdev cut; add chain netdev cut in { type filter hook ingress device ${link} priority 0; policy drop; }`,
    ]);
  }
}

/** Undoes it. */
export async function heal(): Promise<void> {
  for (const host of [US, ROUTER]) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await must("ip", [
      ...["netns", "exec", host, "nft", "delete table netdev cut"],
    ]);
  }
}

/** Our side of the Hold Time. */
export const LONG_HOLD: Pick<BgpPeerSpec, "timers"> = {
  timers: { config: { holdTime: `${HOLD_SECONDS}`, connectRetry: "2" } },
};
