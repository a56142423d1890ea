/**
 * One control plane on which agents run with the rights a test gives them, each
 * in a namespace and with a ServiceAccount of its own.
 *
 * They share one network and one link, so one of them runs at a time, unless it
 * is two of one namespace.
 *
 * @module
 */

import { CONDITION_REASON } from "@/api/conditions.ts";
import { crdDocuments } from "@/api/crds.ts";
import {
  API_GROUP_VERSION,
  BGP_CONF_KIND,
  BGP_CONF_NAME,
  BGP_CONF_PLURAL,
  BGP_PEER_KIND,
  BGP_PEER_PLURAL,
  EXCLUDE_NODE_LABEL,
  POLICY_KEY,
  WEBHOOK_NAME,
  WIRE_KEY_SECRET_NAME,
} from "@/api/names.ts";
import { WIRE_KEY_BYTES_MIN } from "@/api/wire_key_secret.ts";
import {
  arrayAt,
  type Json,
  type JsonObject,
  objectAt,
  stringAt,
} from "@/lab/apiserver/json.ts";
import { ipBatch } from "@/lab/command.ts";
import { eipObject, serviceObject } from "@/lab/objects.ts";
import { LabProcess } from "@/lab/process.ts";
import { programOf } from "@/lab/program.ts";
import { admissionObjects } from "@/manifests/admission.ts";
import { MAIN } from "../support/sandboxed.ts";
import { rulesFor, type ShippedRight } from "../support/shipped_role.ts";
import { until } from "../support/waiting.ts";
import type { KubernetesBinaries } from "./build.ts";
import { ControlPlane } from "./control_plane.ts";

/** Who an agent is. */
export interface RightsAgentOptions {
  /** Namespace of its Leases and of its ServiceAccount. */
  readonly namespace: string;
  /** Its Node. */
  readonly node: string;
}

/** A control plane, Nodes, a link, and a Service that has an address. */
export class RightsStage implements AsyncDisposable {
  /** The control plane. */
  readonly plane: ControlPlane;
  readonly #agents: RightsAgent[] = [];
  #serial = 0;

  private constructor(plane: ControlPlane) {
    this.plane = plane;
  }

