/**
 * What this agent knows of the cluster: one table per watched kind, changed in
 * place by watch events, and a list of what changed since it was last read.
 *
 * The tables are large (50,000 Services), so they are not copied. Everything
 * that reads them is level-triggered: the change list says what to look at
 * again, never what to do.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import type {
  Eip,
  EndpointSlice,
  Namespace,
  Node,
  ObjectMeta,
  Service,
} from "@/api/mod.ts";
import type {
  PublishedHeld,
  PublishedLink,
  PublishedProblem,
} from "@/api/links_annotation.ts";
import type { PublishedNodeProxy } from "@/api/node_proxy.ts";

/** What an agent published in its Lease, this one included. Whether it lives is not judged here. */
export interface AgentRecord {
  /** The node's name. */
  readonly node: string;
  /** Its interfaces, as published in its Lease. */
  readonly links: readonly PublishedLink[];
  /** Results of its `can_reach:` look-ups: target address to link name. */
  readonly canReach: ReadonlyMap<IpAddr, string>;
  /** What it found wrong on its node; each one sentence. */
  readonly problems: readonly PublishedProblem[];
  /** Addresses that foreign hosts have on its links; absent: none. */
  readonly held?: readonly PublishedHeld[];
  /** Why its node should not answer for VIPs, a reason; absent: it may. */
  readonly unfit?: string;
  /** What it tells for NodeProxy; absent: nothing. */
  readonly nodeProxy?: PublishedNodeProxy;
  /** Names of the routers it has BGP sessions with; absent: none. */
  readonly bgpRouters?: readonly string[];
}

/** The kinds that are watched. */
export type WatchedKind =
  | "service"
  | "eip"
  | "node"
  | "namespace"
  | "endpointslice"
  | "lease";

/** A thing that changed, by kind and key. */
export interface Change {
  /** The kind that changed; `agent` stands for what a Lease says of an agent. */
  readonly kind: Exclude<WatchedKind, "lease"> | "agent";
  /** `namespace/name`, or the name of a cluster-scoped object; of an EndpointSlice: its Service. */
  readonly key: string;
  /** True when the object is gone from a list without a deletion having been seen. */
  readonly vanished: boolean;
}

/** The key of an object: `namespace/name`, or `name` when cluster-scoped. */
export function keyOf(meta: ObjectMeta): string {
  return meta.namespace === "" ? meta.name : `${meta.namespace}/${meta.name}`;
}

/** The tables of watched objects. */
export class ClusterState {
  readonly #services = new Map<string, Service>();
  readonly #eips = new Map<string, Eip>();
  readonly #nodes = new Map<string, Node>();
  readonly #namespaces = new Map<string, Namespace>();
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  readonly #sliceService = new Map<string, string>();
  readonly #agents = new Map<string, AgentRecord>();
  /** Versions that only answers to writes have told of, by kind and key. */
  readonly #unconfirmed = new Map<string, string>();
  /** Objects whose end was seen, by uid, the oldest end first. */
  readonly #ended = new Set<string>();
  #changes: Change[] = [];

  /** Services by `namespace/name`. */
  get services(): ReadonlyMap<string, Service> {
    return this.#services;
  }
  /** Eips by name. */
  get eips(): ReadonlyMap<string, Eip> {
    return this.#eips;
  }
  /** Nodes by name. */
  get nodes(): ReadonlyMap<string, Node> {
    return this.#nodes;
  }
  /** Namespaces by name. */
  get namespaces(): ReadonlyMap<string, Namespace> {
    return this.#namespaces;
  }
  /** Agents by node name. */
  get agents(): ReadonlyMap<string, AgentRecord> {
    return this.#agents;
  }

  /** The EndpointSlices of a Service. */
  slicesOf(service: string): Iterable<EndpointSlice> {
    return this.#slices.get(service)?.values() ?? [];
  }

  /** Takes the changes noted since the last call. */
  takeChanges(): readonly Change[] {
    const taken = this.#changes;
    this.#changes = [];
    return taken;
  }

