/**
 * What can be wrong with a BgpConf and a BgpPeer. As with Eips
 * (`eip_checks.ts`), the webhook refuses by these checks and the controller
 * shows by the same ones what got past it.
 *
 * The CustomResourceDefinitions take whatever OpenELB's take; OpenELB hands it
 * to GoBGP, which refuses it in a log that nobody reads.
 *
 * @module
 */

import { formatAddrRange } from "@/addr/addr_range.ts";
import { familyOf, parseIpAddr } from "@/addr/ip_addr.ts";
import { parsePrefix, prefixRange } from "@/addr/prefix.ts";
import { CONDITION_REASON } from "@/api/conditions.ts";
import type {
  BgpConf,
  BgpGracefulRestart,
  BgpPeer,
  BgpPeerConf,
  BgpPeerSpec,
  LabelSelector,
  Node,
} from "@/api/mod.ts";
import { BGP_CONF_NAME } from "@/api/names.ts";
import { matchesLabels, selectorMistake } from "@/ipam/mod.ts";
import { wrongAdvertisement } from "./bgp_advertisement_checks.ts";
import {
  type CommunityAliases,
  wrongAlias,
  wrongAliases,
} from "./community_aliases.ts";
import type { Problem } from "./eip_checks.ts";

/**
 * What is wrong with a BgpConf.
 *
 * @param conf The BgpConf.
 * @returns The first thing; undefined: nothing.
 */
export function bgpConfProblem(conf: BgpConf): Problem | undefined {
  const { routerId, listenPort, listenAddresses, families, gracefulRestart } =
    conf.spec;
  // RFC 6286 §2.1: four octets, not all of them zero.
  const id = routerId === undefined || routerId === ""
    ? undefined
    : parseIpAddr(routerId);
  if (
    routerId !== undefined && routerId !== "" &&
    (id === undefined || familyOf(id) !== 4 || routerId === "0.0.0.0")
  ) {
    return invalid(
      "spec.routerId",
      `"${routerId}"`,
      "write four numbers as in 192.168.0.2, or leave it out for the node's own address",
    );
  }
  // Negative means none; OpenELB stores that.
  if (listenPort !== undefined && listenPort > PORT_MAX) {
    return invalid("spec.listenPort", `${listenPort}`, PORT_ADVICE);
  }
  const address = listenAddresses?.find((text) =>
    parseIpAddr(text) === undefined
  );
  if (address !== undefined) {
    return invalid(
      "spec.listenAddresses",
      `"${address}"`,
      "write IPv4 and IPv6 addresses",
    );
  }
  const family = families?.find((index) =>
    index < 0 || index > FAMILY_INDEX_MAX
  );
  if (family !== undefined) {
    return invalid(
      "spec.families",
      `${family}`,
      `write 0 for IPv4 unicast, 1 for IPv6 unicast, at most ${FAMILY_INDEX_MAX}`,
    );
  }
  // An empty list is OpenELB's default: all.
  if (
    families !== undefined && families.length > 0 &&
    !families.some((index) => index <= UNICAST_INDEX_MAX)
  ) {
    return invalid(
      "spec.families",
      `[${families.join(", ")}]`,
      "Services have addresses of IPv4 and IPv6 unicast only, so write 0 or 1 among them, or leave it out",
    );
  }
  const wrong = wrongAliases(conf.spec.communityAliases);
  if (wrong !== undefined) {
    return invalid(wrong.field, wrong.found, wrong.advice);
  }
  return restartProblem(gracefulRestart);
}

/** A sentence for a BgpConf that nobody reads. */
export function bgpConfNote(conf: BgpConf): Problem | undefined {
  return conf.meta.name === BGP_CONF_NAME ? undefined : {
    reason: CONDITION_REASON.notDefault,
    message:
      `Only the BgpConf named ${BGP_CONF_NAME} counts: create it under that name`,
  };
}

/**
 * What is wrong with a BgpPeer by itself.
 *
 * @param peer The BgpPeer.
 * @param aliases The names of communities that the BgpConf has; absent: not known.
 * @returns The first thing; undefined: nothing.
 */
