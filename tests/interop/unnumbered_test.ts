/**
 * Our speaker and routers that know nothing of each other but their cable.
 *
 * @module
 */

import { match, strictEqual } from "node:assert/strict";
import { must } from "@/lab/mod.ts";
import { command } from "../support/needs.ts";
import { testSandboxed } from "../support/sandboxed.ts";
import { stepsOf } from "../support/steps.ts";
import { until } from "../support/waiting.ts";
import { Bird } from "./_bird.ts";
import { documentedUnnumbered } from "./_documented.ts";
import { Frr } from "./_frr.ts";
import { addNamespace, cable, ROUTER, US } from "./_network.ts";
import { Speaker, type Told } from "./_speaker.ts";

const LINK = "eth1";
const V4 = "192.0.2.1/32";
const V6 = "2001:db8:a::1/128";

testSandboxed("unnumbered peers", async (t) => {
  const step = stepsOf(t);
  await Promise.all([US, ROUTER].map(addNamespace));
  await cable([US, LINK], [ROUTER, LINK]);
  const conf = { as: 65_001, routerId: "10.0.0.1" };
  await using speaker = await Speaker.start(US, conf);
  await speaker.line(`announce ${V4}`);
  await speaker.line(`announce ${V6}`);
  await step("an interface that is not there is named", async () => {
    const told = await missing(speaker, "eth9");
    match(told.message ?? "", /^There is no interface eth9 on this node/);
  });
  await step("nobody is heard", async () => {
    const told = await missing(speaker, LINK);
    strictEqual(told.peer, LINK);
    match(told.message ?? "", /^No router advertisement heard on eth1: /);
    strictEqual((await speaker.peers())[0]?.state, "Idle");
  });
  await step("frr, which dials us too", async () => {
    await using frr = await Frr.make();
    const from = speaker.mark;
    await frr.beginWith(await documentedUnnumbered("frr"));
    await speaker.up(LINK, from);
    await routedByLinkLocal(() => frr.diagnose());
    await oneSession(speaker);
  });
  await step("bird, in its place", async () => {
    await using bird = await Bird.make();
    const from = speaker.mark;
    await bird.beginWith(await documentedUnnumbered("bird"));
    await speaker.up(LINK, from);
    await routedByLinkLocal(() => bird.ask("show", "protocols", "all"));
    await oneSession(speaker);
  });
  await step(
    "bird signs, and both are near (RFC 2385, RFC 5082)",
    () => signed(speaker),
  );
  await step("the cable is pulled, and put back", () => pulled(speaker));
}, [command("ip"), command("vtysh"), command("bird")]);

const PEER = {
  conf: { neighborInterface: LINK },
  timers: { config: { holdTime: "9", connectRetry: "2" } },
};

/** Has an unnumbered peer on an interface, and waits for what is told to be missing. */
async function missing(
  speaker: Speaker,
  neighborInterface: string,
): Promise<Told> {
  const from = speaker.mark;
  await speaker.configure({ tor: { ...PEER, conf: { neighborInterface } } });
  return await speaker.told(({ kind }) => kind === "peer-missing", { from });
}

async function signed(speaker: Speaker): Promise<void> {
  await using bird = await Bird.make();
  const config = await documentedUnnumbered("bird");
  const terms = 'dynamic name "node"; password "s3cr3t"; ttl security on;';
  await bird.beginWith(config.replace('dynamic name "node";', terms));
  const from = speaker.mark;
  await speaker.configure({
    tor: {
      ...PEER,
      conf: { ...PEER.conf, authPassword: "s3cr3t" },
      ttlSecurity: {},
    },
  });
  await speaker.up(LINK, from);
  await routedByLinkLocal(() => bird.ask("show", "protocols", "all"));
  await speaker.configure({ tor: PEER });
}

async function pulled(speaker: Speaker): Promise<void> {
  await using bird = await Bird.make();
  await bird.beginWith(await documentedUnnumbered("bird"));
  await speaker.up(LINK, speaker.mark);
  const from = speaker.mark;
  await must("ip", ["-n", ROUTER, "link", "set", LINK, "down"]);
  const told = await speaker.told(({ kind }) => kind === "peer-missing", {
    from,
  });
  match(told.message ?? "", /^eth1 has no carrier/);
  await must("ip", ["-n", ROUTER, "link", "set", LINK, "up"]);
  await speaker.up(LINK, from);
}

/** The router's kernel sends both families to our link-local address (RFC 8950 §4). */
async function routedByLinkLocal(
  diagnose: () => Promise<string>,
): Promise<void> {
  let found = "";
  const route = async (of: string, prefix: string) =>
    found = await must("ip", ["-n", ROUTER, of, "route", "show", prefix]);
  try {
    await until(
      async () =>
        /via inet6 fe80::\S+ dev eth1/.test(await route("-4", "192.0.2.1")) &&
        /via fe80::\S+ dev eth1/.test(await route("-6", V6)),
      { timeoutMs: 15_000, what: () => `The kernel has ${found}` },
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${await diagnose()}`);
  }
}

async function oneSession(speaker: Speaker): Promise<void> {
  const peers = await speaker.peers();
  strictEqual(peers.length, 1);
  const [peer] = peers;
  strictEqual(peer?.state, "Established");
  strictEqual(peer?.families?.length, 2);
}
