/**
 * Which nodes are published for which Service in NodeProxy mode, all of them
 * together, since one port of a node serves one Service.
 *
 * A Service keeps what it shows as long as that may be; what is free goes to the
 * oldest that wants it. `daemonset` gets all nodes that are fit, `deployment`
 * one: a preferred one, then one with few Services.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { compareIpAddr } from "@/addr/ip_addr.ts";
import { CONDITION_REASON } from "@/api/conditions.ts";
import {
  IPVS_MODE,
  NODE_PROXY_PORTS_MAX,
  type PortText,
  type Service,
} from "@/api/mod.ts";
import { NODE_PROXY_TYPE_ANNOTATION } from "@/api/names.ts";
import { nodeProxyType } from "./claim.ts";
import { keyOf } from "./cluster_state.ts";
import { fitNodes } from "./eligibility.ts";
import {
  isLookedFor,
  type NodeProxyFacts,
  portsOf,
  portsSentence,
  type ProxyNode,
  proxyNodesOf,
  type ProxyNodeVerdict,
} from "./node_proxy_nodes.ts";
import { OccupiedPorts } from "./node_proxy_occupied.ts";

/** What keeps a Service from being published, or from being so everywhere. */
export interface NodeProxyTrouble {
  /** CamelCase. */
  readonly reason: string;
  /** One sentence that says what to do. */
  readonly message: string;
}

/** What a Service in NodeProxy mode is to show. */
export interface NodeProxyPlan {
  /** The Service. */
  readonly service: Service;
  /** The nodes that are published, in the order of their addresses. */
  readonly nodes: readonly string[];
  /** Addresses for `status.loadBalancer.ingress`. */
  readonly ingress: readonly IpAddr[];
  /** External addresses of the nodes, sorted. */
  readonly external: readonly IpAddr[];
  /** Internal addresses of the nodes, sorted. */
  readonly internal: readonly IpAddr[];
  /** Every node. */
  readonly verdicts: ReadonlyMap<string, ProxyNodeVerdict>;
  /** Why no node is published; undefined when one is. */
  readonly trouble: NodeProxyTrouble | undefined;
  /** Why some nodes are not, where an operator could mend that. */
  readonly lack: NodeProxyTrouble | undefined;
  /** Whether an agent is still to tell of the ports. */
  readonly isWaiting: boolean;
}

/** Most addresses in the status of a Service. */
export const NODE_PROXY_ADDRESSES_MAX = 256;

/**
 * The ports that agents look for: those of the Services, the oldest first, as
 * many as are looked for at most.
 *
 * @param services Services in NodeProxy mode, in any order.
 * @returns The ports, sorted.
 */
export function wantedPorts(
  services: Iterable<Service>,
): readonly PortText[] {
  const wanted = new Set<PortText>();
  for (const service of [...services].sort(byAge)) {
    for (const port of portsOf(service)) {
      if (!isLookedFor(port)) continue;
      if (wanted.size === NODE_PROXY_PORTS_MAX) return [...wanted].sort();
      wanted.add(port);
    }
  }
  return [...wanted].sort();
}

/**
 * Plans all Services in NodeProxy mode.
 *
 * @param services The Services, in any order.
 * @param facts What nodes are judged by.
 * @returns The plans, by `namespace/name`.
 */
export function planNodeProxies(
  services: Iterable<Service>,
  facts: NodeProxyFacts,
): ReadonlyMap<string, NodeProxyPlan> {
  const byAges = [...services].sort(byAge);
  const plans = new Map<string, NodeProxyPlan>();
  const ipvs = ipvsTrouble(facts);
  const wanted = new Set(wantedPorts(byAges));
  const fit = fitNodes(facts.state.nodes.values());
  const drafts: Draft[] = [];
  for (const service of byAges) {
    const key = keyOf(service.meta);
    const ports = portsOf(service);
    const refusal = ipvs ?? tooManyPorts(ports, wanted);
    if (refusal === undefined) {
      const { able, out } = proxyNodesOf(service, facts, fit);
      drafts.push({ key, service, ports, able, out });
    } else plans.set(key, refusedPlan(service, refusal));
  }
  const claims = new Claims();
  const occupied = new OccupiedPorts(facts.state, facts.claim);
  // First what is shown stays, then the oldest takes what is free.
  for (const draft of drafts) {
    const kept = draft.able.filter((one) =>
      one.isShown && claims.holder(one.node, draft) === undefined
    );
    for (const { node } of isSingle(draft) ? kept.slice(0, 1) : kept) {
      claims.add(node, draft);
    }
  }
  for (const draft of drafts) {
    plans.set(
      draft.key,
      planOf(draft, claims, occupied),
    );
  }
  return plans;
}

/** A Service and the nodes that could serve it. */
interface Draft {
  readonly key: string;
  readonly service: Service;
  readonly ports: readonly PortText[];
  readonly able: readonly ProxyNode[];
  readonly out: ReadonlyMap<string, ProxyNodeVerdict>;
}

