/**
 * How a Service in NodeProxy mode stands to the nodes: the verdicts of the plan,
 * in sentences.
 *
 * @module
 */

import { CONDITION, type Condition } from "@/api/conditions.ts";
import type { Service } from "@/api/mod.ts";
import {
  ingressAddresses,
  type NodeProxyPlan,
  nodeProxyType,
  type ProxyNodeVerdict,
} from "@/reconcile/mod.ts";
import type {
  AddressRow,
  ReportProblem,
  Verdict,
  WhyRow,
  WhyStep,
} from "./report.ts";

/**
 * The steps from the nodes to the addresses.
 *
 * @param service The Service.
 * @param plan Its plan.
 * @param problem What keeps the plan from being written, if anything.
 */
export function nodeProxySteps(
  service: Service,
  plan: NodeProxyPlan,
  problem: ReportProblem | undefined,
): readonly WhyStep[] {
  const nodes = nodesStep(plan);
  return plan.trouble === undefined
    ? [nodes, addressStep(service, plan, problem)]
    : [nodes];
}

/**
 * The addresses that a Service shows, with the node of each.
 *
 * @param service The Service.
 * @param nodeOf The node that has an address; undefined: none.
 */
export function nodeProxyRows(
  service: Service,
  nodeOf: (address: string) => string | undefined,
): readonly AddressRow[] {
  return ingressAddresses(service).map((vip): AddressRow => {
    const node = nodeOf(vip);
    return {
      vip,
      ...(node === undefined ? {} : { owner: { node, by: "node" } }),
    };
  });
}

function nodesStep(plan: NodeProxyPlan): WhyStep {
  const { trouble, lack, nodes, verdicts, service } = plan;
  const step = {
    step: "Nodes",
    rows: [...verdicts].sort(([a], [b]) => a < b ? -1 : 1).map(rowOf),
  } as const;
  if (trouble !== undefined) {
    return {
      ...step,
      verdict: plan.isWaiting ? "warning" : "problem",
      reason: trouble.reason,
      sentence: trouble.message,
    };
  }
  const isSingle = nodeProxyType(service) === "deployment";
  const told = nodes.slice(0, NODES_TOLD_MAX).join(", ");
  const more = nodes.length - NODES_TOLD_MAX;
  const names = `${told}${more > 0 ? ` and ${more} more` : ""}`;
  return lack === undefined
    ? {
      ...step,
      verdict: "ok",
      sentence: isSingle ? `${names}, one being enough` : names,
    }
    : {
      ...step,
      verdict: "warning",
      reason: lack.reason,
      sentence: `${names}. ${lack.message}`,
    };
}

function rowOf([name, verdict]: readonly [string, ProxyNodeVerdict]): WhyRow {
  switch (verdict.kind) {
    case "published":
      return {
        ...{ name, verdict: "ok", reason: "Published" },
        sentence: "its kube-proxy forwards what comes to its addresses",
      };
    case "spare":
      return {
        ...{ name, verdict: "note", reason: "Spare" },
        sentence: "could be published too",
      };
    case "waiting":
      return {
        ...{ name, verdict: "note", reason: "PortsUnknown" },
        sentence: verdict.sentence,
      };
    case "out":
      return {
        ...{ name, verdict: "note", reason: verdict.reason },
        sentence: verdict.sentence,
      };
  }
}

function addressStep(
  service: Service,
  { ingress }: NodeProxyPlan,
  problem: ReportProblem | undefined,
): WhyStep {
  const step = { step: "Address", rows: [] } as const;
  const shown = ingressAddresses(service);
  const missing = ingress.filter((address) => !shown.includes(address));
  if (missing.length > 0) {
    const sentence = `${listOf(missing)}: chosen for it and not written yet`;
    return {
      ...step,
      verdict: problem?.verdict ?? "note",
      reason: problem?.reason ?? "BeingAssigned",
      sentence: problem === undefined
        ? sentence
        : `${sentence}. ${problem.sentence}`,
    };
  }
  const find = (type: string): Condition | undefined =>
    service.conditions.find((one) =>
      one.type === type && one.status === "True"
    );
  const degraded = find(CONDITION.degraded);
  const verdict: Verdict = degraded === undefined ? "ok" : "warning";
  const since = find(CONDITION.addressAssigned)?.lastTransitionTime;
  return {
    ...step,
    verdict,
    ...(degraded === undefined ? {} : { reason: degraded.reason }),
    sentence: `reached at ${listOf(shown)}${
      since === undefined ? "" : ` since ${since}`
    }${degraded === undefined ? "" : `, but: ${degraded.message}`}`,
  };
}

function listOf(addresses: readonly string[]): string {
  const more = addresses.length - ADDRESSES_TOLD_MAX;
  return `${addresses.slice(0, ADDRESSES_TOLD_MAX).join(", ")}${
    more > 0 ? ` and ${more} more` : ""
  }`;
}

const NODES_TOLD_MAX = 5;
const ADDRESSES_TOLD_MAX = 5;
