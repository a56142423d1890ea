import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { contextOf, pathOf, type TestRoute } from "./_policy_test.ts";
import { PolicyInForce } from "./policy_in_force.ts";

const REJECT =
  `[global.apply-policy.config]\ndefault-export-policy = "reject-route"\n`;
const MED = `
[global.apply-policy.config]
export-policy-list = ["p"]
[[policy-definitions]]
name = "p"
statements = [{ actions.bgp-actions.set-med = "+1" }]
`;
const PEER = pathOf({ nextHop: "10.0.0.2" }).nextHop;

function med(policy: PolicyInForce, route: TestRoute = {}): number | string {
  const towards = policy.towards(PEER);
  if (towards === undefined) return "as it is";
  const result = towards.apply(pathOf(route), contextOf(route));
  return result === undefined
    ? "nothing"
    : result.attributes.multiExitDisc ?? "none";
}

Deno.test("PolicyInForce keeps the policy before one that is wrong", () => {
  const policy = new PolicyInForce();
  strictEqual(med(policy), "as it is");
  deepStrictEqual(policy.take(MED), []);
  strictEqual(med(policy), 1);
  const before = policy.towards(PEER);
  const problems = policy.take("x = 1");
  deepStrictEqual(problems.map(({ line, key }) => [line, key]), [[1, "x"]]);
  strictEqual(policy.towards(PEER), before, "it is the very same");
  deepStrictEqual(policy.take("x = 1"), problems, "it is told again");
  deepStrictEqual(policy.take(REJECT), []);
  strictEqual(med(policy), "nothing");
  deepStrictEqual(policy.take(undefined), []);
  strictEqual(med(policy), "as it is");
});

Deno.test("PolicyInForce announces nothing while its first policy is wrong", () => {
  const policy = new PolicyInForce();
  strictEqual(policy.take("x = 1").length, 1);
  strictEqual(med(policy), "nothing");
  policy.take(MED);
  strictEqual(med(policy), 1);
  policy.take(undefined);
  strictEqual(med(policy), "as it is");
});

Deno.test("PolicyInForce keeps the policy whose text is gone, and announces nothing where there was none", () => {
  const policy = new PolicyInForce();
  policy.lack();
  strictEqual(med(policy), "nothing");
  policy.take(undefined);
  strictEqual(med(policy), "as it is");
  policy.take(MED);
  const before = policy.towards(PEER);
  policy.lack();
  strictEqual(policy.towards(PEER), before, "it is the very same");
  policy.take(MED);
  strictEqual(med(policy), 1);
});

Deno.test("PolicyInForce gives a peer the same object until something changes", () => {
  const policy = new PolicyInForce();
  policy.take(MED);
  const first = policy.towards(PEER);
  policy.take(MED);
  strictEqual(policy.towards(PEER), first);
  const attributes = { communities: [1], largeCommunities: [] };
  const carrying = policy.towards(PEER, attributes);
  strictEqual(policy.towards(PEER, { ...attributes }), carrying);
  strictEqual(carrying === first, false);
  policy.take(REJECT);
  strictEqual(policy.towards(PEER) === first, false);
});

Deno.test("PolicyInForce gives routes what they carry to a peer, before the policy sees them", () => {
  const policy = new PolicyInForce();
  const attributes = {
    communities: [7, 1],
    largeCommunities: [{
      globalAdministrator: 1,
      localData1: 2,
      localData2: 3,
    }],
    multiExitDisc: 10,
    localPref: 200,
  };
  const carried = (route: TestRoute) =>
    policy.towards(PEER, attributes)?.apply(pathOf(route), contextOf(route))
      ?.attributes;
  deepStrictEqual(carried({ communities: ["0:5", "0:7"] }), {
    communities: [1, 5, 7],
    extendedCommunities: [],
    largeCommunities: attributes.largeCommunities,
    multiExitDisc: 10,
    localPref: 200,
  });
  const own = carried({ med: 1, localPref: 2 });
  deepStrictEqual([own?.multiExitDisc, own?.localPref], [1, 2]);
  policy.take(MED);
  strictEqual(carried({})?.multiExitDisc, 11);
});

Deno.test("PolicyInForce tells what of a policy has no effect", () => {
  const policy = new PolicyInForce();
  policy.take("neighbors = []\n");
  deepStrictEqual(policy.remarks.map(({ key }) => key), ["neighbors"]);
  policy.take(undefined);
  deepStrictEqual(policy.remarks, []);
});
