/**
 * Announcements of a small cluster, for tests of what is derived from them.
 *
 * @module
 */

import { parseMacAddr } from "@/addr/mac_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import {
  projectEip,
  projectEndpointSlice,
  projectNode,
  projectService,
} from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import { Announcements, ClusterState } from "@/reconcile/mod.ts";

/** A cluster of one node, `n1`, and what it announces. */
export class Announced {
  readonly cluster: ClusterState = new ClusterState();
  readonly announcements: Announcements = new Announcements("n1", {
    loadBalancerClass: "openelb.io/openelb",
    claimUnclassed: false,
  });

  constructor() {
    this.cluster.putNode(value(projectNode({
      metadata: { name: "n1" },
      status: { conditions: [{ type: "Ready", status: "True" }] },
    })));
    this.links("eth0");
  }

  /** The interfaces that the node has published, all up. */
  links(...names: readonly string[]): this {
    this.cluster.putAgent({
      node: "n1",
      links: names.map((name) => {
        const mac = parseMacAddr("02:00:00:00:00:01");
        const prefix = parsePrefix("192.0.2.11/24");
        if (mac === undefined || prefix === undefined) throw new Error(name);
        return { name, up: true, mac, prefixes: [prefix] };
      }),
      canReach: new Map(),
      problems: [],
    });
    return this.plan();
  }

  /** Another node, as `n1` is. */
  other(node: string): this {
    const known = this.cluster.agents.get("n1");
    if (known === undefined) throw new Error("n1 is not known");
    this.cluster.putNode(value(projectNode({
      metadata: { name: node },
      status: { conditions: [{ type: "Ready", status: "True" }] },
    })));
    this.cluster.putAgent({ ...known, node });
    return this.plan();
  }

  /** An agent says that its node should not answer. */
  says(node: string, unfit: string): this {
    const known = this.cluster.agents.get(node);
    if (known === undefined) throw new Error(`${node} is not known`);
    this.cluster.putAgent({ ...known, unfit });
    return this.plan();
  }

  /** An Eip. */
  eip(
    name: string,
    address: string,
    link: string,
    { protocol = "layer2", ...spec }: {
      readonly protocol?: string;
      readonly answerPing?: boolean;
    } = {},
  ): this {
    this.cluster.putEip(value(projectEip({
      metadata: { name },
      spec: { address, protocol, interface: link, ...spec },
    })));
    return this.plan();
  }

  /** A Service with an address and a ready endpoint. */
  service(name: string, ip: string): this {
    this.cluster.putService(value(projectService({
      metadata: { name, namespace: "d", uid: `uid-${name}` },
      spec: {
        type: "LoadBalancer",
        loadBalancerClass: "openelb.io/openelb",
      },
      status: { loadBalancer: { ingress: [{ ip }] } },
    })));
    this.cluster.putEndpointSlice(value(projectEndpointSlice({
      metadata: {
        name: `${name}-1`,
        namespace: "d",
        labels: { "kubernetes.io/service-name": name },
      },
      addressType: "IPv4",
      endpoints: [{ addresses: ["10.0.0.1"], nodeName: "n1" }],
    })));
    return this.plan();
  }

  /** Computes the announcements again. */
  plan(): this {
    this.announcements.note(this.cluster, this.cluster.takeChanges());
    this.announcements.plan(this.cluster);
    return this;
  }
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