export function bgpPeerProblem(
  peer: BgpPeer,
  aliases?: CommunityAliases,
): Problem | undefined {
  const { conf } = peer.spec;
  const isNamed = conf?.neighborAddress !== undefined &&
      conf.neighborAddress !== "" ||
    conf?.neighborInterface !== undefined && conf.neighborInterface !== "";
  const range = dynamicProblem(peer.spec, isNamed);
  if (range !== undefined) return range;
  if (isDynamic(peer.spec)) return detailProblem(peer, aliases);
  if (conf === undefined || !isNamed) {
    return {
      reason: CONDITION_REASON.confMissing,
      message:
        "spec.conf says who the peer is: set spec.conf.neighborAddress, or spec.conf.neighborInterface for an unnumbered peer, or spec.dynamicNeighbors for all of a prefix",
    };
  }
  if (
    conf.neighborAddress !== undefined && conf.neighborAddress !== "" &&
    parseIpAddr(conf.neighborAddress.split("%")[0] ?? "") === undefined
  ) {
    return invalid(
      "spec.conf.neighborAddress",
      `"${conf.neighborAddress}"`,
      "field Spec.Conf.NeighborAddress invalid, write an IPv4 or IPv6 address",
    );
  }
  const interfaceMistake = interfaceProblem(conf);
  if (interfaceMistake !== undefined) return interfaceMistake;
  return detailProblem(peer, aliases);
}

/** What is wrong besides who the peer is. */
function detailProblem(
  peer: BgpPeer,
  aliases: CommunityAliases | undefined,
): Problem | undefined {
  return numbersProblem(peer) ?? timersProblem(peer) ?? textsProblem(peer) ??
    secretProblem(peer) ??
    originProblem(peer) ??
    restartProblem(peer.spec.gracefulRestart) ??
    advertisementProblem(peer, aliases) ??
    selectorProblem("eipSelector", peer.spec.eipSelector) ??
    selectorProblem("nodeSelector", peer.spec.nodeSelector);
}

/**
 * Whether a BgpPeer is the same peer as another one: of one address, on one node.
 *
 * @param peer The BgpPeer.
 * @param others Others, the one most entitled first.
 * @param nodes The Nodes of the cluster.
 */
export function duplicatePeerProblem(
  peer: BgpPeer,
  others: readonly BgpPeer[],
  nodes: Iterable<{ readonly meta: Pick<Node["meta"], "name" | "labels"> }>,
): Problem | undefined {
  const address = peerAddress(peer);
  if (address === undefined) return undefined;
  const same = others.filter((other) =>
    other.meta.name !== peer.meta.name && peerAddress(other) === address
  );
  if (same.length === 0) return undefined;
  for (const { meta } of nodes) {
    if (!matchesLabels(peer.spec.nodeSelector, meta.labels)) continue;
    const other = same.find(({ spec }) =>
      matchesLabels(spec.nodeSelector, meta.labels)
    );
    if (other === undefined) continue;
    return {
      reason: CONDITION_REASON.duplicatePeer,
      message: `The BgpPeer ${other.meta.name} has the same ${
        fieldOf(peer)
      } ${address} and peers on the node ${meta.name} too: change one of the two, or let spec.nodeSelector tell them apart`,
    };
  }
  return undefined;
}

/** What tells a peer from others of a node: its address, its interface, or both for a link-local one. */
function peerAddress({ spec }: BgpPeer): string | undefined {
  const range = parsePrefix(spec.dynamicNeighbors?.prefix ?? "");
  if (range !== undefined) return formatAddrRange(prefixRange(range));
  const { neighborAddress = "", neighborInterface = "" } = spec.conf ?? {};
  const address = parseIpAddr(neighborAddress);
  if (neighborInterface === "") return address;
  return neighborAddress === "" || address === undefined
    ? neighborInterface
    : `${address}%${neighborInterface}`;
}

function isDynamic({ dynamicNeighbors }: BgpPeerSpec): boolean {
  return dynamicNeighbors?.prefix !== undefined &&
    dynamicNeighbors.prefix !== "";
}

