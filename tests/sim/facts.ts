/**
 * What the referee reads from objects as the API server stores them. It is
 * written from the documentation and calls none of the agent's own code: the two
 * are to find each other's mistakes.
 *
 * @module
 */

import { createHash } from "node:crypto";
import {
  arrayAt,
  isObject,
  type JsonObject,
  objectAt,
  stringAt,
  stringsAt,
} from "@/lab/apiserver/json.ts";

/** What every object says of itself. */
export interface Identity {
  /** `namespace/name`, or `name`. */
  readonly key: string;
  /** Its uid. */
  readonly uid: string;
  /** Its resourceVersion. */
  readonly version: number;
}

/** A Service. */
export interface ServiceFacts extends Identity {
  /** Whether it is to have an address of ours: by type and class, and not being deleted. */
  readonly isServed: boolean;
  /** The addresses in its status. */
  readonly ips: readonly string[];
  /** Everything in it that asks for an address. */
  readonly request: string;
  /** The addresses it names. */
  readonly wantedIps: readonly string[];
  /** The Eips it names. */
  readonly wantedEips: readonly string[];
  /** Its families, 4 and 6. */
  readonly families: readonly number[];
  /** `spec.ipFamilyPolicy`. */
  readonly policy: string;
  /** Whether only nodes with an endpoint take its traffic. */
  readonly isLocal: boolean;
  /** Protocols and ports. */
  readonly ports: readonly string[];
  /** Its pods. */
  readonly selector: string;
  /** The Eips it is labelled with, of its addresses in their order. */
  readonly labels: readonly string[];
}

/** A pool. */
export interface EipFacts extends Identity {
  /** 4 or 6. */
  readonly family: number;
  /** Its first address. */
  readonly first: bigint;
  /** Its last one. */
  readonly last: bigint;
  /** Whether it hands anything out. */
  readonly isOpen: boolean;
  /** Whether Services that name no pool take from it. */
  readonly isDefault: boolean;
  /** The nodes that it does not let answer. */
  readonly leftOut: readonly string[];
  /** Address to Services, by its status. */
  readonly used: ReadonlyMap<string, string>;
}

/** A Node. */
export interface NodeFacts extends Identity {
  /** Whether it is fit by its conditions, and nobody excluded it. */
  readonly isFit: boolean;
  /** Whether somebody excluded it. */
  readonly isExcluded: boolean;
}

/** Some endpoints of a Service. */
export interface SliceFacts extends Identity {
  /** The Service. */
  readonly service: string;
  /** The nodes of those that take traffic. */
  readonly places: readonly string[];
}

/** The Lease of an agent. */
export interface LeaseFacts extends Identity {
  /** Its node; empty for other Leases. */
  readonly node: string;
  /** Who holds it. */
  readonly holder: string;
  /** When it was renewed, as written. */
  readonly renewed: string;
  /** How long it lasts, at least what others wait. */
  readonly durationMs: number;
  /** Whether its agent is about to stop. */
  readonly isLeaving: boolean;
  /** Whether the agent can answer on the segment. */
  readonly isLinkUp: boolean;
}

/** Reads a Service. */
export const serviceFacts: (raw: JsonObject) => ServiceFacts = remembered(
  (raw) => {
    const spec = objectAt(raw, "spec");
    const annotations = objectAt(raw, "metadata", "annotations");
    const named = annotations[ADDRESS] ?? spec["loadBalancerIP"] ?? "";
    const isTyped = spec["type"] === "LoadBalancer";
    const policy = stringAt(spec, "ipFamilyPolicy") || "SingleStack";
    const families = stringsAt(spec, "ipFamilies");
    return {
      ...identityOf(raw),
      isServed: isTyped && spec["loadBalancerClass"] === OUR_CLASS &&
        !isDeleting(raw),
      ips: arrayAt(raw, "status", "loadBalancer", "ingress").flatMap((one) =>
        isObject(one) && typeof one["ip"] === "string" ? [one["ip"]] : []
      ),
      request: JSON.stringify([
        named,
        annotations[POOL] ?? "",
        families,
        policy,
        isTyped,
      ]),
      wantedIps: listed(`${named}`),
      wantedEips: listed(`${annotations[POOL] ?? ""}`),
      families: families.map((family) => family === "IPv6" ? 6 : 4),
      policy,
      isLocal: spec["externalTrafficPolicy"] === "Local",
      ports: arrayAt(spec, "ports").map((port) =>
        isObject(port) ? `${port["protocol"]}/${port["port"]}` : ""
      ),
      selector: JSON.stringify(
        Object.entries(objectAt(spec, "selector")).sort(),
      ),
      labels: [POOL, SECOND_POOL].map((label) =>
        stringAt(raw, "metadata", "labels", label)
      ).filter((name) => name !== ""),
    };
  },
);

/** Reads an Eip whose address is a range, `first-last`. */
export const eipFacts: (raw: JsonObject) => EipFacts = remembered((raw) => {
  const [first = "", last = ""] = stringAt(raw, "spec", "address").split("-");
  const annotations = objectAt(raw, "metadata", "annotations");
  return {
    ...identityOf(raw),
    family: first.includes(":") ? 6 : 4,
    first: ipNumber(first),
    last: ipNumber(last),
    isOpen: objectAt(raw, "spec")["disable"] !== true && !isDeleting(raw),
    isDefault: annotations[DEFAULT] === "true",
    leftOut: arrayAt(raw, "spec", "nodeSelector", "matchExpressions")
      .flatMap((one) => isObject(one) ? arrayAt(one, "values") : [])
      .map((node) => `${node}`),
    used: new Map(
      Object.entries(objectAt(raw, "status", "used")).map(([ip, who]) => [
        ip,
        `${who}`,
      ]),
    ),
  };
});

