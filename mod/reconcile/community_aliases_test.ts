import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import {
  type BgpConf,
  projectBgpConf,
  projectBgpPeer,
  projectEip,
} from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import {
  COMMUNITY_ALIASES_MAX,
  communityAliasesOf,
  missingAlias,
  withoutAliases,
  wrongAlias,
  wrongAliases,
} from "./community_aliases.ts";

type Raw = { readonly [key: string]: unknown };

const ALIASES = { "to-transit": "65001:7", "Region.EU_1": "65001:1:2" };

Deno.test("wrongAliases() takes communities of both kinds by names that are none", () => {
  strictEqual(wrongAliases(undefined), undefined);
  strictEqual(wrongAliases(ALIASES), undefined);
  strictEqual(wrongAliases({ a: "no-export", b: "65536" }), undefined);
});

Deno.test.each([
  {
    name: "a value that is none",
    aliases: { a: "65536:1" },
    text: /"65536:1"/,
  },
  { name: "an alias of an alias", aliases: { a: "b", b: "1:2" }, text: /"b"/ },
  { name: "a well-known name", aliases: { NO_EXPORT: "1:2" }, text: /choose/ },
  { name: "a number", aliases: { "1": "1:2" }, text: /begin with a letter/ },
  { name: "a name with spaces", aliases: { "a b": "1:2" }, text: /letters/ },
  {
    name: "a name that is too long",
    aliases: { ["a".repeat(64)]: "1:2" },
    text: /63 characters/,
  },
  {
    name: "more than there may be",
    aliases: Object.fromEntries(
      Array.from({ length: COMMUNITY_ALIASES_MAX + 1 }, (_, i) => [
        `a${i}`,
        "1:2",
      ]),
    ),
    text: /257 names.*256 at most/,
  },
])("wrongAliases() refuses $name", ({ aliases, text }) => {
  const wrong = wrongAliases(aliases);
  match(`${wrong?.found}: ${wrong?.advice}`, text);
});

Deno.test("wrongAlias() names what is no alias, or one of the other kind", () => {
  const wrong = (communities: string[], largeCommunities: string[] = []) => {
    const found = wrongAlias({ communities, largeCommunities }, "x", ALIASES);
    return found && `${found.field} ${found.advice}`;
  };
  strictEqual(wrong(["1:2", "to-transit", "no-export"]), undefined);
  strictEqual(wrong([], ["1:2:3", "Region.EU_1"]), undefined);
  match(
    wrong(["1:2", "to-peers"]) ?? "",
    /^x\.communities\[1\] .*no such name/,
  );
  // What every object has is no alias.
  match(wrong(["constructor"]) ?? "", /no such name/);
  match(
    wrong(["Region.EU_1"]) ?? "",
    /it is 65001:1:2 .*write it in x\.largeCommunities/,
  );
  match(
    wrong([], ["to-transit"]) ?? "",
    /^x\.largeCommunities\[0\] .*write it in x\.communities/,
  );
  const communities = ["to-peers"];
  strictEqual(wrongAlias({ communities }, "x", undefined), undefined);
});

Deno.test("withoutAliases() puts values in the place of names", () => {
  const advertised = {
    communities: ["no-export", "to-transit", "unknown"],
    largeCommunities: ["Region.EU_1"],
    med: 1,
  };
  deepStrictEqual(withoutAliases(advertised, ALIASES), {
    communities: ["no-export", "65001:7", "unknown"],
    largeCommunities: ["65001:1:2"],
    med: 1,
  });
  strictEqual(withoutAliases(advertised, undefined), advertised);
});

Deno.test("missingAlias() names the BgpPeer or the Eip that uses one", () => {
  const peer = value(projectBgpPeer({
    metadata: { name: "tor" },
    spec: { advertisement: { communities: ["to-transit"] } },
  }));
  const eip = value(projectEip({
    metadata: { name: "pool" },
    spec: { address: "192.0.2.1", bgp: { largeCommunities: ["eu"] } },
  }));
  const objects = { peers: [peer], eips: [eip] };
  const missing = (communityAliases: Raw) =>
    missingAlias(confOf({ communityAliases }), objects)?.message;
  strictEqual(missing({ "to-transit": "1:2", eu: "1:2:3" }), undefined);
  match(
    missing({ eu: "1:2:3" }) ?? "",
    /^BgpPeer tor: spec\.advertisement\.communities\[0\] cannot be "to-transit": /,
  );
  match(
    missing({ "to-transit": "1:2" }) ?? "",
    /^Eip pool: spec\.bgp\.largeCommunities\[0\] cannot be "eu": /,
  );
});

Deno.test("communityAliasesOf() knows those of the BgpConf that counts", () => {
  const conf = confOf({ communityAliases: ALIASES });
  deepStrictEqual(communityAliasesOf(new Map([["default", conf]])), ALIASES);
  deepStrictEqual(communityAliasesOf(new Map([["default", confOf({})]])), {});
  strictEqual(communityAliasesOf(new Map([["mine", conf]])), undefined);
  strictEqual(communityAliasesOf(undefined), undefined);
});

function confOf(spec: Raw): BgpConf {
  return value(projectBgpConf({ metadata: { name: "default" }, spec }));
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