/** Which Service has which port of which node. */
class Claims {
  readonly #holders = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  add(node: string, { key, ports }: Draft): void {
    for (const port of ports) this.#holders.set(`${node} ${port}`, key);
    this.#counts.set(node, this.count(node) + 1);
  }

  has(node: string, { key, ports }: Draft): boolean {
    const [port = ""] = ports;
    return this.#holders.get(`${node} ${port}`) === key;
  }

  /** Services on a node. */
  count(node: string): number {
    return this.#counts.get(node) ?? 0;
  }

  /** Another Service that has a port which a Service wants. */
  holder(
    node: string,
    { key, ports }: Draft,
  ): { readonly key: string; readonly port: PortText } | undefined {
    for (const port of ports) {
      const holder = this.#holders.get(`${node} ${port}`);
      if (holder !== undefined && holder !== key) return { key: holder, port };
    }
    return undefined;
  }
}

function planOf(
  draft: Draft,
  claims: Claims,
  occupied: OccupiedPorts,
): NodeProxyPlan {
  const { service, able } = draft;
  const verdicts = new Map(draft.out);
  const open: ProxyNode[] = [];
  for (const one of able) {
    const holder = claims.holder(one.node, draft) ??
      (one.isShown ? undefined : occupied.holder(one.ingress, draft.ports));
    if (holder === undefined) {
      open.push(one);
      continue;
    }
    verdicts.set(one.node, {
      kind: "out",
      reason: CONDITION_REASON.portTaken,
      sentence: `serves ${
        portsSentence([holder.port])
      } for ${holder.key} already: use another port in one of the two`,
    });
  }
  const chosen = isSingle(draft) ? single(open, draft, claims) : fitting(open);
  for (const { node } of open) verdicts.set(node, { kind: "spare" });
  for (const { node } of chosen) {
    if (!claims.has(node, draft)) claims.add(node, draft);
    verdicts.set(node, { kind: "published" });
  }
  const listOf = (what: "external" | "internal"): readonly IpAddr[] =>
    [...new Set(chosen.flatMap((one) => one[what]))].sort(compareIpAddr);
  return {
    service,
    nodes: chosen.map(({ node }) => node),
    ingress: [...new Set(chosen.flatMap(({ ingress }) => ingress))],
    external: listOf("external"),
    internal: listOf("internal"),
    verdicts,
    trouble: chosen.length > 0 ? undefined : noNode(verdicts),
    lack: chosen.length > 0 && !isSingle(draft)
      ? lackOf(verdicts, open.length - chosen.length)
      : undefined,
    isWaiting: [...verdicts.values()].some(({ kind }) => kind === "waiting"),
  };
}

function isSingle({ service }: Draft): boolean {
  return nodeProxyType(service) === "deployment";
}

/** The one node of a `deployment`: that which it has, else a preferred one with few Services. */
function single(
  open: readonly ProxyNode[],
  draft: Draft,
  claims: Claims,
): readonly ProxyNode[] {
  const kept = open.find(({ node }) => claims.has(node, draft));
  if (kept !== undefined) return [kept];
  const preferred = open.filter(({ isPreferred }) => isPreferred);
  const [first] = (preferred.length > 0 ? preferred : open).toSorted((a, b) =>
    claims.count(a.node) - claims.count(b.node)
  );
  return first === undefined ? [] : [first];
}

/** As many nodes as have room in a status: those that are shown before others. */
function fitting(open: readonly ProxyNode[]): readonly ProxyNode[] {
  let room = NODE_PROXY_ADDRESSES_MAX;
  const chosen = new Set<ProxyNode>();
  for (
    const one of open.toSorted((a, b) => Number(b.isShown) - Number(a.isShown))
  ) {
    if (one.ingress.length > room) continue;
    room -= one.ingress.length;
    chosen.add(one);
  }
  return open.filter((one) => chosen.has(one));
}

function refusedPlan(
  service: Service,
  trouble: NodeProxyTrouble,
): NodeProxyPlan {
  return {
    service,
    trouble,
    nodes: [],
    ingress: [],
    external: [],
    internal: [],
    verdicts: new Map(),
    lack: undefined,
    isWaiting: false,
  };
}

/**
 * In IPVS mode kube-proxy binds every ingress address to `kube-ipvs0` on its
 * node: one node in that mode takes the addresses of all others for its own.
 */
function ipvsTrouble(
  { state }: NodeProxyFacts,
): NodeProxyTrouble | undefined {
  const nodes = [...state.agents.values()].filter(({ node, nodeProxy }) =>
    nodeProxy?.mode === IPVS_MODE && state.nodes.has(node)
  ).map(({ node }) => node);
  return nodes.length === 0 ? undefined : {
    reason: CONDITION_REASON.ipvsUnsupported,
    message: `kube-proxy is in IPVS mode on ${
      namesOf(nodes)
    }, where it would take the addresses of other nodes for its own: run it in nftables or iptables mode, or remove the annotation ${NODE_PROXY_TYPE_ANNOTATION} to get an address from an Eip`,
  };
}

