/**
 * Who may answer for a VIP, in which order, and why the others may not: the
 * verdicts of the plan, and of the Leases, in sentences.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { CONDITION_REASON } from "@/api/conditions.ts";
import {
  BGP_PROTOCOL,
  CNI_LABEL,
  EXCLUDE_NODE_LABEL,
  LAYER2_PROTOCOL,
} from "@/api/names.ts";
import { orderCandidates } from "@/layer2/rank.ts";
import { isRouted } from "@/reconcile/mod.ts";
import type {
  NodeExclusion,
  NodeVerdict,
  VipExplanation,
} from "@/reconcile/mod.ts";
import type { AgentState, Candidate, Verdict } from "./report.ts";

/** How the nodes stand to a VIP. */
export interface Candidates {
  /** Nodes in line, the one that should answer first. */
  readonly inLine: readonly string[];
  /** Every node: those in line in order, then those that are out, by name. */
  readonly all: readonly Candidate[];
}

/** Why nobody can answer. */
export interface Unanswered {
  /** CamelCase. */
  readonly reason: string;
  /** One sentence that says what to do. */
  readonly message: string;
}

/**
 * The nodes as they stand to a VIP.
 *
 * @param explanation The plan's verdicts.
 * @param agents The agents by their Leases.
 */
export function candidatesOf(
  { vip, eip, nodes, preferences }: VipExplanation,
  agents: ReadonlyMap<string, AgentState>,
): Candidates {
  const able: string[] = [];
  const out: Candidate[] = [];
  for (const [node, verdict] of nodes) {
    const reason = whyOut(verdict, agents.get(node));
    if (reason === undefined) able.push(node);
    else out.push({ node, ...reason });
  }
  const inLine = orderCandidates(
    able,
    vip,
    able.map((node) => preferences.get(node) ?? 0),
  );
  return {
    inLine,
    all: [
      ...inLine.map((node, i): Candidate => ({
        node,
        place: i + 1,
        verdict: "ok",
        sentence: eip !== undefined && isRouted(eip)
          ? "may be a next hop"
          : `may answer on ${linksOf(nodes.get(node))}${
            preferences.has(node) ? ", preferred by the Eip" : ""
          }`,
      })),
      ...out,
    ],
  };
}

/**
 * Why no node can answer for a VIP by the plan; whether the agents live is not
 * looked at, for one that the API server does not hear of may answer all the same.
 *
 * @param explanation The plan's verdicts.
 * @returns The reason; undefined when some node may answer.
 */
export function whyUnanswered(
  explanation: VipExplanation,
): Unanswered | undefined {
  const { vip, eip, isServed, nodes } = explanation;
  if (eip === undefined) {
    return {
      reason: CONDITION_REASON.eipNotFound,
      message:
        `No Eip has ${vip} any more: create the Eip again, or name another one in the Service`,
    };
  }
  if (!isServed && eip.meta.labels[CNI_LABEL] !== undefined) {
    return {
      reason: CONDITION_REASON.leftToCni,
      message:
        `The Eip ${eip.meta.name} is labelled ${CNI_LABEL}, so the CNI is to announce ${vip}: remove the label if Foghorn is to`,
    };
  }
  if (!isServed) {
    return {
      reason: CONDITION_REASON.protocolNotServed,
      message: `The Eip ${eip.meta.name} is of protocol ${
        eip.spec.protocol ?? BGP_PROTOCOL
      }, which this version does not announce: set spec.protocol to ${LAYER2_PROTOCOL} or ${BGP_PROTOCOL}`,
    };
  }
  const out = [...nodes].flatMap(([node, verdict]) => {
    const reason = whyOut(verdict, undefined);
    return reason === undefined ? [] : [{ node, ...reason }];
  });
  if (out.length < nodes.size) return undefined;
  return summaryOf(vip, nodes, out);
}

/** One sentence of why every node is out. */
function summaryOf(
  vip: IpAddr,
  nodes: VipExplanation["nodes"],
  out: readonly (Candidate & { readonly reason?: string })[],
): Unanswered {
  const endpoints = [...nodes.values()].find(isWithoutEndpoint);
  if (endpoints !== undefined) {
    return {
      reason: CONDITION_REASON.noReadyEndpoint,
      message: `No endpoint of ${endpoints.service} is ready: ${
        endpointsAdvice(endpoints.service)
      }`,
    };
  }
  // Nodes that were never to answer are no explanation where others are.
  const meant = out.filter(({ reason }) => reason !== CONDITION_REASON.noAgent);
  const [first] = meant;
  if (first?.reason === undefined) {
    return {
      reason: CONDITION_REASON.noAgent,
      message:
        `No agent runs on any node: start foghorn agent where ${vip} is to be answered`,
    };
  }
  const isOne = meant.every(({ reason }) => reason === first.reason);
  const bySentence = Map.groupBy(meant, ({ sentence }) => sentence);
  const told = [...bySentence].slice(0, SENTENCES_MAX)
    .map(([sentence, nodes]) => `${namesOf(nodes)}: ${sentence}`).join("; ");
  const more = bySentence.size > SENTENCES_MAX ? "; and others" : "";
  return {
    reason: isOne ? first.reason : CONDITION_REASON.noCandidate,
    message: `No node may answer for ${vip}. ${told}${more}`,
  };
}

