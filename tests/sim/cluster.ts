/**
 * A cluster of whole nodes in one thread and in virtual time: both cores of
 * every node, one Ethernet segment with clients on it, and the API server of the
 * lab without its network. Delays are drawn from one seed.
 *
 * @module
 */

import { API_GROUP, API_VERSION } from "@/api/names.ts";
import { assert } from "@/lang/assert.ts";
import { Random } from "@/lang/random.ts";
import type { JsonObject } from "@/lab/apiserver/json.ts";
import type { LabHost } from "@/lab/network.ts";
import {
  eipObject,
  type EipOptions,
  endpointSliceObject,
  nodeObject,
  nodeStatus,
  serviceObject,
  type ServiceOptions,
} from "@/lab/objects.ts";
import { WATCHED_KINDS } from "@/node/mod.ts";
import type { PlannedWrite } from "@/reconcile/mod.ts";
import type { ApiWeather } from "./api_link.ts";
import { ApiServer } from "./api_server.ts";
import { serviceFacts } from "./facts.ts";
import { NeighborClient } from "./neighbor_client.ts";
import { type NodeWorld, SimNode } from "./node.ts";
import { type AgentWitness, Referee, seconds } from "./referee.ts";
import { type Carriage, Segment } from "./segment.ts";
import { Timeline } from "./timeline.ts";

/** What to build. */
export interface SimOptions {
  /** Where all chance starts. */
  readonly seed: number;
  /** How many nodes. */
  readonly nodes: number;
  /** On how many of them agents start by themselves; on all when absent. */
  readonly agents?: number;
  /** How the API server is reached at first. */
  readonly weather?: Partial<ApiWeather>;
  /** How frames are carried at first; at once and all of them when absent. */
  readonly carriage?: Partial<Carriage>;
  /** Longest time from one isolate of a node to the other; a few milliseconds when absent. */
  readonly isolateMsMax?: number;
  /** Whether kernels have room for exact filters; yes when absent. */
  readonly isExact?: boolean;
  /** Whether the network drops what agents send to each other; no when absent. */
  readonly isFiltered?: boolean;
  /** Told of what happens, for people. */
  readonly trace?: (line: string) => void;
}

/** That a node began or ceased to answer for an address. */
export interface Move {
  readonly atMs: number;
  readonly ip: string;
  readonly line: string;
  readonly reason: string;
}

/** Nodes around one API server. */
export class SimCluster implements NodeWorld {
  /** The nodes, `n1` first. */
  readonly nodes: readonly SimNode[];
  /** Hosts that use the addresses. */
  readonly clients: readonly NeighborClient[];
  /** Which node began or ceased to answer for what, and when. */
  readonly moves: Move[] = [];
  /** Every write that an agent sent, in order. */
  readonly writes: { readonly node: string; readonly write: PlannedWrite }[] =
    [];
  readonly timeline: Timeline = new Timeline();
  readonly random: Random;
  readonly server: ApiServer;
  readonly segment: Segment;
  readonly referee: Referee;
  readonly #trace: ((line: string) => void) | undefined;

  /** Agents that start within three seconds of each other. */
  constructor(options: SimOptions) {
    const { seed, nodes, agents = nodes } = options;
    this.#trace = options.trace;
    this.random = new Random(seed);
    this.server = new ApiServer(this.timeline, this.random);
    this.segment = new Segment(this.timeline, this.random, {
      lossShare: 0,
      doubleShare: 0,
      delayMsMax: 0,
      ...options.carriage,
    }, options.isFiltered);
    this.referee = new Referee(this.timeline);
    this.nodes = Array.from({ length: nodes }, (_, i) => {
      const host = hostOf(i + 1);
      this.server.ask("POST", "/api/v1/nodes", nodeObject(host));
      this.setReady(host, true);
      return this.#makeNode(host, seed * 1_000 + i, options);
    });
    this.clients = CLIENTS.map(({ name, isOld, asker }) =>
      new NeighborClient(name, { ...this, asker, isOld })
    );
    for (const client of this.clients) this.segment.attach(client);
    this.#listen();
    for (const node of this.nodes.slice(0, agents)) {
      this.timeline.after(this.draw(3_000), () => node.start());
    }
  }

  /** The virtual time. */
  get nowMs(): number {
    return this.timeline.nowMs;
  }

  /** A node by its name. */
  node(name: string): SimNode {
    const node = this.nodes.find((one) => one.name === name);
    assert(node !== undefined, `There is no node ${name}`);
    return node;
  }

  /** A number below a bound, from the seed. */
  draw(below: number): number {
    return this.random.int(below);
  }

  /** Lets time pass. */
  run(durationMs: number): void {
    this.timeline.run(durationMs);
  }

  /** Creates a pool. */
  createEip(options: EipOptions): void {
    this.server.ask("POST", EIPS_PATH, eipObject(options));
  }

  /** Creates a Service with a ready endpoint on every node, or on some. */
  createService(
    options: ServiceOptions,
    places: readonly SimNode[] = this.nodes,
  ): void {
    const namespace = options.namespace ?? "default";
    const hosts = places.map(({ host }) => host);
    for (const family of options.families ?? ["IPv4"]) {
      this.server.ask(
        "POST",
        `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`,
        endpointSliceObject(options, hosts, family),
      );
    }
    this.server.ask(
      "POST",
      `/api/v1/namespaces/${namespace}/services`,
      serviceObject(options),
    );
  }