function tooManyPorts(
  ports: readonly PortText[],
  wanted: ReadonlySet<PortText>,
): NodeProxyTrouble | undefined {
  const beyond = ports.filter((port) => isLookedFor(port) && !wanted.has(port));
  return beyond.length === 0 ? undefined : {
    reason: CONDITION_REASON.tooManyPorts,
    message:
      `Services with ${NODE_PROXY_TYPE_ANNOTATION} want more than ${NODE_PROXY_PORTS_MAX} ports together, so ${
        portsSentence(beyond.slice(0, PORTS_NAMED_MAX))
      } is not looked for: remove the annotation here, or from an older Service`,
  };
}

/** Why no node is published. */
function noNode(
  verdicts: ReadonlyMap<string, ProxyNodeVerdict>,
): NodeProxyTrouble {
  const waiting = sentencesOf(verdicts, ({ kind }) => kind === "waiting");
  if (waiting.length > 0) {
    return {
      reason: CONDITION_REASON.portsUnknown,
      message: `No node can be published yet. ${waiting.join("; ")}`,
    };
  }
  // Nodes that were never meant are no explanation where others are.
  const out = [...verdicts.values()].flatMap((verdict) =>
    verdict.kind === "out" ? [verdict.reason] : []
  );
  const meant = out.filter((reason) => !NEVER_MEANT.has(reason));
  const reasons = new Set(meant.length > 0 ? meant : out);
  const [first = CONDITION_REASON.noCandidate] = reasons;
  const told = sentencesOf(
    verdicts,
    (verdict) => verdict.kind === "out" && reasons.has(verdict.reason),
  );
  return {
    reason: reasons.size === 1 ? first : CONDITION_REASON.noCandidate,
    message: told.length === 0
      ? "There is no Node"
      : `No node can be published. ${told.join("; ")}`,
  };
}

/** Why nodes are not published that an operator would expect to be. */
function lackOf(
  verdicts: ReadonlyMap<string, ProxyNodeVerdict>,
  left: number,
): NodeProxyTrouble | undefined {
  for (
    const reason of [CONDITION_REASON.portInUse, CONDITION_REASON.portTaken]
  ) {
    const told = sentencesOf(
      verdicts,
      (verdict) => verdict.kind === "out" && verdict.reason === reason,
    );
    if (told.length > 0) {
      return { reason, message: `Not on all nodes. ${told.join("; ")}` };
    }
  }
  return left === 0 ? undefined : {
    reason: CONDITION_REASON.tooManyNodes,
    message:
      `Not on all nodes: ${left} more are fit, and a Service shows ${NODE_PROXY_ADDRESSES_MAX} addresses at most: exclude nodes, or use the type deployment`,
  };
}

/** `n1, n2 listens on …`, a few of them. */
function sentencesOf(
  verdicts: ReadonlyMap<string, ProxyNodeVerdict>,
  isMeant: (verdict: ProxyNodeVerdict) => boolean,
): readonly string[] {
  const bySentence = new Map<string, string[]>();
  for (const [node, verdict] of verdicts) {
    if (!("sentence" in verdict) || !isMeant(verdict)) continue;
    const nodes = bySentence.get(verdict.sentence);
    if (nodes === undefined) bySentence.set(verdict.sentence, [node]);
    else nodes.push(node);
  }
  const told = [...bySentence].sort(([, a], [, b]) =>
    b.length - a.length || ((a[0] ?? "") < (b[0] ?? "") ? -1 : 1)
  )
    .slice(0, SENTENCES_MAX)
    .map(([sentence, nodes]) => `${namesOf(nodes)}: ${sentence}`);
  return bySentence.size > SENTENCES_MAX ? [...told, "and others"] : told;
}

function namesOf(nodes: readonly string[]): string {
  const names = nodes.toSorted();
  const shown = names.slice(0, NODES_NAMED_MAX).join(", ");
  const more = names.length - NODES_NAMED_MAX;
  return more > 0 ? `${shown} and ${more} more` : shown;
}

function byAge(a: Service, b: Service): number {
  const ageA = a.meta.creationTimestamp ?? "";
  const ageB = b.meta.creationTimestamp ?? "";
  if (ageA !== ageB) return ageA < ageB ? -1 : 1;
  return keyOf(a.meta) < keyOf(b.meta) ? -1 : 1;
}

const NEVER_MEANT: ReadonlySet<string> = new Set([
  CONDITION_REASON.noAgent,
  CONDITION_REASON.nodeExcluded,
  CONDITION_REASON.nodeProxyExcluded,
]);
const NODES_NAMED_MAX = 5;
const SENTENCES_MAX = 3;
const PORTS_NAMED_MAX = 5;
