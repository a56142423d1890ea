/**
 * A cluster in a few words, as reports see it: three nodes `n1` to `n3` with
 * agents on `eth0`, and what a test adds or changes.
 *
 * @module
 */

import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { parseMacAddr } from "@/addr/mac_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import {
  projectEip,
  projectEndpointSlice,
  projectNamespace,
  projectNode,
  projectService,
} from "@/api/mod.ts";
import { assert } from "@/lang/assert.ts";
import type { Result } from "@/lang/result.ts";
import {
  type AgentRecord,
  Announcements,
  type BgpTables,
  ClusterState,
  Controller,
} from "@/reconcile/mod.ts";
import { presenceOf } from "../main.ts";
import { OwnerLedger } from "../owner_ledger.ts";
import type { AgentState, OwnNode, ReportSource } from "./report.ts";

/** A JSON object. */
export type Raw = { [key: string]: unknown };

/** The time on the stage. */
export const NOW = "2026-01-01T12:00:00Z";

/** A cluster to report of. */
export class ReportStage {
  readonly cluster: ClusterState = new ClusterState();
  readonly agents: Map<string, AgentState> = new Map();
  readonly told: Map<string, { node: string; at: string }> = new Map();
  holder: ReportSource["holder"] = { node: "n1", live: true };
  own: OwnNode | undefined;
  unreadable: ReportSource["unreadable"] = [];
  bgp: BgpTables | undefined;
  #version = 1;

  constructor() {
    for (const name of ["n1", "n2", "n3"]) this.node(name).agent(name);
    this.cluster.putNamespace(
      value(projectNamespace({ metadata: { name: "shop" } })),
    );
  }

  /** A Node, Ready unless its conditions say otherwise. */
  node(
    name: string,
    fields: { labels?: Raw; taints?: Raw[]; ready?: string; ip?: string } = {},
  ): this {
    const { labels = {}, taints = [], ready = "True", ip } = fields;
    this.cluster.putNode(value(projectNode({
      metadata: this.#meta({ name, labels }),
      spec: { taints },
      status: {
        conditions: [{ type: "Ready", status: ready }],
        ...(ip === undefined
          ? {}
          : { addresses: [{ type: "InternalIP", address: ip }] }),
      },
    })));
    return this;
  }

  /** An agent with a live Lease. */
  agent(
    node: string,
    fields: Partial<AgentRecord> & Partial<AgentState> = {},
  ): this {
    const { live = true, leaving = false, renewed, ...record } = fields;
    const mac = parseMacAddr(`02:00:00:00:00:0${node.slice(-1)}`);
    const prefix = parsePrefix(`192.0.2.1${node.slice(-1)}/24`);
    assert(mac !== undefined && prefix !== undefined, node);
    this.cluster.putAgent({
      node,
      links: [{ name: "eth0", up: true, mac, prefixes: [prefix] }],
      canReach: new Map(),
      problems: [],
      ...record,
    });
    this.agents.set(node, {
      live,
      leaving,
      ...(renewed === undefined ? {} : { renewed }),
    });
    return this;
  }

  /** An Eip of layer2. */
  eip(
    name: string,
    spec: Raw,
    annotations: Raw = {},
    labels: Raw = {},
  ): this {
    this.cluster.putEip(value(projectEip({
      metadata: this.#meta({ name, annotations, labels }),
      spec: { protocol: "layer2", ...spec },
    })));
    return this;
  }

  /** A Service of ours in the namespace `shop`. */
  service(
    name: string,
    fields: {
      vips?: readonly string[];
      spec?: Raw;
      annotations?: Raw;
      conditions?: Raw[];
      labels?: Raw;
    } = {},
  ): this {
    const {
      vips = [],
      spec = {},
      annotations = {},
      conditions = [],
      labels = {},
    } = fields;
    this.cluster.putService(value(projectService({
      metadata: this.#meta({
        name,
        namespace: "shop",
        annotations,
        labels,
      }),
      spec: {
        type: "LoadBalancer",
        loadBalancerClass: "openelb.io/openelb",
        ipFamilies: ["IPv4"],
        ports: [{ port: 80 }],
        ...spec,
      },
      status: {
        loadBalancer: { ingress: vips.map((ip) => ({ ip })) },
        conditions,
      },
    })));
    return this;
  }

  /** The endpoints of a Service, by node; each takes traffic. */
  endpoints(name: string, ...nodes: readonly string[]): this {
    this.cluster.putEndpointSlice(value(projectEndpointSlice({
      metadata: this.#meta({
        name: `${name}-1`,
        namespace: "shop",
        labels: { "kubernetes.io/service-name": name },
      }),
      addressType: "IPv4",
      endpoints: nodes.map((nodeName) => ({
        addresses: ["10.0.0.1"],
        nodeName,
      })),
    })));
    return this;
  }

  /** The agent of a node is asked; it answers for VIPs since so many milliseconds. */
  asks(node: string, owned: Readonly<Record<string, number>> = {}): this {
    const owners = new OwnerLedger(node);
    for (const [vip, agoMs] of Object.entries(owned)) {
      owners.take({
        kind: "owned",
        vip: ip(vip),
        link: "eth0",
        owned: true,
        reason: "claimed",
      }, { nowMs: 100_000 - agoMs, nowIso: NOW });
    }
    this.own = {
      node,
      nowMs: 100_000,
      owned: new Map(
        [...owners.owned].map(({ vip, sinceMs }) => [vip, sinceMs]),
      ),
      owners,
    };
    return this;
  }

  /** What reports are made from. */
  source(): ReportSource {
    const claim = {
      loadBalancerClass: "openelb.io/openelb",
      claimUnclassed: false,
    };
    const announcements = new Announcements(this.own?.node ?? "", claim);
    announcements.note(this.cluster, this.cluster.takeChanges());
    announcements.plan(this.cluster);
    // Everything is looked at, also what changed before an earlier call.
    for (const key of this.cluster.services.keys()) {
      announcements.note(this.cluster, [{
        kind: "service",
        key,
        vanished: false,
      }]);
    }
    announcements.plan(this.cluster);
    const controller = new Controller(this.cluster, {
      claim,
      node: "",
      seed: 1,
    });
    controller.setPresence(
      presenceOf([...this.agents].map(([node, agent]) => ({ node, ...agent }))),
    );
    controller.plan({ nowMs: 0, nowIso: NOW });
    return {
      cluster: this.cluster,
      claim,
      announcements,
      controller,
      agents: this.agents,
      holder: this.holder,
      told: this.told,
      unreadable: this.unreadable,
      bgp: this.bgp,
      own: this.own,
      now: NOW,
    };
  }

  #meta(fields: Raw): Raw {
    return {
      uid: `uid-${fields["name"]}`,
      resourceVersion: `${++this.#version}`,
      creationTimestamp: `2026-01-01T00:00:0${this.#version % 10}Z`,
      ...fields,
    };
  }
}

/** An address. */
export function ip(text: string): IpAddr {
  const addr = parseIpAddr(text);
  assert(addr !== undefined, text);
  return addr;
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
