import {
  deepStrictEqual,
  doesNotThrow,
  ok,
  strictEqual,
} from "node:assert/strict";
import fc from "fast-check";
import { attributesKey } from "../loc_rib.ts";
import {
  applied,
  contextOf,
  oneStatement,
  pathOf,
  policyOf,
  type TestRoute,
} from "./_policy_test.ts";
import { exportPolicy } from "./export_policy.ts";
import { parsePolicy } from "./parse_policy.ts";

const HOSTS = `
[[defined-sets.prefix-sets]]
prefix-set-name = "hosts"
prefix-list = [{ ip-prefix = "192.0.2.0/24", masklength-range = "32..32" }]
[[defined-sets.neighbor-sets]]
neighbor-set-name = "leaf"
neighbor-info-list = ["10.0.0.2"]
[[policy-definitions]]
name = "all"
statements = [{ actions = { route-disposition = "accept-route" } }]
[[policy-definitions]]
name = "leaf"
[[policy-definitions.statements]]
conditions.match-neighbor-set.neighbor-set = "leaf"
actions.route-disposition = "accept-route"
[[policy-definitions]]
name = "hosts"
[[policy-definitions.statements]]
conditions.match-prefix-set.prefix-set = "hosts"
actions.route-disposition = "reject-route"
[[policy-definitions]]
name = "nothing"
statements = [{ actions = { route-disposition = "reject-route" } }]
[[policy-definitions]]
name = "colored"
[[policy-definitions.statements]]
conditions.bgp-conditions.community-count = { operator = "ge", value = 1 }
actions.bgp-actions.set-med = 7
[global.apply-policy.config]
`;

/** What is applied, to which peer, and whether each prefix has to be asked about. */
const NEEDS: readonly (readonly [string, string, boolean])[] = [
  ["", "10.0.0.2", false],
  [`export-policy-list = ["hosts"]`, "10.0.0.2", true],
  [`export-policy-list = ["colored"]`, "10.0.0.2", false],
  [`export-policy-list = ["all", "hosts"]`, "10.0.0.2", false],
  [`export-policy-list = ["leaf", "hosts"]`, "10.0.0.2", false],
  [`export-policy-list = ["leaf", "hosts"]`, "10.0.0.3", true],
  [`import-policy-list = ["hosts"]`, "10.0.0.2", true],
  [
    `import-policy-list = ["nothing"]\nexport-policy-list = ["hosts"]`,
    "10.0.0.2",
    false,
  ],
  [
    `default-import-policy = "reject-route"\nexport-policy-list = ["hosts"]`,
    "10.0.0.2",
    false,
  ],
];

for (const [config, peer, needsPrefix] of NEEDS) {
  Deno.test(`exportPolicy() asks about ${needsPrefix ? "each prefix" : "paths once"} by ${config} towards ${peer}`, () => {
    const policy = policyOf(HOSTS + config);
    const address = pathOf({ nextHop: peer }).nextHop;
    strictEqual(exportPolicy(policy, address).needsPrefix, needsPrefix);
  });
}

Deno.test("exportPolicy() leaves the path as it is, for the next peer", () => {
  const policy = policyOf(oneStatement("", "actions.bgp-actions.set-med = 7"));
  const path = pathOf({ communities: ["65001:1"] });
  const before = structuredClone(path);
  strictEqual(
    exportPolicy(policy, undefined).apply(path, contextOf({}))?.attributes
      .multiExitDisc,
    7,
  );
  deepStrictEqual(path, before);
});

