/**
 * Cases that every daemon has to pass with our speaker.
 *
 * @module
 */

import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { StepFunction } from "../support/steps.ts";
import { ADDRESS } from "./_network.ts";
import { pathsAt, routerUntil, TERMS } from "./_router.ts";
import { familiesOf, peerSpec, type Stage } from "./_stage.ts";

/** Which of them a daemon can do. */
export interface Abilities {
  /** It reads our communities of all three kinds. */
  readonly extendedCommunities: boolean;
  readonly addPath: boolean;
  /** It can be one that never heard of AS numbers of four octets; others read that capability although they are not to send it. */
  readonly old: boolean;
  /** It sends its routes again when it is asked to; some have a case of their own. */
  readonly answersRefresh: boolean;
  readonly extendedNextHop: boolean;
  /** It confines peers over more than one hop by GTSM. */
  readonly gtsmHops: boolean;
  /** It dials soon and often: what it sends can be judged. */
  readonly dials: boolean;
  /** It announces 203.0.113.2/32 and 2001:db8:203::2/128. */
  readonly announces: boolean;
}

/** Runs them. */
export async function commonCases(
  step: StepFunction,
  stage: Stage,
  able: Abilities,
): Promise<void> {
  await step(
    "both families over one IPv4 session, all that a route carries",
    async () => {
      await stage.session();
      await announceBoth(stage);
      await expectBoth(stage, able);
      if (able.announces) await expectCounted(stage);
      await withdrawBoth(stage);
    },
  );
  await step("both families over one IPv6 session", async () => {
    await stage.session({ local: ADDRESS.router6, peer: ADDRESS.us6 });
    await announceBoth(stage);
    await expectBoth(stage, able);
    await withdrawBoth(stage);
  });
  await confinedCases(step, stage, able);
  await step("a wrong AS is told in words", () => wrongAs(stage));
  await step(
    "an AS number of four octets (RFC 6793)",
    () => bigAs(stage),
  );
  if (able.old) {
    await step(
      "an old speaker: AS_TRANS, and AS4_PATH beside it (RFC 6793)",
      () => oldSpeaker(stage),
    );
  }
  if (able.answersRefresh) {
    await step(
      "we ask for its routes again (RFC 2918)",
      () => refreshByUs(stage),
    );
  }
  if (able.addPath) await step("ADD-PATH, with a limit", () => addPath(stage));
  if (able.extendedNextHop) {
    await step("IPv4 routes with IPv6 next hops (RFC 8950)", async () => {
      await stage.session({
        local: ADDRESS.router6,
        peer: ADDRESS.us6,
        extendedNextHop: true,
      });
      await stage.speaker.line(`announce ${V4} next-hop ${ADDRESS.us6}`);
      const [path] = await pathsAt(stage.router, V4, 1);
      strictEqual(path?.nextHop, ADDRESS.us6);
      await stage.speaker.line(`withdraw ${V4}`);
      await pathsAt(stage.router, V4, 0);
    });
  }
}

/** The router is in another AS than it is to be in. */
async function wrongAs(stage: Stage): Promise<void> {
  const terms = { local: ADDRESS.router4, localAs: 65_003 };
  await stage.speaker.configure({});
  await stage.router.begin({
    ...terms,
    peer: ADDRESS.us4,
    peerAs: 65_001,
  });
  const from = stage.speaker.mark;
  await stage.speaker.configure({
    router: peerSpec({
      ...terms,
      localAs: 65_002,
      peer: ADDRESS.us4,
      peerAs: 65_001,
    }),
  });
  const { message } = await stage.speaker.told(
    ({ code, subcode }) => code === 2 && subcode === 2,
    { from },
  );
  match(
    message ?? "",
    /^The peer (is in AS 65003 and spec\.conf\.peerAs is 65002|does not expect AS 65001)/,
  );
}

/** The router knows two-octet AS numbers only, and ours is larger (RFC 6793). */
async function oldSpeaker(stage: Stage): Promise<void> {
  // Without capabilities there is one family.
  await stage.session({ old: true, peerAs: AS_TRANS, families: ["ipv4"] }, {
    conf: { localAs: BIG_AS },
  });
  await stage.speaker.line(`announce ${V4}`);
  const [path] = await pathsAt(stage.router, V4, 1);
  // Some show AS4_PATH in its place.
  match(path?.asPath ?? "", /^(23456|4200000001|64086\.59905)$/);
  await stage.speaker.line(`withdraw ${V4}`);
  await pathsAt(stage.router, V4, 0);
}

