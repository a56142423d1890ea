/**
 * RFC 4724: graceful restart, as the side that restarts.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  bgpMessageType,
  decodeOpen,
  encodeKeepalive,
  encodeOpen,
  type GracefulRestartCapability,
} from "@/wire/bgp/mod.ts";
import {
  bothHave,
  messageOf,
  openWith,
  PLAIN,
  prefix,
  Talk,
  THEIRS,
} from "./talk.ts";

const RESTART: GracefulRestartCapability = {
  kind: "graceful-restart",
  restartState: false,
  notification: false,
  restartTimeSeconds: 120,
  families: [{ family: "ipv4-unicast", forwardingPreserved: true }],
};
const BOTH = bothHave(RESTART);

Deno.test("4724-2a End-of-RIB follows the table of each family, without graceful restart, too (RFC 4724 §2)", () => {
  for (const options of [BOTH, {}]) {
    const talk = Talk.up(options);
    talk.speaker.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
    const bytes = talk.takeBytes().map((each) => each.subarray(16).toHex());
    strictEqual(bytes.length, 3);
    deepStrictEqual(bytes.slice(1), [
      "00170200000000",
      "001d0200000006800f03000201",
    ]);
  }
});

Deno.test("4724-2b End-of-RIB is sent of an empty table, once (RFC 4724 §2)", () => {
  const talk = Talk.up();
  deepStrictEqual(talk.take().map(({ endOfRib }) => endOfRib), [
    "ipv4-unicast",
    "ipv6-unicast",
  ]);
  deepStrictEqual(talk.takeBytes(), []);
});

Deno.test("4724-2c End-of-RIB of a peer is no error and withdraws nothing (RFC 4724 §2)", () => {
  const talk = Talk.up(BOTH);
  for (const bytes of talk.takeBytes()) talk.receive(bytes);
  const view = talk.speaker.viewOf("router");
  strictEqual(view?.state, "Established");
  strictEqual(view?.treatedAsWithdraw, 0);
  deepStrictEqual(view?.receivedWithdrawn, {
    "ipv4-unicast": 0,
    "ipv6-unicast": 0,
  });
});

Deno.test("4724-1a R, restart time and F stand where the RFC has them (RFC 4724 §3)", () => {
  const open = encodeOpen({
    ...THEIRS,
    capabilities: [{ ...RESTART, restartState: true }],
  });
  strictEqual(open.subarray(31).toHex(), "40068078" + "00010180");
  const plain = encodeOpen({ ...THEIRS, capabilities: [RESTART] });
  strictEqual(plain.subarray(31).toHex(), "40060078" + "00010180");
  const back = decodeOpen(plain);
  ok(back.ok);
  deepStrictEqual(back.value.capabilities, [RESTART]);
});

Deno.test("4724-1b without families a peer only helps, and it counts only if both sent it (RFC 4724 §3)", () => {
  const helper = Talk.up({
    ...BOTH,
    theirs: openWith(65_001, "10.0.0.1", { ...RESTART, families: [] }),
  });
  const of = (talk: Talk) =>
    talk.speaker.viewOf("router")?.session?.gracefulRestart;
  deepStrictEqual(of(helper)?.families, []);
  strictEqual(of(Talk.up({ theirs: BOTH.theirs ?? {} })), undefined);
  strictEqual(of(Talk.up({ ours: BOTH.ours ?? {} })), undefined);
});

Deno.test("4724-1c of several capabilities 64 the last one counts (RFC 4724 §3)", () => {
  const talk = Talk.up({
    ...BOTH,
    theirs: openWith(65_001, "10.0.0.1", RESTART, {
      ...RESTART,
      restartTimeSeconds: 7,
    }),
  });
  const { session } = talk.speaker.viewOf("router") ?? {};
  strictEqual(session?.gracefulRestart?.restartTimeSeconds, 7);
});

Deno.test("4724-1a a capability 64 that is cut short is malformed (RFC 4724 §3)", () => {
  for (const capability of ["4000", "400100", "40030078" + "00"]) {
    const size = capability.length / 2;
    const hex = (value: number) => value.toString(16).padStart(2, "0");
    const talk = Talk.connected();
    talk.receive(messageOf(
      1,
      `04fde9005a0a000001${hex(size + 2)}02${hex(size)}${capability}`,
    ));
    deepStrictEqual(talk.told, ["2/0"], capability);
  }
});

Deno.test("4724-3a R is set in OPENs after a restart until a session is up, and F all along (RFC 4724 §4.1)", () => {
  const talk = Talk.up({ ...BOTH, restarting: true });
  deepStrictEqual(bitsOf(talk), { restarting: true, forwarding: true });
  talk.step({ kind: "closed", connection: talk.connection, reason: "" });
  talk.wait(1_000);
  talk.step({ kind: "connected", connection: talk.connection });
  deepStrictEqual(bitsOf(talk), { restarting: false, forwarding: true });
  deepStrictEqual(bitsOf(Talk.connected(BOTH)), {
    restarting: false,
    forwarding: true,
  });
});

Deno.test("4724-3b routes loaded before the first dial come before End-of-RIB (RFC 4724 §4.1)", () => {
  const talk = Talk.up({
    ...BOTH,
    restarting: true,
    before: (speaker) => {
      speaker.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
      speaker.announce(prefix("2001:db8::1/128"), undefined, PLAIN);
    },
  });
  deepStrictEqual(
    talk.take().map(({ endOfRib, update }) =>
      endOfRib ?? update.nlri.length + update.attributes.length
    ),
    [1 + 3, "ipv4-unicast", 3, "ipv6-unicast"],
  );
});

Deno.test("4724-4a a stop says Cease, so that routes go at once (RFC 4724 §4.2)", () => {
  const talk = Talk.up(BOTH);
  talk.run(talk.speaker.stop("", 0));
  deepStrictEqual(talk.told, ["6/2"]);
});

Deno.test("4271-33 a new connection of a peer with graceful restart means that it restarted (RFC 4724 §4.2)", () => {
  const talk = Talk.up(BOTH);
  const old = talk.connection;
  const told = talk.effects.length;
  talk.accept();
  const since = talk.effects.slice(told);
  deepStrictEqual(
    since.flatMap((each) =>
      each.kind === "session-ended" || each.kind === "close"
        ? [each.connection]
        : []
    ),
    [old, old],
  );
  deepStrictEqual(talk.told, [], "the old one ends without NOTIFICATION");
  talk.receive(encodeOpen(talk.theirs));
  talk.receive(encodeKeepalive());
  strictEqual(talk.state, "Established");
  ok(talk.takeBytes().every((bytes) => bgpMessageType(bytes) === 2));
});

/** What our last OPEN said of us. */
function bitsOf(talk: Talk): unknown {
  const found = talk.openSent.capabilities.find(({ kind }) =>
    kind === "graceful-restart"
  );
  ok(found?.kind === "graceful-restart");
  return {
    restarting: found.restartState,
    forwarding: found.families.every((each) => each.forwardingPreserved),
  };
}
