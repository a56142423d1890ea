/**
 * The state of the whole cluster at a glance: what is wrong, then the nodes, the
 * Eips and the Services.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { CONDITION, CONDITION_REASON } from "@/api/conditions.ts";
import type { Eip, Service } from "@/api/mod.ts";
import { plainRefusal, statusCount } from "@/ipam/mod.ts";
import {
  carriesOurMarks,
  claimOf,
  ingressAddresses,
  isRouted,
  isVirtualLink,
  unfitnessOf,
  type VipExplanation,
} from "@/reconcile/mod.ts";
import {
  candidatesOf,
  silentSentence,
  unwillingSentence,
  whyUnanswered,
} from "./candidates.ts";
import { nodeProxyRows } from "./node_proxy_steps.ts";
import { ownerOf } from "./owner.ts";
import { NO_BGP_CONF, routerProblems, routesStep } from "./routers.ts";
import { sessionRows } from "./sessions.ts";
import {
  type AddressRow,
  byVerdict,
  type EipRow,
  type NodeRow,
  type ReportProblem,
  type ReportSource,
  type ServiceRow,
  type StatusReport,
  type Verdict,
  worst,
} from "./report.ts";

/**
 * The state of the cluster.
 *
 * @param source What it is made from.
 * @returns The report; problems first, the worst of them first.
 */
export function statusReport(source: ReportSource): StatusReport {
  const problems: ReportProblem[] = [
    ...controllerProblems(source),
    ...unreadableProblems(source),
    ...routerProblems(source),
  ];
  const routes = new Map<string, Map<IpAddr, Eip | undefined>>();
  const services = serviceRows(source, problems, routes);
  const eips = [...source.cluster.eips.values()].sort(byName)
    .map((eip) => eipRow(source, eip, problems));
  const nodes = nodeRows(source, services, problems);
  return {
    at: source.now,
    ...(source.own === undefined ? {} : { askedAgent: source.own.node }),
    problems: problems.sort((a, b) => byVerdict(a.verdict, b.verdict)),
    nodes,
    eips,
    ...(source.bgp === undefined
      ? {}
      : { sessions: sessionRows(source, routes) }),
    services,
  };
}

/** That nobody gives out addresses. */
export function* controllerProblems(
  { holder, agents }: ReportSource,
): Generator<ReportProblem> {
  if (holder?.live === true) return;
  const sentence = holder === undefined
    ? "No agent has ever given out addresses: start foghorn agent on the nodes"
    : `Nobody gives out addresses, ${holder.node} did last: ${
      [...agents.values()].some(({ live }) => live)
        ? "another agent takes over within 15 s, look at its log if none does"
        : "start foghorn agent on the nodes"
    }`;
  yield {
    verdict: "problem",
    about: "Controller",
    reason: "NoController",
    sentence,
  };
}

/** Objects that are passed over, since they cannot be read. */
function* unreadableProblems(
  { unreadable }: ReportSource,
): Generator<ReportProblem> {
  for (const { watched, key, reason } of unreadable) {
    yield {
      verdict: "problem",
      about: `${KINDS[watched] ?? watched} ${key}`,
      reason: UNREADABLE,
      sentence: unreadableSentence(reason),
    };
  }
}

/** What is said of an object that cannot be read. */
export function unreadableSentence(reason: string): string {
  return `It cannot be read, and is passed over: ${reason}`;
}

function serviceRows(
  source: ReportSource,
  problems: ReportProblem[],
  routes: Map<string, Map<IpAddr, Eip | undefined>>,
): readonly ServiceRow[] {
  const rows: ServiceRow[] = [];
  const { services } = source.cluster;
  const nodeOf = nodesByAddress(source);
  for (const key of [...services.keys()].sort()) {
    const service = services.get(key);
    if (service === undefined) continue;
    const { isOurs, by } = claimOf(service, source.claim);
    const isMeant = isOurs || by === "node-proxy" || carriesOurMarks(service);
    if (!isMeant) continue;
    const found = serviceProblems(source, key, service);
    problems.push(...found);
    const [first] = found;
    rows.push({
      service: key,
      verdict: worst(found.map(({ verdict }) => verdict)),
      addresses: by === "node-proxy"
        ? nodeProxyRows(service, nodeOf)
        : addressRows(source, service, routes),
      ...(first === undefined ? {} : { reason: first.reason }),
    });
  }
  return rows;
}

/** The node that has an address; looked up in one table, made when it is first asked. */
function nodesByAddress(
  { cluster }: ReportSource,
): (address: string) => string | undefined {
  let table: Map<string, string> | undefined;
  return (address) => {
    table ??= new Map(
      [...cluster.nodes].flatMap(([node, { addresses }]) =>
        addresses.map((one) => [one.address, node] as const)
      ),
    );
    return table.get(address);
  };
}

