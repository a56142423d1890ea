/**
 * The chain from what a Service asks for to what is answered on the wire, link
 * by link, each with what was decided and why nothing else was.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { familyOf } from "@/addr/ip_addr.ts";
import { CONDITION, CONDITION_REASON } from "@/api/conditions.ts";
import type { Service } from "@/api/mod.ts";
import { type FamilyExplanation, plainRefusal } from "@/ipam/mod.ts";
import {
  carriesOurMarks,
  ingressAddresses,
  keyOf,
  type ServiceExplanation,
} from "@/reconcile/mod.ts";
import { candidatesOf, whyUnanswered } from "./candidates.ts";
import { claimSentence, poolSentence } from "./choice_sentences.ts";
import { nodeProxySteps } from "./node_proxy_steps.ts";
import { ownerOf } from "./owner.ts";
import {
  type OwnerView,
  type ReportSource,
  type Verdict,
  type WhyReport,
  type WhyRow,
  type WhyStep,
  worst,
} from "./report.ts";
import {
  beingAssigned,
  controllerProblems,
  eipTroubles,
  isOfRouters,
  UNREADABLE,
  unreadableSentence,
} from "./status.ts";
import { routesStep } from "./routers.ts";
import { onTheWire } from "./on_the_wire.ts";

/**
 * Explains a Service.
 *
 * @param source What is known.
 * @param key `namespace/name`.
 * @returns The chain; undefined when there is no such Service.
 */
export function whyService(
  source: ReportSource,
  key: string,
): WhyReport | undefined {
  const service = source.cluster.services.get(key);
  const explained = source.controller.explainService(key);
  const steps = service === undefined || explained === undefined
    ? unreadableSteps(source, key)
    : stepsOf(source, service, explained);
  if (steps === undefined) return undefined;
  return {
    at: source.now,
    ...(source.own === undefined ? {} : { askedAgent: source.own.node }),
    service: key,
    verdict: worst(steps.map(({ verdict }) => verdict)),
    sentence: headline(steps),
    steps,
  };
}

/** Of a Service that is there and cannot be read. */
function unreadableSteps(
  { unreadable }: ReportSource,
  key: string,
): readonly WhyStep[] | undefined {
  const found = unreadable.find((one) =>
    one.watched === "service" && one.key === key
  );
  return found && [{
    step: "Opted in",
    verdict: "problem",
    reason: UNREADABLE,
    sentence: unreadableSentence(found.reason),
    rows: [],
  }];
}

function stepsOf(
  source: ReportSource,
  service: Service,
  explained: ServiceExplanation,
): readonly WhyStep[] {
  const { isOurs, by } = explained.claim;
  const proxy = source.controller.explainNodeProxy(keyOf(service.meta));
  const optedIn: WhyStep = {
    step: "Opted in",
    verdict: isOurs || by === "node-proxy" ? "ok" : "note",
    sentence: claimSentence(explained.claim, service, source.claim),
    ...(isOurs || by === "node-proxy" ? {} : { reason: "NotOurs" }),
    rows: [],
  };
  if (proxy !== undefined) {
    const [problem] = controllerProblems(source);
    return [optedIn, ...nodeProxySteps(service, proxy, problem)];
  }
  if (!isOurs && !carriesOurMarks(service)) return [optedIn];
  const shown = ingressAddresses(service);
  return [
    optedIn,
    ...assignmentSteps(source, service, explained),
    ...shown.flatMap((vip) => vipSteps(source, vip)),
  ];
}

/** Which pool, and which address, for each family. */
function assignmentSteps(
  source: ReportSource,
  service: Service,
  { families }: ServiceExplanation,
): readonly WhyStep[] {
  if (families === undefined) return [];
  if (!families.ok) {
    const { reason, message } = families.error;
    return [{
      step: "Pool",
      verdict: "problem",
      reason,
      sentence: message,
      rows: [],
    }];
  }
  const shown = ingressAddresses(service);
  return families.value.flatMap((family) => {
    const pool = poolStep(family, service, shown);
    return family.outcome.ok
      ? [pool, addressStep(source, service, family.outcome.value.address)]
      : [pool];
  });
}

function poolStep(
  family: FamilyExplanation,
  service: Service,
  shown: readonly IpAddr[],
): WhyStep {
  const { outcome } = family;
  const rows = family.pools.map((verdict): WhyRow => ({
    name: verdict.pool.name,
    verdict: verdict.standing === "chosen" ? "ok" : "note",
    reason: verdict.standing,
    sentence: poolSentence(verdict, service, family),
  }));
  if (outcome.ok) {
    const { pool, kind, address } = outcome.value;
    return {
      step: "Pool",
      verdict: "ok",
      vip: address,
      sentence: kind === "keep" && shown.includes(address)
        ? `${pool}, which it keeps: an address moves only when another one is asked for`
        : pool,
      rows,
    };
  }
  const hasOther = shown.some((vip) => familyOf(vip) !== family.family);
  const hasThis = shown.some((vip) => familyOf(vip) === family.family);
  return {
    step: "Pool",
    verdict: hasOther || hasThis ? "warning" : "problem",
    reason: outcome.error.reason,
    sentence: plainRefusal(outcome.error),
    rows,
  };
}