/** The example of GoBGP's documentation, its misspelt keys set right. */
const DOCUMENTED = `
[[defined-sets.prefix-sets]]
  prefix-set-name = "ps1"
  [[defined-sets.prefix-sets.prefix-list]]
    ip-prefix = "10.33.0.0/16"
    masklength-range = "21..24"
[[defined-sets.neighbor-sets]]
  neighbor-set-name = "ns1"
  neighbor-info-list = ["10.0.255.1"]
[[defined-sets.bgp-defined-sets.community-sets]]
  community-set-name = "community1"
  community-list = ["65100:10"]
[[defined-sets.bgp-defined-sets.ext-community-sets]]
  ext-community-set-name = "ecommunity1"
  ext-community-list = ["RT:65100:200"]
[[defined-sets.bgp-defined-sets.as-path-sets]]
  as-path-set-name = "aspath1"
  as-path-list = ["^65001"]
[[policy-definitions]]
  name = "example-policy"
  [[policy-definitions.statements]]
    name = "statement1"
    [policy-definitions.statements.conditions.match-prefix-set]
      prefix-set = "ps1"
      match-set-options = "any"
    [policy-definitions.statements.conditions.match-neighbor-set]
      neighbor-set = "ns1"
      match-set-options = "invert"
    [policy-definitions.statements.conditions.bgp-conditions.match-community-set]
      community-set = "community1"
      match-set-options = "any"
    [policy-definitions.statements.conditions.bgp-conditions.match-ext-community-set]
      ext-community-set = "ecommunity1"
      match-set-options = "any"
    [policy-definitions.statements.conditions.bgp-conditions.match-as-path-set]
      as-path-set = "aspath1"
      match-set-options = "any"
    [policy-definitions.statements.conditions.bgp-conditions.as-path-length]
      operator = "eq"
      value = 1
    [policy-definitions.statements.conditions.bgp-conditions]
      afi-safi-in-list = ["ipv4-unicast"]
    [policy-definitions.statements.actions]
      route-disposition = "accept-route"
    [policy-definitions.statements.actions.bgp-actions]
      set-med = "-200"
      [policy-definitions.statements.actions.bgp-actions.set-as-path-prepend]
        as = "65005"
        repeat-n = 5
      [policy-definitions.statements.actions.bgp-actions.set-community]
        options = "add"
        [policy-definitions.statements.actions.bgp-actions.set-community.set-community-method]
          communities-list = ["65100:20"]
[global.apply-policy.config]
  export-policy-list = ["example-policy"]
  default-export-policy = "reject-route"
`;

Deno.test("exportPolicy() does what GoBGP's documentation shows", () => {
  const policy = policyOf(DOCUMENTED);
  const route: TestRoute = {
    prefix: "10.33.8.0/21",
    communities: ["65100:10"],
    extended: ["rt:65100:200"],
    med: 300,
  };
  const result = applied(policy, route);
  deepStrictEqual(result?.prepended, Array(5).fill(65_005));
  strictEqual(result?.attributes.multiExitDisc, 100);
  deepStrictEqual(result?.attributes.communities, [
    65_100 * 65_536 + 10,
    65_100 * 65_536 + 20,
  ]);
  strictEqual(applied(policy, { ...route, peer: "10.0.255.1" }), undefined);
  strictEqual(applied(policy, { ...route, prefix: "10.33.0.0/16" }), undefined);
  strictEqual(applied(policy, { ...route, communities: [] }), undefined);
  strictEqual(applied(policy, { ...route, internal: true }), undefined);
});

const CONDITIONS = [
  ...["a", "b", "empty"].flatMap((set) =>
    ["any", "invert"].flatMap((option) => [
      `match-prefix-set = { prefix-set = "${set}", match-set-options = "${option}" }`,
      `match-neighbor-set = { neighbor-set = "${set}", match-set-options = "${option}" }`,
    ])
  ),
  ...["community", "ext-community", "large-community", "as-path"].flatMap(
    (kind) =>
      ["a", "empty"].flatMap((set) =>
        ["any", "all", "invert"].map((option) =>
          `bgp-conditions.match-${kind}-set = { ${kind}-set = "${set}", match-set-options = "${option}" }`
        )
      ),
  ),
  "bgp-conditions.as-path-length = { operator = 'ge', value = 2 }",
  "bgp-conditions.community-count = { operator = 'le', value = 1 }",
  "bgp-conditions.med-eq = 1",
  "bgp-conditions.local-pref-eq = 100",
  "bgp-conditions.origin-eq = 'egp'",
  "bgp-conditions.route-type = 'local'",
  "bgp-conditions.next-hop-in-list = ['10.0.0.0/8', '2001:db8::/32']",
  "bgp-conditions.afi-safi-in-list = ['ipv6-unicast']",
];

