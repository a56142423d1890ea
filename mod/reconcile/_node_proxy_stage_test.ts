/**
 * Nodes with agents that tell of ports, added to the cluster of a test.
 *
 * @module
 */

import { parseMacAddr } from "@/addr/mac_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import { projectEndpointSlice, projectNode } from "@/api/mod.ts";
import { assert } from "@/lang/assert.ts";
import type { Result } from "@/lang/result.ts";
import type { AgentRecord } from "./cluster_state.ts";
import type { AgentPresence } from "./node_proxy_nodes.ts";
import { type Raw, World } from "./_world_test.ts";

/** The annotation that asks for NodeProxy. */
export const TYPE = "node-proxy.openelb.kubesphere.io/type";
/** The path of the Service of most tests. */
export const WEB = "services/default/web";

/** A cluster with nodes `n1` to `n3`. */
export class ProxyWorld extends World {
  readonly presence: Map<string, AgentPresence> = new Map();
  #version = 1;

  constructor(nodes: readonly string[] = ["n1", "n2", "n3"]) {
    super();
    for (const name of nodes) {
      this.node(name);
      this.agent(name);
    }
  }

  /** A Node with the internal address 192.0.2.1N, Ready unless told otherwise. */
  node(
    name: string,
    { labels = {}, ready = "True", addresses }: {
      labels?: Raw;
      ready?: string;
      addresses?: readonly (readonly [type: string, address: string])[];
    } = {},
  ): void {
    const own = addresses ?? [
      ["InternalIP", internalOf(name)],
      ["InternalIP", `2001:db8::1${name.slice(1)}`],
    ];
    this.state.putNode(value(projectNode({
      metadata: {
        ...{ name, labels, uid: `uid-${name}` },
        resourceVersion: `${++this.#version}`,
      },
      status: {
        addresses: own.map(([type, address]) => ({ type, address })),
        conditions: [{ type: "Ready", status: ready }],
      },
    })));
  }

  /** What an agent tells: that the ports are free unless told otherwise. */
  agent(node: string, fields: Partial<AgentRecord> = {}): void {
    const mac = parseMacAddr("02:00:00:00:00:01");
    const prefix = parsePrefix(`${internalOf(node)}/24`);
    assert(mac !== undefined, node);
    this.state.putAgent({
      node,
      links: [{
        name: "eth0",
        up: true,
        mac,
        prefixes: prefix ? [prefix] : [],
      }],
      canReach: new Map(),
      problems: [],
      nodeProxy: told(),
      ...fields,
    });
    if (!this.presence.has(node)) this.presence.set(node, "live");
  }

  /** A Service that asks for NodeProxy. */
  proxied(
    key: string,
    type: string,
    options: { annotations?: Raw; spec?: Raw; meta?: Raw; status?: Raw } = {},
  ): void {
    const annotations = { [TYPE]: type, ...options.annotations };
    this.service(key, { ...options, annotations });
  }

  /** Nodes with an endpoint that is ready. */
  endpoints(key: string, ...nodes: readonly string[]): void {
    const [namespace = "", name = ""] = key.split("/");
    this.state.putEndpointSlice(value(projectEndpointSlice({
      metadata: {
        ...{ name: `${name}-1`, namespace, uid: `uid-${name}-1` },
        resourceVersion: `${++this.#version}`,
        labels: { "kubernetes.io/service-name": name },
      },
      endpoints: nodes.map((nodeName) => ({
        nodeName,
        conditions: { ready: true },
      })),
    })));
  }

  /** Says how an agent does by its Lease. */
  is(node: string, how: AgentPresence): void {
    this.presence.set(node, how);
  }

  override plan(): ReturnType<World["plan"]> {
    this.controller.setPresence(new Map(this.presence));
    const writes = super.plan();
    const ids = writes.map(({ id }) => id).filter((id) =>
      id.startsWith("service/")
    );
    assert(new Set(ids).size === ids.length, `Planned twice: ${ids}`);
    return writes;
  }

  /** An annotation of a Service; "" when it is not there. */
  annotation(path: string, name: string): string {
    const metadata = this.objects.get(path)?.["metadata"] as Raw;
    const annotations = metadata["annotations"] as Raw | undefined;
    const key = `node-proxy.openelb.kubesphere.io/${name}`;
    return String(annotations?.[key] ?? "");
  }

  /** The message of a condition. */
  message(path: string, type: string): string {
    const status = this.objects.get(path)?.["status"] as Raw | undefined;
    const list = status?.["conditions"] as Raw[] | undefined;
    return String(list?.find((one) => one["type"] === type)?.["message"]);
  }

  /** How often a Service was written. */
  writes(key = "default/web"): number {
    return this.log.filter(({ id }) => id === `service/${key}`).length;
  }
}

/** What an agent tells where nothing is amiss. */
export function told(
  fields: Partial<NonNullable<AgentRecord["nodeProxy"]>> = {},
): NonNullable<AgentRecord["nodeProxy"]> {
  return {
    mode: "iptables",
    free: ["80/TCP", "443/TCP", "53/UDP"],
    taken: [],
    ...fields,
  };
}

/** The internal address of a node. */
export function internalOf(node: string): string {
  return `192.0.2.1${node.slice(1)}`;
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