function addressStep(
  source: ReportSource,
  service: Service,
  vip: IpAddr,
): WhyStep {
  const step = { step: "Address", vip, rows: [] } as const;
  if (!ingressAddresses(service).includes(vip)) {
    const [problem] = controllerProblems(source);
    return {
      ...step,
      verdict: problem?.verdict ?? "note",
      reason: problem?.reason ?? "BeingAssigned",
      sentence: problem === undefined
        ? beingAssigned(vip)
        : `${beingAssigned(vip)}. ${problem.sentence}`,
    };
  }
  const degraded = service.conditions.find(({ type, status }) =>
    type === CONDITION.degraded && status === "True"
  );
  if (degraded !== undefined) {
    return {
      ...step,
      verdict: "warning",
      reason: degraded.reason,
      sentence: `${vip}, but: ${degraded.message}`,
    };
  }
  const assigned = service.conditions.find(({ type, status }) =>
    type === CONDITION.addressAssigned && status === "True"
  );
  const since = assigned === undefined
    ? ""
    : `, assigned ${assigned.lastTransitionTime}`;
  return { ...step, verdict: "ok", sentence: `${vip}${since}` };
}

/** Who may answer for an address, who does, and what is heard of it. */
function vipSteps(
  source: ReportSource,
  vip: IpAddr,
): readonly WhyStep[] {
  const { announcements, cluster, agents } = source;
  const explanation = announcements.explain(cluster, vip);
  const candidates = candidatesOf(explanation, agents);
  const unanswered = whyUnanswered(explanation);
  const { inLine } = candidates;
  const rows = candidates.all.map((candidate): WhyRow => ({
    name: candidate.node,
    // What keeps one node out is nothing to mend while others answer.
    verdict: unanswered === undefined && candidate.verdict === "problem"
      ? "warning"
      : candidate.verdict,
    reason: candidate.reason ?? "InLine",
    sentence: candidate.sentence,
  }));
  if (unanswered !== undefined) {
    return [{
      step: "Candidates",
      vip,
      verdict: "problem",
      reason: unanswered.reason,
      sentence: unanswered.message,
      rows,
    }];
  }
  const [first, ...others] = inLine;
  const steps: WhyStep[] = [{
    step: "Candidates",
    vip,
    ...(first === undefined
      ? {
        verdict: "problem",
        reason: CONDITION_REASON.agentSilent,
        sentence:
          `No agent that may answer for ${vip} renews its Lease: one that is still on the link answers all the same`,
      }
      : {
        verdict: "ok",
        sentence: isOfRouters(explanation)
          ? `next hops ${inLine.toSorted().join(", ")}`
          : lineSentence(first, others),
      }),
    rows,
  }];
  // Routers have several ways; nobody owns the address.
  if (isOfRouters(explanation)) {
    const { eip } = explanation;
    const routes = routesStep(source, vip, { nodes: inLine.toSorted(), eip });
    return routes === undefined ? steps : [...steps, routes];
  }
  const services = announcements.plans.get(vip)?.services ?? [];
  const owner = ownerOf(source, vip, { services, inLine });
  if (owner !== undefined) steps.push(ownerStep(vip, owner));
  const eip = explanation.eip?.meta.name ?? "";
  const troubles = eipTroubles(source, eip).filter(({ sentence }) =>
    mentions(sentence, vip)
  );
  steps.push(onTheWire(source, { vip, owner, troubles }));
  return steps;
}

function lineSentence(first: string, others: readonly string[]): string {
  if (others.length === 0) return `${first} alone`;
  const shown = others.slice(0, FOLLOWERS_TOLD_MAX).join(", then ");
  const more = others.length > FOLLOWERS_TOLD_MAX ? ", then others" : "";
  return `${first} first, then ${shown}${more}`;
}

function ownerStep(vip: IpAddr, owner: OwnerView): WhyStep {
  return {
    step: "Owner",
    vip,
    verdict: "ok",
    sentence: ownerSentence(owner),
    rows: [],
  };
}

/** Who answers, since when, and who says so. */
export function ownerSentence({ node, since, by }: OwnerView): string {
  const from = since === undefined ? "" : ` since ${since}`;
  switch (by) {
    case "agent":
      return `${node}${from}`;
    case "condition":
      return `${node}${from}, by the condition Announced`;
    case "event":
      return `${node}${from}, by the Event SetBalancer`;
    case "node":
      return `${node}, whose own address it is`;
    case "order":
      return `${node}, being first in line: nothing tells of another one`;
  }
}

/** The chain in one sentence: its worst link, or who answers. */
function headline(steps: readonly WhyStep[]): string {
  const verdict: Verdict = worst(steps.map((step) => step.verdict));
  if (verdict !== "ok") {
    const first = steps.find((step) => step.verdict === verdict);
    if (first !== undefined) return first.sentence;
  }
  const proxied = steps.some(({ step }) => step === "Nodes")
    ? steps.find(({ step }) => step === "Address")
    : undefined;
  return proxied?.sentence ?? steps.flatMap(({ step, vip, sentence }) => {
    if (step === "Owner") return [`${vip} is answered for by ${sentence}`];
    return step === "Routes" ? [`${vip}: ${sentence}`] : [];
  }).join("; ");
}

/** Whether a sentence is about an address, not one that begins like it. */
function mentions(sentence: string, vip: IpAddr): boolean {
  return sentence.split(/[\s,;]+/).some((word) =>
    word.replace(/[.:]$/, "") === vip
  );
}

/** Followers in line that are named. */
const FOLLOWERS_TOLD_MAX = 4;