/** An AS number of four octets, from a speaker that knows them (RFC 6793). */
async function bigAs(stage: Stage): Promise<void> {
  await stage.session({ peerAs: BIG_AS }, { conf: { localAs: BIG_AS } });
  await stage.speaker.line(`announce ${V4}`);
  const [path] = await pathsAt(stage.router, V4, 1);
  match(path?.asPath ?? "", /^(4200000001|64086\.59905)$/);
  await stage.speaker.line(`withdraw ${V4}`);
  await pathsAt(stage.router, V4, 0);
}

/** We ask for its routes again, and it answers (RFC 2918). */
export async function refreshByUs(
  stage: Stage,
  first: () => Promise<unknown> = () => stage.session(),
): Promise<void> {
  const { speaker, router } = stage;
  await first();
  const received = async () =>
    (await speaker.peer(ADDRESS.router4))?.received["ipv4-unicast"] ?? 0;
  await routerUntil(router, async () => (await received()) > 0, "its route");
  const before = await received();
  await speaker.line(`refresh ${ADDRESS.router4}`);
  await routerUntil(
    router,
    async () => (await received()) > before,
    "an answer",
  );
}

/** A route that fits into no message of before, to a router that shows all of it (RFC 8654). */
export async function extendedMessages(stage: Stage): Promise<void> {
  const large = Array.from({ length: 700 }, (_, i) => `65001:${i}:1`);
  await stage.session({ extendedMessages: true });
  await stage.speaker.line(
    `announce ${V4} large-community ${large.join(" ")}`,
  );
  const [path] = await pathsAt(stage.router, V4, 1);
  strictEqual(path?.large.length, large.length);
  await stage.speaker.line(`withdraw ${V4}`);
  await pathsAt(stage.router, V4, 0);
}

/** It takes no route, and announces none, until its operator permits it (RFC 8212). */
export async function withoutPolicy(
  stage: Stage,
  permit: () => Promise<void>,
): Promise<void> {
  const { speaker, router } = stage;
  await stage.session({ policyless: true });
  await speaker.line(`announce ${V4}`);
  const hint = async () => (await speaker.peer(ADDRESS.router4))?.hint;
  await routerUntil(
    router,
    async () => /no policy for us/.test(await hint() ?? ""),
    "that it is silent",
  );
  await pathsAt(router, V4, 0);
  await permit();
  await pathsAt(router, V4, 1);
  await routerUntil(
    router,
    async () => {
      const view = await speaker.peer(ADDRESS.router4);
      return (view?.received["ipv4-unicast"] ?? 0) > 0;
    },
    "its route",
  );
  strictEqual(await hint(), undefined);
  await speaker.line(`withdraw ${V4}`);
  await pathsAt(router, V4, 0);
}

/** The router asks for our routes again (RFC 2918, RFC 7313). */
export async function refreshByIt(
  stage: Stage,
  ask: () => Promise<unknown>,
): Promise<void> {
  const { speaker, router } = stage;
  await stage.session();
  const announced = async () =>
    (await speaker.peer(ADDRESS.router4))?.announced ?? 0;
  await speaker.line(`announce ${V4}`);
  await pathsAt(router, V4, 1);
  const before = await announced();
  await ask();
  await routerUntil(
    router,
    async () => (await announced()) > before,
    "a refresh",
  );
  await pathsAt(router, V4, 1);
  await speaker.line(`withdraw ${V4}`);
  await pathsAt(router, V4, 0);
}

/** What the router thinks of our role shows: it is a customer of ours, and we say that we are a peer (RFC 9234). */
export async function wrongRole(stage: Stage): Promise<void> {
  const { speaker } = stage;
  await stage.session({ role: "customer" }, { role: "provider" });
  const from = speaker.mark;
  await speaker.configure({ router: peerSpec(TERMS, { role: "peer" }) });
  const { message } = await speaker.told(
    ({ code, subcode }) => code === 2 && subcode === 11,
    { from },
  );
  match(message ?? "", /^The roles do not fit/);
}

async function confinedCases(
  step: StepFunction,
  stage: Stage,
  able: Abilities,
): Promise<void> {
  const signed = { password: "s3cr3t" };
  await step("TCP MD5, and a wrong password is told in words", async () => {
    await stage.session(signed);
    await wrongPassword(stage, able.dials);
  });
  await step("GTSM", async () => {
    await stage.session({ gtsmHops: 1 }, { ttlSecurity: {} });
  });
  await step("GTSM with TCP MD5", async () => {
    await stage.session({ gtsmHops: 1, ...signed }, { ttlSecurity: {} });
  });
  const far = { local: ADDRESS.farRouter, peer: ADDRESS.farUs };
  await step("a peer behind another router", async () => {
    await stage.session({ ...far, multihop: 2 }, {
      ebgpMultihop: { enabled: true, multihopTtl: 2 },
    });
  });
  if (able.gtsmHops) {
    await step("GTSM over two hops, and over one it is too far", async () => {
      // An OPEN that it sends before its connection is confined would get through, and hide the dial.
      await stage.session({ ...far, gtsmHops: 2, passive: true }, {
        ttlSecurity: { hops: 2 },
      });
      await tooFar(stage);
    });
  }
}

