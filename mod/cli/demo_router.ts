/**
 * The part of the demo that has a router: a Service announced by BGP from every
 * node, connections shared out among them, and what becomes of that when a node
 * is lost.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";
import {
  API_GROUP_VERSION,
  BGP_CONF_NAME,
  BGP_CONF_PLURAL,
  BGP_PEER_PLURAL,
} from "@/api/names.ts";
import {
  LAB_FOLDER,
  type LabCluster,
  type LabNode,
  type LabProgram,
  LabRouter,
  must,
  NODES_AS,
  outageOf,
  type RequestStream,
  ROUTER_AS,
  ROUTER_HOLD_SECONDS,
  type RouterKind,
  setSysctl,
} from "@/lab/mod.ts";
import { type DemoReport, formatMs } from "./demo_report.ts";
import { listed } from "./listed.ts";

/** The addresses that are announced to the router. */
export const ROUTED_VIPS = ["10.99.0.1", "2001:db8:99::1"] as const;

/** The router, and what it does with the Service. */
export class DemoRouter implements AsyncDisposable {
  readonly #lab: LabCluster;
  readonly #report: DemoReport;
  #router: LabRouter | undefined;
  #before: Connections = [];
  #stream: RequestStream | undefined;
  #lostMs = 0;

  /**
   * Nothing is started yet.
   *
   * @param lab Nodes with agents.
   * @param report Takes what is shown.
   */
  constructor(lab: LabCluster, report: DemoReport) {
    this.#lab = lab;
    this.#report = report;
  }