  /** Starts the control plane, and creates what all agents meet. */
  static async open(binaries: KubernetesBinaries): Promise<RightsStage> {
    await ipBatch("", [
      `link add ${LINK} type veth peer name ${LINK}-peer`,
      `address add 198.51.100.11/24 dev ${LINK}`,
      `link set ${LINK} up`,
      `link set ${LINK}-peer up`,
    ]);
    await Deno.mkdir(FOLDER, { recursive: true });
    const stage = new RightsStage(
      await ControlPlane.start({ binaries, folder: `${FOLDER}/plane` }),
    );
    try {
      await stage.#define();
      await Promise.all(NODES.map((node) => stage.#createNode(node)));
      await stage.createEip(POOL, { address: "198.51.100.100-198.51.100.199" });
      await stage.createService(HELD);
      await stage.createEndpoint(HELD);
    } catch (error) {
      await stage[Symbol.asyncDispose]();
      throw error;
    }
    return stage;
  }

  /** A name that was not given before. */
  fresh(word: string): string {
    return `${word}-${++this.#serial}`;
  }

  /** Creates a namespace with a ServiceAccount and its role. */
  async createAccount(
    namespace: string,
    rights: readonly ShippedRight[],
  ): Promise<void> {
    const { admin } = this.plane;
    await this.createNamespace(namespace);
    await admin.must(
      "POST",
      `/api/v1/namespaces/${namespace}/serviceaccounts`,
      {
        metadata: { name: ACCOUNT },
      },
    );
    await Promise.all(KINDS.map(async (kind) => {
      const path = rolePath(kind, namespace);
      await admin.must("POST", path, roleOf(kind, namespace, rights));
      await admin.must("POST", path.replace(/s$/, "bindings"), {
        metadata: { name: namespace },
        roleRef: {
          apiGroup: "rbac.authorization.k8s.io",
          kind,
          name: namespace,
        },
        subjects: [{ kind: "ServiceAccount", name: ACCOUNT, namespace }],
      });
    }));
  }

  /** Changes what the account of a namespace may do. */
  async setRights(
    namespace: string,
    rights: readonly ShippedRight[],
  ): Promise<void> {
    await Promise.all(KINDS.map((kind) =>
      this.plane.admin.must(
        "PATCH",
        `${rolePath(kind, namespace)}/${namespace}`,
        { rules: roleOf(kind, namespace, rights)["rules"] ?? [] },
      )
    ));
  }

  /** Starts an agent with the account of its namespace. */
  async startAgent(options: RightsAgentOptions): Promise<RightsAgent> {
    const { namespace, node } = options;
    const token = await this.plane.serviceAccountToken(namespace, ACCOUNT);
    const kubeconfig = `${FOLDER}/${namespace}-${node}.kubeconfig`;
    await Deno.writeTextFile(kubeconfig, this.plane.kubeconfigFor(token));
    const agent = await RightsAgent.start(kubeconfig, options);
    this.#agents.push(agent);
    return agent;
  }

  /** Creates a namespace. */
  async createNamespace(
    name: string,
    labels: JsonObject = {},
  ): Promise<void> {
    await this.plane.admin.must("POST", "/api/v1/namespaces", {
      metadata: { name, labels },
    });
  }

  /** Creates an Eip of four addresses of its own, unless the spec has others. */
  async createEip(name: string, spec: JsonObject = {}): Promise<void> {
    const address = `203.0.113.${4 * ++this.#serial}/30`;
    const eip = eipObject({
      name,
      address,
      spec: { interface: LINK, ...spec },
    });
    await this.plane.admin.must("POST", EIPS, eip);
  }

  /** Creates a Service that wants an address of an Eip; of any, when that is "". */
  async createService(
    name: string,
    options: { readonly eip?: string; readonly namespace?: string } = {},
  ): Promise<void> {
    const { eip = POOL, namespace = "default" } = options;
    const service = serviceObject({
      name,
      namespace,
      ...(eip === "" ? {} : { eip }),
      spec: { allocateLoadBalancerNodePorts: false },
    });
    // Without a selector no controller but the test makes its endpoints.
    const { selector: _, ...spec } = objectAt(service, "spec");
    const path = `/api/v1/namespaces/${namespace}/services`;
    await this.plane.admin.must("POST", path, { ...service, spec });
  }

  /** Gives a Service an endpoint on each Node. */
  async createEndpoint(service: string): Promise<void> {
    await this.plane.admin.must(
      "POST",
      "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
      {
        metadata: {
          name: `${service}-1`,
          labels: { "kubernetes.io/service-name": service },
        },
        addressType: "IPv4",
        endpoints: NODES.map((nodeName, index) => ({
          addresses: [`10.0.0.${index + 1}`],
          nodeName,
        })),
        ports: [{ name: "http", port: 80 }],
      },
    );
  }

  /** Creates the Secret with the key of the frames between agents. */
  async createWireKey(namespace: string): Promise<void> {
    const key = new Uint8Array(WIRE_KEY_BYTES_MIN).toBase64();
    await this.plane.admin.must(
      "POST",
      `/api/v1/namespaces/${namespace}/secrets`,
      { metadata: { name: WIRE_KEY_SECRET_NAME }, data: { key } },
    );
  }

  /** Creates a BgpConf or a BgpPeer; its path. */
  async createBgp(
    plural: string,
    name: string,
    finalizers: readonly string[] = [],
  ): Promise<string> {
    const collection = BGP_COLLECTIONS.find((path) => path.endsWith(plural));
    await this.plane.admin.must("POST", collection ?? plural, {
      apiVersion: API_GROUP_VERSION,
      kind: plural === BGP_CONF_PLURAL ? BGP_CONF_KIND : BGP_PEER_KIND,
      metadata: { name, finalizers: [...finalizers] },
      spec: {},
    });
    return `${collection}/${name}`;
  }

  /** Creates the BgpConf that names a policy; its path. */
  async createPolicyConf(): Promise<string> {
    const [collection = ""] = BGP_COLLECTIONS;
    await this.plane.admin.must("POST", collection, {
      apiVersion: API_GROUP_VERSION,
      kind: BGP_CONF_KIND,
      metadata: { name: BGP_CONF_NAME },
      spec: { policy: POLICY },
    });
    return `${collection}/${BGP_CONF_NAME}`;
  }

  /** Creates the ConfigMap with a policy, which is wrong. */
  async createPolicy(namespace: string): Promise<void> {
    await this.plane.admin.must(
      "POST",
      `/api/v1/namespaces/${namespace}/configmaps`,
      { metadata: { name: POLICY }, data: { [POLICY_KEY]: "x = 1" } },
    );
  }

  /** Whether a BgpConf says that its policy is wrong. */
  async isPolicyInvalid(path: string): Promise<boolean> {
    const conf = await this.read(path);
    return arrayAt(conf ?? {}, "status", "conditions").some((one) =>
      stringAt(one, "reason") === CONDITION_REASON.policyInvalid
    );
  }

  /** Whether a BgpConf or a BgpPeer has a condition. */
  async isJudged(plural: string, name: string): Promise<boolean> {
    const collection = BGP_COLLECTIONS.find((path) => path.endsWith(plural));
    const object = await this.read(`${collection}/${name}`);
    return arrayAt(object ?? {}, "status", "conditions").length > 0;
  }

  /** Says that the API server is to ask the webhook of a namespace's agents. */
  async createWebhookConfiguration(namespace: string): Promise<void> {
    const [, configuration] = admissionObjects(namespace);
    await this.plane.admin.must(
      "POST",
      WEBHOOKS,
      JSON.parse(JSON.stringify(configuration)),
    );
  }

  /** Whether the API server was told whom to believe at the webhook. */
  async hasBundle(): Promise<boolean> {
    const object = await this.read(`${WEBHOOKS}/${WEBHOOK_NAME}`);
    const webhooks = arrayAt(object ?? {}, "webhooks");
    return webhooks.length > 0 &&
      webhooks.every((webhook) =>
        stringAt(webhook, "clientConfig", "caBundle") !== ""
      );
  }

  /** Says that a Node is to be left out. */
  async excludeNode(node: string): Promise<void> {
    await this.#labelNode(node, "");
  }

  /** Deletes what a case made, and waits until the agent that runs let go of it. */
  async clear(): Promise<void> {
    await Promise.all(NODES.map((node) => this.#labelNode(node, null)));
    const paths = [
      ...await this.#paths(WEBHOOKS, []),
      ...await this.#paths(SERVICES, ["kubernetes", HELD]),
      ...await this.#paths(EIPS, [POOL]),
      ...(await Promise.all(
        BGP_COLLECTIONS.map((path) => this.#paths(path, [])),
      )).flat(),
    ];
    await Promise.all(paths.map((path) => this.plane.request("DELETE", path)));
    const left = (): Promise<readonly (JsonObject | undefined)[]> =>
      Promise.all(paths.map((path) => this.read(path)));
    await until(
      async () => (await left()).every((object) => object === undefined),
      { timeoutMs: WAIT_MS_MAX, what: () => `Not let go of: ${paths}` },
    );
  }

  /** The addresses of a Service. */
  async addresses(
    name: string,
    namespace = "default",
  ): Promise<readonly string[]> {
    const service = await this.read(
      `/api/v1/namespaces/${namespace}/services/${name}`,
    );
    return arrayAt(service ?? {}, "status", "loadBalancer", "ingress").map((
      entry,
    ) => stringAt(entry, "ip"));
  }

  /** Whether a Service has an address. */
  async isAddressed(name: string, namespace = "default"): Promise<boolean> {
    return (await this.addresses(name, namespace)).length > 0;
  }

  /** How often an Event is about an object of that name, in `default`. */
  async events(name: string): Promise<number> {
    const list = await this.plane.admin.must(
      "GET",
      `/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=${name}`,
    );
    return arrayAt(list, "items").length;
  }

  /** A Lease of an agent's namespace, if it is there. */
  lease(namespace: string, name: string): Promise<JsonObject | undefined> {
    return this.read(leasePath(namespace, name));
  }

  /** An Eip, if it is there. */
  eip(name: string): Promise<JsonObject | undefined> {
    return this.read(`${EIPS}/${name}`);
  }

  /** An object, if it is there. */
  async read(path: string): Promise<JsonObject | undefined> {
    const { code, body } = await this.plane.request("GET", path);
    return code === 404 ? undefined : body;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#agents.map((agent) => agent[Symbol.asyncDispose]()),
    );
    await this.plane[Symbol.asyncDispose]();
    await ipBatch("", [`link delete ${LINK}`]);
  }

  async #paths(
    collection: string,
    kept: readonly string[],
  ): Promise<readonly string[]> {
    const list = await this.plane.admin.must("GET", collection);
    return arrayAt(list, "items").filter((item) =>
      !kept.includes(stringAt(item, "metadata", "name"))
    ).map((item) => pathOf(collection, item));
  }

  async #define(): Promise<void> {
    await Promise.all(
      crdDocuments().map((document) => {
        const body: JsonObject = JSON.parse(JSON.stringify(document));
        return this.plane.admin.must("POST", DEFINITIONS, body);
      }),
    );
    await until(
      async () => (await this.plane.request("GET", EIPS)).code === 200,
      { timeoutMs: WAIT_MS_MAX, what: () => "Eips are not served" },
    );
  }

  async #labelNode(node: string, exclude: "" | null): Promise<void> {
    const labels = { [EXCLUDE_NODE_LABEL]: exclude };
    const path = `/api/v1/nodes/${node}`;
    await this.plane.admin.must("PATCH", path, { metadata: { labels } });
  }

  async #createNode(name: string): Promise<void> {
    await this.plane.admin.must("POST", "/api/v1/nodes", {
      metadata: { name },
    });
    await this.plane.admin.must(
      "PATCH",
      `/api/v1/nodes/${name}/status`,
      { status: { conditions: [{ type: "Ready", status: "True" }] } },
      "application/strategic-merge-patch+json",
    );
  }
}