/** Reads a Node. */
export const nodeFacts: (raw: JsonObject) => NodeFacts = remembered((raw) => {
  const conditions = new Map(
    arrayAt(raw, "status", "conditions").map((one) =>
      isObject(one) ? [one["type"], one["status"]] as const : ["", ""] as const
    ),
  );
  const isExcluded = objectAt(raw, "metadata", "labels")[EXCLUDE] !== undefined;
  return {
    ...identityOf(raw),
    isExcluded,
    isFit: conditions.get("Ready") === "True" && !isExcluded &&
      conditions.get("NetworkUnavailable") !== "True",
  };
});

/** Reads an EndpointSlice. */
export const sliceFacts: (raw: JsonObject) => SliceFacts = remembered((raw) => {
  const namespace = stringAt(raw, "metadata", "namespace");
  const name = stringAt(raw, "metadata", "labels", SLICE_SERVICE);
  return {
    ...identityOf(raw),
    service: `${namespace}/${name}`,
    places: arrayAt(raw, "endpoints").flatMap((one) => {
      if (!isObject(one)) return [];
      const { ready, serving } = objectAt(one, "conditions");
      return ready === true || serving === true
        ? [stringAt(one, "nodeName")]
        : [];
    }),
  };
});

/** Reads a Lease. */
export const leaseFacts: (raw: JsonObject) => LeaseFacts = remembered((raw) => {
  const spec = objectAt(raw, "spec");
  const annotations = objectAt(raw, "metadata", "annotations");
  const name = stringAt(raw, "metadata", "name");
  const seconds = Number(spec["leaseDurationSeconds"] ?? 0);
  return {
    ...identityOf(raw),
    node: name.startsWith(NODE_LEASE) ? name.slice(NODE_LEASE.length) : "",
    holder: stringAt(spec, "holderIdentity"),
    renewed: stringAt(spec, "renewTime"),
    durationMs: Math.max(seconds * 1_000, LEASE_MIN_MS),
    isLeaving: annotations[`${OURS}leaving`] === "true",
    isLinkUp: linkIsUp(`${annotations[`${OURS}links`] ?? "[]"}`),
  };
});

/** The name of an object. */
export function nameOf(key: string): string {
  return key.slice(key.indexOf("/") + 1);
}

/** An address as a number. */
export function ipNumber(ip: string): bigint {
  if (!ip.includes(":")) {
    return ip.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  }
  const [head = "", tail] = ip.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from(
    { length: 8 - left.length - right.length },
    () => "0",
  );
  return [...left, ...zeros, ...right].reduce(
    (sum, part) => sum * 0x10000n + BigInt(`0x${part}`),
    0n,
  );
}

/** The order of nodes for an address, the one most entitled first: SHA-256 of `node#address`. */
export function orderFor(
  ip: string,
  nodes: readonly string[],
): readonly string[] {
  return nodes.map((node) => [rank(ip, node), node] as const)
    .sort(([a], [b]) => a < b ? -1 : 1).map(([, node]) => node);
}

/** Whether a node comes before another for an address. */
export function comesBefore(ip: string, node: string, other: string): boolean {
  return rank(ip, node) < rank(ip, other);
}

function rank(ip: string, node: string): string {
  const text = `${node}#${ip}`;
  let digest = RANKS.get(text);
  if (digest === undefined) {
    digest = createHash("sha256").update(text).digest("hex");
    RANKS.set(text, digest);
  }
  return digest;
}

function linkIsUp(text: string): boolean {
  let isUp = LINKS_UP.get(text);
  if (isUp === undefined) {
    const links: unknown = JSON.parse(text);
    isUp = Array.isArray(links) &&
      links.some((link) => link.name === "eth0" && link.up === true);
    LINKS_UP.set(text, isUp);
  }
  return isUp;
}

/** Reads what every object says of itself. */
export function identityOf(raw: JsonObject): Identity {
  const { name, namespace, uid, resourceVersion } = objectAt(raw, "metadata");
  return {
    key: namespace === undefined ? `${name}` : `${namespace}/${name}`,
    uid: `${uid}`,
    version: Number(resourceVersion),
  };
}

function isDeleting(raw: JsonObject): boolean {
  return objectAt(raw, "metadata")["deletionTimestamp"] !== undefined;
}

function listed(text: string): readonly string[] {
  return text.split(",").filter((part) => part !== "");
}

/** An object is never changed once it is stored, so it is read once. */
function remembered<T>(
  read: (raw: JsonObject) => T,
): (raw: JsonObject) => T {
  const known = new WeakMap<JsonObject, { readonly facts: T }>();
  return (raw) => {
    let found = known.get(raw);
    if (found === undefined) {
      found = { facts: read(raw) };
      known.set(raw, found);
    }
    return found.facts;
  };
}

const RANKS = new Map<string, string>();
/** What Leases say of links: the same few texts again and again. */
const LINKS_UP = new Map<string, boolean>();
const OUR_CLASS = "openelb.io/openelb";
const ADDRESS = "eip.openelb.kubesphere.io/v1alpha1";
const POOL = "eip.openelb.kubesphere.io/v1alpha2";
const SECOND_POOL = "foghorn.openelb.io/second-eip";
const DEFAULT = "eip.openelb.kubesphere.io/is-default-eip";
const EXCLUDE = "node.kubernetes.io/exclude-from-external-load-balancers";
const SLICE_SERVICE = "kubernetes.io/service-name";
const NODE_LEASE = "foghorn-node-";
const OURS = "foghorn.openelb.io/";
const LEASE_MIN_MS = 10_000;
