import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { oneStatement, policyOf } from "./_policy_test.ts";
import { parsePolicy } from "./parse_policy.ts";
import { formatPolicyProblem } from "./policy.ts";

const STATEMENT = "policy-definitions[0].statements[0]";

/** A text that is refused, and the sentence. */
const REFUSED: readonly (readonly [string, string, string])[] = [
  ["no TOML", "[global]\nx = [1 2]\n", "line 2: global.x is not TOML: "],
  ["no TOML at all", "?", "line 1: This is not TOML: "],
  [
    "a key twice",
    "[[policy-definitions]]\nname = 'a'\nname = 'b'\n",
    "line 3: policy-definitions.name is not TOML: trying to redefine an already defined table or value",
  ],
  [
    "an unknown key at the top",
    "\n[[policy-definition]]\nname = 'a'\n",
    "line 2: policy-definition is not a key of this table: known are defined-sets, global, policy-definitions",
  ],
  [
    "an unknown key in a statement",
    oneStatement("", "condition.match-prefix-set = {}"),
    `line 7: ${STATEMENT}.condition is not a key of this table: known are actions, conditions, name`,
  ],
  [
    "an unknown condition",
    oneStatement("", "conditions.bgp-conditions.med-ge = 7"),
    `line 7: ${STATEMENT}.conditions.bgp-conditions.med-ge is not a key of this table: known are afi-safi-in-list, `,
  ],
  [
    "an unknown action in a line of its own",
    oneStatement("", "\n[policy-definitions.statements.actions]\nset-med = 7"),
    `line 9: ${STATEMENT}.actions.set-med is not a key of this table: known are bgp-actions, route-disposition`,
  ],
  [
    "a statement that is no table",
    "[[policy-definitions]]\nname = 'a'\nstatements = 7\n",
    "line 3: policy-definitions[0].statements has to be an array of tables: write [[…statements]]",
  ],
  [
    "a table that is none",
    "global = 7",
    "line 1: global has to be a table",
  ],
  [
    "a policy without name",
    "[[policy-definitions]]\n",
    "line 1: policy-definitions[0].name is missing: name the policy",
  ],
  [
    "two policies of a name",
    "[[policy-definitions]]\nname = 'a'\n[[policy-definitions]]\nname = 'a'\n",
    'line 4: policy-definitions[1].name is "a" for a second time: rename one policy',
  ],
  [
    "two statements of a name",
    "[[policy-definitions]]\nname = 'a'\nstatements = [{ name = 'x' },\n { name = 'x' }]\n",
    'line 4: policy-definitions[0].statements[1].name is "x" for a second time: rename one statement',
  ],
  [
    "a policy that is not there",
    '[global.apply-policy.config]\nexport-policy-list = ["a"]\n',
    'line 2: global.apply-policy.config.export-policy-list[0] is "a", and policy-definitions has no policy of that name',
  ],
  [
    "a policy applied twice",
    "[[policy-definitions]]\nname = 'a'\n[global.apply-policy.config]\nimport-policy-list = ['a', 'a']\n",
    'line 4: global.apply-policy.config.import-policy-list[1] is "a" for a second time',
  ],
  [
    "another default",
    "[global.apply-policy.config]\ndefault-export-policy = 'deny'\n",
    'line 2: global.apply-policy.config.default-export-policy is "deny": write accept-route or reject-route',
  ],
  [
    "a set without name",
    "[[defined-sets.prefix-sets]]\n",
    "line 1: defined-sets.prefix-sets[0].prefix-set-name is missing: name the set",
  ],
  [
    "two sets of a name",
    "[[defined-sets.neighbor-sets]]\nneighbor-set-name = 'a'\n[[defined-sets.neighbor-sets]]\nneighbor-set-name = 'a'\n",
    'line 4: defined-sets.neighbor-sets[1].neighbor-set-name is "a" for a second time: put the entries of both into one set',
  ],
  [
    "no prefix",
    "[[defined-sets.prefix-sets]]\nprefix-set-name = 'a'\nprefix-list = [\n{ ip-prefix = '192.0.2.1' }\n]\n",
    'line 4: defined-sets.prefix-sets[0].prefix-list[0].ip-prefix is "192.0.2.1": write a prefix as 192.0.2.0/24',
  ],
  [
    "a prefix that is missing",
    "[[defined-sets.prefix-sets]]\nprefix-set-name = 'a'\nprefix-list = [\n{ masklength-range = '1..2' }\n]\n",
    "line 4: defined-sets.prefix-sets[0].prefix-list[0].ip-prefix is missing: write a prefix as 192.0.2.0/24",
  ],
  [
    "lengths the wrong way round",
    prefixSet("{ ip-prefix = '10.0.0.0/8', masklength-range = '24..16' }"),
    'line 3: defined-sets.prefix-sets[0].prefix-list[0].masklength-range is "24..16": write two lengths up to 32, the smaller one first, as "8..32"',
  ],
  [
    "a length that is too long",
    prefixSet("{ ip-prefix = '10.0.0.0/8', masklength-range = '8..33' }"),
    'line 3: defined-sets.prefix-sets[0].prefix-list[0].masklength-range is "8..33": write two lengths up to 32',
  ],
  [
    "both IP versions in a set",
    prefixSet("{ ip-prefix = '10.0.0.0/8' }, { ip-prefix = '::/0' }"),
    "line 3: defined-sets.prefix-sets[0].prefix-list[1].ip-prefix is of the other IP version than those before: a set has one, so make two sets",
  ],
  [
    "no neighbor",
    "[[defined-sets.neighbor-sets]]\nneighbor-set-name = 'a'\nneighbor-info-list = ['leaf']\n",
    'line 3: defined-sets.neighbor-sets[0].neighbor-info-list[0] is "leaf": write an address or a prefix',
  ],
  [
    "a community that is too large",
    bgpSet("community", "65536:1"),
    'line 3: defined-sets.bgp-defined-sets.community-sets[0].community-list[0] is "65536:1": write two numbers up to 65535, as 65001:100',
  ],
  [
    "a broken expression",
    bgpSet("community", "(65001"),
    'line 3: defined-sets.bgp-defined-sets.community-sets[0].community-list[0] is no regular expression: "(65001" cannot be read',
  ],
  [
    "an expression that Go lacks",
    bgpSet("large-community", "(?=65001)"),
    'line 3: defined-sets.bgp-defined-sets.large-community-sets[0].large-community-list[0] has "(?": of these groups only (?:…) can be read here',
  ],
  [
    "a reference back",
    bgpSet("as-path", "(6)\\1"),
    'line 3: defined-sets.bgp-defined-sets.as-path-sets[0].as-path-list[0] has "\\1": there are no references back to groups',
  ],
  [
    "an escape that Go lacks, or we",
    bgpSet("as-path", "\\z"),
    'line 3: defined-sets.bgp-defined-sets.as-path-sets[0].as-path-list[0] has "\\z": this escape is not known here',
  ],
  [
    "a repeated repetition",
    bgpSet("as-path", "^(6+)+$"),
    "line 3: defined-sets.bgp-defined-sets.as-path-sets[0].as-path-list[0] repeats a group that repeats something itself: write the repetition once",
  ],
  [
    "a class that is not known",
    bgpSet("community", "[[:punct:]]"),
    'line 3: defined-sets.bgp-defined-sets.community-sets[0].community-list[0] has "[:punct:]": write the characters themselves',
  ],
  [
    "an endless expression",
    bgpSet("community", "6".repeat(1_001)),
    "line 3: defined-sets.bgp-defined-sets.community-sets[0].community-list[0] is longer than 1000 characters: split it up",
  ],
  [
    "an extended community without type",
    bgpSet("ext-community", "65001:1"),
    'line 3: defined-sets.bgp-defined-sets.ext-community-sets[0].ext-community-list[0] is "65001:1": begin with rt:, soo:, encap: or lb:',
  ],
  [
    "a set that is not there",
    oneStatement("", 'conditions.match-prefix-set.prefix-set = "a"'),
    `line 7: ${STATEMENT}.conditions.match-prefix-set.prefix-set is "a", and defined-sets has no such set: define it under prefix-sets`,
  ],
  [
    "another set than those there",
    oneStatement(
      bgpSet("community", "1:1"),
      'conditions.bgp-conditions.match-community-set.community-set = "b"',
    ),
    `line 10: ${STATEMENT}.conditions.bgp-conditions.match-community-set.community-set is "b", and defined-sets has no such set: there are "a"`,
  ],
  [
    "all neighbors",
    oneStatement("", 'conditions.match-neighbor-set.match-set-options = "all"'),
    `line 7: ${STATEMENT}.conditions.match-neighbor-set.match-set-options is "all": write any or invert`,
  ],
  [
    "an operator that is missing",
    oneStatement("", "conditions.bgp-conditions.as-path-length.value = 1"),
    `line 7: ${STATEMENT}.conditions.bgp-conditions.as-path-length.operator is missing: write eq, ge or le`,
  ],
  [
    "another operator",
    oneStatement(
      "",
      'conditions.bgp-conditions.community-count.operator = "gt"',
    ),
    `line 7: ${STATEMENT}.conditions.bgp-conditions.community-count.operator is "gt": write eq or ge or le or`,
  ],
  [
    "a number that is none",
    oneStatement("", "conditions.bgp-conditions.med-eq = 1.5"),
    `line 7: ${STATEMENT}.conditions.bgp-conditions.med-eq is 1.5: write a whole number from 0 to 4294967295`,
  ],
  [
    "a family that is not announced",
    oneStatement("", 'conditions.bgp-conditions.afi-safi-in-list = ["rtc"]'),
    `line 7: ${STATEMENT}.conditions.bgp-conditions.afi-safi-in-list[0] is "rtc": only ipv4-unicast and ipv6-unicast are announced`,
  ],
  [
    "no families",
    oneStatement("", "conditions.bgp-conditions.afi-safi-in-list = []"),
    `line 7: ${STATEMENT}.conditions.bgp-conditions.afi-safi-in-list is empty: name ipv4-unicast or ipv6-unicast, or take it out`,
  ],
  [
    "a next hop that is none",
    oneStatement("", 'conditions.bgp-conditions.next-hop-in-list = "x"'),
    `line 7: ${STATEMENT}.conditions.bgp-conditions.next-hop-in-list is "x": write an address or a prefix`,
  ],
  [
    "origin validation",
    oneStatement(
      "",
      'conditions.bgp-conditions.rpki-validation-result = "valid"',
    ),
    `line 7: ${STATEMENT}.conditions.bgp-conditions.rpki-validation-result cannot be known: nothing is validated here, so take it out`,
  ],
  [
    "another disposition",
    oneStatement("", 'actions.route-disposition = "accept"'),
    `line 7: ${STATEMENT}.actions.route-disposition is "accept": write accept-route or reject-route or none`,
  ],
  [
    "communities without what becomes of them",
    action('set-community.set-community-method.communities-list = ["1:1"]'),
    `line 7: ${STATEMENT}.actions.bgp-actions.set-community.options is missing: write add, remove or replace`,
  ],
  [
    "no community",
    action(
      'set-community = { options = "add", set-community-method = { communities-list = ["1:1", "red"] } }',
    ),
    `line 7: ${STATEMENT}.actions.bgp-actions.set-community.set-community-method.communities-list[1] is "red": write a community as 65001:100 or no-export`,
  ],
  [
    "no extended community",
    action(
      'set-ext-community = { options = "add", set-ext-community-method = { communities-list = ["color:1"] } }',
    ),
    `line 7: ${STATEMENT}.actions.bgp-actions.set-ext-community.set-ext-community-method.communities-list[0] is "color:1": write an extended community as rt:65001:100`,
  ],
  [
    "no large community",
    action(
      'set-large-community = { options = "add", set-large-community-method = { communities-list = ["1:1"] } }',
    ),
    `line 7: ${STATEMENT}.actions.bgp-actions.set-large-community.set-large-community-method.communities-list[0] is "1:1": write a large community as 65001:1:2`,
  ],
  [
    "no MED",
    action('set-med = "*2"'),
    `line 7: ${STATEMENT}.actions.bgp-actions.set-med is "*2": write a number up to 4294967295, or a difference as "+10" or "-10"`,
  ],
  [
    "a MED that is too large",
    action('set-med = "4294967296"'),
    `line 7: ${STATEMENT}.actions.bgp-actions.set-med is "4294967296": write a number up to 4294967295`,
  ],
  [
    "a preference that is too large",
    action("set-local-pref = 4294967296"),
    `line 7: ${STATEMENT}.actions.bgp-actions.set-local-pref is 4294967296: write a whole number from 0 to 4294967295`,
  ],
  [
    "an AS number that is missing",
    action("set-as-path-prepend.repeat-n = 1"),
    `line 7: ${STATEMENT}.actions.bgp-actions.set-as-path-prepend.as is missing: write an AS number in "…", or "last-as"`,
  ],
  [
    "a repetition that is missing",
    action('set-as-path-prepend.as = "65001"'),
    `line 7: ${STATEMENT}.actions.bgp-actions.set-as-path-prepend.repeat-n is missing: write how many times`,
  ],
  [
    "too much of it",
    action('set-as-path-prepend = { as = "65001", repeat-n = 256 }'),
    `line 7: ${STATEMENT}.actions.bgp-actions.set-as-path-prepend.repeat-n is 256: write a whole number from 1 to 255`,
  ],
  [
    "AS 0",
    action('set-as-path-prepend = { as = "0", repeat-n = 1 }'),
    `line 7: ${STATEMENT}.actions.bgp-actions.set-as-path-prepend.as is "0": write an AS number from 1 to 4294967295, or "last-as"`,
  ],
  [
    "no next hop",
    action('set-next-hop = "me"'),
    `line 7: ${STATEMENT}.actions.bgp-actions.set-next-hop is "me": write self, unchanged or an address`,
  ],
  [
    "the peer as next hop",
    action('set-next-hop = "peer-address"'),
    `line 7: ${STATEMENT}.actions.bgp-actions.set-next-hop is peer-address: a peer may not be told that the way is itself (RFC 4271 §5.1.3)`,
  ],
  [
    "another origin",
    action('set-route-origin = "bgp"'),
    `line 7: ${STATEMENT}.actions.bgp-actions.set-route-origin is "bgp": write igp or egp or incomplete`,
  ],
  [
    "a text that is none",
    "[[policy-definitions]]\nname = true\n",
    'line 2: policy-definitions[0].name has to be a text, in "…"',
  ],
  [
    "a list of something else",
    "[global.apply-policy.config]\nexport-policy-list = [\n  true,\n]\n",
    'line 3: global.apply-policy.config.export-policy-list[0] has to be a text, in "…"',
  ],
  [
    "a list that is none",
    "[global.apply-policy.config]\nexport-policy-list = true\n",
    'line 2: global.apply-policy.config.export-policy-list has to be a list of texts, as ["…", "…"]',
  ],
  [
    "more than a ConfigMap holds",
    `#${" ".repeat(1_048_576)}`,
    "line 1: The policy is longer than 1048576 characters: shorten it",
  ],
];