function dynamicProblem(
  { dynamicNeighbors = {} }: BgpPeerSpec,
  isNamed: boolean,
): Problem | undefined {
  const { prefix = "", limit } = dynamicNeighbors;
  const at = "spec.dynamicNeighbors";
  if (prefix === "") {
    return limit === undefined
      ? undefined
      : invalid(`${at}.limit`, `${limit}`, `write ${at}.prefix, too`);
  }
  const found = `"${prefix}"`;
  if (parsePrefix(prefix) === undefined || /^fe[89ab]/i.test(prefix)) {
    return invalid(
      `${at}.prefix`,
      found,
      "write a prefix, such as 192.168.0.0/24; for link-local routers set spec.conf.neighborInterface instead",
    );
  }
  if (isNamed) {
    return invalid(
      `${at}.prefix`,
      found,
      "spec.conf names a peer already: leave out neighborAddress and neighborInterface, or write a BgpPeer for each",
    );
  }
  if (limit !== undefined && (limit < 1 || limit > DYNAMIC_NEIGHBORS_MAX)) {
    const advice = `write a number from 1 to ${DYNAMIC_NEIGHBORS_MAX}`;
    return invalid(`${at}.limit`, `${limit}`, advice);
  }
  return undefined;
}

function fieldOf({ spec }: BgpPeer): string {
  if (isDynamic(spec)) return "spec.dynamicNeighbors.prefix";
  const isUnnumbered = (spec.conf?.neighborAddress ?? "") === "";
  return `spec.conf.${isUnnumbered ? "neighborInterface" : "neighborAddress"}`;
}

function interfaceProblem(
  { neighborAddress = "", neighborInterface = "" }: BgpPeerConf,
): Problem | undefined {
  if (neighborInterface === "") return undefined;
  const at = "spec.conf.neighborInterface";
  const found = `"${neighborInterface}"`;
  // The kernel's own rule, IFNAMSIZ among it.
  if (!INTERFACE.test(neighborInterface)) {
    return invalid(at, found, "write the name of an interface, such as eth1");
  }
  const isLinkLocal = /^fe[89ab]/i.test(neighborAddress);
  return neighborAddress === "" || isLinkLocal ? undefined : invalid(
    at,
    found,
    `the peer is ${neighborAddress} already: leave one of the two out; only a link-local address has an interface`,
  );
}

function numbersProblem({ spec }: BgpPeer): Problem | undefined {
  const rows: readonly (readonly [string, number | undefined, number])[] = [
    ["spec.conf.allowOwnAs", spec.conf?.allowOwnAs, OCTET_MAX],
    [
      "spec.ebgpMultihop.multihopTtl",
      spec.ebgpMultihop?.multihopTtl,
      OCTET_MAX,
    ],
    ["spec.transport.remotePort", spec.transport?.remotePort, PORT_MAX],
    ...(spec.afiSafis ?? []).map(({ addPaths }, i) =>
      [
        `spec.afiSafis[${i}].addPaths.config.sendMax`,
        addPaths?.config?.sendMax,
        OCTET_MAX,
      ] as const
    ),
  ];
  const hops = spec.ttlSecurity?.hops;
  if (hops !== undefined && (hops < 1 || hops > HOPS_MAX)) {
    const advice = `write 1 for a peer on the link, at most ${HOPS_MAX}`;
    return invalid("spec.ttlSecurity.hops", `${hops}`, advice);
  }
  const bfd = bfdProblem(spec.bfd);
  if (bfd !== undefined) return bfd;
  for (const [field, value, max] of rows) {
    if (value === undefined || (value >= 0 && value <= max)) continue;
    return invalid(field, `${value}`, `write a number from 0 to ${max}`);
  }
  return undefined;
}

