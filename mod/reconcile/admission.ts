/**
 * What the webhook answers: the checks of `eip_checks.ts` and `bgp_checks.ts`
 * over what is about to be stored and what there is.
 *
 * A mistake that stood before an edit is no reason to refuse the edit: what
 * OpenELB, an older version of ours or an unreached webhook let in can still be
 * labelled, finalized, mended in part and deleted. What is on its way out is
 * never refused.
 *
 * @module
 */

import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { poolContains, type UsedAddress } from "@/ipam/mod.ts";
import {
  type AdmissionRequest,
  type AdmissionVerdict,
  type BgpConf,
  type BgpPeer,
  type Eip,
  projectBgpConf,
  projectBgpPeer,
  projectEip,
  type Service,
} from "@/api/mod.ts";
import {
  API_GROUP,
  BGP_CONF_KIND,
  BGP_CONF_NAME,
  BGP_PEER_KIND,
  EIP_KIND,
  EIP_NAME_LABEL,
  SECOND_EIP_LABEL,
} from "@/api/names.ts";
import { aggregationRemarks, misfitRemark } from "./aggregation.ts";
import {
  bgpConfNote,
  bgpConfProblem,
  bgpPeerProblem,
  duplicatePeerProblem,
} from "./bgp_checks.ts";
import { bgpConfRemark, bgpPeerRemark } from "./bgp_notes.ts";
import { ingressAddresses } from "./claim.ts";
import { communityAliasesOf, missingAlias } from "./community_aliases.ts";
import { type ClusterState, keyOf } from "./cluster_state.ts";
import {
  byAge,
  defaultProblem,
  eipPool,
  overlapProblem,
  poolNote,
  type Problem,
  strandedProblem,
} from "./eip_checks.ts";
import { eipBgpNote, eipBgpProblem } from "./eip_selection.ts";
import { interfaceProblem } from "./interface_selection.ts";
import { isRouted } from "./routes.ts";

/** What there is, as this agent knows it. */
export interface AdmissionTables {
  /** Eips by name. */
  readonly eips: ClusterState["eips"];
  /** Services. */
  readonly services: ClusterState["services"];
  /** Nodes. */
  readonly nodes: ClusterState["nodes"];
  /** BgpPeers by name. */
  readonly bgpPeers: ReadonlyMap<string, BgpPeer>;
  /** BgpConfs by name; absent: not known. */
  readonly bgpConfs?: ReadonlyMap<string, BgpConf>;
}

/**
 * Judges what is about to be stored.
 *
 * @param request The question.
 * @param tables What there is.
 */
export function reviewAdmission(
  request: AdmissionRequest,
  tables: AdmissionTables,
): AdmissionVerdict {
  if (request.group !== API_GROUP) return ALLOWED;
  switch (request.kind) {
    case EIP_KIND:
      return verdictOf(read(request, projectEip), tables, eipProblems);
    case BGP_CONF_KIND:
      return verdictOf(read(request, projectBgpConf), tables, bgpConfProblems);
    case BGP_PEER_KIND:
      return verdictOf(read(request, projectBgpPeer), tables, bgpPeerProblems);
    default:
      return ALLOWED;
  }
}

/** What an object is to be, and what it was; absent: it is new. */
interface Edit<T> {
  readonly after: T;
  readonly before?: T;
}

interface Findings {
  /** In the order in which they are told: the first one is. */
  readonly problems: readonly Problem[];
  /** Reasons to tell and not to refuse. */
  readonly notes: readonly Problem[];
}

function read<T>(
  { object, oldObject }: AdmissionRequest,
  project: (raw: unknown) => { readonly ok: boolean; readonly value?: T },
): Edit<T> | undefined {
  const after = project(object).value;
  // The schema of the definition has let it through, whatever it is.
  if (after === undefined) return undefined;
  const before = oldObject === null ? undefined : project(oldObject).value;
  return before === undefined ? { after } : { after, before };
}

function verdictOf<T extends { readonly meta: Eip["meta"] }>(
  edit: Edit<T> | undefined,
  tables: AdmissionTables,
  find: (edit: Edit<T>, tables: AdmissionTables) => Findings,
): AdmissionVerdict {
  if (edit === undefined) return ALLOWED;
  if (edit.after.meta.deletionTimestamp !== undefined) return ALLOWED;
  const { problems, notes } = find(edit, tables);
  const stood = new Set(
    edit.before === undefined
      ? []
      : find({ after: edit.before }, tables).problems.map(problemKey),
  );
  const [first] = problems.filter((one) => !stood.has(problemKey(one)));
  if (first !== undefined) return { kind: "denied", ...first };
  return {
    kind: "allowed",
    // What stood is told again, to whoever edits it.
    warnings: [...problems, ...notes].map(({ message }) => message),
  };
}

function problemKey({ reason, message }: Problem): string {
  return `${reason} ${message}`;
}

