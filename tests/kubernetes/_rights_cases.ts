/**
 * What does not happen without each right of the shipped role, and does once it
 * is granted.
 *
 * @module
 */

import {
  BGP_CONF_PLURAL,
  BGP_FINALIZER,
  BGP_PEER_PLURAL,
  CONTROLLER_LEASE_NAME,
  nodeLeaseName,
} from "@/api/names.ts";
import { type JsonObject, valueAt } from "@/lab/apiserver/json.ts";
import {
  hasFinalizer,
  installPath,
  leasePath,
  type RightsAgent,
  type RightsStage,
  WAIT_MS_MAX,
} from "./_rights_stage.ts";
import { until } from "../support/waiting.ts";

/** One right, and what it is for. */
export interface RightCase {
  /** The verb and the resource, as a role names them. */
  readonly right: string;
  /** What does not happen without it. */
  readonly effect: string;
  /** Rights taken as well, for good, as they would do in its stead. */
  readonly without?: readonly string[];
  /** Sets the scene before the agent of that namespace starts. */
  readonly scene: (
    stage: RightsStage,
    namespace: string,
  ) => Promise<RightScene> | RightScene;
}

/** The scene for one right. */
export interface RightScene {
  /** Makes the agent want the right, once it runs. */
  readonly provoke?: (agent: RightsAgent) => Promise<void>;
  /** Changes what the agent does not notice, once the right was refused. */
  readonly change?: (agent: RightsAgent) => Promise<void>;
  /** Asks once more for the effect, once the right was granted. */
  readonly repeat?: () => Promise<void>;
  /** Whether the effect is there. */
  readonly isDone: (agent: RightsAgent) => Promise<boolean>;
}

// Before the cases, which are made of it.
const BGP_KINDS = [BGP_CONF_PLURAL, BGP_PEER_PLURAL];

