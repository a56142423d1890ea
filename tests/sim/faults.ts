/**
 * What can go wrong, and what the node was that it hit.
 *
 * @module
 */

import type { Random } from "@/lang/random.ts";
import type { SimCluster } from "./cluster.ts";
import { orderFor } from "./facts.ts";
import type { SimNode, Standstill } from "./node.ts";
import { EVERYBODY } from "./referee.ts";
import { stringAt } from "@/lab/apiserver/json.ts";
import { truthOf } from "./truth.ts";

/** What a node was when a fault hit it: the last three with regard to an address that is drawn. */
export type Role = "controller" | "owner" | "next in line" | "bystander";

/** The roles, in the order of the table. */
export const ROLES: readonly Role[] = [
  "controller",
  "owner",
  "next in line",
  "bystander",
];

/** Begins a fault; returns what ends it. */
type Strike = (cluster: SimCluster, node: SimNode) => () => void;

interface Fault {
  readonly strike: Strike;
  /** Whether it takes the process or the node itself: one of these at a time. */
  readonly isBodily: boolean;
}

/** The name of a fault. */
export type FaultKind =
  | "crash"
  | "reboot"
  | "power lost"
  | "SIGTERM"
  | "SIGSTOP"
  | "VM frozen"
  | "main stalled"
  | "wall clock jumps"
  | "isolates slow"
  | "API away"
  | "API slow"
  | "API stale"
  | "answers lost"
  | "watches drop"
  | "watches replay"
  | "watch gap"
  | "cut off"
  | "deaf"
  | "mute"
  | "carrier lost"
  | "frames lost"
  | "not ready";

/** Every fault by its name. */
const FAULTS: Readonly<Record<FaultKind, Fault>> = {
  "crash": { strike: crash, isBodily: true },
  "reboot": { strike: reboot, isBodily: true },
  "power lost": { strike: losePower, isBodily: true },
  "SIGTERM": { strike: terminate, isBodily: true },
  "SIGSTOP": { strike: halt("stopped"), isBodily: true },
  "VM frozen": { strike: halt("frozen"), isBodily: true },
  "main stalled": { strike: halt("stalled"), isBodily: true },
  "wall clock jumps": { strike: jumpWall, isBodily: false },
  "isolates slow": { strike: slowIsolates, isBodily: false },
  "API away": { strike: apiAway, isBodily: false },
  "API slow": { strike: apiSlow, isBodily: false },
  "API stale": { strike: apiStale, isBodily: false },
  "answers lost": { strike: answersLost, isBodily: false },
  "watches drop": { strike: watchesDrop, isBodily: false },
  "watches replay": { strike: watchesReplay, isBodily: false },
  "watch gap": { strike: watchGap, isBodily: false },
  "cut off": { strike: cut(true, true), isBodily: false },
  "deaf": { strike: cut(true, false), isBodily: false },
  "mute": { strike: cut(false, true), isBodily: false },
  "carrier lost": { strike: carrierLost, isBodily: false },
  "frames lost": { strike: framesLost, isBodily: false },
  "not ready": { strike: notReady, isBodily: true },
};

/** The names of all faults. */
export const FAULT_KINDS: readonly FaultKind[] = Object.keys(
  FAULTS,
) as FaultKind[];

/** A fault that goes on. */
export interface Ongoing {
  readonly kind: FaultKind;
  readonly node: SimNode;
  readonly role: Role;
  /** Ends it; only once. */
  readonly end: () => void;
}

/**
 * Lets a fault happen to a node, drawn by its role first.
 *
 * @returns The fault; undefined when there is no node for it now.
 */
