/**
 * The people, and the controllers of Kubernetes, whose deeds the agents have to
 * follow: Services, pools, endpoints and labels that come, change and go.
 *
 * @module
 */

import {
  EIP_ADDRESS_ANNOTATION,
  EIP_NAME_ANNOTATION,
  EXCLUDE_NODE_LABEL,
  LOAD_BALANCER_CLASS_DEFAULT,
} from "@/api/names.ts";
import { type JsonObject, objectAt } from "@/lab/apiserver/json.ts";
import { endpointSliceName, endpointSliceObject } from "@/lab/objects.ts";
import { EIPS_PATH, type SimCluster } from "./cluster.ts";
import {
  type EipFacts,
  eipFacts,
  ipNumber,
  nameOf,
  type ServiceFacts,
} from "./facts.ts";
import type { SimNode } from "./node.ts";
import { podNodes, type SwarmPlan } from "./swarm.ts";

/** A pool as it is to be. */
interface Pool {
  readonly name: string;
  readonly prefix: string;
  readonly isDefault: boolean;
  /** How many addresses it has. */
  size: number;
}

/** The name of a deed. */
export type DeedKind =
  | "create"
  | "delete"
  | "type"
  | "policy"
  | "endpoints"
  | "address"
  | "pool"
  | "share"
  | "eip-size"
  | "eip-disable"
  | "eip-replace"
  | "eip-delete"
  | "status-lost"
  | "used-lost"
  | "exclude";

/** Something an operator does. */
export interface Deed {
  readonly kind: DeedKind;
  readonly deed: (operator: Operator) => string | undefined;
}

/** Everything an operator does, by name; each says what it did, or nothing when there was nothing to do. */
export const DEEDS: readonly Deed[] = [
  { kind: "create", deed: (one) => one.create() },
  { kind: "create", deed: (one) => one.create() },
  { kind: "delete", deed: (one) => one.remove() },
  { kind: "delete", deed: (one) => one.remove() },
  { kind: "type", deed: (one) => one.changeType() },
  { kind: "policy", deed: (one) => one.changePolicy() },
  { kind: "endpoints", deed: (one) => one.moveEndpoints() },
  { kind: "endpoints", deed: (one) => one.moveEndpoints() },
  { kind: "address", deed: (one) => one.askForAddress() },
  { kind: "pool", deed: (one) => one.askForPool() },
  { kind: "share", deed: (one) => one.share() },
  { kind: "eip-size", deed: (one) => one.resizeEip() },
  { kind: "eip-disable", deed: (one) => one.toggleEip() },
  { kind: "eip-replace", deed: (one) => one.replaceEip() },
  { kind: "eip-delete", deed: (one) => one.deleteEip() },
  { kind: "status-lost", deed: (one) => one.loseStatus() },
  { kind: "used-lost", deed: (one) => one.loseUsed() },
  { kind: "exclude", deed: (one) => one.exclude() },
];

/** One operator of one cluster. */
export class Operator {
  readonly #cluster: SimCluster;
  readonly #plan: SwarmPlan;
  readonly #pools: readonly Pool[];
  /** The nodes that have pods. */
  readonly #places: readonly SimNode[];
  #created = 0;
  #losses = 0;