/** The cases, one for each right. */
export const RIGHT_CASES: readonly RightCase[] = [
  {
    right: "list services",
    effect: "a Service gets an address",
    scene: waitingService,
  },
  {
    right: "watch services",
    effect: "a Service that comes later gets an address",
    scene: (stage) => {
      const name = stage.fresh("late");
      return {
        change: async (agent) => {
          await untilLeader(agent);
          await stage.createService(name);
        },
        isDone: () => stage.isAddressed(name),
      };
    },
  },
  {
    right: "list nodes",
    effect: "an address is answered for",
    scene: () => ({ isDone: async (agent) => await agent.owned() > 0 }),
  },
  {
    right: "watch nodes",
    effect: "a Node that is excluded later stops answering",
    scene: (stage) => ({
      change: async (agent) => {
        await untilOwner(agent);
        await stage.excludeNode(agent.node);
      },
      isDone: async (agent) => await agent.owned() === 0,
    }),
  },
  {
    right: "list namespaces",
    effect: "a Service gets an address",
    scene: waitingService,
  },
  {
    right: "watch namespaces",
    effect:
      "a Service in a later namespace gets an address of the pool bound to it",
    scene: async (stage, namespace) => {
      const labels = { team: namespace };
      await stage.createEip(stage.fresh("bound"), {
        namespaceSelector: labels,
      });
      const late = `${namespace}-late`;
      return {
        change: async (agent) => {
          await untilLeader(agent);
          await stage.createNamespace(late, labels);
          await stage.createService("web", { eip: "", namespace: late });
        },
        isDone: () => stage.isAddressed("web", late),
      };
    },
  },
  {
    right: "patch services/status",
    effect: "a Service gets an address",
    scene: waitingService,
  },
  {
    right: "create events",
    effect: "a Service has Events that say what became of it",
    scene: async (stage) => {
      const [first, second] = [stage.fresh("told"), stage.fresh("told")];
      await stage.createService(first);
      return {
        change: () => untilTrue(() => stage.isAddressed(first), first),
        // What could not be said in time is not said later.
        repeat: () => stage.createService(second),
        isDone: async () =>
          await stage.events(first) + await stage.events(second) > 0,
      };
    },
  },
  {
    right: "get clusterrolebindings",
    effect: "the agent's rights stay until its marks are taken off",
    scene: (stage, namespace) =>
      isHeld(stage, namespace, "clusterrolebindings"),
  },
  {
    right: "patch clusterrolebindings",
    effect: "the agent's binding stays until its marks are taken off",
    scene: (stage, namespace) =>
      isHeld(stage, namespace, "clusterrolebindings"),
  },
  {
    right: "patch clusterroles",
    effect: "the agent's role stays until its marks are taken off",
    scene: (stage, namespace) => isHeld(stage, namespace, "clusterroles"),
  },
  {
    right: "patch serviceaccounts",
    effect: "the agent's account stays until its marks are taken off",
    scene: (stage, namespace) => isHeld(stage, namespace, "serviceaccounts"),
  },
  {
    right: "list endpointslices",
    effect: "an address is answered for",
    scene: () => ({ isDone: async (agent) => await agent.owned() > 0 }),
  },
  {
    right: "watch endpointslices",
    effect: "a Service whose endpoint comes later is answered for",
    scene: async (stage) => {
      const name = stage.fresh("empty");
      await stage.createService(name);
      return {
        change: async (agent) => {
          await untilOwner(agent);
          await untilTrue(() => stage.isAddressed(name), name);
          await stage.createEndpoint(name);
        },
        isDone: async (agent) => await agent.owned() > 1,
      };
    },
  },
  {
    right: "list eips",
    effect: "a Service gets an address",
    scene: waitingService,
  },
  {
    right: "watch eips",
    effect: "an Eip that comes later hands out an address",
    scene: async (stage) => {
      const [eip, service] = [stage.fresh("late"), stage.fresh("early")];
      await stage.createService(service, { eip });
      return {
        change: async (agent) => {
          await untilLeader(agent);
          await stage.createEip(eip);
        },
        isDone: () => stage.isAddressed(service),
      };
    },
  },
  {
    right: "patch eips",
    effect: "an Eip whose addresses are used is kept by a finalizer",
    scene: async (stage) => {
      const eip = stage.fresh("used");
      await stage.createEip(eip);
      await stage.createService(stage.fresh("user"), { eip });
      return { isDone: async () => hasFinalizer(await stage.eip(eip)) };
    },
  },
  {
    right: "patch eips/status",
    effect: "an Eip shows its size and its usage",
    scene: async (stage) => {
      const eip = stage.fresh("counted");
      await stage.createEip(eip);
      return {
        isDone: async () =>
          valueAt(await stage.eip(eip), "status", "poolSize") !== undefined,
      };
    },
  },
  {
    right: "get leases",
    effect: "a Lease that another edited is renewed all the same",
    // The watch would tell of the edit, too.
    without: ["watch leases"],
    scene: (stage, namespace) => ({
      provoke: async (agent) => {
        const name = nodeLeaseName(agent.node);
        await untilTrue(
          async () => await stage.lease(namespace, name) !== undefined,
          name,
        );
        const path = leasePath(namespace, name);
        await stage.plane.admin.must("PATCH", path, EDIT);
      },
      isDone: renewal(stage, namespace),
    }),
  },
  {
    right: "list leases",
    effect: "the agent has its Lease",
    scene: (stage, namespace) => ({
      isDone: async (agent) =>
        await stage.lease(namespace, nodeLeaseName(agent.node)) !== undefined,
    }),
  },
  {
    right: "watch leases",
    effect: "a controller's Lease that is given back is taken",
    scene: async (stage, namespace) => {
      const { admin } = stage.plane;
      const path = leasePath(namespace, CONTROLLER_LEASE_NAME);
      await admin.must("POST", path.replace(/\/[^/]*$/, ""), {
        metadata: { name: CONTROLLER_LEASE_NAME },
        spec: { holderIdentity: "another", leaseDurationSeconds: 600 },
      });
      return {
        change: async () => {
          const spec = { holderIdentity: "", leaseDurationSeconds: 1 };
          await admin.must("PATCH", path, { spec });
        },
        isDone: async (agent) => await agent.metric("foghorn_leader") === 1,
      };
    },
  },
  {
    right: "create leases",
    effect: "the agent has its Lease, and one is the controller",
    scene: (stage, namespace) => ({
      isDone: async (agent) =>
        await stage.lease(namespace, nodeLeaseName(agent.node)) !== undefined &&
        await stage.lease(namespace, CONTROLLER_LEASE_NAME) !== undefined,
    }),
  },
  {
    right: "list secrets",
    effect: "frames between agents are signed with the key that is there",
    scene: async (stage, namespace) => {
      await stage.createWireKey(namespace);
      return { isDone: isSigned };
    },
  },
  {
    right: "watch secrets",
    effect: "frames between agents are signed with a key that comes later",
    scene: (stage, namespace) => ({
      change: async (agent) => {
        await untilOwner(agent);
        await stage.createWireKey(namespace);
      },
      isDone: isSigned,
    }),
  },
  {
    right: "list configmaps",
    effect: "a policy that is wrong is told of",
    scene: async (stage, namespace) => {
      await stage.createPolicy(namespace);
      const path = await stage.createPolicyConf();
      return { isDone: () => stage.isPolicyInvalid(path) };
    },
  },
  {
    right: "watch configmaps",
    effect: "a policy that comes later is told of when it is wrong",
    scene: async (stage, namespace) => {
      const path = await stage.createPolicyConf();
      return {
        change: async (agent) => {
          await untilLeader(agent);
          await stage.createPolicy(namespace);
        },
        isDone: () => stage.isPolicyInvalid(path),
      };
    },
  },
  ...BGP_KINDS.flatMap((plural): readonly RightCase[] => [
    {
      right: `list ${plural}`,
      effect: "such an object says what becomes of it",
      scene: async (stage) => {
        await stage.createBgp(plural, "first");
        return { isDone: () => stage.isJudged(plural, "first") };
      },
    },
    {
      right: `watch ${plural}`,
      effect: "such an object that comes later says what becomes of it",
      scene: (stage) => ({
        change: async (agent) => {
          await untilLeader(agent);
          await stage.createBgp(plural, "later");
        },
        isDone: () => stage.isJudged(plural, "later"),
      }),
    },
    {
      right: `patch ${plural}`,
      effect: "such an object of OpenELB ends when it is deleted",
      scene: async (stage) => {
        const path = await stage.createBgp(plural, "old", [BGP_FINALIZER]);
        await stage.plane.admin.must("DELETE", path);
        return { isDone: async () => await stage.read(path) === undefined };
      },
    },
    {
      right: `patch ${plural}/status`,
      effect: "such an object says what becomes of it",
      scene: async (stage) => {
        await stage.createBgp(plural, "mute");
        return { isDone: () => stage.isJudged(plural, "mute") };
      },
    },
  ]),
  ...["get", "patch"].map((verb): RightCase => ({
    right: `${verb} validatingwebhookconfigurations`,
    effect: "the API server is told whom to believe at the webhook",
    scene: async (stage, namespace) => {
      await stage.createWebhookConfiguration(namespace);
      return { isDone: () => stage.hasBundle() };
    },
  })),
  ...["create", "patch"].map((verb): RightCase => ({
    right: `${verb} secrets`,
    effect: "the webhook has a certificate",
    scene: async (stage, namespace) => {
      await stage.createWebhookConfiguration(namespace);
      return { isDone: () => stage.hasBundle() };
    },
  })),
  {
    right: "patch leases",
    effect: "the agent's Lease is renewed",
    scene: (stage, namespace) => ({ isDone: renewal(stage, namespace) }),
  },
];

