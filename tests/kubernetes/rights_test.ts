/**
 * The role of `deploy/foghorn.yaml` on a real API server: an agent that has it
 * does everything, each right has something that does not happen without it,
 * and nothing is granted beyond what is asked for.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  ADMISSION_SECRET_NAME,
  nodeLeaseName,
  WIRE_KEY_SECRET_NAME,
} from "@/api/names.ts";
import { stringAt } from "@/lab/apiserver/json.ts";
import {
  rightName,
  rightsOf,
  type ShippedRight,
  shippedRoles,
} from "../support/shipped_role.ts";
import { stepsOf } from "../support/steps.ts";
import { pass, until } from "../support/waiting.ts";
import { type AuditedRequest, readAuditLog } from "./_audit_log.ts";
import { testWithKubernetes } from "./_stage.ts";
import { RIGHT_CASES, type RightCase } from "./_rights_cases.ts";
import {
  hasFinalizer,
  HELD,
  POLICY,
  type RightsAgent,
  RightsStage,
  userOf,
  WAIT_MS_MAX,
} from "./_rights_stage.ts";

testWithKubernetes(
  "the shipped role is what an agent needs, and no more",
  async (t, binaries) => {
    await using stage = await RightsStage.open(binaries);
    const step = stepsOf(t);
    await step("every right has a case", () => {
      const known = RIGHT_CASES.map(({ right }) => right);
      deepStrictEqual(known.toSorted(), RIGHTS.map(rightName).toSorted());
      return Promise.resolve();
    });
    await step(
      "with the whole role agents are ready, give addresses, and hand over",
      () => haveAll(stage),
    );
    await step(
      "an agent whose rights are all taken goes on answering, and recovers",
      () => loseAll(stage),
    );
    await step(
      "with a role that names what it reads it reads that",
      () => haveNamed(stage),
    );
    for (const one of RIGHT_CASES) {
      // deno-lint-ignore no-await-in-loop -- one agent at a time
      await step(
        `without "${one.right}" it does not happen that ${one.effect}`,
        () => lackOne(stage, one),
      );
    }
    await step(
      "nothing is asked for that is not granted, or granted and not asked for",
      async () => {
        const requests = await agentRequests(stage);
        const asked = requests.filter(({ isResource }) => isResource);
        const used = asked.filter(({ isAllowed }) => isAllowed);
        const granted = RIGHTS.map(rightText).toSorted();
        deepStrictEqual(texts(asked), granted);
        deepStrictEqual(texts(used), granted);
        // What Kubernetes lets every authenticated user read, by a role of its own.
        const others = requests.filter(({ isResource }) => !isResource);
        ok(others.every(({ resource }) => resource === "/version"));
      },
    );
  },
);

async function haveAll(stage: RightsStage): Promise<void> {
  const namespace = stage.fresh(NAMESPACE);
  await stage.createAccount(namespace, RIGHTS);
  const first = await stage.startAgent({ namespace, node: "n1" });
  await eventually(
    first,
    "ready",
    async () => (await first.notReady()).length === 0,
  );
  await eventually(first, "answering", async () => await first.owned() === 1);
  await eventually(first, "heard", async () => await stage.events(HELD) > 0);
  const addresses = await stage.addresses(HELD);
  strictEqual(addresses.length, 1);
  ok(
    hasFinalizer(
      await stage.read(`/api/v1/namespaces/default/services/${HELD}`),
    ),
  );
  await eventually(first, "counted", async () => {
    const eip = await stage.eip("pool");
    return hasFinalizer(eip) &&
      stringAt(eip, "status", "firstIP") !== "";
  });

  const second = await stage.startAgent({ namespace, node: "n2" });
  for (const agent of [first, second]) {
    // deno-lint-ignore no-await-in-loop -- one after the other
    await eventually(
      agent,
      "seeing two agents",
      async () => await agent.metric("foghorn_agents_live") === 2,
    );
  }
  strictEqual(await first.stop(), 0);
  await eventually(
    second,
    "the leader and the owner",
    async () =>
      await second.metric("foghorn_leader") === 1 && await second.owned() === 1,
  );
  deepStrictEqual(await stage.addresses(HELD), addresses);
  const left = await stage.lease(namespace, nodeLeaseName("n1"));
  strictEqual(stringAt(left, "spec", "holderIdentity"), "");

  const gone = stage.fresh("gone");
  await stage.createService(gone);
  await eventually(second, "allocating", () => stage.isAddressed(gone));
  await stage.clear();
  deepStrictEqual(await second.notReady(), []);
  strictEqual(await second.stop(), 0);
}

async function loseAll(stage: RightsStage): Promise<void> {
  const namespace = stage.fresh(NAMESPACE);
  await stage.createAccount(namespace, RIGHTS);
  const held = await stage.addresses(HELD);
  await using agent = await stage.startAgent({ namespace, node: "n1" });
  await eventually(agent, "answering", async () => await agent.owned() === 1);
  await stage.setRights(namespace, []);
  // A watch that runs is not ended by it.
  await stage.plane.killApiserver();
  await stage.plane.startApiserver();
  await eventually(
    agent,
    "without its Lease, and without any watch",
    async () => {
      const parts = await agent.notReady();
      return parts.some((line) => line.startsWith("lease: ")) &&
        // Those that were to be listed afresh lack that right.
        parts.filter((line) => /^permission: .* (list|watch) /.test(line))
            .length === WATCHES &&
        parts.some((line) => line.includes(" patch leases "));
    },
  );
  strictEqual(await agent.owned(), 1);
  deepStrictEqual(await stage.addresses(HELD), held);
  await stage.setRights(namespace, RIGHTS);
  await eventually(
    agent,
    "ready again",
    async () => (await agent.notReady()).length === 0,
  );
  strictEqual(await agent.owned(), 1);
  strictEqual(await agent.stop(), 0);
}

/** The narrower role of docs/permissions.md. */
async function haveNamed(stage: RightsStage): Promise<void> {
  const namespace = stage.fresh(NAMESPACE);
  const resourceNames = [WIRE_KEY_SECRET_NAME, ADMISSION_SECRET_NAME, POLICY];
  const named = RIGHTS.map((one) =>
    one.kind === "Role" && NAMED.has(one.resource) && one.verb !== "create"
      ? { ...one, resourceNames }
      : one
  );
  await stage.createAccount(namespace, named);
  await stage.createWireKey(namespace);
  await stage.createPolicy(namespace);
  const path = await stage.createPolicyConf();
  await using agent = await stage.startAgent({ namespace, node: "n1" });
  await eventually(
    agent,
    "ready, with the key and the policy",
    async () =>
      await agent.metric("foghorn_wire_signed") === 1 &&
      await stage.isPolicyInvalid(path) &&
      (await agent.notReady()).length === 0,
  );
  await stage.clear();
  strictEqual(await agent.stop(), 0);
}