/** The addresses of a Service; those announced to routers are noted with their next hops. */
function addressRows(
  source: ReportSource,
  service: Service,
  routes: Map<string, Map<IpAddr, Eip | undefined>>,
): readonly AddressRow[] {
  return ingressAddresses(service).map((vip): AddressRow => {
    const { announcements, cluster, agents } = source;
    const explanation = announcements.explain(cluster, vip);
    const { inLine } = candidatesOf(explanation, agents);
    const services = announcements.plans.get(vip)?.services ?? [];
    const isRoute = isOfRouters(explanation);
    const owner = isRoute
      ? undefined
      : ownerOf(source, vip, { services, inLine });
    for (const node of isRoute ? inLine : []) {
      const vips = routes.get(node) ?? new Map<IpAddr, Eip | undefined>();
      routes.set(node, vips.set(vip, explanation.eip));
    }
    return {
      vip,
      ...(isRoute ? { nextHops: inLine.toSorted() } : {}),
      ...(explanation.eip === undefined
        ? {}
        : { eip: explanation.eip.meta.name }),
      ...(owner === undefined ? {} : { owner }),
    };
  });
}

/** Whether an address is announced to routers, so that nobody owns it. */
export function isOfRouters({ eip }: VipExplanation): boolean {
  return eip !== undefined && isRouted(eip);
}

/** What is wrong with a Service, the worst first. */
export function serviceProblems(
  source: ReportSource,
  key: string,
  service: Service,
): readonly ReportProblem[] {
  const found: ReportProblem[] = [];
  const add = (verdict: Verdict, reason: string, sentence: string): void => {
    if (found.some((one) => one.sentence === sentence)) return;
    found.push({ verdict, about: `Service ${key}`, reason, sentence });
  };
  const proxy = source.controller.explainNodeProxy(key);
  if (proxy?.trouble !== undefined) {
    const { reason, message } = proxy.trouble;
    add(proxy.isWaiting ? "warning" : "problem", reason, message);
  }
  if (proxy?.lack !== undefined) {
    add("warning", proxy.lack.reason, proxy.lack.message);
  }
  const explained = source.controller.explainService(key);
  const shown = proxy === undefined ? ingressAddresses(service) : [];
  const severity = shown.length === 0 ? "problem" : "warning";
  if (explained?.families?.ok === false) {
    const { reason, message } = explained.families.error;
    add(severity, reason, message);
  } else if (explained?.families !== undefined) {
    for (const { outcome } of explained.families.value) {
      if (outcome.ok) {
        if (shown.includes(outcome.value.address)) continue;
        add("note", "BeingAssigned", beingAssigned(outcome.value.address));
        continue;
      }
      const isWelcome = service.ipFamilyPolicy === "PreferDualStack";
      // The one family that has an address is what it asked for at least.
      if (isWelcome && shown.length > 0) {
        add("warning", outcome.error.reason, plainRefusal(outcome.error));
      } else {add(
          severity,
          outcome.error.reason,
          plainRefusal(outcome.error),
        );}
    }
  }
  for (const vip of shown) {
    const explanation = source.announcements.explain(source.cluster, vip);
    const unanswered = whyUnanswered(explanation);
    if (unanswered !== undefined) {
      add("problem", unanswered.reason, unanswered.message);
    } else if (isOfRouters(explanation)) {
      const { inLine } = candidatesOf(explanation, source.agents);
      const { eip } = explanation;
      const plan = { nodes: inLine.toSorted(), eip };
      const untold = routesStep(source, vip, plan);
      // Of a BgpConf that is missing the Eip tells.
      if (untold?.verdict !== "problem" || untold.reason === NO_BGP_CONF) {
        continue;
      }
      add("problem", untold.reason ?? "", untold.sentence);
    }
  }
  const degraded = service.conditions.find(({ type }) =>
    type === CONDITION.degraded
  );
  if (degraded?.status === "True") {
    add("warning", degraded.reason, degraded.message);
  }
  return found.sort((a, b) => byVerdict(a.verdict, b.verdict));
}

/** What is said of an address that is chosen and not in the status yet. */
export function beingAssigned(vip: IpAddr): string {
  return `${vip} is chosen for it and not written yet`;
}

function eipRow(
  source: ReportSource,
  eip: Eip,
  problems: ReportProblem[],
): EipRow {
  const { controller } = source;
  const { name } = eip.meta;
  const found: ReportProblem[] = [];
  const add = (verdict: Verdict, reason: string, sentence: string): void => {
    found.push({ verdict, about: `Eip ${name}`, reason, sentence });
  };
  const judged = controller.judgeEip(name);
  const usage = controller.allocator.usage(name);
  if (judged?.ready.status === "False") {
    const { reason, message } = judged.ready;
    const isGoing = reason === CONDITION_REASON.deleting;
    if (!isGoing) add("problem", reason, message);
  }
  for (const problem of eipTroubles(source, name)) {
    add("warning", problem.reason, problem.sentence);
  }
  problems.push(...found);
  return {
    eip: name,
    verdict: worst(found.map(({ verdict }) => verdict)),
    address: eip.spec.address,
    protocol: eip.spec.protocol ?? "bgp",
    used: usage?.used ?? 0,
    size: statusCount(usage?.usableSize ?? 0n),
    full: usage?.full === true,
    ready: judged?.ready.reason ?? "",
  };
}

