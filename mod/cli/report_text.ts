/**
 * What `foghorn status` and `foghorn why` print for people: aligned, what is
 * wrong first.
 *
 * @module
 */

import type {
  EipRow,
  NodeRow,
  ReportProblem,
  ServiceRow,
  SessionRow,
  StatusReport,
  Verdict,
  WhyReport,
  WhyRow,
  WhyStep,
} from "@/node/mod.ts";

/** How a report is printed. */
export interface TextOptions {
  /** Whether to use colors. */
  readonly color: boolean;
  /** Columns of the terminal; absent: lines are not wrapped. */
  readonly width?: number;
}

/**
 * The status of the cluster as text.
 *
 * @param report The report.
 * @param options How it is printed.
 */
export function statusText(report: StatusReport, options: TextOptions): string {
  const page = new Page(options, report.at);
  const { problems, nodes, eips, sessions = [], services } = report;
  const counts = [
    count(nodes.filter(({ agent }) => agent !== "none").length, "agent"),
    count(eips.length, "Eip"),
    ...(sessions.length === 0 ? [] : [count(sessions.length, "BGP session")]),
    count(services.length, "Service"),
  ].join(", ");
  const asked = report.askedAgent === undefined
    ? ""
    : `, as the agent of ${report.askedAgent} sees it`;
  const shown = problems.filter(({ verdict }) => verdict !== "note");
  page.headline(
    shown.length === 0
      ? `Nothing is wrong: ${counts}${asked}`
      : `${count(shown.length, "problem")}: ${counts}${asked}`,
    shown[0]?.verdict ?? "ok",
  );
  if (problems.length > 0) {
    page.gap();
    page.pairs(problems.map((problem) => problemPair(problem)));
  }
  page.table("Nodes", NODE_COLUMNS, nodes.map(nodeCells));
  page.table("Eips", EIP_COLUMNS, eips.map(eipCells));
  if (sessions.length > 0) sessionTable(sessions, page);
  page.table(
    "Services",
    SERVICE_COLUMNS,
    [...services].sort((a, b) => rank(a.verdict) - rank(b.verdict))
      .slice(0, SERVICES_SHOWN_MAX).flatMap((row) => serviceCells(row, page)),
  );
  if (services.length > SERVICES_SHOWN_MAX) {
    page.line(
      `  and ${services.length - SERVICES_SHOWN_MAX} more: -o json has all`,
    );
  }
  return page.text;
}

/**
 * The explanation of a Service as text.
 *
 * @param report The report.
 * @param options How it is printed.
 */
export function whyText(report: WhyReport, options: TextOptions): string {
  const page = new Page(options, report.at);
  page.headline(`${report.service}: ${report.sentence}`, report.verdict);
  page.gap();
  const labels = report.steps.map((step) => labelOf(step, report.steps));
  const width = Math.max(0, ...labels.map((label) => label.length));
  for (const [i, step] of report.steps.entries()) {
    page.pairs([{
      verdict: step.verdict,
      label: labels[i] ?? "",
      sentence: step.sentence,
    }], { labelWidth: width });
    page.pairs(step.rows.map(rowPair), { indent: width + 4 });
  }
  return page.text;
}

interface Pair {
  readonly verdict: Verdict;
  readonly label: string;
  readonly sentence: string;
}

function problemPair({ verdict, about, sentence }: ReportProblem): Pair {
  return { verdict, label: about, sentence };
}

function rowPair({ verdict, name, sentence }: WhyRow): Pair {
  return { verdict, label: name, sentence };
}

/** The name of a step; with the address where there are several. */
function labelOf(step: WhyStep, steps: readonly WhyStep[]): string {
  const isOne = steps.filter((other) => other.step === step.step).length === 1;
  return isOne || step.vip === undefined || step.step === "Address"
    ? step.step
    : `${step.step} ${step.vip}`;
}