/** In OpenELB's order: the address, overlap, a second default. */
function eipProblems(
  { after, before }: Edit<Eip>,
  tables: AdmissionTables,
): Findings {
  const problems: Problem[] = [];
  const parsed = eipPool(after);
  if (!parsed.ok) problems.push(parsed.error);
  const pool = parsed.ok ? parsed.value : parsed.error.fallback;
  if (pool !== undefined) {
    const others = [...tables.eips.values()]
      .filter(({ meta }) => meta.name !== after.meta.name)
      .flatMap((eip) => {
        const other = eipPool(eip);
        if (other.ok) return [other.value];
        return other.error.fallback === undefined ? [] : [other.error.fallback];
      }).sort(byAge);
    pushIf(problems, overlapProblem(pool, others));
    pushIf(problems, defaultProblem(pool, others));
    if (before !== undefined && before.spec.address !== after.spec.address) {
      pushIf(problems, strandedProblem(pool, usesOf(before, tables)));
    }
  }
  pushIf(problems, interfaceProblem(after.spec.interface));
  if (parsed.ok) {
    const aliases = communityAliasesOf(tables.bgpConfs);
    pushIf(problems, eipBgpProblem(after, aliases));
  }
  const notes: Problem[] = [];
  if (parsed.ok) pushIf(notes, poolNote(parsed.value));
  const { bgpPeers: peers } = tables;
  pushIf(notes, eipBgpNote(after, { isRouted: isRouted(after), peers }));
  for (const peer of tables.bgpPeers.values()) {
    pushIf(notes, misfitRemark(peer, after));
  }
  return { problems, notes };
}

/** Addresses in use that an Eip holds now, by its status and by those of Services. */
function usesOf(
  eip: Eip,
  { eips, services }: AdmissionTables,
): readonly UsedAddress[] {
  const parsed = eipPool(eip);
  const pool = parsed.ok ? parsed.value : parsed.error.fallback;
  if (pool === undefined) return [];
  const uses = new Map<IpAddr, Set<string>>();
  const add = (address: IpAddr, service: string): void => {
    // What is outside already does not fall out.
    if (!poolContains(pool, address)) return;
    const users = uses.get(address);
    if (users === undefined) uses.set(address, new Set([service]));
    else users.add(service);
  };
  for (const { status } of [eip, eips.get(eip.meta.name) ?? eip]) {
    for (const [text, users] of Object.entries(status.used)) {
      const address = parseIpAddr(text);
      if (address === undefined) continue;
      // One that is gone uses nothing, whatever a status still says.
      for (const service of users.split(";")) {
        if (services.has(service)) add(address, service);
      }
    }
  }
  // The status may be partial, or behind.
  for (const service of services.values()) {
    if (!isOf(service, eip.meta.name)) continue;
    for (const address of ingressAddresses(service)) {
      add(address, keyOf(service.meta));
    }
  }
  return [...uses].map(([address, users]) => ({
    address,
    services: [...users].sort(),
  }));
}

function isOf({ meta }: Service, eip: string): boolean {
  return meta.labels[EIP_NAME_LABEL] === eip ||
    meta.labels[SECOND_EIP_LABEL] === eip;
}

function bgpConfProblems(
  { after }: Edit<BgpConf>,
  { bgpPeers, eips }: AdmissionTables,
): Findings {
  const problems: Problem[] = [];
  pushIf(problems, bgpConfProblem(after));
  if (after.meta.name === BGP_CONF_NAME) {
    const objects = { peers: bgpPeers.values(), eips: eips.values() };
    pushIf(problems, missingAlias(after, objects));
  }
  const notes: Problem[] = [];
  pushIf(notes, bgpConfNote(after));
  pushIf(notes, bgpConfRemark(after));
  return { problems, notes };
}

function bgpPeerProblems(
  { after }: Edit<BgpPeer>,
  tables: AdmissionTables,
): Findings {
  const { bgpPeers, nodes } = tables;
  const problems: Problem[] = [];
  pushIf(problems, bgpPeerProblem(after, communityAliasesOf(tables.bgpConfs)));
  const others = [...bgpPeers.values()].sort(byAgeOf);
  pushIf(problems, duplicatePeerProblem(after, others, nodes.values()));
  const notes: Problem[] = [];
  pushIf(notes, bgpPeerRemark(after));
  notes.push(...aggregationRemarks(after, tables));
  return { problems, notes };
}

/** The order in which objects are entitled to what they claim: the older first. */
export function byAgeOf(
  a: { readonly meta: Eip["meta"] },
  b: { readonly meta: Eip["meta"] },
): number {
  const [first = "", second = ""] = [a, b].map(({ meta }) =>
    meta.creationTimestamp
  );
  if (first !== second) return first < second ? -1 : 1;
  return a.meta.name < b.meta.name ? -1 : 1;
}

function pushIf(list: Problem[], problem: Problem | undefined): void {
  if (problem === undefined) return;
  list.push({ reason: problem.reason, message: problem.message });
}

const ALLOWED: AdmissionVerdict = { kind: "allowed", warnings: [] };