export function strike(
  cluster: SimCluster,
  kind: FaultKind,
  busy: ReadonlySet<SimNode>,
): Ongoing | undefined {
  const fault: Fault = FAULTS[kind];
  const roles = rolesOf(cluster);
  const able = cluster.nodes.filter((node) =>
    node.isAlive && (!fault.isBodily || !busy.has(node))
  );
  const present = ROLES.filter((role) =>
    able.some(({ name }) => roles[role].includes(name))
  );
  if (present.length === 0) return undefined;
  const dead = cluster.nodes.filter(({ isAlive }) => !isAlive).length;
  if (kind === "power lost" && dead >= cluster.nodes.length / 3) {
    return undefined;
  }
  const role = cluster.random.pick(present);
  const node = cluster.random.pick(
    able.filter(({ name }) => roles[role].includes(name)),
  );
  cluster.trace(`FAULT ${kind}: ${node.name}, ${role}`);
  const mend = fault.strike(cluster, node);
  let isOver = false;
  return {
    kind,
    node,
    role,
    end: () => {
      if (isOver) return;
      isOver = true;
      cluster.trace(`END of ${kind}: ${node.name}`);
      mend();
    },
  };
}

/** Whether a fault takes the process or the node itself. */
export function isBodily(kind: FaultKind): boolean {
  return FAULTS[kind].isBodily;
}

/** Which nodes are what: the controller, and the others by an address that is drawn. */
function rolesOf(
  cluster: SimCluster,
): Readonly<Record<Role, readonly string[]>> {
  const truth = truthOf(cluster.server);
  const ips = [...truth.ips];
  const ip = ips.length === 0 ? undefined : cluster.random.pick(ips);
  const order = ip === undefined ? [] : orderFor(ip, truth.candidates(ip));
  const [owner = order[0] ?? ""] = ip === undefined
    ? []
    : cluster.answerersOf(ip);
  const next = order.find((name) => name !== owner) ?? "";
  const lease = cluster.server.get("lease", CONTROLLER_LEASE);
  const holder = lease ? stringAt(lease, "spec", "holderIdentity") : "";
  const [controller = ""] = holder.split("_");
  const known = [controller, owner, next];
  return {
    controller: [controller],
    owner: [owner],
    "next in line": [next],
    bystander: cluster.nodes.map(({ name }) => name).filter((name) =>
      !known.includes(name)
    ),
  };
}

function crash(_cluster: SimCluster, node: SimNode): () => void {
  node.kill();
  return () => node.start();
}

function reboot(cluster: SimCluster, node: SimNode): () => void {
  node.reboot();
  // Nobody is told at once that a kubelet is silent.
  let isBack = false;
  cluster.timeline.after(KUBELET_GRACE_MS, () => {
    if (!isBack) cluster.setReady(node.host, false);
  });
  return () => {
    isBack = true;
    cluster.setReady(node.host, true);
    node.start();
  };
}

/** For good: its Lease runs out, and others have what it had. */
function losePower(cluster: SimCluster, node: SimNode): () => void {
  node.kill();
  cluster.timeline.after(KUBELET_GRACE_MS, () => {
    cluster.setReady(node.host, false);
  });
  return () => {};
}

function terminate(cluster: SimCluster, node: SimNode): () => void {
  node.shutDown();
  // As the kubelet does when the grace is over.
  cluster.timeline.after(TERMINATION_GRACE_MS, () => {
    if (node.isLeaving) node.kill();
  });
  return () => {
    if (node.isAlive) node.kill();
    node.start();
  };
}

function halt(how: Standstill): Strike {
  return ({ referee }, node) => {
    node.halt(how);
    referee.disturb(node.name, true);
    return () => {
      referee.disturb(node.name, false);
      node.resume();
    };
  };
}

function jumpWall({ random }: SimCluster, node: SimNode): () => void {
  const byMs = random.pick([1_000, 10_000, 60_000, 3_600_000, 864_000_000]);
  const signedMs = random.int(2) === 0 ? byMs : -byMs;
  node.jumpWall(signedMs);
  const isMended = random.int(2) === 0;
  return () => node.jumpWall(isMended ? -signedMs : 0);
}

function slowIsolates({ random }: SimCluster, node: SimNode): () => void {
  node.isolateMsMax = 200 + random.int(1_800);
  return () => {
    node.isolateMsMax = node.base.isolateMsMax;
  };
}

/** An outage is one node's, or everybody's. */
function victims(
  { random, nodes }: SimCluster,
  node: SimNode,
): readonly SimNode[] {
  return random.int(2) === 0 ? [node] : nodes;
}