  /**
   * Starts the router, and lets every node speak to it.
   *
   * @param program How our own receiver is started.
   * @param kind Who speaks BGP there; absent: bird where it is installed.
   */
  async start(
    program: LabProgram,
    kind: RouterKind | undefined,
  ): Promise<void> {
    await this.#report.step("Router", "starting it", async () => {
      const { nodes, client } = this.#lab;
      const router = await LabRouter.start({
        peers: nodes.map(({ host }) => host),
        ...(kind === undefined ? {} : { kind }),
        program,
        folder: LAB_FOLDER,
      });
      this.#router = router;
      const { ipv4, ipv6 } = router.host;
      for (const [network, via] of [[NETWORK_4, ipv4], [NETWORK_6, ipv6]]) {
        const route = ["route", "add", network, "via", via] as string[];
        // deno-lint-ignore no-await-in-loop -- two of them
        await must("ip", ["-n", client.host.name, ...route]);
      }
      // The router would have it ask one node by itself: all are on one link.
      await setSysctl(client.host.name, {
        "net/ipv6/conf/all/accept_redirects": "0",
        "net/ipv6/conf/eth0/accept_redirects": "0",
      });
      this.#speakTo(router);
      await this.#waitForSessions();
      const isLack = router.kind === "own" && kind === undefined;
      return {
        text: `${
          isLack ? "no bird here: " : ""
        }${router.speaker} has ${nodes.length} BGP sessions`,
        fields: {
          router: router.kind,
          speaker: router.speaker,
          address: router.host.ipv4,
        },
      };
    });
  }

  /** Announces a Service from every node, and counts connections. */
  async announce(): Promise<void> {
    const { nodes } = this.#lab;
    await this.#report.step("ECMP", "announcing a Service", async () => {
      for (const [i, address] of ROUTED_VIPS.entries()) {
        const spec = { protocol: "bgp", interface: "" };
        this.#lab.api.createEip({ name: EIPS[i] ?? "", address, spec });
      }
      const startMs = performance.now();
      const families = ["IPv4", "IPv6"] as const;
      this.#lab.createService({ name: SERVICE, eip: EIPS.join(), families });
      await this.#waitForNextHops(nodes, ROUTE_MS_MAX);
      const routedMs = performance.now() - startMs;
      this.#before = await this.#count(nodes);
      return {
        text: `${SERVICE} by ${nodes.length} next hops: ${listed(ROUTED_VIPS)}`,
        fields: {
          addresses: ROUTED_VIPS,
          nextHops: ROUTED_VIPS.map((vip) => hopsOf(nodes, vip)),
          routedMs: Math.round(routedMs),
          connections: this.#before.map((counts) => Object.fromEntries(counts)),
        },
      };
    });
    this.#report.table([
      ["NODE", "NEXT HOPS IN THE ROUTER'S KERNEL", "CONNECTIONS"],
      ...nodes.map(({ name, host }) => [
        name,
        `${host.ipv4} and ${host.ipv6}`,
        shares(this.#before, name),
      ]),
    ]);
  }

  /** Asks again and again from now on; a node is about to be lost. */
  async watch(): Promise<void> {
    this.#stream = await this.#lab.client.stream(ROUTED_VIPS[0], {
      intervalMs: 50,
      timeoutMs: 1000,
    });
    await this.#stream.until(({ status }) => status === 200, 5000);
    this.#lostMs = performance.now();
  }

  /**
   * Waits until the router sends nothing to a node that is lost, and counts
   * connections anew.
   *
   * @param victim The node.
   */
  async movedFrom(victim: string): Promise<void> {
    const nodes = this.#lab.nodes.filter(({ powered }) => powered);
    let after: Connections = [];
    await this.#report.step(
      "Next hops",
      `waiting for the Hold Time of ${ROUTER_HOLD_SECONDS} s`,
      async () => {
        await this.#waitForNextHops(nodes, MOVE_MS_MAX);
        const goneMs = performance.now() - this.#lostMs;
        after = await this.#count(nodes);
        const samples = await this.#stream?.stop() ?? [];
        const failed = samples.filter(({ status }) => status !== 200).length;
        const outage = outageOf(samples);
        return {
          text: `${victim} left after ${
            formatMs(goneMs)
          }, ${failed} of ${samples.length} requests failed`,
          fields: {
            addresses: ROUTED_VIPS,
            nextHops: ROUTED_VIPS.map((vip) => hopsOf(nodes, vip)),
            goneMs: Math.round(goneMs),
            connections: after.map((counts) => Object.fromEntries(counts)),
            asked: samples.length,
            failed,
            longestMs: Math.round(outage?.durationMs ?? 0),
          },
        };
      },
    );
    const row = ({ name, host }: LabNode): readonly string[] => {
      const isGone = name === victim;
      return [
        name,
        isGone ? "gone" : `${host.ipv4} and ${host.ipv6}`,
        shares(this.#before, name),
        isGone ? "none" : shares(after, name),
      ];
    };
    this.#report.table([
      ["NODE", "NEXT HOPS", "CONNECTIONS BEFORE", "AFTER"],
      ...this.#lab.nodes.map(row),
    ]);
  }

  /** Ends what speaks BGP, and takes the router off. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#router?.[Symbol.asyncDispose]();
  }

  #speakTo(router: LabRouter): void {
    const { api } = this.#lab;
    const base = { apiVersion: API_GROUP_VERSION };
    api.create(`${API}/${BGP_CONF_PLURAL}`, {
      ...base,
      kind: "BgpConf",
      metadata: { name: BGP_CONF_NAME },
      spec: { as: NODES_AS },
    });
    api.create(`${API}/${BGP_PEER_PLURAL}`, {
      ...base,
      kind: "BgpPeer",
      metadata: { name: PEER },
      spec: {
        conf: { neighborAddress: router.host.ipv4, peerAs: ROUTER_AS },
        timers: { config: { holdTime: `${ROUTER_HOLD_SECONDS}` } },
        afiSafis: ["AFI_IP", "AFI_IP6"].map((afi) => ({
          config: { family: { afi, safi: "SAFI_UNICAST" } },
        })),
      },
    });
  }

  /** Waits until each node says of itself that it has a session. */
  async #waitForSessions(): Promise<void> {
    const { api, nodes } = this.#lab;
    const states = (): readonly string[] => {
      const { status } = api.read(`${API}/${BGP_PEER_PLURAL}/${PEER}`) as {
        status?: {
          nodesPeerStatus?: Record<
            string,
            { peerState?: { sessionState?: string }; downReason?: string }
          >;
        };
      };
      return nodes.map(({ name }) => {
        const entry = status?.nodesPeerStatus?.[name];
        const state = entry?.peerState?.sessionState ?? "no session";
        return state === ESTABLISHED ? state : entry?.downReason ?? state;
      });
    };
    await api.until(
      `${BGP_PEER_PLURAL}.${API_GROUP_VERSION.split("/")[0]}`,
      () => states().every((state) => state === ESTABLISHED),
      {
        timeoutMs: SESSION_MS_MAX,
        what: () => `Not all nodes have a session: ${states().join("; ")}`,
      },
    );
  }

  /** Waits until the router has each address by these nodes. */
  async #waitForNextHops(
    nodes: readonly LabNode[],
    timeoutMs: number,
  ): Promise<void> {
    const router = this.#started();
    await Promise.all(
      ROUTED_VIPS.map((vip) =>
        router.waitForNextHops(vip, hopsOf(nodes, vip), timeoutMs)
      ),
    );
  }

  /** Makes connections to each address, and counts which node answered each. */
  async #count(nodes: readonly LabNode[]): Promise<Connections> {
    const found: ReadonlyMap<string, number>[] = [];
    for (const vip of ROUTED_VIPS) {
      // deno-lint-ignore no-await-in-loop -- one after the other
      found.push(await this.#countAt(vip, nodes));
    }
    return found;
  }

  async #countAt(
    vip: string,
    nodes: readonly LabNode[],
  ): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (const _ of nodes) {
      // deno-lint-ignore no-await-in-loop -- so many at once
      const answers = await Promise.all(
        Array.from(
          { length: CONNECTIONS_PER_NODE },
          () => this.#lab.client.request(vip, { timeoutMs: 5000 }),
        ),
      );
      for (const { body, error } of answers) {
        if (body === undefined) {
          throw new Error(`A connection to ${vip} failed: ${error}`);
        }
        counts.set(body, (counts.get(body) ?? 0) + 1);
      }
    }
    const idle = nodes.find(({ name }) => !counts.has(name));
    if (idle !== undefined || counts.size > nodes.length) {
      throw new Error(
        `Connections to ${vip} are not shared out among ${
          listed(nodes.map(({ name }) => name))
        }: ${JSON.stringify(Object.fromEntries(counts))}`,
      );
    }
    return counts;
  }

  #started(): LabRouter {
    assert(this.#router !== undefined, "The router is started first");
    return this.#router;
  }
}

/** How many connections to each of the addresses a node took, by its name. */
type Connections = readonly ReadonlyMap<string, number>[];

function hopsOf(nodes: readonly LabNode[], vip: string): readonly string[] {
  const isIpv6 = vip.includes(":");
  return nodes.map(({ host }) => isIpv6 ? host.ipv6 : host.ipv4).sort();
}

/** A node's part of the connections to each of the addresses. */
function shares(connections: Connections, node: string): string {
  return connections.map((counts) => {
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    return `${counts.get(node) ?? 0} of ${total}`;
  }).join(", ");
}

const SERVICE = "api";
const EIPS = ["routed4", "routed6"] as const;
const PEER = "router";
const ESTABLISHED = "ESTABLISHED";
const NETWORK_4 = "10.99.0.0/24";
const NETWORK_6 = "2001:db8:99::/64";
const API = `/apis/${API_GROUP_VERSION}`;
/** By chance alone a node gets none of them once in 10^13. */
const CONNECTIONS_PER_NODE = 30;
// Sessions and routes come within a second; a busy machine may take some more.
const SESSION_MS_MAX = 20_000;
const ROUTE_MS_MAX = 10_000;
const MOVE_MS_MAX = (ROUTER_HOLD_SECONDS + 10) * 1_000;