  /** An operator of a cluster without pools and Services. */
  constructor(cluster: SimCluster, plan: SwarmPlan) {
    this.#cluster = cluster;
    this.#plan = plan;
    const size = Math.max(8, Math.ceil(plan.services * plan.roominess));
    const six = Math.max(8, Math.ceil(size * plan.sixShare));
    this.#pools = [
      { name: "main", prefix: "10.64.", isDefault: true, size },
      { name: "six", prefix: "2001:db8::1:", isDefault: true, size: six },
      { name: "extra", prefix: "10.65.", isDefault: false, size: 12 },
    ];
    this.#places = cluster.nodes.slice(0, podNodes(plan));
  }

  /** Makes what is there at first. */
  begin(): void {
    for (const pool of this.#pools) this.#createEip(pool);
    for (let i = 0; i < this.#plan.services; i++) this.create();
  }

  /** Does one of these things, if there is anything to do it to. */
  act(kinds: readonly DeedKind[]): void {
    const able = DEEDS.filter(({ kind }) => kinds.includes(kind));
    const { kind, deed } = this.#random.pick(able);
    const did = deed(this);
    if (did !== undefined) this.#cluster.trace(`OPERATOR ${kind}: ${did}`);
  }

  /** Opens every pool again, and brings back those that are gone. */
  mend(): void {
    for (const pool of this.#pools) {
      const raw = this.#cluster.server.get("eip", pool.name);
      if (raw === undefined) this.#createEip(pool);
      else this.#patchEip(pool.name, { spec: { disable: false } });
    }
    for (const { name } of this.#cluster.nodes) this.#label(name, null);
  }

  /** A Service comes. */
  create(): string {
    const name = `web-${this.#created++}`;
    const families = this.#drawFamilies();
    const places = this.#drawPlaces();
    const isLocal = this.#happens(this.#plan.localShare);
    const isPreferred = families.length > 1 && this.#random.int(2) === 0;
    this.#cluster.createService({
      name,
      families,
      externalTrafficPolicy: isLocal ? "Local" : "Cluster",
      ...(isPreferred ? { spec: { ipFamilyPolicy: "PreferDualStack" } } : {}),
    }, places);
    return `${name} ${families.join("+")}`;
  }

  /** A Service is deleted. */
  remove(): string | undefined {
    const service = this.#drawService();
    if (service === undefined) return undefined;
    this.#cluster.ask("DELETE", pathOf(service));
    return service.key;
  }

  /** A Service becomes a ClusterIP, or a LoadBalancer. */
  changeType(): string | undefined {
    const service = this.#drawService((one) => one.policy === "SingleStack");
    if (service === undefined) return undefined;
    const type = service.isServed ? "ClusterIP" : "LoadBalancer";
    this.#patch(service, {
      spec: service.isServed
        ? { type, loadBalancerClass: null, externalTrafficPolicy: null }
        : { type, loadBalancerClass: LOAD_BALANCER_CLASS_DEFAULT },
    });
    return `${service.key} is a ${type}`;
  }

  /** A Service's traffic policy changes. */
  changePolicy(): string | undefined {
    const service = this.#drawService((one) =>
      one.isServed && one.wantedIps.length === 0
    );
    if (service === undefined) return undefined;
    const externalTrafficPolicy = service.isLocal ? "Cluster" : "Local";
    this.#patch(service, { spec: { externalTrafficPolicy } });
    return `${service.key} is ${externalTrafficPolicy}`;
  }

  /** A Service's pods move. */
  moveEndpoints(): string | undefined {
    const service = this.#drawService();
    if (service === undefined) return undefined;
    const places = this.#random.int(10) === 0 ? [] : this.#drawPlaces();
    const name = nameOf(service.key);
    for (const family of service.families) {
      const text = family === 6 ? "IPv6" : "IPv4";
      const hosts = places.map(({ host }) => host);
      const slice = endpointSliceObject({ name }, hosts, text);
      const path = `${SLICES_PATH}/${endpointSliceName(name, text)}`;
      const { endpoints } = slice;
      this.#cluster.ask("PATCH", path, { endpoints: endpoints ?? [] });
    }
    return `${service.key} at ${places.map((one) => one.name).join(" ")}`;
  }

  /** A Service asks for an address, or for none any more. */
  askForAddress(): string | undefined {
    const service = this.#drawService((one) =>
      one.isServed && one.families.length === 1 && one.families[0] === 4 &&
      one.wantedEips.length === 0
    );
    if (service === undefined) return undefined;
    const wanted = service.wantedIps.length > 0
      ? null
      : this.#addressOf(this.#pool("main"));
    this.#annotate(service, { [EIP_ADDRESS_ANNOTATION]: wanted });
    return `${service.key} asks for ${wanted}`;
  }

  /** A Service asks for another pool, or for any. */
  askForPool(): string | undefined {
    const service = this.#drawService((one) =>
      one.isServed && one.families.length === 1 && one.families[0] === 4 &&
      one.wantedIps.length === 0
    );
    if (service === undefined) return undefined;
    const wanted = service.wantedEips.length > 0
      ? null
      : this.#random.pick(["extra", "main"]);
    this.#annotate(service, { [EIP_NAME_ANNOTATION]: wanted });
    return `${service.key} asks for the pool ${wanted}`;
  }

  /** Two Services come that share an address on purpose. */
  share(): string {
    const wanted = this.#addressOf(this.#pool("main"));
    const names = [80, 443].map((port) => {
      const name = `web-${this.#created++}`;
      this.#cluster.createService({
        name,
        annotations: { [EIP_ADDRESS_ANNOTATION]: wanted },
        spec: { ports: [{ name: "one", port, protocol: "TCP" }] },
      }, this.#drawPlaces());
      return name;
    });
    return `${names.join(" and ")} share ${wanted}`;
  }

  /** A pool is made larger, or smaller. */
  resizeEip(): string | undefined {
    const pool = this.#drawEip();
    if (pool === undefined) return undefined;
    pool.size = Math.max(4, pool.size + this.#random.int(13) - 6);
    this.#patchEip(pool.name, { spec: { address: rangeOf(pool) } });
    return `${pool.name} has ${pool.size} addresses`;
  }

  /** A pool is closed, or opened. */
  toggleEip(): string | undefined {
    const pool = this.#drawEip();
    if (pool === undefined) return undefined;
    const disable = eipOf(this.#cluster, pool.name)?.isOpen === true;
    this.#patchEip(pool.name, { spec: { disable } });
    return `${pool.name} ${disable ? "closed" : "opened"}`;
  }

  /** A pool is destroyed and comes back empty: soon, or too late. */
  replaceEip(): string | undefined {
    const pool = this.#drawEip();
    if (pool === undefined) return undefined;
    const { server, timeline } = this.#cluster;
    if (this.#isAnyLost()) return undefined;
    this.#cluster.ask("DELETE", `${EIPS_PATH}/${pool.name}`);
    if (server.get("eip", pool.name) !== undefined) {
      this.#patchEip(pool.name, { metadata: { finalizers: null } });
    }
    const goneMs = this.#random.pick([1_000, 10_000, 80_000]);
    timeline.after(goneMs, () => {
      if (server.get("eip", pool.name) === undefined) this.#createEip(pool);
    });
    return `${pool.name} gone for ${goneMs} ms`;
  }

  /** A pool is deleted as one should: it goes when it is not used any more, and comes back. */
  deleteEip(): string | undefined {
    const pool = this.#drawEip((one) => one.name === "extra");
    if (pool === undefined) return undefined;
    this.#cluster.ask("DELETE", `${EIPS_PATH}/${pool.name}`);
    return pool.name;
  }

  /** Statuses of Services are lost, as after a restore without them; sometimes the controller is, too. */
  loseStatus(): string | undefined {
    // After the fourth time the agents take it for another controller's will.
    if (this.#losses === LOSSES_MAX) return undefined;
    const { addresses } = this.#cluster.referee;
    const lost = [...addresses.services.values()].filter((service) =>
      service.isServed && service.ips.length > 0 &&
      this.#random.int(3) > 0 && this.#isRecorded(service)
    );
    if (lost.length === 0) return undefined;
    this.#losses++;
    addresses.wiping(() => {
      for (const service of lost) {
        this.#cluster.ask("PATCH", `${pathOf(service)}/status`, {
          status: { loadBalancer: { ingress: null } },
        });
      }
    });
    return `${lost.length} Services${this.#loseLeader()}`;
  }

  /** `status.used` of an Eip is lost; sometimes the controller is, too, before it wrote it anew. */
  loseUsed(): string | undefined {
    const pool = this.#drawEip();
    if (pool === undefined || this.#isAnyLost()) return undefined;
    if (!this.#isEveryPoolThere()) return undefined;
    this.#cluster.ask("PATCH", `${EIPS_PATH}/${pool.name}/status`, {
      status: { used: null },
    });
    return `${pool.name}${this.#loseLeader()}`;
  }

  /** Restarts the controller half of the time, where that can be done; says so. */
  #loseLeader(): string {
    const leader = this.#cluster.nodes.find((node) => node.isLeader);
    const isLost = this.#random.int(2) === 0 &&
      leader?.standstill === undefined && leader?.isLeaving === false;
    if (!isLost) return "";
    leader.kill();
    leader.start();
    return " and the leader";
  }

  /** A node is taken out of load balancing, or comes back. */
  exclude(): string {
    const { name } = this.#random.pick(this.#cluster.nodes);
    const raw = this.#cluster.server.get("node", name) ?? {};
    const labels = objectAt(raw, "metadata", "labels");
    const isExcluded = labels[EXCLUDE_NODE_LABEL] !== undefined;
    this.#label(name, isExcluded ? null : "");
    return `${name} ${isExcluded ? "is back" : "is excluded"}`;
  }

  get #random(): SimCluster["random"] {
    return this.#cluster.random;
  }

  #pool(name: string): Pool {
    const pool = this.#pools.find((one) => one.name === name);
    if (pool === undefined) throw new RangeError(`There is no pool ${name}`);
    return pool;
  }

  #happens(share: number): boolean {
    return this.#random.next() < share;
  }

  #drawFamilies(): readonly ("IPv4" | "IPv6")[] {
    if (!this.#happens(this.#plan.sixShare)) return ["IPv4"];
    return this.#random.pick([["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]]);
  }

  /** The nodes of a Service's pods: all there are, or one or two. */
  #drawPlaces(): readonly SimNode[] {
    if (this.#random.int(2) === 0) return this.#places;
    const places = [
      this.#random.pick(this.#places),
      this.#random.pick(this.#places),
    ];
    return [...new Set(places)];
  }

  #drawService(
    isMeant: (service: ServiceFacts) => boolean = () => true,
  ): ServiceFacts | undefined {
    const { services } = this.#cluster.referee.addresses;
    const able = [...services.values()].filter((service) =>
      nameOf(service.key).startsWith("web-") && isMeant(service)
    );
    return able.length === 0 ? undefined : this.#random.pick(able);
  }

  /** A pool that is there and not being deleted. */
  #drawEip(isMeant: (pool: Pool) => boolean = () => true): Pool | undefined {
    const able = this.#pools.filter((pool) => {
      const raw = this.#cluster.server.get("eip", pool.name);
      return raw !== undefined && isMeant(pool) &&
        objectAt(raw, "metadata")["deletionTimestamp"] === undefined;
    });
    return able.length === 0 ? undefined : this.#random.pick(able);
  }

  /** Whether a Service's addresses can be told from the Eips alone. */
  #isRecorded({ key, ips }: ServiceFacts): boolean {
    const eips = [...this.#cluster.server.values("eip")].map(eipFacts);
    return ips.every((ip) =>
      eips.some(({ used }) => used.get(ip)?.split(";").includes(key) === true)
    );
  }

  /** Whether some Service shows less than it was given. */
  #isAnyLost(): boolean {
    const { addresses } = this.#cluster.referee;
    return [...addresses.services.values()].some((service) =>
      addresses.promisedTo(service.key).some((ip) => !service.ips.includes(ip))
    );
  }

  /** Whether the pools that gave the Services their addresses are all there, however small by now. */
  #isEveryPoolThere(): boolean {
    const { referee, server } = this.#cluster;
    const gone = this.#pools.filter(({ name }) =>
      server.get("eip", name) === undefined
    );
    return [...referee.addresses.services.values()].every(({ ips }) =>
      ips.every((ip) => gone.every(({ prefix }) => !ip.startsWith(prefix)))
    );
  }

  #addressOf(pool: Pool): string {
    const number = 1 + this.#random.int(pool.size);
    return `${pool.prefix}${number >> 8}.${number & 0xff}`;
  }

  #createEip(pool: Pool): void {
    this.#cluster.createEip({
      name: pool.name,
      address: rangeOf(pool),
      isDefault: pool.isDefault,
      spec: this.#selection(),
    });
  }

  /** The same for all pools: the referee need not know from which one an address is. */
  #selection(): JsonObject {
    const { choice } = this.#plan;
    if (choice === undefined) return {};
    const host = (at: number, operator: string): JsonObject => ({
      matchExpressions: [{
        key: "kubernetes.io/hostname",
        operator,
        values: [this.#cluster.nodes[at]?.name ?? ""],
      }],
    });
    return {
      nodeSelector: host(choice.leftOut, "NotIn"),
      preferredNodes: [
        { weight: 50, preference: host(choice.preferred, "In") },
      ],
    };
  }

  #patchEip(name: string, patch: JsonObject): void {
    this.#cluster.ask("PATCH", `${EIPS_PATH}/${name}`, patch);
  }

  #patch(service: ServiceFacts, patch: JsonObject): void {
    this.#cluster.ask("PATCH", pathOf(service), patch);
  }

  #annotate(service: ServiceFacts, annotations: JsonObject): void {
    this.#patch(service, { metadata: { annotations } });
  }

  #label(node: string, value: string | null): void {
    this.#cluster.ask("PATCH", `/api/v1/nodes/${node}`, {
      metadata: { labels: { [EXCLUDE_NODE_LABEL]: value } },
    });
  }
}

function pathOf({ key }: ServiceFacts): string {
  const [namespace = "", name = ""] = key.split("/");
  return `/api/v1/namespaces/${namespace}/services/${name}`;
}

function eipOf(cluster: SimCluster, name: string): EipFacts | undefined {
  const raw = cluster.server.get("eip", name);
  return raw && eipFacts(raw);
}

/** A range of that many addresses, which may go over 256. */
function rangeOf({ prefix, size }: Pool): string {
  if (prefix.includes(":")) {
    return `${prefix}1-${prefix}${size.toString(16)}`;
  }
  const last = `${prefix}${size >> 8}.${size & 0xff}`;
  return `${prefix}0.1-${last}`;
}

/** How many addresses a pool has. */
export function sizeOf({ first, last }: EipFacts): number {
  return Number(last - first) + 1;
}

/** Whether an address is in a pool. */
export function isIn({ first, last, family }: EipFacts, ip: string): boolean {
  const number = ipNumber(ip);
  return (ip.includes(":") ? 6 : 4) === family && first <= number &&
    number <= last;
}

/** Rewrites of a status that agents answer (docs/addresses.md). */
const LOSSES_MAX = 3;
const SLICES_PATH =
  "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
