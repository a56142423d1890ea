/**
 * How the nodes stand to a Service in NodeProxy mode, before any is chosen:
 * which may be published, with which addresses, and why the others may not.
 *
 * What forwards is kube-proxy, so its node has to be fit and it has to be
 * healthy; the agent only tells of both, and of the ports the host listens on.
 * What an agent has not told changes nothing: a node that is published stays,
 * one that is not waits.
 *
 * @module
 */

import { familyOf, type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { CONDITION_REASON } from "@/api/conditions.ts";
import {
  formatPort,
  type Node,
  type PortText,
  type Service,
} from "@/api/mod.ts";
import {
  EXCLUDE_NODE_LABEL,
  NODE_PROXY_EXCLUDE_LABEL,
  NODE_PROXY_PREFERRED_LABEL,
} from "@/api/names.ts";
import { type ClaimConfig, familiesOf, ingressAddresses } from "./claim.ts";
import { type AgentRecord, type ClusterState, keyOf } from "./cluster_state.ts";
import { endpointPlaces, unfitnessOf, willingNodes } from "./eligibility.ts";

/** How an agent does by its Lease; `leaving` also after it has left in order. */
export type AgentPresence = "live" | "leaving" | "silent";

/** What nodes are judged by, the same for all Services. */
export interface NodeProxyFacts {
  /** The tables. */
  readonly state: ClusterState;
  /** How Services are chosen. */
  readonly claim: ClaimConfig;
  /** How the agents do; one that is not in it counts as live. */
  readonly presence: ReadonlyMap<string, AgentPresence>;
}

/** How a node stands to a Service in NodeProxy mode. */
export type ProxyNodeVerdict =
  /** Its addresses are those of the Service. */
  | { readonly kind: "published" }
  /** It could be, and one node is enough. */
  | { readonly kind: "spare" }
  /** Its agent has not told of the ports yet. */
  | { readonly kind: "waiting"; readonly sentence: string }
  | {
    readonly kind: "out";
    /** CamelCase. */
    readonly reason: string;
    /** What is the matter, so that it can follow the name of the node. */
    readonly sentence: string;
  };

/** A node that may be published. */
export interface ProxyNode {
  /** Its name. */
  readonly node: string;
  /** Whether it comes before others. */
  readonly isPreferred: boolean;
  /** Whether the Service shows an address of it. */
  readonly isShown: boolean;
  /** Addresses that clients are told. */
  readonly ingress: readonly IpAddr[];
  /** Its external addresses among those. */
  readonly external: readonly IpAddr[];
  /** Its internal addresses. */
  readonly internal: readonly IpAddr[];
}

/** The nodes of a Service. */
export interface ProxyNodes {
  /** Those that may be published, preferred ones first, then by name. */
  readonly able: readonly ProxyNode[];
  /** The others. */
  readonly out: ReadonlyMap<string, ProxyNodeVerdict>;
}

/** The ports of a Service; each is wanted of the node itself. */
export function portsOf(service: Service): readonly PortText[] {
  return service.ports.map(formatPort);
}

/** Whether agents look for a port: of SCTP they see nothing. */
export function isLookedFor(port: PortText): boolean {
  return !port.endsWith("/SCTP");
}

/**
 * The nodes as they stand to a Service.
 *
 * @param service The Service.
 * @param facts What they are judged by.
 * @param fit The fit nodes, see {@linkcode fitNodes}.
 */
export function proxyNodesOf(
  service: Service,
  facts: NodeProxyFacts,
  fit: ReadonlySet<string>,
): ProxyNodes {
  const { state } = facts;
  const out = new Map<string, ProxyNodeVerdict>();
  const places = service.externalTrafficPolicy === "Local"
    ? endpointPlaces(state.slicesOf(keyOf(service.meta))).nodes
    : undefined;
  const shown = new Set(ingressAddresses(service));
  const found = new Map<string, ProxyNode>();
  for (const [name, node] of state.nodes) {
    const agent = state.agents.get(name);
    const why = lastingReason(node, { fit, places, agent });
    if (why !== undefined) {
      out.set(name, outBy(why));
      continue;
    }
    const addresses = addressesOf(service, node, agent);
    if (addresses.ingress.length === 0) {
      out.set(name, outBy(CONDITION_REASON.noNodeAddress));
      continue;
    }
    const { external, internal } = addresses;
    found.set(name, {
      node: name,
      isShown: [...external, ...internal].some((one) => shown.has(one)),
      isPreferred: isPreferred(node, external),
      ...addresses,
    });
  }
  const able: ProxyNode[] = [];
  for (const name of presentNodes([...found.keys()], facts, out)) {
    const one = found.get(name);
    if (one === undefined) continue;
    const verdict = portVerdict(service, state.agents.get(name), one.isShown);
    if (verdict === undefined) able.push(one);
    else out.set(name, verdict);
  }
  return { able: able.sort(byPreference), out };
}

/** `TCP port 80`, `TCP ports 80 and 443`. */
export function portsSentence(ports: readonly PortText[]): string {
  const parts = [...Map.groupBy(ports, (port) => port.split("/")[1] ?? "")]
    .map(([protocol, list]) => {
      const numbers = list.map((port) => port.split("/", 1)[0] ?? "");
      return `${protocol} port${numbers.length === 1 ? "" : "s"} ${
        joined(numbers)
      }`;
    });
  return joined(parts);
}

/** Why a node cannot be published by what nothing but an operator or a kubelet changes. */
function lastingReason(
  node: Node,
  { fit, places, agent }: {
    readonly fit: ReadonlySet<string>;
    readonly places: ReadonlySet<string> | undefined;
    readonly agent: AgentRecord | undefined;
  },
): string | undefined {
  const { name, labels } = node.meta;
  if (labels[NODE_PROXY_EXCLUDE_LABEL] !== undefined) {
    return CONDITION_REASON.nodeProxyExcluded;
  }
  if (!fit.has(name)) {
    return unfitnessOf(node) ?? CONDITION_REASON.nodeNotReady;
  }
  if (agent === undefined) return CONDITION_REASON.noAgent;
  return places === undefined || places.has(name)
    ? undefined
    : CONDITION_REASON.noLocalEndpoint;
}

/**
 * The nodes whose agents live and whose kube-proxy is healthy. Where not one is
 * left of either kind, the others count all the same: what is in doubt is
 * better than nothing.
 */
function presentNodes(
  nodes: readonly string[],
  { state, presence }: NodeProxyFacts,
  out: Map<string, ProxyNodeVerdict>,
): readonly string[] {
  const heard = nodes.filter((node) => presence.get(node) !== "silent");
  const present = new Set(heard.length > 0 ? heard : nodes);
  const willing = new Set(willingNodes(state, [...present]));
  for (const node of nodes) {
    if (willing.has(node)) continue;
    const reason = present.has(node)
      ? state.agents.get(node)?.unfit
      : CONDITION_REASON.agentSilent;
    out.set(node, outBy(reason ?? CONDITION_REASON.kubeProxyUnhealthy));
  }
  return [...willing];
}

/** Whether the ports of a Service keep a node out, or are still to be told of. */
function portVerdict(
  service: Service,
  agent: AgentRecord | undefined,
  isShown: boolean,
): ProxyNodeVerdict | undefined {
  const ports = portsOf(service).filter(isLookedFor);
  const told = agent?.nodeProxy;
  const taken = ports.filter((port) => told?.taken.includes(port));
  if (taken.length > 0) {
    return {
      kind: "out",
      reason: CONDITION_REASON.portInUse,
      sentence: `listens on ${
        portsSentence(taken)
      } itself: use another port in the Service, or stop what listens there`,
    };
  }
  const unknown = ports.filter((port) => !told?.free.includes(port));
  return unknown.length === 0 || isShown ? undefined : {
    kind: "waiting",
    sentence: `has not told yet whether it listens on ${
      portsSentence(unknown)
    } itself`,
  };
}

/**
 * The addresses of a node for a Service, of each family the external ones, or
 * the internal ones where it has none. Where no external one is on an interface
 * of the node, somebody before it translates: then packets come to an internal
 * one, and kube-proxy has to know that too.
 */
function addressesOf(
  service: Service,
  node: Node,
  agent: AgentRecord | undefined,
): Pick<ProxyNode, "ingress" | "external" | "internal"> {
  const own = new Set(
    (agent?.links ?? []).flatMap(({ prefixes }) =>
      prefixes.map(({ addr }) => addr)
    ),
  );
  const ingress = new Set<IpAddr>();
  const external = new Set<IpAddr>();
  const internal = new Set<IpAddr>();
  for (const family of familiesOf(service)) {
    const ofType = (type: string): readonly IpAddr[] =>
      node.addresses.flatMap((one) => {
        const address = one.type === type
          ? parseIpAddr(one.address)
          : undefined;
        return address !== undefined && familyOf(address) === family
          ? [address]
          : [];
      });
    const outer = ofType("ExternalIP");
    const inner = ofType("InternalIP");
    for (const address of outer) external.add(address);
    for (const address of inner) internal.add(address);
    for (const address of outer) ingress.add(address);
    if (outer.some((address) => own.has(address))) continue;
    for (const address of inner) ingress.add(address);
  }
  return {
    ingress: [...ingress],
    external: [...external],
    internal: [...internal],
  };
}

/** OpenELB labels nodes that have an external address; nothing is written to Nodes here, so that counts by itself. */
function isPreferred(
  { meta: { labels } }: Node,
  external: readonly IpAddr[],
): boolean {
  return labels[NODE_PROXY_PREFERRED_LABEL] !== undefined ||
    external.length > 0;
}

/** Orders nodes: preferred ones first, then by name. */
function byPreference(a: ProxyNode, b: ProxyNode): number {
  if (a.isPreferred !== b.isPreferred) return a.isPreferred ? -1 : 1;
  return a.node < b.node ? -1 : 1;
}

function outBy(reason: string): ProxyNodeVerdict {
  return { kind: "out", reason, sentence: SENTENCES[reason] ?? reason };
}

function joined(parts: readonly string[]): string {
  return parts.length < 2
    ? parts.join("")
    : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

const SENTENCES: Readonly<Record<string, string>> = {
  [CONDITION_REASON.nodeProxyExcluded]:
    `is labelled ${NODE_PROXY_EXCLUDE_LABEL}: remove the label`,
  [CONDITION_REASON.nodeExcluded]:
    `is labelled ${EXCLUDE_NODE_LABEL}: remove the label`,
  [CONDITION_REASON.nodeGoing]: "has a taint that says that it goes",
  [CONDITION_REASON.nodeNotReady]: "is not Ready: look at its kubelet",
  [CONDITION_REASON.networkUnavailable]:
    "says NetworkUnavailable: look at its network plugin",
  [CONDITION_REASON.noAgent]: "has no agent: start foghorn agent there",
  [CONDITION_REASON.agentSilent]:
    "has an agent that does not renew its Lease: look whether the node runs",
  [CONDITION_REASON.kubeProxyUnhealthy]:
    "has a kube-proxy that is not healthy: look at its log",
  [CONDITION_REASON.noLocalEndpoint]:
    "has no ready endpoint, as externalTrafficPolicy: Local asks for",
  [CONDITION_REASON.noNodeAddress]:
    "has no InternalIP and no ExternalIP of a family of the Service",
};
