/**
 * The ConfigMap and the Secret that BgpConf and BgpPeer name, on a cluster that
 * announces to a router: what the router gets changes, and sessions stay.
 *
 * @module
 */

// deno-lint-ignore-file no-await-in-loop -- one after the other
import { match, ok, strictEqual } from "node:assert/strict";
import {
  API_GROUP_VERSION,
  NAMESPACE_DEFAULT,
  POLICY_KEY,
} from "@/api/names.ts";
import {
  arrayAt,
  isObject,
  type JsonObject,
  stringAt,
} from "@/lab/apiserver/json.ts";
import { ROUTE_MS_MAX, type Router } from "../support/bird_router.ts";
import { until } from "../support/waiting.ts";
import type { KubernetesLab } from "./lab.ts";

const CONF = `/apis/${API_GROUP_VERSION}/bgpconfs/default`;
const PEER = `/apis/${API_GROUP_VERSION}/bgppeers/router`;
const NAMESPACE = `/api/v1/namespaces/${NAMESPACE_DEFAULT}`;
const MAP = `${NAMESPACE}/configmaps/bgp-policy`;

/** As a reader of GoBGP's documentation writes it. */
function policyText(community: string): string {
  return `
[[defined-sets.prefix-sets]]
prefix-set-name = "services"
[[defined-sets.prefix-sets.prefix-list]]
ip-prefix = "10.99.0.0/24"
masklength-range = "32..32"

[[policy-definitions]]
name = "mark"
[[policy-definitions.statements]]
name = "services"
[policy-definitions.statements.conditions.match-prefix-set]
prefix-set = "services"
match-set-options = "any"
[policy-definitions.statements.actions]
route-disposition = "accept-route"
[policy-definitions.statements.actions.bgp-actions]
set-med = "77"
[policy-definitions.statements.actions.bgp-actions.set-community]
options = "add"
[policy-definitions.statements.actions.bgp-actions.set-community.set-community-method]
communities-list = ["${community}"]

[global.apply-policy.config]
export-policy-list = ["mark"]
default-export-policy = "reject-route"
`;
}

/** J16 "BGP policy": a ConfigMap with `gobgp.conf`, which the BgpConf names. */
export async function policyJourney(
  lab: KubernetesLab,
  router: Router,
  vip: string,
): Promise<void> {
  const hops = lab.nodes.map(({ host }) => host.ipv4);
  await router.hasNextHops(vip, hops);
  const before = await sessions(router, lab);
  ok(!(await router.route(vip)).includes("BGP.med"));

  // What is named first and is not there yet is told, and nothing leaks.
  await lab.objects.patch(CONF, { spec: { policy: "bgp-policy" } });
  await hasCondition(
    lab,
    CONF,
    /^Degraded True PolicyMissing .*there is no ConfigMap bgp-policy in namespace openelb-system/,
  );
  await router.hasNextHops(vip, []);
  await lab.objects.create(`${NAMESPACE}/configmaps`, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "bgp-policy" },
    data: { [POLICY_KEY]: policyText("65000:100") },
  });
  await router.hasNextHops(vip, hops);
  await hasRoute(router, vip, /BGP\.med: 77[\s\S]*\(65000,100\)/);
  await hasCondition(lab, CONF, /^Ready True/, 1);

  await setPolicy(lab, policyText("65000:200"));
  await hasRoute(router, vip, /\(65000,200\)/);

  // One that is wrong is told with line and key, and the one in force stays.
  await setPolicy(lab, "[global.apply-policy.config]\ndefault-polcy = 1\n");
  await hasCondition(
    lab,
    CONF,
    /^Degraded True PolicyInvalid .*line 2: global\.apply-policy\.config\.default-polcy /,
  );
  match(await router.route(vip), /\(65000,200\)/);
  await lab.objects.remove(MAP);
  await hasCondition(lab, CONF, /^Degraded True PolicyMissing/);
  match(await router.route(vip), /\(65000,200\)/);

  await lab.objects.patch(CONF, { spec: { policy: null } });
  await hasRoute(router, vip, /^(?![\s\S]*BGP\.med)[\s\S]*BGP\.as_path/);
  await hasCondition(lab, CONF, /^Ready True/, 1);
  strictEqual(await sessions(router, lab), before, "sessions were reset");
}

/** A password that a Secret has: told when it is missing, and signed with when it is there. */
export async function passwordJourney(
  lab: KubernetesLab,
  router: Router,
  vip: string,
): Promise<void> {
  const hops = lab.nodes.map(({ host }) => host.ipv4);
  await lab.objects.patch(PEER, {
    spec: { authSecretRef: { name: "router" } },
  });
  await hasCondition(
    lab,
    PEER,
    /^Degraded True PasswordMissing .*there is no Secret router in namespace openelb-system/,
  );
  // The router knows no password: to a signed session it does not answer.
  await lab.objects.create(`${NAMESPACE}/secrets`, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "router" },
    stringData: { password: "geheim" },
  });
  await router.hasNextHops(vip, []);
  await hasNoCondition(lab, PEER, "Degraded");
  ok(!JSON.stringify(await lab.objects.read(PEER)).includes("geheim"));
  await lab.objects.patch(PEER, { spec: { authSecretRef: null } });
  await router.hasNextHops(vip, hops);
}

async function setPolicy(lab: KubernetesLab, text: string): Promise<void> {
  await lab.objects.patch(MAP, { data: { [POLICY_KEY]: text } });
}

/** Since when bird has each session. */
async function sessions(router: Router, lab: KubernetesLab): Promise<string> {
  const lines: string[] = [];
  for (const { name } of lab.nodes) {
    const told = await router.ask(`show protocols ${name}`);
    lines.push(told.split("\n").find((line) => line.startsWith(name)) ?? "");
  }
  ok(lines.every((line) => line.includes("Established")), lines.join("\n"));
  return lines.join("\n");
}

async function hasRoute(
  router: Router,
  vip: string,
  wanted: RegExp,
): Promise<void> {
  let found = "";
  await until(
    async () => wanted.test(found = await router.route(vip)),
    { timeoutMs: ROUTE_MS_MAX, what: () => `${wanted} is not in ${found}` },
  );
}

async function hasCondition(
  lab: KubernetesLab,
  path: string,
  wanted: RegExp,
  count?: number,
): Promise<void> {
  let found: readonly string[] = [];
  await until(async () => {
    found = await conditions(lab, path);
    return found.some((one) => wanted.test(one)) &&
      (count === undefined || found.length === count);
  }, {
    timeoutMs: ROUTE_MS_MAX,
    what: () => `${wanted} is not among ${found.join("; ")}`,
  });
}

async function hasNoCondition(
  lab: KubernetesLab,
  path: string,
  type: string,
): Promise<void> {
  let found: readonly string[] = [];
  await until(async () => {
    found = await conditions(lab, path);
    return !found.some((one) => one.startsWith(`${type} `));
  }, { timeoutMs: ROUTE_MS_MAX, what: () => found.join("; ") });
}

async function conditions(
  lab: KubernetesLab,
  path: string,
): Promise<readonly string[]> {
  const object: JsonObject = await lab.objects.read(path) ?? {};
  return arrayAt(object, "status", "conditions").filter(isObject).map((one) =>
    ["type", "status", "reason", "message"].map((key) => stringAt(one, key))
      .join(" ")
  );
}
