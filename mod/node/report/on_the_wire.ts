/**
 * What is answered on the wire for a VIP at this moment: as the agent knows it
 * that is asked, or as far as agents have told the API server.
 *
 * @module
 */

import type { IpAddr } from "@/addr/ip_addr.ts";
import { CONDITION_REASON } from "@/api/conditions.ts";
import { absenceSentence } from "../owner_ledger.ts";
import { isoBefore } from "./owner.ts";
import type {
  OwnerView,
  OwnNode,
  ReportSource,
  WhyRow,
  WhyStep,
} from "./report.ts";

/** What is looked at. */
export interface WireQuestion {
  /** The VIP. */
  readonly vip: IpAddr;
  /** Who should answer. */
  readonly owner: OwnerView | undefined;
  /** What agents have told about the VIP. */
  readonly troubles: readonly {
    readonly reason: string;
    readonly sentence: string;
  }[];
}

/**
 * The last link of the chain.
 *
 * @param source What is known.
 * @param question What is looked at.
 */
export function onTheWire(
  source: ReportSource,
  question: WireQuestion,
): WhyStep {
  const { vip, troubles } = question;
  const { own } = source;
  const rows = own === undefined ? [] : ownRows(source, own, question);
  const [trouble] = troubles;
  const bad = rows.find(({ verdict }) => verdict === "problem");
  const step = { step: "On the wire", vip, rows } as const;
  if (bad !== undefined) {
    const { reason, sentence } = bad;
    return { ...step, verdict: "problem", reason, sentence };
  }
  if (trouble !== undefined) return { ...step, verdict: "problem", ...trouble };
  if (own === undefined) {
    return {
      ...step,
      verdict: "ok",
      sentence: question.owner === undefined
        ? "nobody is known to answer"
        : `no agent reports anything amiss; ${question.owner.node} tells what it does when foghorn why is run there without a kubeconfig`,
    };
  }
  return { ...step, verdict: "ok", sentence: quietSentence(own, question) };
}

function quietSentence(
  { node, owned }: OwnNode,
  { vip, owner }: WireQuestion,
): string {
  if (owned.has(vip)) return `${node} answers for ${vip}`;
  return owner === undefined
    ? `${node} does not answer for ${vip}`
    : `${node} does not answer for ${vip}, ${owner.node} does: nothing that ${node} hears speaks against it`;
}

/** What this agent does and hears, link by link. */
function ownRows(
  { announcements, now }: ReportSource,
  own: OwnNode,
  { vip, owner }: WireQuestion,
): readonly WhyRow[] {
  const { owners } = own;
  const rows: WhyRow[] = [];
  const add = (
    link: string,
    verdict: WhyRow["verdict"],
    reason: string,
    sentence: string,
  ): void => {
    rows.push({ name: `${own.node} ${link}`, verdict, reason, sentence });
  };
  for (const one of owners.owned) {
    if (one.vip !== vip) continue;
    const since = isoBefore(now, own.nowMs - one.sinceMs);
    add(one.link, "ok", "Answers", `answers since ${since}`);
  }
  for (const link of announcements.plans.get(vip)?.links ?? []) {
    const failure = owners.failures.get(link);
    if (failure !== undefined) {
      add(link, "problem", "LinkFailed", `${link} is not served: ${failure}`);
      continue;
    }
    const heard = owners.heard.get(link);
    if (heard === undefined) continue;
    const fellow = heard.fellows.find(({ node }) => node === owner?.node);
    if (fellow !== undefined) {
      add(
        link,
        fellow.presence === "up" ? "ok" : "warning",
        "Heard",
        `hears ${fellow.node}: ${fellow.presence}, with ${fellow.vips} addresses`,
      );
    } else if (heard.standing !== "good") {
      add(link, "warning", "Standing", `claims nothing: ${heard.standing}`);
    }
  }
  for (const conflict of owners.conflicts) {
    if (conflict.vip !== vip) continue;
    add(
      conflict.link,
      "problem",
      CONDITION_REASON.addressConflict,
      conflict.held
        ? `The host ${conflict.mac} answers for ${vip}, so no node takes it: find it and take the address from it`
        : `The host ${conflict.mac} claims ${vip} too: find it and take the address from it`,
    );
  }
  for (const absence of owners.absences) {
    if (absence.vip !== vip) continue;
    add(
      absence.link,
      "problem",
      CONDITION_REASON.addressUnanswered,
      absenceSentence(absence),
    );
  }
  return rows;
}
