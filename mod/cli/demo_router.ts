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
} from "@/lab/mod.ts";
import { type DemoReport, formatMs } from "./demo_report.ts";
import { listed } from "./listed.ts";

/** The address that is announced to the router. */
export const ROUTED_VIP = "10.99.0.1";

/** The router, and what it does with the Service. */
export class DemoRouter implements AsyncDisposable {
  readonly #lab: LabCluster;
  readonly #report: DemoReport;
  #router: LabRouter | undefined;
  #before: ReadonlyMap<string, number> = new Map();
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
      await must("ip", [
        ...["-n", client.host.name, "route", "add", ROUTED_NETWORK],
        ...["via", router.host.ipv4],
      ]);
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
    const router = this.#started();
    const { nodes } = this.#lab;
    await this.#report.step("ECMP", "announcing a Service", async () => {
      this.#lab.api.createEip({
        name: EIP,
        address: ROUTED_VIP,
        spec: { protocol: "bgp", interface: "" },
      });
      const startMs = performance.now();
      this.#lab.createService({ name: SERVICE, eip: EIP });
      await router.waitForNextHops(ROUTED_VIP, hopsOf(nodes), ROUTE_MS_MAX);
      const routedMs = performance.now() - startMs;
      this.#before = await this.#count(nodes);
      const names = nodes.map(({ name }) => name);
      return {
        text: `${SERVICE} at ${ROUTED_VIP}: the router has it by ${
          listed(names)
        }`,
        fields: {
          address: ROUTED_VIP,
          nextHops: hopsOf(nodes),
          routedMs: Math.round(routedMs),
          connections: Object.fromEntries(this.#before),
        },
      };
    });
    this.#report.table([
      ["NODE", "NEXT HOP IN THE ROUTER'S KERNEL", "CONNECTIONS"],
      ...nodes.map(({ name, host }) => [
        name,
        host.ipv4,
        `${this.#before.get(name) ?? 0} of ${total(this.#before)}`,
      ]),
    ]);
  }

  /** Asks again and again from now on; a node is about to be lost. */
  async watch(): Promise<void> {
    this.#stream = await this.#lab.client.stream(ROUTED_VIP, {
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
    const router = this.#started();
    const nodes = this.#lab.nodes.filter(({ powered }) => powered);
    let after: ReadonlyMap<string, number> = new Map();
    await this.#report.step(
      "Next hops",
      `waiting for the Hold Time of ${ROUTER_HOLD_SECONDS} s`,
      async () => {
        await router.waitForNextHops(ROUTED_VIP, hopsOf(nodes), MOVE_MS_MAX);
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
            address: ROUTED_VIP,
            nextHops: hopsOf(nodes),
            goneMs: Math.round(goneMs),
            connections: Object.fromEntries(after),
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
        isGone ? "gone" : host.ipv4,
        `${this.#before.get(name) ?? 0} of ${total(this.#before)}`,
        isGone ? "none" : `${after.get(name) ?? 0} of ${total(after)}`,
      ];
    };
    this.#report.table([
      ["NODE", "NEXT HOP", "CONNECTIONS BEFORE", "AFTER"],
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

  /** Makes connections, and counts which node answered each. */
  async #count(
    nodes: readonly LabNode[],
  ): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (const _ of nodes) {
      // deno-lint-ignore no-await-in-loop -- so many at once
      const answers = await Promise.all(
        Array.from(
          { length: CONNECTIONS_PER_NODE },
          () => this.#lab.client.request(ROUTED_VIP, { timeoutMs: 5000 }),
        ),
      );
      for (const { body, error } of answers) {
        if (body === undefined) {
          throw new Error(`A connection to ${ROUTED_VIP} failed: ${error}`);
        }
        counts.set(body, (counts.get(body) ?? 0) + 1);
      }
    }
    const idle = nodes.find(({ name }) => !counts.has(name));
    if (idle !== undefined || counts.size > nodes.length) {
      throw new Error(
        `Connections are not shared out among ${
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

function hopsOf(nodes: readonly LabNode[]): readonly string[] {
  return nodes.map(({ host }) => host.ipv4).sort();
}

function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

const SERVICE = "api";
const EIP = "routed";
const PEER = "router";
const ESTABLISHED = "ESTABLISHED";
const ROUTED_NETWORK = "10.99.0.0/24";
const API = `/apis/${API_GROUP_VERSION}`;
/** By chance alone a node gets none of them once in 10^13. */
const CONNECTIONS_PER_NODE = 30;
// Sessions and routes come within a second; a busy machine may take some more.
const SESSION_MS_MAX = 20_000;
const ROUTE_MS_MAX = 10_000;
const MOVE_MS_MAX = (ROUTER_HOLD_SECONDS + 10) * 1_000;