async function lackOne(
  stage: RightsStage,
  { right, without = [], scene }: RightCase,
): Promise<void> {
  const taken = new Set(without);
  const rights = RIGHTS.filter((one) => !taken.has(rightName(one)));
  const namespace = stage.fresh(NAMESPACE);
  const lacking = rights.filter((one) => rightName(one) !== right);
  await stage.createAccount(namespace, lacking);
  const held = await stage.addresses(HELD);
  const { provoke, change, repeat, isDone } = await scene(stage, namespace);

  await using agent = await stage.startAgent({ namespace, node: "n1" });
  await provoke?.(agent);
  const sentence = sentenceOf(namespace, right);
  await eventually(
    agent,
    `saying that it lacks ${right}`,
    async () =>
      (await agent.missingRights()).includes(`permission: ${sentence}`),
  );
  ok(
    agent.process.lines.some((line) =>
      line.includes("A right in Kubernetes is missing") &&
      line.includes(JSON.stringify(sentence))
    ),
  );
  await change?.(agent);
  strictEqual(await isDone(agent), false);
  await pass(MISSED_MS);
  strictEqual(await isDone(agent), false);
  deepStrictEqual(await stage.addresses(HELD), held);
  strictEqual(agent.process.ended, false);

  await stage.setRights(namespace, rights);
  await repeat?.();
  await eventually(agent, "doing what it may", () => isDone(agent));
  const others = [...taken].map((one) =>
    `permission: ${sentenceOf(namespace, one)}`
  );
  await eventually(
    agent,
    "content",
    async () =>
      (await agent.missingRights()).every((line) => others.includes(line)),
  );
  await stage.setRights(namespace, RIGHTS);
  await stage.clear();
  deepStrictEqual(await stage.addresses(HELD), held);
  strictEqual(await agent.stop(), 0);
}

