/**
 * RFC 8326: graceful shutdown.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { PathAttribute } from "@/wire/bgp/mod.ts";
import { INTERNAL, PLAIN, prefix, Talk, type TalkOptions } from "./talk.ts";

Deno.test("8326-1a before they go all routes carry GRACEFUL_SHUTDOWN (RFC 8326 §4.1)", () => {
  const attributes = leaving({}, [0xfdea_0001]);
  deepStrictEqual(attributes.find(({ kind }) => kind === "communities"), {
    kind: "communities",
    communities: [0xfdea_0001, 0xffff_0000],
  });
  ok(attributes.every(({ kind }) => kind !== "local-pref"));
});

Deno.test("8326-1b inside our AS they have a LOCAL_PREF of 0 (RFC 8326 §4.1)", () => {
  const attributes = leaving(INTERNAL, []);
  deepStrictEqual(attributes.find(({ kind }) => kind === "local-pref"), {
    kind: "local-pref",
    localPref: 0,
  });
});

Deno.test("8326-1c they stay announced until the session ends (RFC 8326 §4.1)", () => {
  const talk = Talk.up();
  talk.speaker.announce(prefix("192.0.2.1/32"), undefined, PLAIN);
  talk.takeBytes();
  talk.run(talk.speaker.leave());
  ok(talk.take().every(({ update }) => update.withdrawn.length === 0));
  strictEqual(talk.state, "Established");
  talk.run(talk.speaker.stop("", 0));
  deepStrictEqual(talk.told, ["6/2"]);
});

Deno.test("8326-1d a route that carries the community already does not get it twice (RFC 8326 §4.1)", () => {
  const attributes = leaving(INTERNAL, [0xffff_0000]);
  deepStrictEqual(attributes.find(({ kind }) => kind === "communities"), {
    kind: "communities",
    communities: [0xffff_0000],
  });
});

/** A route as it is announced anew before it goes. */
function leaving(
  options: TalkOptions,
  communities: readonly number[],
): readonly PathAttribute[] {
  const talk = Talk.up(options);
  talk.speaker.announce(prefix("192.0.2.1/32"), undefined, {
    ...PLAIN,
    communities,
  });
  talk.takeBytes();
  talk.run(talk.speaker.leave());
  const [update] = talk.take();
  return update?.update.attributes ?? [];
}