for (const [name, text, sentence] of REFUSED) {
  Deno.test(`parsePolicy() refuses ${name}, with line, key and what to do`, () => {
    const policy = parsePolicy(text);
    ok(!policy.ok, "it is refused");
    const sentences = policy.error.map(formatPolicyProblem);
    ok(
      sentences.some((one) => one.startsWith(sentence)),
      `expected ${sentence}\ngot ${sentences.join("\n")}`,
    );
  });
}

Deno.test("parsePolicy() tells all that is wrong, by line", () => {
  const policy = parsePolicy(`
[global.apply-policy.config]
default-export-policy = "deny"
[[defined-sets.neighbor-sets]]
neighbor-set-name = "a"
neighbor-info-list = ["b"]
`);
  deepStrictEqual(!policy.ok && policy.error.map(({ line }) => line), [3, 6]);
});

Deno.test("parsePolicy() reads what GoBGP reads without effect, and says so", () => {
  const { remarks } = policyOf(`
[global.config]
as = 65001
router-id = "10.0.0.1"
[global.apply-policy.config]
in-policy-list = ["x"]
[[neighbors]]
[neighbors.config]
neighbor-address = "10.0.0.2"
[[defined-sets.tag-sets]]
tag-set-name = "t"
[[policy-definitions]]
name = "p"
[[policy-definitions.statements]]
[policy-definitions.statements.conditions]
call-policy = "q"
install-protocol-eq = "bgp"
[policy-definitions.statements.conditions.match-tag-set]
tag-set = "t"
[policy-definitions.statements.conditions.bgp-conditions]
route-type = "external"
[policy-definitions.statements.actions.igp-actions]
set-tag = "7"
[policy-definitions.statements.actions.bgp-actions.set-community]
options = "add"
[policy-definitions.statements.actions.bgp-actions.set-community.set-community-method]
community-set-ref = "c"
`);
  const sentences = remarks.map(formatPolicyProblem).toSorted();
  const begins = [
    "line 10: defined-sets.tag-sets has no effect: routes have no tags here",
    "line 16: policy-definitions[0].statements[0].conditions.call-policy has no effect, as in GoBGP",
    "line 17: policy-definitions[0].statements[0].conditions.install-protocol-eq has no effect",
    "line 18: policy-definitions[0].statements[0].conditions.match-tag-set has no effect",
    "line 21: policy-definitions[0].statements[0].conditions.bgp-conditions.route-type is never true: there are no external routes here, all are local",
    "line 22: policy-definitions[0].statements[0].actions.igp-actions has no effect",
    "line 27: policy-definitions[0].statements[0].actions.bgp-actions.set-community.set-community-method.community-set-ref has no effect, as in GoBGP: write communities-list",
    "line 2: global.config has no effect: the BgpConf and the BgpPeers say this",
    "line 6: global.apply-policy.config.in-policy-list has no effect",
    "line 7: neighbors has no effect",
  ];
  strictEqual(sentences.length, begins.length);
  for (const begin of begins) {
    ok(
      sentences.some((one) => one.startsWith(begin)),
      `${begin}\nnot in\n${sentences.join("\n")}`,
    );
  }
});

Deno.test("parsePolicy() reads keys and words in any case, as GoBGP does", () => {
  const { exporting } = policyOf(`
[Global.Apply-Policy.Config]
Default-Export-Policy = "REJECT-ROUTE"
`);
  strictEqual(exporting.otherwise, "reject");
});

Deno.test("parsePolicy() names statements without name by policy and number", () => {
  const { exporting } = policyOf(oneStatement("", ""));
  deepStrictEqual(exporting.statements.map(({ name }) => name), ["p_stmt0"]);
});

function prefixSet(entries: string): string {
  return `[[defined-sets.prefix-sets]]\nprefix-set-name = 'a'\nprefix-list = [${entries}]\n`;
}

function bgpSet(kind: string, entry: string): string {
  return `[[defined-sets.bgp-defined-sets.${kind}-sets]]\n${kind}-set-name = 'a'\n${kind}-list = ['${entry}']\n`;
}

function action(text: string): string {
  return oneStatement("", `actions.bgp-actions.${text}`);
}