function namesOf(nodes: readonly { readonly node: string }[]): string {
  const names = nodes.slice(0, NODES_NAMED_MAX).map(({ node }) => node);
  const more = nodes.length - names.length;
  return `${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function isWithoutEndpoint(
  verdict: NodeVerdict,
): verdict is Extract<NodeVerdict, { readonly kind: "excluded" }> {
  return verdict.kind === "excluded" &&
    verdict.reason === CONDITION_REASON.noReadyEndpoint;
}

/** What to look at where a Service has no endpoint. */
export function endpointsAdvice(service: string): string {
  const [namespace = "", name = ""] = service.split("/");
  return `make a Pod of it ready, kubectl -n ${namespace} get endpointslices -l kubernetes.io/service-name=${name} shows them`;
}

/** Why a node is out; undefined: it is in line. */
function whyOut(
  verdict: NodeVerdict,
  agent: AgentState | undefined,
): Omit<Candidate, "node"> | undefined {
  switch (verdict.kind) {
    case "no-agent":
      return out("note", CONDITION_REASON.noAgent, "no agent runs on it");
    case "excluded":
      return out(
        NOT_AMISS.has(verdict.reason) ? "note" : "problem",
        verdict.reason,
        exclusionSentence(verdict.reason, verdict.service),
      );
    case "not-selected":
      return out(
        "note",
        CONDITION_REASON.nodeNotSelected,
        `spec.nodeSelector of the Eip ${verdict.eip} does not match its labels: change one of the two if it is to answer`,
      );
    case "no-link":
      return out("problem", verdict.problem.reason, verdict.problem.message);
    case "unwilling":
      return out("problem", verdict.reason, unwillingSentence(verdict.reason));
    case "eligible":
      return agent === undefined ? undefined : whyAgentIsOut(agent);
  }
}

function whyAgentIsOut(
  { live, leaving, renewed }: AgentState,
): Omit<Candidate, "node"> | undefined {
  if (!live) {
    return out(
      "problem",
      CONDITION_REASON.agentSilent,
      silentSentence(renewed),
    );
  }
  return leaving
    ? out("note", CONDITION_REASON.agentLeaving, "its agent is about to stop")
    : undefined;
}

/** What is said of an agent whose Lease ran out. */
export function silentSentence(renewed: string | undefined): string {
  const since = renewed === undefined ? "" : ` since ${renewed}`;
  return `its agent has not renewed its Lease${since}: look at the node, and at the log of the agent`;
}

/** What is said of a node whose agent says that it should not answer, for a reason. */
export function unwillingSentence(reason: string): string {
  switch (reason) {
    case CONDITION_REASON.socketRefused:
      return "its agent was refused its packet sockets, so it cannot answer: give it the capability NET_RAW, and start it anew";
    case CONDITION_REASON.kubeProxyUnhealthy:
      return "kube-proxy on it is not healthy, so others answer: look at its log";
    default:
      return `its agent says that others should answer (${reason}): look at its log`;
  }
}

function exclusionSentence(reason: NodeExclusion, service: string): string {
  switch (reason) {
    case "NoReadyEndpoint":
      return `no endpoint of ${service} is ready`;
    case "NodeMissing":
      return "there is no Node of this name";
    case "NodeExcluded":
      return `labelled ${EXCLUDE_NODE_LABEL}: remove the label if it is to answer`;
    case "NodeGoing":
      return "tainted as a node that is about to go";
    case "NodeNotReady":
      return "its Node is not Ready: look at its kubelet";
    case "NetworkUnavailable":
      return "its Node says NetworkUnavailable: look at the network plugin";
    case "NoLocalEndpoint":
      return `no ready endpoint of ${service} is on it, and externalTrafficPolicy is Local`;
  }
}

function out(
  verdict: Verdict,
  reason: string,
  sentence: string,
): Omit<Candidate, "node"> {
  return { verdict, reason, sentence };
}

function linksOf(verdict: NodeVerdict | undefined): string {
  return verdict?.kind === "eligible" ? verdict.links.join(", ") : "no link";
}

/** What somebody has decided, and is as it should be. */
const NOT_AMISS: ReadonlySet<string> = new Set([
  CONDITION_REASON.nodeExcluded,
  CONDITION_REASON.nodeGoing,
  CONDITION_REASON.noLocalEndpoint,
]);
/** Reasons for which nodes are out that a sentence tells of. */
const SENTENCES_MAX = 3;
/** Nodes that are named of each. */
const NODES_NAMED_MAX = 5;