const ACTIONS = [
  ...["add", "remove", "replace"].flatMap((option) => [
    `bgp-actions.set-community = { options = '${option}', set-community-method.communities-list = ['65001:1', 'no-export'] }`,
    `bgp-actions.set-ext-community = { options = '${option}', set-ext-community-method.communities-list = ['rt:65001:1', 'encap:gre'] }`,
    `bgp-actions.set-large-community = { options = '${option}', set-large-community-method.communities-list = ['1:2:3'] }`,
  ]),
  "bgp-actions.set-med = 1",
  "bgp-actions.set-med = '+4294967295'",
  "bgp-actions.set-med = '-1'",
  "bgp-actions.set-local-pref = 7",
  "bgp-actions.set-route-origin = 'egp'",
  "bgp-actions.set-as-path-prepend = { as = 'last-as', repeat-n = 255 }",
  "bgp-actions.set-as-path-prepend = { as = '65009', repeat-n = 2 }",
  "bgp-actions.set-next-hop = 'self'",
  "bgp-actions.set-next-hop = '2001:db8::9'",
  "bgp-actions.set-next-hop = 'unchanged'",
];

const SETS = `
[defined-sets]
prefix-sets = [
  { prefix-set-name = "a", prefix-list = [{ ip-prefix = "0.0.0.0/0", masklength-range = "0..32" }, { ip-prefix = "192.0.2.0/24" }] },
  { prefix-set-name = "b", prefix-list = [{ ip-prefix = "2001:db8::/32", masklength-range = "64..128" }] },
  { prefix-set-name = "empty" },
]
neighbor-sets = [
  { neighbor-set-name = "a", neighbor-info-list = ["10.0.0.0/24"] },
  { neighbor-set-name = "b", neighbor-info-list = ["10.0.0.3", "::/0"] },
  { neighbor-set-name = "empty" },
]
[defined-sets.bgp-defined-sets]
community-sets = [{ community-set-name = "a", community-list = ["65001:1", "^6.*:2"] }, { community-set-name = "empty" }]
ext-community-sets = [{ ext-community-set-name = "a", ext-community-list = ["rt:65001:1", "encap:.*", "lb:1"] }, { ext-community-set-name = "empty" }]
large-community-sets = [{ large-community-set-name = "a", large-community-list = ["1:2:3", ":1$"] }, { large-community-set-name = "empty" }]
as-path-sets = [{ as-path-set-name = "a", as-path-list = ["_65001_", "^65009"] }, { as-path-set-name = "empty" }]
`;

const STATEMENT = fc.record({
  conditions: fc.uniqueArray(fc.constantFrom(...CONDITIONS), {
    maxLength: 3,
    selector: (one) => one.split(" ")[0],
  }),
  actions: fc.uniqueArray(fc.constantFrom(...ACTIONS), {
    maxLength: 3,
    selector: (one) => one.split(" ")[0],
  }),
  disposition: fc.constantFrom("accept-route", "reject-route", "none"),
});

const POLICY_TEXT = fc.record({
  statements: fc.array(STATEMENT, { maxLength: 5 }),
  direction: fc.constantFrom("import", "export"),
  otherwise: fc.constantFrom("accept-route", "reject-route"),
}).map(({ statements, direction, otherwise }) => {
  const written = statements.map(({ conditions, actions, disposition }) => `
[[policy-definitions.statements]]
${conditions.map((one) => `conditions.${one}`).join("\n")}
${actions.map((one) => `actions.${one}`).join("\n")}
actions.route-disposition = "${disposition}"`);
  return `${SETS}
[[policy-definitions]]
name = "p"${written.join("")}
[global.apply-policy.config]
${direction}-policy-list = ["p"]
default-${direction}-policy = "${otherwise}"
`;
});