function sentenceOf(namespace: string, name: string): string {
  const right = RIGHTS.find((one) => rightName(one) === name);
  const group = right?.group === "" ? "" : ` of ${right?.group}`;
  // The server names the namespace that was asked for, though the right is for all.
  const where = right?.kind === "Role"
    ? ` in namespace ${namespace}`
    : name.endsWith(" serviceaccounts")
    ? ` in namespace ${namespace}`
    : IN_DEFAULT.has(name)
    ? " in namespace default"
    : "";
  return `The API server does not let ${
    userOf(namespace)
  } ${name}${group}${where}: add the verb to the role bound to that user, docs/permissions.md has them all`;
}

async function eventually(
  agent: RightsAgent,
  state: string,
  holds: () => Promise<boolean>,
): Promise<void> {
  let last: readonly string[] = [];
  await until(async () => {
    if (agent.process.ended) {
      throw new Error(`${agent.process.name} has ended:\n${tail(agent)}`);
    }
    if (await holds()) return true;
    last = await agent.notReady();
    return false;
  }, {
    timeoutMs: WAIT_MS_MAX,
    what: () =>
      `${agent.process.name} is not ${state} (${last.join("; ")}):\n${
        tail(agent)
      }`,
  });
}

function tail({ process }: RightsAgent): string {
  return process.lines.slice(-15).join("\n");
}

/** What the agents of this test asked, with the namespace of each. */
async function agentRequests(
  stage: RightsStage,
): Promise<readonly AuditedRequest[]> {
  const requests = await readAuditLog(stage.plane.auditLog);
  return requests.filter(({ user }) => user.includes(`:${NAMESPACE}-`));
}

/** A request as a right; a namespaced one only if it is the agent's own. */
function requestText(request: AuditedRequest): string {
  const { user, verb, resource, group, namespace } = request;
  const isOwn = userOf(namespace) === user;
  return `${verb} ${resource} of "${group}"${isOwn ? " in its namespace" : ""}`;
}

function rightText({ kind, group, resource, verb }: ShippedRight): string {
  // The right to the own account is in the ClusterRole, as that stays longer.
  const isOwn = kind === "Role" || resource === "serviceaccounts";
  const where = isOwn ? " in its namespace" : "";
  return `${verb} ${resource} of "${group}"${where}`;
}

function texts(requests: readonly AuditedRequest[]): readonly string[] {
  return [...new Set(requests.map(requestText))].toSorted();
}

const RIGHTS = rightsOf(shippedRoles());
// A ConfigMap is watched when a BgpConf names it.
const WATCHES =
  RIGHTS.filter(({ verb, resource }) =>
    verb === "watch" && resource !== "configmaps"
  ).length;
const NAMESPACE = "rights";
const NAMED = new Set(["secrets", "configmaps"]);
// Events and statuses are written where the object is.
const IN_DEFAULT = new Set(["create events", "patch services/status"]);
// Long enough to notice a change, with the right to.
const MISSED_MS = 1_000;