function bfdProblem(bfd: BgpPeer["spec"]["bfd"] = {}): Problem | undefined {
  const { minTxMs, minRxMs, multiplier } = bfd;
  for (const [name, ms] of Object.entries({ minTxMs, minRxMs })) {
    if (ms === undefined || (ms >= BFD_MS_MIN && ms <= BFD_MS_MAX)) continue;
    const advice = `write ${BFD_MS_MIN} to ${BFD_MS_MAX} milliseconds`;
    return invalid(`spec.bfd.${name}`, `${ms}`, advice);
  }
  return multiplier === undefined ||
      (multiplier >= 1 && multiplier <= OCTET_MAX)
    ? undefined
    : invalid(
      "spec.bfd.multiplier",
      `${multiplier}`,
      `write a number from 1 to ${OCTET_MAX}`,
    );
}

function timersProblem({ spec }: BgpPeer): Problem | undefined {
  const timers = spec.timers?.config ?? {};
  for (const [name, text] of Object.entries(timers)) {
    const field = `spec.timers.config.${name}`;
    if (text !== "" && !SECONDS.test(text)) {
      return invalid(field, `"${text}"`, "write whole seconds, such as 90");
    }
    // RFC 4271 §4.2: zero, or at least three seconds, in two octets.
    const seconds = Number(text);
    const isHold = name === "holdTime" && text !== "";
    if (isHold && (seconds === 1 || seconds === 2 || seconds > PORT_MAX)) {
      return invalid(field, `"${text}"`, "write 0, or 3 to 65535 seconds");
    }
  }
  const { holdTime = "", keepaliveInterval = "", sendHoldTime = "" } = timers;
  const holdSeconds = Number(holdTime === "" ? 90 : holdTime);
  const keepalive = Number(keepaliveInterval);
  if (keepalive > 0 && keepalive >= holdSeconds) {
    return invalid(
      "spec.timers.config.keepaliveInterval",
      `"${keepalive}"`,
      "write less than spec.timers.config.holdTime, a third of it at best, or leave it out for that",
    );
  }
  // RFC 9687 §5: who is gone is to be found by the Hold Timer first.
  const sendHold = Number(sendHoldTime);
  if (sendHold > 0 && sendHold <= holdSeconds) {
    return invalid(
      "spec.timers.config.sendHoldTime",
      `"${sendHold}"`,
      `write more than spec.timers.config.holdTime, which is ${holdSeconds}, or leave it out`,
    );
  }
  return undefined;
}

function textsProblem({ spec }: BgpPeer): Problem | undefined {
  const { peerGroup = "", vrf = "" } = spec.conf ?? {};
  for (const [name, text] of Object.entries({ peerGroup, vrf })) {
    if (text === "") continue;
    const advice = "there is no object that would define one, so leave it out";
    return invalid(`spec.conf.${name}`, `"${text}"`, advice);
  }
  const removal = spec.conf?.removePrivateAs ?? "";
  if (removal !== "" && !REMOVE_PRIVATE_AS.includes(removal)) {
    return invalid(
      "spec.conf.removePrivateAs",
      `"${removal}"`,
      `write one of ${REMOVE_PRIVATE_AS.join(", ")}`,
    );
  }
  const role = spec.role ?? "";
  if (role !== "" && !ROLES.includes(role)) {
    const advice = `write one of ${ROLES.join(", ")}`;
    return invalid("spec.role", `"${role}"`, advice);
  }
  for (const [i, { config }] of (spec.afiSafis ?? []).entries()) {
    const { afi = "", safi = "" } = config?.family ?? {};
    const at = `spec.afiSafis[${i}].config.family`;
    if (afi !== "" && !AFIS.includes(afi)) {
      return invalid(`${at}.afi`, `"${afi}"`, "write AFI_IP or AFI_IP6");
    }
    if (safi !== "" && !SAFIS.includes(safi)) {
      return invalid(`${at}.safi`, `"${safi}"`, "write SAFI_UNICAST");
    }
  }
  return undefined;
}

function secretProblem({ spec }: BgpPeer): Problem | undefined {
  if (spec.authSecretRef === undefined) return undefined;
  const { name = "", key = "" } = spec.authSecretRef;
  if (!SECRET_NAME.test(name)) {
    const advice = "write the name of a Secret in the agents' namespace";
    return invalid("spec.authSecretRef.name", `"${name}"`, advice);
  }
  if (key !== "" && !SECRET_KEY.test(key)) {
    const advice = "write a key of that Secret, or leave it out for password";
    return invalid("spec.authSecretRef.key", `"${key}"`, advice);
  }
  const { authPassword = "" } = spec.conf ?? {};
  return authPassword === "" ? undefined : invalid(
    "spec.authSecretRef",
    "there beside spec.conf.authPassword",
    "leave one of the two out",
  );
}