const ROUTE: fc.Arbitrary<TestRoute> = fc.record({
  prefix: fc.constantFrom("192.0.2.0/24", "0.0.0.0/0", "2001:db8::1/128"),
  communities: fc.subarray(["65001:1", "65001:2"]),
  extended: fc.subarray([
    "rt:65001:1",
    "link-bandwidth:1:8",
    "0x030c000000000002",
  ]),
  large: fc.subarray(["1:2:3", "1:2:1"]),
  med: fc.constantFrom(0, 1, 4_294_967_295),
  peer: fc.constantFrom("10.0.0.2", "10.1.0.2", "2001:db8::2", "unknown"),
  internal: fc.boolean(),
});

Deno.test("exportPolicy() never throws, and keeps what holds of every route", () => {
  let accepted = 0;
  let rejected = 0;
  fc.assert(
    fc.property(
      POLICY_TEXT,
      fc.array(ROUTE, { minLength: 1, maxLength: 4 }),
      (text, routes) => {
        const policy = policyOf(text);
        for (const route of routes) {
          const result = applied(policy, route);
          if (result === undefined) {
            rejected++;
            continue;
          }
          accepted++;
          const { attributes, prepended = [], originated = [] } = result;
          const { communities, multiExitDisc = 0 } = attributes;
          deepStrictEqual(
            communities,
            [...new Set(communities)].toSorted((a, b) => a - b),
            "communities are sorted, each once",
          );
          ok(multiExitDisc >= 0 && multiExitDisc <= 0xffff_ffff);
          ok([...prepended, ...originated].every((as) => as > 0));
          ok(attributesKey(attributes).length > 0);
        }
      },
    ),
    { numRuns: 500 },
  );
  ok(
    accepted > 50 && rejected > 50,
    `${accepted} accepted, ${rejected} rejected`,
  );
});

Deno.test("exportPolicy() asked without a prefix gives what it gives with one, where none is needed", () => {
  let compared = 0;
  fc.assert(
    fc.property(POLICY_TEXT, ROUTE, (text, route) => {
      const policy = policyOf(text);
      const peer = route.peer ?? "10.0.0.2";
      const address = peer === "unknown"
        ? undefined
        : pathOf({ nextHop: peer }).nextHop;
      const towards = exportPolicy(policy, address);
      if (towards.needsPrefix) return;
      compared++;
      const context = contextOf(route);
      deepStrictEqual(
        towards.apply(pathOf(route), { ...context, prefix: undefined }),
        towards.apply(pathOf(route), context),
      );
    }),
    { numRuns: 300 },
  );
  ok(compared > 30, `${compared} compared`);
});

Deno.test("parsePolicy() reads or refuses any text that was a policy once, and never throws", () => {
  fc.assert(
    fc.property(
      POLICY_TEXT,
      fc.array(
        fc.tuple(
          fc.nat(4_000),
          fc.constantFrom("", "[", '"', "=", "\n", "}", "x", "9", "'''"),
          fc.nat(6),
        ),
        { minLength: 1, maxLength: 3 },
      ),
      (text, cuts) => {
        let broken = text;
        for (const [at, put, length] of cuts) {
          const from = at % broken.length;
          broken = broken.slice(0, from) + put + broken.slice(from + length);
        }
        doesNotThrow(() => {
          const policy = parsePolicy(broken);
          if (policy.ok) {
            applied(policy.value, {});
            return;
          }
          const lines = broken.split("\n").length;
          for (const { line } of policy.error) ok(line >= 1 && line <= lines);
        });
      },
    ),
    { numRuns: 500 },
  );
});