function nodeCells(row: NodeRow): Cells {
  return {
    verdict: row.verdict,
    cells: [
      row.node,
      row.agent === "none" ? "no agent" : row.agent,
      row.agent === "none" ? "-" : count(row.owns, "address", "addresses"),
      row.links.length === 0 ? "-" : row.links.join(","),
      row.controls ? "gives out addresses" : "",
    ],
  };
}

function eipCells(row: EipRow): Cells {
  const of = row.size >= Number.MAX_SAFE_INTEGER ? "2⁵³ or more" : row.size;
  return {
    verdict: row.verdict,
    cells: [
      row.eip,
      row.address,
      row.protocol,
      `${row.used} of ${of} used`,
      row.ready === "Ready" ? row.full ? "full" : "" : row.ready,
    ],
  };
}

function sessionTable(sessions: readonly SessionRow[], page: Page): void {
  page.table(
    "BGP sessions",
    SESSION_COLUMNS,
    [...sessions].sort((a, b) => rank(a.verdict) - rank(b.verdict))
      .slice(0, SESSIONS_SHOWN_MAX).map((row) => sessionCells(row, page)),
  );
  if (sessions.length <= SESSIONS_SHOWN_MAX) return;
  page.line(
    `  and ${sessions.length - SESSIONS_SHOWN_MAX} more: -o json has all`,
  );
}

function sessionCells(row: SessionRow, page: Page): Cells {
  const { node, peer, router, verdict, state, since, routes } = row;
  const { hint, routers } = row;
  // The whole sentence stands above, once for all nodes.
  const { why = hint?.split(/[.:] /)[0]?.replace(/^The peer /, "") ?? "" } =
    row;
  const name = routers === undefined ? router : `${router} (${routers} up)`;
  return {
    verdict,
    cells: [
      peer,
      name,
      node,
      state,
      since === undefined ? "" : page.ago(since),
      routes === undefined ? "-" : `${routes}`,
      why,
    ],
  };
}

function serviceCells(row: ServiceRow, page: Page): readonly Cells[] {
  const { service, verdict, addresses, reason = "" } = row;
  if (addresses.length === 0) {
    return [{ verdict, cells: [service, "<pending>", "-", "-", "", reason] }];
  }
  return addresses.map(({ vip, eip = "-", owner, nextHops }, i) => ({
    verdict,
    cells: [
      i === 0 ? service : "",
      vip,
      eip,
      owner === undefined ? ownerless(nextHops) : owner.node,
      owner?.since === undefined
        ? SINCE[owner?.by ?? ""] ?? ""
        : page.ago(owner.since),
      i === 0 ? reason : "",
    ],
  }));
}

/** What stands for the owner of an address that routers have. */
function ownerless(nextHops: readonly string[] = []): string {
  if (nextHops.length === 0) return "nobody";
  return nextHops.length > NEXT_HOPS_SHOWN_MAX
    ? `${nextHops.length} next hops`
    : nextHops.join(",");
}

interface Cells {
  readonly verdict: Verdict;
  readonly cells: readonly string[];
}

/** Lines that come to be a page. */
class Page {
  readonly #options: TextOptions;
  readonly #nowMs: number;
  readonly #lines: string[] = [];

  constructor(options: TextOptions, nowIso: string) {
    this.#options = options;
    this.#nowMs = Date.parse(nowIso);
  }

  get text(): string {
    return this.#lines.map((line) => `${line.trimEnd()}\n`).join("");
  }

  line(text: string): void {
    this.#lines.push(text);
  }

  gap(): void {
    this.#lines.push("");
  }

  headline(text: string, verdict: Verdict): void {
    const wrapped = this.#wrap(this.#timed(text), 2);
    for (const [i, line] of wrapped.entries()) {
      const mark = i === 0 ? this.#mark(verdict) : " ";
      this.line(`${mark} ${this.#paint(BOLD, line)}`);
    }
  }

