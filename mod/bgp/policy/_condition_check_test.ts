import { strictEqual } from "node:assert/strict";
import {
  applied,
  oneStatement,
  policyOf,
  type TestRoute,
} from "./_policy_test.ts";

const SETS = `
[[defined-sets.prefix-sets]]
prefix-set-name = "exact"
prefix-list = [{ ip-prefix = "192.0.2.0/24" }]
[[defined-sets.prefix-sets]]
prefix-set-name = "hosts"
[[defined-sets.prefix-sets.prefix-list]]
ip-prefix = "192.0.2.0/24"
masklength-range = "32..32"
[[defined-sets.prefix-sets.prefix-list]]
ip-prefix = "198.51.100.0/24"
masklength-range = "25..32"
[[defined-sets.prefix-sets]]
prefix-set-name = "overlapping"
prefix-list = [
  { ip-prefix = "192.0.0.0/16", masklength-range = "16..32" },
  { ip-prefix = "192.0.2.0/24", masklength-range = "24..24" },
]
[[defined-sets.prefix-sets]]
prefix-set-name = "six"
prefix-list = [{ ip-prefix = "2001:db8::/32", masklength-range = "32..128" }]
[[defined-sets.prefix-sets]]
prefix-set-name = "none"
[[defined-sets.neighbor-sets]]
neighbor-set-name = "leafs"
neighbor-info-list = ["10.0.0.2", "10.9.0.0/16", "2001:db8:f::/64"]
[[defined-sets.neighbor-sets]]
neighbor-set-name = "everybody"
[defined-sets.bgp-defined-sets]
community-sets = [
  { community-set-name = "two", community-list = ["65001:1", "65001:2"] },
  { community-set-name = "regexp", community-list = ["^6500[0-9]:10+$"] },
  { community-set-name = "loose", community-list = ["5001:1"] },
  { community-set-name = "number", community-list = ["4259905537"] },
  { community-set-name = "known", community-list = ["NO_EXPORT", "internet"] },
  { community-set-name = "posix", community-list = ["^[[:digit:]]+:7$"] },
  { community-set-name = "none" },
]
large-community-sets = [
  { large-community-set-name = "one", large-community-list = ["65001:1:1"] },
  { large-community-set-name = "regexp", large-community-list = ["^65001:.*:2$"] },
  { large-community-set-name = "both", large-community-list = ["65001:1:1", "65001:1:2"] },
]
ext-community-sets = [
  { ext-community-set-name = "rt", ext-community-list = ["RT:65001:1"] },
  { ext-community-set-name = "soo", ext-community-list = ["soo:65001:[0-9]+"] },
  { ext-community-set-name = "long", ext-community-list = ["rt:6.1:7", "rt:10.0.0.1:7"] },
  { ext-community-set-name = "lb", ext-community-list = ["lb:.*"] },
]
as-path-sets = [
  { as-path-set-name = "ours", as-path-list = ["^65001$"] },
  { as-path-set-name = "includes", as-path-list = ["_65001_"] },
  { as-path-set-name = "empty", as-path-list = ["^$"] },
  { as-path-set-name = "both", as-path-list = ["^65001", "1$"] },
  { as-path-set-name = "foreign", as-path-list = ["_65009_"] },
]
`;

const MATCH = "[policy-definitions.statements.conditions";

function match(kind: string, set: string, option = ""): string {
  const bgp = kind === "prefix" || kind === "neighbor" ? "" : ".bgp-conditions";
  const options = option === "" ? "" : `match-set-options = "${option}"`;
  return `${MATCH}${bgp}.match-${kind}-set]\n${kind}-set = "${set}"\n${options}`;
}

function bgp(condition: string): string {
  return `${MATCH}.bgp-conditions]\n${condition}`;
}