/** What agents found wrong on their nodes about an Eip, the nodes of each named. */
export function eipTroubles(
  { cluster, agents }: ReportSource,
  eip: string,
): readonly { readonly reason: string; readonly sentence: string }[] {
  const nodes = new Map<string, { reason: string; nodes: string[] }>();
  for (const agent of cluster.agents.values()) {
    if (agents.get(agent.node)?.live === false) continue;
    for (const { eip: name, reason, message } of agent.problems) {
      if (name !== eip) continue;
      const known = nodes.get(message);
      if (known === undefined) {
        nodes.set(message, { reason, nodes: [agent.node] });
      } else known.nodes.push(agent.node);
    }
  }
  return [...nodes].map(([message, found]) => ({
    reason: found.reason,
    sentence: `${message} (said by ${found.nodes.sort().join(", ")})`,
  }));
}

function nodeRows(
  source: ReportSource,
  services: readonly ServiceRow[],
  problems: ReportProblem[],
): readonly NodeRow[] {
  const { cluster, agents, holder } = source;
  const owns = new Map<string, number>();
  const counted = new Set<IpAddr>();
  for (const { vip, owner } of services.flatMap(({ addresses }) => addresses)) {
    if (owner === undefined || owner.by === "node" || counted.has(vip)) {
      continue;
    }
    counted.add(vip);
    owns.set(owner.node, (owns.get(owner.node) ?? 0) + 1);
  }
  const names = new Set([...cluster.nodes.keys(), ...agents.keys()]);
  return [...names].sort().map((node): NodeRow => {
    const found = nodeProblems(source, node);
    problems.push(...found);
    const state = agents.get(node);
    return {
      node,
      verdict: state === undefined
        ? "note"
        : worst(found.map(({ verdict }) => verdict)),
      agent: state === undefined
        ? "none"
        : !state.live
        ? "silent"
        : state.leaving
        ? "leaving"
        : "live",
      controls: holder?.live === true && holder.node === node,
      owns: owns.get(node) ?? 0,
      links: (cluster.agents.get(node)?.links ?? [])
        .filter(({ up, name }) => up && !isVirtualLink(name))
        .map(({ name }) => name),
    };
  });
}

function nodeProblems(
  { cluster, agents }: ReportSource,
  node: string,
): readonly ReportProblem[] {
  const state = agents.get(node);
  // A node without an agent is nobody's mistake; a control plane has none.
  if (state === undefined) return [];
  const found: ReportProblem[] = [];
  const add = (verdict: Verdict, reason: string, sentence: string): void => {
    found.push({ verdict, about: `Node ${node}`, reason, sentence });
  };
  const known = cluster.nodes.get(node);
  if (!state.live) {
    add(
      "problem",
      CONDITION_REASON.agentSilent,
      sentenceCase(silentSentence(state.renewed)),
    );
  }
  const unfitness = known === undefined
    ? CONDITION_REASON.nodeMissing
    : unfitnessOf(known);
  const text = UNFIT[unfitness ?? ""];
  if (unfitness !== undefined && text !== undefined) {
    add("problem", unfitness, text);
  }
  const unfit = cluster.agents.get(node)?.unfit;
  if (unfit !== undefined && state.live) {
    add("problem", unfit, sentenceCase(unwillingSentence(unfit)));
  }
  return found;
}

/** A sentence with a capital. */
export function sentenceCase(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function byName(a: Eip, b: Eip): number {
  return a.meta.name < b.meta.name ? -1 : 1;
}

/** What is amiss with a Node; that somebody took it out is not. */
const UNFIT: Readonly<Record<string, string>> = {
  [CONDITION_REASON.nodeMissing]:
    "An agent runs under this name and there is no such Node: give it --node-name as kubectl get nodes shows it",
  [CONDITION_REASON.nodeNotReady]:
    "The Node is not Ready, so it does not answer: look at its kubelet",
  [CONDITION_REASON.networkUnavailable]:
    "The Node says NetworkUnavailable, so it does not answer: look at its network plugin",
};
/** Reason of an object that cannot be read. */
export const UNREADABLE = "Unreadable";
const KINDS: Readonly<Record<string, string>> = {
  service: "Service",
  eip: "Eip",
  node: "Node",
  namespace: "Namespace",
  endpointslice: "EndpointSlice",
  lease: "Lease",
  secret: "Secret",
};