/** From where the peer is dialled. */
function originProblem({ spec }: BgpPeer): Problem | undefined {
  const { localAddress = "", bindInterface = "" } = spec.transport ?? {};
  if (localAddress !== "") {
    const own = parseIpAddr(localAddress);
    const peer = parseIpAddr(spec.conf?.neighborAddress ?? "");
    const isOne = own !== undefined &&
      (peer === undefined || familyOf(own) === familyOf(peer));
    if (!isOne) {
      return invalid(
        "spec.transport.localAddress",
        `"${localAddress}"`,
        "write an address of the node, of the IP version that spec.conf.neighborAddress has",
      );
    }
  }
  return (bindInterface === "" || INTERFACE.test(bindInterface))
    ? undefined
    : invalid(
      "spec.transport.bindInterface",
      `"${bindInterface}"`,
      "write the name of an interface, at most 15 characters",
    );
}

function advertisementProblem(
  { spec: { advertisement } }: BgpPeer,
  aliases: CommunityAliases | undefined,
): Problem | undefined {
  const wrong = wrongAdvertisement(advertisement) ??
    wrongAlias(advertisement, "spec.advertisement", aliases);
  return wrong && invalid(wrong.field, wrong.found, wrong.advice);
}

function restartProblem(
  restart: BgpGracefulRestart | undefined,
): Problem | undefined {
  const seconds = restart?.restartTime;
  // RFC 4724 §3: twelve bits.
  return seconds === undefined || (seconds >= 0 && seconds <= RESTART_TIME_MAX)
    ? undefined
    : invalid(
      "spec.gracefulRestart.restartTime",
      `${seconds}`,
      `write 0 to ${RESTART_TIME_MAX} seconds`,
    );
}

function selectorProblem(
  name: string,
  selector: LabelSelector | undefined,
): Problem | undefined {
  const mistake = selectorMistake(selector);
  if (mistake === undefined) return undefined;
  const { field, found, advice } = mistake;
  return invalid(`spec.${name}.${field}`, found, advice);
}

function invalid(field: string, found: string, advice: string): Problem {
  return {
    reason: CONDITION_REASON.fieldInvalid,
    message: `${field} cannot be ${found}: ${advice}`,
  };
}

const PORT_MAX = 65_535;
const PORT_ADVICE =
  "write a port up to 65535, 0 for 179, or a negative number not to listen";
const OCTET_MAX = 255;
// What the BFD core takes.
const BFD_MS_MIN = 10;
const BFD_MS_MAX = 60_000;
// With more, packets that any router forwarded would pass, too.
const HOPS_MAX = 254;
const RESTART_TIME_MAX = 4_095;
// The last of GoBGP's indices, ls.
const FAMILY_INDEX_MAX = 23;
// IPv4 and IPv6 unicast.
const UNICAST_INDEX_MAX = 1;
const DYNAMIC_NEIGHBORS_MAX = 1_000;
const INTERFACE = /^(?!\.{1,2}$)[^\s/:%]{1,15}$/;
const SECONDS = /^[0-9]{1,9}$/;
const REMOVE_PRIVATE_AS: readonly string[] = ["NONE", "ALL", "REPLACE"];
// A DNS subdomain name: nothing else is a name of a Secret.
const SECRET_NAME =
  /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const SECRET_KEY = /^[-._a-zA-Z0-9]{1,253}$/;
// RFC 9234 §4.1.
const ROLES: readonly string[] = [
  "customer",
  "provider",
  "peer",
  "rs",
  "rs-client",
];
// Of GoBGP's names those that a load balancer speaks.
const AFIS: readonly string[] = ["AFI_IP", "AFI_IP6"];
const SAFIS: readonly string[] = ["SAFI_UNICAST"];