  /** Writes a Node's status as its kubelet does, or as is done when that is silent. */
  setReady(host: LabHost, ready: boolean): void {
    const status = nodeStatus(host, ready);
    this.server.ask("PATCH", `/api/v1/nodes/${host.name}/status`, { status });
  }

  /** The addresses of all Services, by name. */
  addresses(): Readonly<Record<string, readonly string[]>> {
    const found: Record<string, readonly string[]> = {};
    for (const raw of this.server.values("service")) {
      const { key, ips, isServed } = serviceFacts(raw);
      if (isServed) found[key.slice(key.indexOf("/") + 1)] = ips;
    }
    return found;
  }

  /** The nodes that answer a question for a VIP at this moment. */
  answerersOf(vip: string): readonly string[] {
    return this.nodes.filter((node) => node.answersArp(vip)).map(({ name }) =>
      name
    );
  }

  /** Takes the API server away: some agents notice at once, some by silence. */
  takeApiAway(): void {
    for (const node of this.nodes) node.isolate(true);
  }

  /** Brings the API server back. */
  bringApiBack(): void {
    for (const node of this.nodes) node.isolate(false);
  }

  /** From here on every request is quick and every answer arrives. */
  calm(): void {
    for (const { weather } of this.nodes) {
      Object.assign(weather, { slowShare: 0, lostShare: 0, replays: 0 });
    }
    // Where agents do not hear each other, their questions by ARP are all they
    // have: with more loss than a bad link has, they cannot know who answers.
    const { base, carriage } = this.segment;
    if (this.segment.isFiltered) {
      const lossShare = Math.min(base.lossShare, FILTERED_LOSS_MAX);
      Object.assign(base, { lossShare });
      Object.assign(carriage, { lossShare });
    }
  }

  /** Asks the API server as an operator. */
  ask(method: string, path: string, body?: JsonObject): JsonObject {
    return this.server.ask(method, path, body);
  }

  /** Begins to watch over an agent that starts. */
  witness(node: SimNode, identity: string): AgentWitness {
    this.trace(`${node.name}: its agent starts as ${identity}`);
    return this.referee.witness(node, identity, (ip, isOwned, reason) => {
      const line = `${node.name} ${isOwned ? "answers for" : "leaves"} ${ip}`;
      this.moves.push({ atMs: this.nowMs, ip, line, reason });
      this.trace(`${line} (${reason})`);
    });
  }

  /** Notes a write. */
  wrote(node: SimNode, write: PlannedWrite): void {
    this.writes.push({ node: node.name, write });
    if (this.#trace === undefined || write.id.startsWith("lease")) return;
    const text = JSON.stringify(write.body).slice(0, 400);
    this.trace(`${node.name} ${write.method} ${write.path} ${text}`);
  }

  /** Tells people. */
  trace(line: string): void {
    this.#trace?.(`${seconds(this.nowMs).padStart(10)}  ${line}`);
  }

  #makeNode(host: LabHost, seed: number, options: SimOptions): SimNode {
    const node = new SimNode(this, {
      host,
      seed,
      isolateMsMax: options.isolateMsMax ?? 3,
      isExact: options.isExact ?? true,
      weather: {
        cuts: 0,
        lagMs: 0,
        slowShare: 0,
        lostShare: 0,
        replays: 0,
        watchDelayMsMax: 30,
        flushMs: 0,
        ...options.weather,
      },
    });
    this.referee.meet(node);
    this.segment.attach(node);
    return node;
  }

  #listen(): void {
    const { addresses } = this.referee;
    this.server.onChange("service", (change) => addresses.service(change));
    this.server.onChange("eip", (change) => addresses.eip(change));
    for (const kind of WATCHED_KINDS) {
      this.server.onChange(kind, (change) => {
        for (const node of this.nodes) node.show(kind, change);
      });
    }
  }
}

function hostOf(number: number): LabHost {
  const byte = (10 + number).toString(16).padStart(2, "0");
  return {
    name: `n${number}`,
    ipv4: `192.168.0.${10 + number}`,
    ipv6: `2001:db8::${10 + number}`,
    mac: `02:00:00:00:00:${byte}`,
  };
}

/** Path of the Eips. */
export const EIPS_PATH: string = `/apis/${API_GROUP}/${API_VERSION}/eips`;
const CLIENTS = [
  {
    name: "client-new",
    isOld: false,
    asker: {
      mac: "02:00:00:00:00:05",
      ipv4: "192.168.0.5",
      ipv6: "2001:db8::5",
    },
  },
  {
    name: "client-old",
    isOld: true,
    asker: {
      mac: "02:00:00:00:00:06",
      ipv4: "192.168.0.6",
      ipv6: "2001:db8::6",
    },
  },
] as const;

/** Frames that are lost at rest on a link that carries no frames of agents, at most. */
const FILTERED_LOSS_MAX = 0.01;
