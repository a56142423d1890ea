/**
 * What has to be so once the faults have stopped and some time has passed:
 * exactly one owner per address, every Service addressed, and nothing left to
 * do.
 *
 * @module
 */

import { mayShare } from "./address_book.ts";
import type { SimCluster } from "./cluster.ts";
import { type EipFacts, eipFacts, type ServiceFacts } from "./facts.ts";
import { isIn, sizeOf } from "./operator.ts";
import { truthOf } from "./truth.ts";

/** Checks that everything has settled; throws when a rule is broken. */
export function checkSettled(cluster: SimCluster): void {
  checkLeader(cluster);
  checkOwners(cluster);
  checkAddressed(cluster);
  checkRecorded(cluster);
  checkClients(cluster);
}

function checkLeader(cluster: SimCluster): void {
  const leaders = cluster.nodes.filter(({ isLeader }) => isLeader);
  if (leaders.length === 1) return;
  const names = leaders.map(({ name }) => name).join(" ");
  cluster.referee.broken(`there is not one leader: ${names || "nobody"}`);
}

function checkOwners(cluster: SimCluster): void {
  const truth = truthOf(cluster.server);
  const shown = new Set(truth.ips);
  for (const ip of shown) {
    const candidates = truth.candidates(ip).filter((name) =>
      cluster.node(name).isAlive
    );
    const answering = cluster.answerersOf(ip);
    const [owner] = answering;
    const isRight = owner === undefined
      ? candidates.length === 0
      : answering.length === 1 && candidates.includes(owner);
    if (isRight) continue;
    cluster.referee.broken(
      `${ip} is answered for by ${
        answering.join(" ") || "nobody"
      }, and not by one of ${candidates.join(" ") || "nobody"}`,
    );
  }
  for (const ip of cluster.referee.owners.keys()) {
    const answering = shown.has(ip) ? [] : cluster.answerersOf(ip);
    if (answering.length === 0) continue;
    cluster.referee.broken(
      `${ip} is no Service's and is answered for by ${answering.join(" ")}`,
    );
  }
}

/** Every Service has its addresses, or there is none left for it. */
function checkAddressed(cluster: SimCluster): void {
  const { addresses, broken } = refereeOf(cluster);
  const services = [...addresses.services.values()];
  const eips = [...cluster.server.values("eip")].map(eipFacts);
  for (const service of services) {
    if (!service.isServed) continue;
    const families = service.policy === "SingleStack"
      ? service.families.slice(0, 1)
      : service.families;
    const missing = families.filter((family) =>
      !service.ips.some((ip) => familyOf(ip) === family)
    );
    const free = missing.map((family) =>
      freeFor(service, family, { services, eips })
    );
    const isPossible = service.policy === "RequireDualStack"
      ? free.length > 0 && free.every((pool) => pool !== undefined)
      : free.some((pool) => pool !== undefined);
    if (!isPossible) continue;
    broken(
      `${service.key} has no address of IPv${missing.join(", IPv")} although ${
        free.find((pool) => pool !== undefined)
      } has one left`,
    );
  }
}

/** A pool that has an address for a Service. */
function freeFor(
  service: ServiceFacts,
  family: number,
  all: {
    readonly services: readonly ServiceFacts[];
    readonly eips: readonly EipFacts[];
  },
): string | undefined {
  const { wantedIps, wantedEips } = service;
  const open = all.eips.filter((eip) => eip.family === family && eip.isOpen);
  const wanted = wantedIps.find((ip) => familyOf(ip) === family);
  if (wanted !== undefined) {
    const isTaken = all.services.some((other) =>
      other !== service && other.ips.includes(wanted) &&
      !mayShare(service, other, wanted)
    );
    return isTaken ? undefined : open.find((eip) => isIn(eip, wanted))?.key;
  }
  const meant = wantedEips.length > 0
    ? open.filter(({ key }) => wantedEips.includes(key))
    : open.filter(({ isDefault }) => isDefault);
  const shown = new Set(all.services.flatMap(({ ips }) => ips));
  return meant.find((eip) => {
    const used = [...shown].filter((ip) => isIn(eip, ip)).length;
    return used < sizeOf(eip);
  })?.key;
}

/** Eips and Services tell the same. */
function checkRecorded(cluster: SimCluster): void {
  const { addresses, broken } = refereeOf(cluster);
  const eips = [...cluster.server.values("eip")].map(eipFacts);
  const recorded = new Map<string, string>();
  for (const { used } of eips) {
    for (const [ip, keys] of used) {
      for (const key of keys.split(";")) recorded.set(`${key} ${ip}`, ip);
    }
  }
  for (const { key, ips } of addresses.services.values()) {
    for (const ip of ips) {
      const isKept = recorded.delete(`${key} ${ip}`);
      // One that its Eip does not have any more may be kept without it.
      const hasEip = eips.some((eip) => isIn(eip, ip));
      if (!isKept && hasEip) broken(`no Eip records that ${key} has ${ip}`);
    }
  }
  for (const entry of recorded.keys()) {
    broken(`an Eip records what is not so: ${entry}`);
  }
}

/** No client sends to anybody but the owner. */
function checkClients(cluster: SimCluster): void {
  for (const ip of truthOf(cluster.server).ips) {
    const [owner] = cluster.answerersOf(ip);
    if (owner === undefined) continue;
    const { macNumber } = cluster.node(owner);
    for (const client of cluster.clients) {
      const known = client.entry(ip)?.macNumber;
      if (known === undefined || known === macNumber) continue;
      cluster.referee.broken(
        `${client.name} still sends what is for ${ip} elsewhere than to ${owner}`,
      );
    }
  }
}

/**
 * Whether clients follow an owner that has announced long enough: checked all
 * the time, for owners that could be heard since they began.
 */
export function checkFollowed(
  cluster: SimCluster,
  ips: Iterable<string>,
): void {
  const { referee, nowMs } = cluster;
  for (const ip of ips) {
    const owners = referee.owners.get(ip);
    const [owner] = owners ?? [];
    if (owners?.size !== 1 || owner === undefined) continue;
    const [name, sinceMs] = owner;
    const isLong = nowMs - sinceMs >= ANNOUNCED_MS;
    if (!isLong || !referee.isUndisturbed(name, sinceMs)) continue;
    const node = cluster.node(name);
    if (node.standstill !== undefined || !node.isLinkUp) continue;
    for (const client of cluster.clients) {
      const entry = client.entry(ip);
      if (entry?.macNumber === undefined || entry.updatedMs >= sinceMs) {
        continue;
      }
      if (entry.macNumber === node.macNumber) continue;
      referee.broken(
        `${client.name} still sends what is for ${ip} to another although ${name} took over ${
          nowMs - sinceMs
        } ms ago`,
      );
    }
  }
}

function refereeOf(
  { referee }: SimCluster,
): {
  readonly addresses: SimCluster["referee"]["addresses"];
  readonly broken: (what: string) => never;
} {
  return {
    addresses: referee.addresses,
    broken: (what) => referee.broken(what),
  };
}

function familyOf(ip: string): number {
  return ip.includes(":") ? 6 : 4;
}

/** After this long every announcement has been sent. */
const ANNOUNCED_MS = 8_000;
