import { deepStrictEqual } from "node:assert/strict";
import {
  formatCommunity,
  formatExtendedCommunity,
  formatLargeCommunity,
} from "@/wire/bgp/community.ts";
import type { PolicyResult } from "../exporter.ts";
import {
  applied,
  oneStatement,
  policyOf,
  type TestRoute,
} from "./_policy_test.ts";

/** What a result comes to, without what is as it always is. */
function described(result: PolicyResult | undefined): unknown {
  if (result === undefined) return undefined;
  const { attributes, origin, nextHop, prepended, originated } = result;
  const all = {
    communities: attributes.communities.map(formatCommunity),
    extended: attributes.extendedCommunities.map(formatExtendedCommunity),
    large: attributes.largeCommunities.map(formatLargeCommunity),
    med: attributes.multiExitDisc,
    localPref: attributes.localPref,
    origin: origin === "igp" ? undefined : origin,
    nextHop,
    prepended,
    originated,
  };
  return Object.fromEntries(
    Object.entries(all).filter(([, value]) =>
      value !== undefined && !(Array.isArray(value) && value.length === 0)
    ),
  );
}

function list(kind: string, option: string, ...values: string[]): string {
  return `set-${kind} = { options = "${option}", set-${kind}-method = { communities-list = ${
    JSON.stringify(values)
  } } }`;
}

const COLORED: TestRoute = {
  communities: ["65001:1", "65001:2", "65002:1"],
  extended: ["rt:65001:1", "rt:65001:2", "link-bandwidth:1:8"],
  large: ["65001:1:1", "65001:1:2"],
};
const TEXTS = {
  communities: COLORED.communities,
  extended: COLORED.extended,
  large: COLORED.large,
};

/** Actions, a route, and what comes out. */
const CASES: readonly (readonly [string, TestRoute, unknown])[] = [
  ["", COLORED, TEXTS],
  [list("community", "add", "65000:9", "no-export"), {}, {
    communities: ["65000:9", "no-export"],
  }],
  [list("community", "add", "65001:2", "planned-shut"), COLORED, {
    ...TEXTS,
    communities: [...COLORED.communities ?? [], "graceful-shutdown"],
  }],
  [list("community", "replace", "4259905537"), COLORED, {
    ...TEXTS,
    communities: ["65001:1"],
  }],
  [list("community", "replace"), COLORED, {
    extended: TEXTS.extended,
    large: TEXTS.large,
  }],
  [list("community", "REMOVE", "65001:1"), COLORED, {
    ...TEXTS,
    communities: ["65001:2", "65002:1"],
  }],
  [list("community", "remove", "^65001:"), COLORED, {
    ...TEXTS,
    communities: ["65002:1"],
  }],
  [list("ext-community", "add", "rt:65000:7", "SoO:10.0.0.1:7"), {}, {
    extended: ["rt:65000:7", "soo:10.0.0.1:7"],
  }],
  [list("ext-community", "add", "rt:6.1:7", "lb:65001:125000"), {}, {
    extended: ["rt:393217:7", "link-bandwidth:65001:125000"],
  }],
  [list("ext-community", "add", "encap:vxlan", "valid"), {}, {
    extended: ["0x030c000000000008", "0x4300000000000000"],
  }],
  // What is not transitive stays: GoBGP loses it here.
  [list("ext-community", "remove", "rt:65001:1"), COLORED, {
    ...TEXTS,
    extended: ["rt:65001:2", "link-bandwidth:1:8"],
  }],
  [list("ext-community", "replace", "rt:1:1"), COLORED, {
    ...TEXTS,
    extended: ["rt:1:1"],
  }],
  [list("large-community", "add", "65001:1:1", "1:2:3"), COLORED, {
    ...TEXTS,
    large: ["1:2:3", "65001:1:1", "65001:1:2"],
  }],
  [list("large-community", "remove", ".*:2$"), COLORED, {
    ...TEXTS,
    large: ["65001:1:1"],
  }],
  [list("large-community", "replace", "1:2:3"), COLORED, {
    ...TEXTS,
    large: ["1:2:3"],
  }],
  [`set-med = "7"`, { med: 1 }, { med: 7 }],
  [`set-med = 7`, {}, { med: 7 }],
  [`set-med = "+7"`, {}, { med: 7 }],
  [`set-med = "+7"`, { med: 1 }, { med: 8 }],
  [`set-med = "-1"`, { med: 8 }, { med: 7 }],
  // GoBGP: what leaves the range is left alone.
  [`set-med = "-9"`, { med: 8 }, { med: 8 }],
  [`set-med = "-1"`, {}, {}],
  [`set-med = "+1"`, { med: 4_294_967_295 }, { med: 4_294_967_295 }],
  [`set-local-pref = 200`, {}, { localPref: 200 }],
  [`set-local-pref = "0"`, {}, { localPref: 0 }],
  [`set-route-origin = "incomplete"`, {}, { origin: "incomplete" }],
  [`set-as-path-prepend = { as = "65009", repeat-n = 2 }`, {}, {
    prepended: [65_009, 65_009],
  }],
  [`set-as-path-prepend = { as = 65009, repeat-n = 1 }`, {}, {
    prepended: [65_009],
  }],
  [`set-as-path-prepend = { as = "last-as", repeat-n = 3 }`, {}, {
    prepended: [65_001, 65_001, 65_001],
  }],
  // Towards iBGP peers there is no last AS number.
  [
    `set-as-path-prepend = { as = "last-as", repeat-n = 3 }`,
    { internal: true },
    {},
  ],
  [`set-next-hop = "10.0.0.9"`, {}, { nextHop: "10.0.0.9" }],
  [`set-next-hop = "self"`, { nextHop: "10.0.0.7" }, { nextHop: "self" }],
  [`set-next-hop = "unchanged"`, { nextHop: "10.0.0.7" }, {
    nextHop: "10.0.0.7",
  }],
  [`set-next-hop = "unchanged"`, {}, {}],
];