/** Ours dials with another password than the router has. */
async function wrongPassword(
  { speaker }: Stage,
  dials: boolean,
): Promise<void> {
  const from = speaker.mark;
  const terms = {
    local: ADDRESS.router4,
    localAs: 65_002,
    peer: ADDRESS.us4,
    peerAs: 65_001,
    password: "another",
  };
  await speaker.configure({ router: peerSpec(terms) });
  // Who only waits drops what we send, and is silent.
  const expected = dials ? "password-differs" : "silent";
  const { kind, message, doubtMessage } = await speaker.told(
    ({ doubt }) => doubt === expected,
    { from },
  );
  strictEqual(kind, "dial-failed");
  match(doubtMessage ?? "", /password differs/);
  match(
    message ?? "",
    /^Cannot dial 10\.0\.0\.2 port 179: no answer in \d+ ms/,
  );
}

/** Ours permits one hop, and the router is two away. */
async function tooFar({ speaker }: Stage): Promise<void> {
  const from = speaker.mark;
  const terms = {
    local: ADDRESS.farRouter,
    localAs: 65_002,
    peer: ADDRESS.farUs,
    peerAs: 65_001,
  };
  await speaker.configure({
    router: peerSpec(terms, { ttlSecurity: { hops: 1 } }),
  });
  const { doubt } = await speaker.told(({ doubt }) => doubt !== undefined, {
    from,
  });
  strictEqual(doubt, "too-far");
}

async function announceBoth({ speaker }: Stage): Promise<void> {
  for (const prefix of [V4, V6]) {
    // deno-lint-ignore no-await-in-loop -- in this order
    await speaker.line(
      `announce ${prefix} community 65001:100 no-export ` +
        "large-community 4200000001:1:2 extended-community rt:65001:7 med 50",
    );
  }
}

async function expectBoth(stage: Stage, able: Abilities): Promise<void> {
  const [four] = await pathsAt(stage.router, V4, 1);
  const [six] = await pathsAt(stage.router, V6, 1);
  strictEqual(four?.nextHop, ADDRESS.us4);
  strictEqual(six?.nextHop, ADDRESS.us6);
  for (const path of [four, six]) {
    strictEqual(path?.asPath, "65001");
    strictEqual(path?.med, 50);
    deepStrictEqual(path?.communities, ["65001:100", "65535:65281"]);
    deepStrictEqual(path?.large, ["4200000001:1:2"]);
    if (able.extendedCommunities) {
      deepStrictEqual(path?.extended, ["rt:65001:7"]);
    }
  }
}

/** The router's routes are counted, and not announced on. */
async function expectCounted(stage: Stage): Promise<void> {
  const { speaker, router } = stage;
  await routerUntil(router, async () => {
    const received = (await speaker.peer(ADDRESS.router4))?.received;
    return (received?.["ipv4-unicast"] ?? 0) >= 1 &&
      (received?.["ipv6-unicast"] ?? 0) >= 1;
  }, "its routes at our speaker");
}

async function withdrawBoth({ speaker, router }: Stage): Promise<void> {
  await speaker.line(`withdraw ${V4}`);
  await speaker.line(`withdraw ${V6}`);
  await pathsAt(router, V4, 0);
  await pathsAt(router, V6, 0);
  await speaker.obeyed();
}

async function addPath(stage: Stage): Promise<void> {
  const { speaker, router } = stage;
  await stage.session({ addPath: true }, {
    afiSafis: familiesOf({ addPaths: { config: { sendMax: 2 } } }),
  });
  for (const last of [1, 11, 12]) {
    // deno-lint-ignore no-await-in-loop -- in this order
    await speaker.line(
      `announce ${V4} next-hop ${last === 1 ? "self" : `10.0.0.${last}`}`,
    );
  }
  const paths = await pathsAt(router, V4, 2);
  deepStrictEqual(paths.map(({ nextHop }) => nextHop).toSorted(), [
    "10.0.0.1",
    "10.0.0.11",
  ]);
  await speaker.line(`withdraw ${V4} next-hop 10.0.0.11`);
  await routerUntil(
    router,
    async () =>
      (await router.paths(V4)).some(({ nextHop }) => nextHop === "10.0.0.12"),
    "the third path in place of the second",
  );
  strictEqual((await router.paths(V4)).length, 2);
  await speaker.line(`withdraw ${V4}`);
  await pathsAt(router, V4, 0);
}

const AS_TRANS = 23_456;
const BIG_AS = 4_200_000_001;
const V4 = "192.0.2.1/32";
const V6 = "2001:db8:a::1/128";