/** An agent that runs. */
export class RightsAgent implements AsyncDisposable {
  /** Its namespace. */
  readonly namespace: string;
  /** Its Node. */
  readonly node: string;
  /** Its process. */
  readonly process: LabProcess;
  readonly #url: string;

  private constructor(
    process: LabProcess,
    { namespace, node }: RightsAgentOptions,
    port: number,
  ) {
    this.process = process;
    this.namespace = namespace;
    this.node = node;
    this.#url = `http://127.0.0.1:${port}`;
  }

  /** Starts it and waits until it serves its health. */
  static async start(
    kubeconfig: string,
    options: RightsAgentOptions,
  ): Promise<RightsAgent> {
    const { namespace, node } = options;
    const process = new LabProcess("", [
      ...programOf(MAIN).agent,
      "agent",
      `--kubeconfig=${kubeconfig}`,
      `--node-name=${node}`,
      `--namespace=${namespace}`,
      `--installation=${namespace}`,
      "--http-address=127.0.0.1:0",
      "--log-format=json",
    ], { name: `agent ${node} of ${namespace}` });
    const started = await process.line(
      (line) => line.includes('"Agent started"'),
      { timeoutMs: WAIT_MS_MAX },
    );
    return new RightsAgent(process, options, JSON.parse(started).http);
  }