/** A Service that nobody has looked at. */
async function waitingService(stage: RightsStage): Promise<RightScene> {
  const name = stage.fresh("waiting");
  await stage.createService(name);
  return { isDone: () => stage.isAddressed(name) };
}

/** Whether the Lease of an agent was renewed since it was asked first. */
function renewal(
  stage: RightsStage,
  namespace: string,
): RightScene["isDone"] {
  let first: string | undefined;
  return async ({ node }) => {
    const lease = await stage.lease(namespace, nodeLeaseName(node));
    const renewed = valueAt(lease, "spec", "renewTime");
    first ??= String(renewed);
    return renewed !== first;
  };
}

async function isSigned(agent: RightsAgent): Promise<boolean> {
  return await agent.metric("foghorn_wire_signed") === 1;
}

async function untilLeader(agent: RightsAgent): Promise<void> {
  await untilTrue(
    async () => await agent.metric("foghorn_leader") === 1,
    "leader",
  );
}

async function untilOwner(agent: RightsAgent): Promise<void> {
  await untilTrue(async () => await agent.owned() === 1, "owner");
}

async function untilTrue(
  holds: () => Promise<boolean>,
  what: string,
): Promise<void> {
  await until(holds, {
    timeoutMs: WAIT_MS_MAX,
    what: () => `Not so: ${what}`,
  });
}

const EDIT: JsonObject = { metadata: { labels: { edited: "yes" } } };

function isHeld(
  stage: RightsStage,
  namespace: string,
  resource: string,
): RightScene {
  const path = installPath(namespace, resource);
  return { isDone: async () => hasFinalizer(await stage.read(path)) };
}