  /**
   * Records a Service; one older than the known one is ignored.
   *
   * @param service The Service.
   * @param isCertain Whether it is from a list that is not behind: then it is
   * so, however old it says it is.
   */
  putService(service: Service, isCertain = false): void {
    const key = keyOf(service.meta);
    const known = this.#services.get(key);
    if (this.#isOld(service.meta, known?.meta, isCertain)) return;
    this.#services.set(key, service);
    this.#confirm(`service/${key}`, service.meta, isCertain);
    this.#note("service", key);
  }

  /** Records an Eip, likewise. */
  putEip(eip: Eip, isCertain = false): void {
    const { name } = eip.meta;
    const known = this.#eips.get(name);
    if (this.#isOld(eip.meta, known?.meta, isCertain)) return;
    this.#eips.set(name, eip);
    this.#confirm(`eip/${name}`, eip.meta, isCertain);
    this.#note("eip", name);
  }

  /**
   * Records a Service as the answer to a write of ours has it. That the watch
   * shows as much is still to come, see {@linkcode ClusterState.isUnconfirmed}.
   *
   * An object that is gone is not brought back: the answer to the write that
   * took its last finalizer may come after the watch has told of its end.
   */
  putServiceReply(service: Service): void {
    const key = keyOf(service.meta);
    const known = this.#services.get(key)?.meta;
    if (known?.uid !== service.meta.uid) return;
    this.putService(service);
    this.#claim(`service/${key}`, service.meta, known);
  }

  /** Records an Eip as the answer to a write of ours has it, likewise. */
  putEipReply(eip: Eip): void {
    const { name } = eip.meta;
    const known = this.#eips.get(name)?.meta;
    if (known?.uid !== eip.meta.uid) return;
    this.putEip(eip);
    this.#claim(`eip/${name}`, eip.meta, known);
  }

  /**
   * Whether only the answer to a write of ours says that an object is so.
   *
   * @param kind Its kind.
   * @param key Its key.
   */
  isUnconfirmed(kind: "service" | "eip", key: string): boolean {
    return this.#unconfirmed.has(`${kind}/${key}`);
  }

  /** Records a Node; noted as a change only when something we use changed. */
  putNode(node: Node, isCertain = false): void {
    const known = this.#nodes.get(node.meta.name);
    if (this.#isOld(node.meta, known?.meta, isCertain)) return;
    this.#nodes.set(node.meta.name, node);
    if (known === undefined || !sameNode(known, node)) {
      this.#note("node", node.meta.name);
    }
  }

  /** Records a Namespace; noted as a change only when its labels changed. */
  putNamespace(namespace: Namespace, isCertain = false): void {
    const known = this.#namespaces.get(namespace.meta.name);
    if (this.#isOld(namespace.meta, known?.meta, isCertain)) return;
    this.#namespaces.set(namespace.meta.name, namespace);
    if (
      known === undefined ||
      !sameRecord(known.meta.labels, namespace.meta.labels)
    ) {
      this.#note("namespace", namespace.meta.name);
    }
  }

  /** Records an EndpointSlice under its Service. */
  putEndpointSlice(slice: EndpointSlice, isCertain = false): void {
    const key = keyOf(slice.meta);
    const service = `${slice.meta.namespace}/${slice.serviceName}`;
    const before = this.#sliceService.get(key);
    const known = this.#slices.get(before ?? service)?.get(key);
    if (this.#isOld(slice.meta, known?.meta, isCertain)) return;
    if (before !== undefined && before !== service) {
      this.#dropSlice(key, before);
    }
    this.#sliceService.set(key, service);
    let slices = this.#slices.get(service);
    if (slices === undefined) {
      slices = new Map();
      this.#slices.set(service, slices);
    }
    slices.set(key, slice);
    this.#note("endpointslice", service);
  }

  /**
   * Whether a list is older than something known of its kind: it came from an
   * old cache, or the server was set back to an earlier state.
   *
   * @param kind The kind.
   * @param listVersion The resourceVersion of the list.
   */
  isBehind(kind: Exclude<WatchedKind, "lease">, listVersion: string): boolean {
    for (const { meta } of this.#objects(kind)) {
      if (isOlderVersion(listVersion, meta.resourceVersion)) return true;
    }
    return false;
  }

  /** Records what is known of an agent. */
  putAgent(agent: AgentRecord): void {
    this.#agents.set(agent.node, agent);
    this.#note("agent", agent.node);
  }

  /** Forgets an agent. */
  removeAgent(node: string): void {
    if (this.#agents.delete(node)) this.#note("agent", node);
  }

  /**
   * Forgets an object.
   *
   * @param kind Its kind.
   * @param key Its key.
   * @param vanished True when no deletion was seen: it was missing from a list.
   */
  remove(
    kind: Exclude<WatchedKind, "lease">,
    key: string,
    vanished = false,
  ): void {
    if (kind === "endpointslice") {
      const service = this.#sliceService.get(key);
      if (service !== undefined) this.#dropSlice(key, service);
      return;
    }
    this.#unconfirmed.delete(`${kind}/${key}`);
    const table = this.#tableOf(kind);
    if (table.delete(key)) this.#changes.push({ kind, key, vanished });
  }

  /**
   * Forgets an object whose end a watch showed.
   *
   * A watch that shows again what it showed before must neither bring it back
   * nor take its successor of the same name away.
   *
   * @param kind Its kind.
   * @param key Its key.
   * @param last What it was last; undefined when that could not be read.
   */
  end(
    kind: Exclude<WatchedKind, "lease">,
    key: string,
    last: ObjectMeta | undefined,
  ): void {
    if (last !== undefined) {
      this.#noteEnd(last.uid);
      const known = this.#metaOf(kind, key);
      const isSuccessor = known !== undefined && known.uid !== last.uid &&
        isOlderVersion(last.resourceVersion, known.resourceVersion);
      if (isSuccessor) return;
    }
    this.remove(kind, key);
  }

  /** The keys known of a kind, to find what a new list no longer has. */
  keys(kind: Exclude<WatchedKind, "lease">): Iterable<string> {
    return kind === "endpointslice"
      ? this.#sliceService.keys()
      : this.#tableOf(kind).keys();
  }

  *#objects(
    kind: Exclude<WatchedKind, "lease">,
  ): Iterable<{ readonly meta: ObjectMeta }> {
    if (kind !== "endpointslice") {
      yield* this.#tableOf(kind).values();
      return;
    }
    for (const slices of this.#slices.values()) yield* slices.values();
  }

  /** Notes that only an answer tells of a version, unless the watch has overtaken it. */
  #claim(id: string, meta: ObjectMeta, known: ObjectMeta): void {
    if (!isOlderVersion(known.resourceVersion, meta.resourceVersion)) return;
    this.#unconfirmed.set(id, meta.resourceVersion);
  }

  #confirm(id: string, meta: ObjectMeta, isCertain: boolean): void {
    const claimed = this.#unconfirmed.get(id);
    if (claimed === undefined) return;
    if (isCertain || !isOlderVersion(meta.resourceVersion, claimed)) {
      this.#unconfirmed.delete(id);
    }
  }

  /** Whether what is told of an object is older than what is known of it: it has ended, or has changed since. */
  #isOld(
    meta: ObjectMeta,
    known: ObjectMeta | undefined,
    isCertain: boolean,
  ): boolean {
    if (!isCertain) return this.#ended.has(meta.uid) || isStale(meta, known);
    // Set back to before its end.
    this.#ended.delete(meta.uid);
    return false;
  }

  #noteEnd(uid: string): void {
    if (uid === "") return;
    this.#ended.delete(uid);
    this.#ended.add(uid);
    if (this.#ended.size <= ENDS_REMEMBERED_MAX) return;
    for (const oldest of this.#ended) {
      this.#ended.delete(oldest);
      return;
    }
  }

  #metaOf(
    kind: Exclude<WatchedKind, "lease">,
    key: string,
  ): ObjectMeta | undefined {
    if (kind !== "endpointslice") return this.#tableOf(kind).get(key)?.meta;
    const service = this.#sliceService.get(key) ?? "";
    return this.#slices.get(service)?.get(key)?.meta;
  }

  #tableOf(
    kind: Exclude<WatchedKind, "lease" | "endpointslice">,
  ): Map<string, { readonly meta: ObjectMeta }> {
    switch (kind) {
      case "service":
        return this.#services;
      case "eip":
        return this.#eips;
      case "node":
        return this.#nodes;
      case "namespace":
        return this.#namespaces;
    }
  }

  #dropSlice(key: string, service: string): void {
    this.#sliceService.delete(key);
    const slices = this.#slices.get(service);
    if (slices?.delete(key) !== true) return;
    if (slices.size === 0) this.#slices.delete(service);
    this.#note("endpointslice", service);
  }