/** Conditions, a route, and whether they hold. */
const CASES: readonly (readonly [string, TestRoute, boolean])[] = [
  ["", {}, true],
  [match("prefix", "exact"), { prefix: "192.0.2.0/24" }, true],
  [match("prefix", "exact"), { prefix: "192.0.2.1/32" }, false],
  [match("prefix", "exact"), { prefix: "192.0.0.0/16" }, false],
  [match("prefix", "exact", "invert"), { prefix: "192.0.2.1/32" }, true],
  [match("prefix", "exact", "INVERT"), { prefix: "192.0.2.0/24" }, false],
  [match("prefix", "hosts"), { prefix: "192.0.2.1/32" }, true],
  [match("prefix", "hosts", "any"), { prefix: "192.0.2.0/31" }, false],
  [match("prefix", "hosts"), { prefix: "198.51.100.0/25" }, true],
  [match("prefix", "overlapping"), { prefix: "192.0.3.1/32" }, true],
  // GoBGP: the entry of the longest prefix decides.
  [match("prefix", "overlapping"), { prefix: "192.0.2.1/32" }, false],
  [match("prefix", "six"), { prefix: "2001:db8::1/128" }, true],
  [match("prefix", "six"), { prefix: "192.0.2.1/32" }, false],
  // GoBGP: another IP version is never meant.
  [match("prefix", "six", "invert"), { prefix: "192.0.2.1/32" }, false],
  [match("prefix", "none"), {}, false],
  [match("prefix", "none", "invert"), {}, false],
  [match("neighbor", "leafs"), {}, true],
  [match("neighbor", "leafs"), { peer: "10.9.3.4" }, true],
  [match("neighbor", "leafs"), { peer: "2001:db8:f::9" }, true],
  [match("neighbor", "leafs"), { peer: "10.0.0.3" }, false],
  [match("neighbor", "leafs", "invert"), { peer: "10.0.0.3" }, true],
  [match("neighbor", "leafs", "invert"), {}, false],
  [match("neighbor", "leafs", "invert"), { peer: "unknown" }, false],
  // GoBGP: an empty set means everybody, inverted too.
  [match("neighbor", "everybody", "invert"), {}, true],
  [match("community", "two"), { communities: ["65001:2"] }, true],
  [match("community", "two"), { communities: ["65001:3"] }, false],
  [match("community", "two"), {}, false],
  [match("community", "two", "all"), { communities: ["65001:2"] }, false],
  [
    match("community", "two", "all"),
    { communities: ["65001:1", "65001:2", "65001:3"] },
    true,
  ],
  [match("community", "two", "invert"), { communities: ["65001:3"] }, true],
  [match("community", "two", "invert"), { communities: ["65001:1"] }, false],
  [match("community", "two", "invert"), {}, true],
  [match("community", "regexp"), { communities: ["65002:100"] }, true],
  [match("community", "regexp"), { communities: ["65002:1"] }, false],
  // Two numbers are one community, not a part of another.
  [match("community", "loose"), { communities: ["65001:1"] }, false],
  [match("community", "number"), { communities: ["65001:1"] }, true],
  [match("community", "known"), { communities: ["no-export"] }, true],
  [match("community", "posix"), { communities: ["65001:7"] }, true],
  [match("community", "none"), { communities: ["65001:7"] }, false],
  [match("community", "none", "all"), { communities: ["65001:7"] }, false],
  [match("community", "none", "invert"), {}, true],
  [match("large-community", "one"), { large: ["65001:1:1"] }, true],
  [match("large-community", "one"), { large: ["65001:1:11"] }, false],
  [match("large-community", "regexp"), { large: ["65001:9:2"] }, true],
  [match("large-community", "both", "all"), { large: ["65001:1:1"] }, false],
  [
    match("large-community", "both", "all"),
    { large: ["65001:1:1", "65001:1:2"] },
    true,
  ],
  [match("large-community", "one", "invert"), { large: ["1:2:3"] }, true],
  [match("ext-community", "rt"), { extended: ["rt:65001:1"] }, true],
  [match("ext-community", "rt"), { extended: ["soo:65001:1"] }, false],
  [match("ext-community", "rt"), { extended: ["rt:65001:11"] }, false],
  [match("ext-community", "soo"), { extended: ["soo:65001:123"] }, true],
  [match("ext-community", "long"), { extended: ["rt:393217:7"] }, true],
  [match("ext-community", "long"), { extended: ["rt:10.0.0.1:7"] }, true],
  // Only transitive ones count.
  [match("ext-community", "lb"), { extended: ["link-bandwidth:1:8"] }, false],
  [
    match("ext-community", "rt", "all"),
    { extended: ["rt:65001:1", "rt:65001:2"] },
    false,
  ],
  [
    match("ext-community", "rt", "all"),
    { extended: ["rt:65001:1", "link-bandwidth:1:8"] },
    true,
  ],
  [match("ext-community", "rt", "all"), {}, false],
  [match("ext-community", "rt", "invert"), {}, true],
  [
    match("ext-community", "rt", "invert"),
    { extended: ["rt:65001:1", "rt:65001:2"] },
    false,
  ],
  // On eBGP our AS number is in the path by then.
  [match("as-path", "ours"), {}, true],
  [match("as-path", "ours"), { internal: true }, false],
  [match("as-path", "includes"), {}, true],
  [match("as-path", "empty"), { internal: true }, true],
  [match("as-path", "both", "all"), {}, true],
  [match("as-path", "both", "all"), { internal: true }, false],
  [match("as-path", "foreign"), {}, false],
  [match("as-path", "foreign", "invert"), {}, true],
  [bgp(`as-path-length = { operator = "eq", value = 1 }`), {}, true],
  [
    bgp(`as-path-length = { operator = "ge", value = 1 }`),
    { internal: true },
    false,
  ],
  [bgp(`as-path-length = { operator = "attribute-le", value = 1 }`), {}, true],
  [bgp(`community-count = { operator = "eq", value = 0 }`), {}, true],
  [
    bgp(`community-count = { operator = "ge", value = 2 }`),
    { communities: ["1:1"] },
    false,
  ],
  [
    bgp(`community-count = { operator = "le", value = 1 }`),
    { communities: ["1:1"] },
    true,
  ],
  [bgp(`origin-eq = "igp"`), {}, true],
  [bgp(`origin-eq = "egp"`), {}, false],
  [bgp(`med-eq = 7`), { med: 7 }, true],
  [bgp(`med-eq = 0`), {}, false],
  [bgp(`local-pref-eq = 100`), {}, true],
  [bgp(`local-pref-eq = 100`), { localPref: 200 }, false],
  [bgp(`route-type = "local"`), {}, true],
  [bgp(`route-type = "external"`), {}, false],
  [bgp(`route-type = "internal"`), {}, false],
  [bgp(`route-type = "none"`), {}, true],
  [bgp(`rpki-validation-result = "none"`), {}, true],
  [bgp(`next-hop-in-list = ["10.0.0.1"]`), {}, true],
  [bgp(`next-hop-in-list = ["10.7.0.0/16"]`), { nextHop: "10.7.1.1" }, true],
  [bgp(`next-hop-in-list = ["10.0.0.1"]`), { nextHop: "10.7.1.1" }, false],
  [bgp(`next-hop-in-list = []`), {}, true],
  [bgp(`afi-safi-in-list = ["ipv4-unicast"]`), {}, true],
  [
    bgp(`afi-safi-in-list = ["ipv4-unicast"]`),
    { prefix: "2001:db8::1/128" },
    false,
  ],
  [
    `${match("community", "two")}\n${match("prefix", "hosts")}`,
    { communities: ["65001:1"] },
    true,
  ],
  [
    `${match("community", "two")}\n${match("prefix", "exact")}`,
    { communities: ["65001:1"] },
    false,
  ],
];

for (const [conditions, route, holds] of CASES) {
  const words = conditions.replace(MATCH, "").replaceAll("\n", " ");
  const name = `${words} of ${JSON.stringify(route)}`;
  Deno.test(`A statement ${holds ? "does" : "does not"} apply by ${name}`, () => {
    const statement =
      `actions.route-disposition = "reject-route"\n${conditions}`;
    const policy = policyOf(oneStatement(SETS, statement));
    strictEqual(applied(policy, route) === undefined, holds);
  });
}