  /** What it is not ready for, a line each. */
  async notReady(): Promise<readonly string[]> {
    const response = await fetch(`${this.#url}/readyz`);
    const text = await response.text();
    return response.ok ? [] : text.trim().split("\n");
  }

  /** The rights it says are missing, a line each. */
  async missingRights(): Promise<readonly string[]> {
    return (await this.notReady()).filter((line) =>
      line.startsWith("permission: ")
    );
  }

  /** The sum of a metric's samples whose labels contain that text. */
  async metric(name: string, labels = ""): Promise<number> {
    const response = await fetch(`${this.#url}/metrics`);
    const page = await response.text();
    return page.split("\n").filter((line) =>
      new RegExp(`^${name}[ {]`).test(line) && line.includes(labels)
    ).reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  /** How many addresses it answers for. */
  owned(): Promise<number> {
    return this.metric("foghorn_owned_addresses");
  }

  /** Tells it to end; its exit code. */
  stop(): Promise<number> {
    return this.process.stop();
  }

  /** Kills it, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop("SIGKILL");
  }
}

/** Path of a Lease. */
export function leasePath(namespace: string, name: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`;
}

/** What the rights of a namespace's account stand by, by the resource's name. */
export function installPath(namespace: string, resource: string): string {
  return resource === "serviceaccounts"
    ? `/api/v1/namespaces/${namespace}/serviceaccounts/${ACCOUNT}`
    : `/apis/rbac.authorization.k8s.io/v1/${resource}/${namespace}`;
}

/** The user an agent of a namespace is. */
export function userOf(namespace: string): string {
  return `system:serviceaccount:${namespace}:${ACCOUNT}`;
}

function rolePath(kind: "ClusterRole" | "Role", namespace: string): string {
  const base = "/apis/rbac.authorization.k8s.io/v1";
  return kind === "ClusterRole"
    ? `${base}/clusterroles`
    : `${base}/namespaces/${namespace}/roles`;
}

function roleOf(
  kind: "ClusterRole" | "Role",
  name: string,
  rights: readonly ShippedRight[],
): JsonObject {
  const rules = rulesFor(rights, kind).map((
    { apiGroups, resources, verbs, resourceNames },
  ): JsonObject => ({
    apiGroups: [...apiGroups],
    resources: [...resources],
    verbs: [...verbs],
    ...(resourceNames === undefined
      ? {}
      // Roles and their bindings have the name of their namespace here.
      : {
        resourceNames: resources.some((one) => one.startsWith("clusterrole"))
          ? [name]
          : [...resourceNames],
      }),
  }));
  return { metadata: { name }, rules };
}

/** Whether an object carries a finalizer. */
export function hasFinalizer(object: JsonObject | undefined): boolean {
  return arrayAt(object ?? {}, "metadata", "finalizers").length > 0;
}

function pathOf(collection: string, item: Json | undefined): string {
  const name = stringAt(item, "metadata", "name");
  const namespace = stringAt(item, "metadata", "namespace");
  const plural = collection.replace(/.*\//, "");
  return namespace === ""
    ? `${collection}/${name}`
    : collection.replace(plural, `namespaces/${namespace}/${plural}/${name}`);
}

/** Longest that anything is waited for, on a busy machine. */
export const WAIT_MS_MAX = 60_000;

/** The Service that has its address throughout. */
export const HELD = "held";

/** The ConfigMap with a policy. */
export const POLICY = "policy";

const POOL = "pool";
const NODES = ["n1", "n2"] as const;
const KINDS = ["ClusterRole", "Role"] as const;
const LINK = "lab0";
const ACCOUNT = "foghorn";
const FOLDER = "/run/rights";
const SERVICES = "/api/v1/services";
const EIPS = "/apis/network.kubesphere.io/v1alpha2/eips";
const BGP_COLLECTIONS = [BGP_CONF_PLURAL, BGP_PEER_PLURAL].map((plural) =>
  `/apis/${API_GROUP_VERSION}/${plural}`
);
const WEBHOOKS =
  "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