for (const [actions, route, expected] of CASES) {
  Deno.test(`A statement does ${actions || "nothing"} to ${JSON.stringify(route)}`, () => {
    const statement =
      `[policy-definitions.statements.actions.bgp-actions]\n${actions}`;
    const result = applied(policyOf(oneStatement("", statement)), route);
    deepStrictEqual(described(result), expected);
  });
}

const CHAIN = `
[[policy-definitions]]
name = "first"
[[policy-definitions.statements]]
actions.bgp-actions.set-med = "10"
[[policy-definitions.statements]]
conditions.bgp-conditions.med-eq = 10
actions.bgp-actions.set-med = "+1"
actions.route-disposition = "none"
[[policy-definitions]]
name = "second"
[[policy-definitions.statements]]
conditions.bgp-conditions.med-eq = 11
actions.bgp-actions.set-local-pref = 7
actions.route-disposition = "accept-route"
[[policy-definitions.statements]]
actions.route-disposition = "reject-route"
[[policy-definitions]]
name = "reject"
statements = [{ actions = { route-disposition = "reject-route" } }]
[[policy-definitions]]
name = "prepend"
[[policy-definitions.statements]]
actions.bgp-actions.set-as-path-prepend = { as = "65009", repeat-n = 1 }
[[policy-definitions.statements]]
conditions.bgp-conditions.as-path-length = { operator = "eq", value = 2 }
actions.bgp-actions.set-as-path-prepend = { as = "last-as", repeat-n = 1 }
[[policy-definitions]]
name = "by-neighbor"
[[policy-definitions.statements]]
conditions.match-neighbor-set.neighbor-set = "a"
actions.route-disposition = "reject-route"
[[defined-sets.neighbor-sets]]
neighbor-set-name = "a"
neighbor-info-list = ["10.0.0.2"]
[global.apply-policy.config]
`;

/** How the policies of a chain are applied, and what comes of a plain route. */
const CHAINS: readonly (readonly [string, TestRoute, unknown])[] = [
  [`export-policy-list = ["first"]`, {}, { med: 11 }],
  [`export-policy-list = ["first", "second"]`, {}, { med: 11, localPref: 7 }],
  [`export-policy-list = ["second", "first"]`, {}, undefined],
  [`export-policy-list = "first,second"`, {}, { med: 11, localPref: 7 }],
  [`default-export-policy = "reject-route"`, {}, undefined],
  [`default-export-policy = "accept-route"`, {}, {}],
  ["", {}, {}],
  [
    `export-policy-list = ["first"]\ndefault-export-policy = "reject-route"`,
    {},
    undefined,
  ],
  // Routes of our own meet import policies, too, as GoBGP's do.
  [`import-policy-list = ["first"]`, {}, { med: 11 }],
  [`import-policy-list = ["reject"]`, {}, undefined],
  [`default-import-policy = "reject-route"`, {}, undefined],
  [
    `import-policy-list = ["first"]\nexport-policy-list = ["second"]`,
    {},
    { med: 11, localPref: 7 },
  ],
  // On import there is no AS path, and no neighbor.
  [`import-policy-list = ["prepend"]`, {}, { originated: [65_009] }],
  [`export-policy-list = ["prepend"]`, {}, { prepended: [65_009, 65_009] }],
  [
    `export-policy-list = ["prepend"]`,
    { internal: true },
    { prepended: [65_009] },
  ],
  [`import-policy-list = ["by-neighbor"]`, {}, {}],
  [`export-policy-list = ["by-neighbor"]`, {}, undefined],
  [`export-policy-list = ["by-neighbor"]`, { peer: "10.0.0.3" }, {}],
];

for (const [config, route, expected] of CHAINS) {
  Deno.test(`A chain by ${config || "default"} makes of ${JSON.stringify(route)} what GoBGP makes of it`, () => {
    const result = applied(policyOf(CHAIN + config), route);
    deepStrictEqual(described(result), expected);
  });
}