  /** A mark, a label, a sentence; labels as wide as the widest. */
  pairs(
    pairs: readonly Pair[],
    { indent = 0, labelWidth = 0 }: {
      readonly indent?: number;
      readonly labelWidth?: number;
    } = {},
  ): void {
    const width = Math.max(
      labelWidth,
      ...pairs.map(({ label }) => label.length),
    );
    const margin = indent + 2 + width + 2;
    for (const { verdict, label, sentence } of pairs) {
      const lines = this.#wrap(this.#timed(sentence), margin);
      const head = `${" ".repeat(indent)}${this.#mark(verdict)} ${
        label.padEnd(width)
      }  `;
      this.line(`${head}${lines[0] ?? ""}`);
      for (const line of lines.slice(1)) {
        this.line(`${" ".repeat(margin)}${line}`);
      }
    }
  }

  table(
    title: string,
    columns: readonly string[],
    rows: readonly Cells[],
  ): void {
    this.gap();
    if (rows.length === 0) {
      this.line(`  ${this.#paint(BOLD, title)}: none`);
      return;
    }
    const widths = columns.map((column, i) =>
      Math.max(column.length, ...rows.map(({ cells }) => cells[i]?.length ?? 0))
    );
    const lineOf = (cells: readonly string[]): string =>
      cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ");
    this.line(`  ${this.#paint(DIM, lineOf(columns).trimEnd())}`);
    for (const { verdict, cells } of rows) {
      this.line(`${this.#mark(verdict)} ${lineOf(cells)}`);
    }
  }

  /** How long ago a time was. */
  ago(iso: string): string {
    const ms = this.#nowMs - Date.parse(iso);
    return Number.isNaN(ms) ? "" : `${duration(Math.max(0, ms))} ago`;
  }

  /** Times in a sentence, with how long ago they were. */
  #timed(text: string): string {
    return text.replace(ISO, (iso) => `${iso} (${this.ago(iso)})`);
  }

  #wrap(text: string, margin: number): readonly string[] {
    const { width } = this.#options;
    if (width === undefined) return [text];
    const room = Math.max(WRAP_MIN, width - margin);
    const lines: string[] = [];
    let line = "";
    for (const word of text.split(" ")) {
      if (line !== "" && line.length + 1 + word.length > room) {
        lines.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    return [...lines, line];
  }

  #mark(verdict: Verdict): string {
    const [mark, color] = MARKS[verdict];
    return this.#paint(color, mark);
  }

  #paint(style: string, text: string): string {
    return this.#options.color ? `\x1b[${style}m${text}\x1b[0m` : text;
  }
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

function rank(verdict: Verdict): number {
  return ORDER.indexOf(verdict);
}

/** A duration by its largest unit, the way a person would say it. */
function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

const ORDER: readonly Verdict[] = ["problem", "warning", "note", "ok"];
const MARKS: Readonly<Record<Verdict, readonly [string, string]>> = {
  ok: ["✓", "32"],
  note: ["·", "2"],
  warning: ["!", "33"],
  problem: ["✗", "31"],
};
const BOLD = "1";
const DIM = "2";
const ISO = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g;
const NODE_COLUMNS = ["NODE", "AGENT", "ANSWERS FOR", "LINKS", ""];
const EIP_COLUMNS = ["EIP", "ADDRESSES", "PROTOCOL", "USE", ""];
const SERVICE_COLUMNS = ["SERVICE", "ADDRESS", "EIP", "OWNER", "SINCE", ""];
/** What stands for a time where none is known. */
const SINCE: Readonly<Record<string, string>> = {
  order: "first in line",
  node: "its own",
};
const SESSION_COLUMNS = [
  "BGPPEER",
  "ROUTER",
  "NODE",
  "STATE",
  "SINCE",
  "ROUTES",
  "",
];
/** Sessions in the text; the worst come first. */
const SESSIONS_SHOWN_MAX = 100;
/** Next hops of an address that are named. */
const NEXT_HOPS_SHOWN_MAX = 4;
/** Services in the text; the worst come first. */
const SERVICES_SHOWN_MAX = 100;
/** Columns that a sentence gets at least, however narrow the terminal. */
const WRAP_MIN = 30;