  #note(kind: Change["kind"], key: string): void {
    this.#changes.push({ kind, key, vanished: false });
  }
}

/**
 * Whether an object is an older version of one already known.
 *
 * A resourceVersion is opaque, but both of one object (same uid) that are
 * decimal numbers are ordered: a reply to our own write may overtake the watch.
 */
function isStale(meta: ObjectMeta, known: ObjectMeta | undefined): boolean {
  if (meta.uid !== known?.uid) return false;
  return isOlderVersion(meta.resourceVersion, known.resourceVersion);
}

/** Whether resourceVersion `a` is older than `b`, where both are decimal numbers. */
export function isOlderVersion(a: string, b: string): boolean {
  if (!DECIMAL.test(a) || !DECIMAL.test(b)) return false;
  return a.length === b.length ? a < b : a.length < b.length;
}

/** Objects that have ended and are remembered, so that a watch that repeats itself does not bring them back. */
export const ENDS_REMEMBERED_MAX = 4_096;
const DECIMAL = /^[1-9][0-9]*$/;

function sameNode(a: Node, b: Node): boolean {
  return a.ready === b.ready &&
    a.networkUnavailable === b.networkUnavailable &&
    a.taints.join() === b.taints.join() &&
    sameAddresses(a.addresses, b.addresses) &&
    a.meta.uid === b.meta.uid &&
    a.meta.deletionTimestamp === b.meta.deletionTimestamp &&
    sameRecord(a.meta.labels, b.meta.labels) &&
    sameRecord(a.meta.annotations, b.meta.annotations);
}

function sameAddresses(
  a: Node["addresses"],
  b: Node["addresses"],
): boolean {
  return a.length === b.length && a.every(({ type, address }, i) => {
    const other = b[i];
    return other?.type === type && other.address === address;
  });
}

/** Whether two string maps have the same entries. */
export function sameRecord(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length &&
    keys.every((key) => a[key] === b[key]);
}