function apiAway(cluster: SimCluster, node: SimNode): () => void {
  const hit = victims(cluster, node);
  for (const one of hit) one.isolate(true);
  return () => {
    for (const one of hit) one.isolate(false);
  };
}

function apiSlow(cluster: SimCluster, node: SimNode): () => void {
  const share = cluster.random.pick([0.1, 0.4]);
  return weathered(victims(cluster, node), "slowShare", share);
}

function apiStale(cluster: SimCluster, node: SimNode): () => void {
  const lagMs = 500 + cluster.random.int(15_000);
  const hit = victims(cluster, node);
  // It is another server behind the same address: connections begin anew.
  const end = weathered(hit, "lagMs", lagMs);
  for (const one of hit) one.loseWatches(true);
  return end;
}

function answersLost(cluster: SimCluster, node: SimNode): () => void {
  return weathered(victims(cluster, node), "lostShare", 0.2);
}

function watchesDrop(cluster: SimCluster, node: SimNode): () => void {
  const isClean = cluster.random.int(2) === 0;
  for (const one of victims(cluster, node)) one.loseWatches(isClean);
  return () => {};
}

function watchesReplay(cluster: SimCluster, node: SimNode): () => void {
  const hit = victims(cluster, node);
  const end = weathered(hit, "replays", 1 + cluster.random.int(30));
  for (const one of hit) one.loseWatches(true);
  return end;
}

/** While nobody watches, history is forgotten. */
function watchGap(cluster: SimCluster, node: SimNode): () => void {
  const hit = victims(cluster, node);
  for (const one of hit) one.isolate(true);
  return () => {
    cluster.server.compact();
    for (const one of hit) one.isolate(false);
  };
}

function cut(isDeaf: boolean, isMute: boolean): Strike {
  return (cluster, node) => {
    const { segment, referee, random } = cluster;
    const others = segment.stations.filter((one) =>
      one !== node && random.int(3) > 0
    );
    const set = (isCut: boolean): void => {
      referee.disturb(node.name, isCut);
      for (const other of others) {
        if (isDeaf) segment.cut(other.name, node.name, isCut);
        if (isMute) segment.cut(node.name, other.name, isCut);
      }
    };
    set(true);
    return () => set(false);
  };
}

function carrierLost({ referee }: SimCluster, node: SimNode): () => void {
  referee.disturb(node.name, true);
  node.setLink(false);
  return () => {
    referee.disturb(node.name, false);
    node.setLink(true);
  };
}

function framesLost(cluster: SimCluster): () => void {
  const { carriage, base } = cluster.segment;
  Object.assign(carriage, {
    lossShare: 0.4,
    doubleShare: 0.2,
    delayMsMax: 40,
  });
  cluster.referee.disturb(EVERYBODY, true);
  return () => {
    Object.assign(carriage, base);
    cluster.referee.disturb(EVERYBODY, false);
  };
}

function notReady(cluster: SimCluster, node: SimNode): () => void {
  cluster.setReady(node.host, false);
  return () => cluster.setReady(node.host, true);
}

/** Sets one thing of several nodes' ways to the API server, and back to what it was at first: such faults may overlap. */
function weathered(
  nodes: readonly SimNode[],
  key: "lagMs" | "slowShare" | "lostShare" | "replays",
  value: number,
): () => void {
  for (const { weather } of nodes) weather[key] = value;
  return () => {
    for (const { weather, base } of nodes) weather[key] = base.weather[key];
  };
}

/** How long a fault goes on: mostly around what the agents' own times are. */
export function drawDurationMs(random: Random): number {
  return random.pick([300, 2_000, 9_000, 14_000, 30_000, 80_000]) +
    random.int(5_000);
}

const CONTROLLER_LEASE = "openelb-system/openelb-controller";
/** node-monitor-grace-period of the controller manager. */
const KUBELET_GRACE_MS = 40_000;
/** terminationGracePeriodSeconds of a pod. */
const TERMINATION_GRACE_MS = 30_000;
