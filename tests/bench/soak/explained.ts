/**
 * What agents may say in their logs while the soak runs, and why they do.
 *
 * @module
 */

import { BOOKMARK_SILENCE_MS } from "@/io/kube/silence_guard.ts";

/** A line that is explained. */
export interface Explained {
  /** What its message is. */
  readonly pattern: RegExp;
  /** Why it is said. */
  readonly why: string;
  /** How long before it there must have been silence; absent: it need not. */
  readonly silentWithinMs?: number;
  /** How long before it a Service must have been deleted; absent: it need not. */
  readonly deletedWithinMs?: number;
}

/** What happened that lines may be explained by. */
export interface Happenings {
  /** When which agents could not hear the API server. */
  readonly silent: readonly SilentSpan[];
  /** When Services were deleted, on the clock of the logs. */
  readonly deletedMs: readonly number[];
}

/** What one agent wrote, also when it was started several times. */
export interface AgentLog {
  /** Its node. */
  readonly node: string;
  /** One JSON object a line. */
  readonly text: string;
}

/** A time in which an agent could not hear the API server. */
export interface SilentSpan {
  /** The agent's node; undefined: all of them. */
  readonly node: string | undefined;
  /** When it began, on the clock of the logs. */
  readonly fromMs: number;
  /** When it ended; undefined: it has not. */
  readonly toMs: number | undefined;
}

/** A kind of line, and how often it was there. */
export interface LogTally {
  /** Its message, with its level. */
  readonly text: string;
  /** How often. */
  readonly count: number;
  /** Why; absent when nobody knows. */
  readonly why: string | undefined;
}

/**
 * Sorts the lines of logs by their messages.
 *
 * @param logs Logs of agents.
 * @param happenings What happened to them.
 * @returns Each kind of line, unexplained ones first. What is explained at one
 * time and not at another is two kinds.
 */
export function tallyLogs(
  logs: readonly AgentLog[],
  happenings: Happenings,
): readonly LogTally[] {
  const lines = logs.flatMap(({ node, text }) =>
    text.split("\n").filter((line) => line !== "").map((line) => {
      const said = textOf(line);
      return {
        said,
        why: whyOf(said, { node, atMs: timeOf(line) }, happenings),
      };
    })
  );
  return [...Map.groupBy(lines, ({ said, why }) => `${said} ${why}`).values()]
    .flatMap((all) => {
      const [first] = all;
      if (first === undefined) return [];
      return [{ text: first.said, count: all.length, why: first.why }];
    })
    .toSorted((a, b) =>
      Number(a.why !== undefined) - Number(b.why !== undefined) ||
      b.count - a.count
    );
}

function whyOf(
  said: string,
  line: { readonly node: string; readonly atMs: number | undefined },
  happenings: Happenings,
): string | undefined {
  return EXPLAINED.find((one) =>
    one.pattern.test(said) && isAfter(one, line, happenings)
  )?.why;
}

/** Whether what an explanation wants has happened before a line. */
function isAfter(
  { silentWithinMs, deletedWithinMs }: Explained,
  { node, atMs = NaN }: {
    readonly node: string;
    readonly atMs: number | undefined;
  },
  { silent, deletedMs }: Happenings,
): boolean {
  const wasSilent = silentWithinMs === undefined ||
    silent.some((span) =>
      (span.node === undefined || span.node === node) && span.fromMs <= atMs &&
      atMs - (span.toMs ?? atMs) <= silentWithinMs
    );
  const wasDeleted = deletedWithinMs === undefined ||
    deletedMs.some((ms) => ms <= atMs && atMs - ms <= deletedWithinMs);
  return wasSilent && wasDeleted;
}

/** When a line was written; undefined when it does not say. */
function timeOf(line: string): number | undefined {
  const [, text] = /"@timestamp":"([^"]+)"/.exec(line) ?? [];
  const atMs = Date.parse(text ?? "");
  return Number.isNaN(atMs) ? undefined : atMs;
}

/** Level and message; the line itself when it is no JSON. */
function textOf(line: string): string {
  try {
    const { level, message, reason } = JSON.parse(line);
    const why = typeof reason === "string" ? `: ${withoutNames(reason)}` : "";
    return `${level} ${message}${why}`;
  } catch (error) {
    if (error instanceof SyntaxError) return line;
    throw error;
  }
}

/** What differs from line to line and tells nothing. */
function withoutNames(text: string): string {
  return text.replace(/ for url \([^)]*\)/, "").replaceAll(
    /\/apis?\/[\w./-]+/g,
    "PATH",
  )
    .replaceAll(/\d+/g, "N")
    .replace(/: N .*? is forbidden: .*/, ": forbidden");
}

/** How late an agent that has just got a processor again may be. */
const MARGIN_MS = 30_000;

const EXPLAINED: readonly Explained[] = [
  { pattern: /^INFO Agent started$/, why: "one was started again" },
  { pattern: /^INFO Shutting down$/, why: "SIGTERM" },
  {
    pattern: /^INFO Controller role changed$/,
    why: "the one that gives out addresses was in trouble",
  },
  {
    pattern: /^INFO kube-proxy is healthy$/,
    why: "it answers, for the first time or again",
  },
  {
    pattern: /^WARN kube-proxy is not healthy: other nodes are to answer/,
    why: "it was frozen or cut off together with its node",
  },
  {
    pattern: /^INFO Did not run for a while: /,
    why: "it was stopped, or its node was frozen",
  },
  {
    pattern:
      /^WARN Watch lost: Cannot (GET PATH|follow PATH: the watch broke off): (nothing arrives on the connection|error reading a body from connection|peer closed connection without sending TLS close_notify: \S+)$/,
    why: "the API server or the management link was away, or the agent stopped",
  },
  {
    pattern:
      /^WARN Watch lost: Cannot follow PATH: the watch expired: too old resource version: N \(N\)$/,
    why:
      "an API server that was started anew remembers no history: all is listed again",
  },
  {
    pattern:
      /^WARN Watch lost: Cannot (GET|follow) PATH: error sending request: client error \((Connect|SendRequest)\)/,
    why: "the API server or the management link was away",
  },
  {
    pattern:
      /^WARN Watch lost: Cannot GET PATH: N storage is \(re\)initializing$/,
    why: "an API server that has just started has not read everything yet",
    silentWithinMs: MARGIN_MS,
  },
  {
    pattern: /^WARN Write failed: not-found$/,
    why: "a Service was deleted while something was written to it",
    deletedWithinMs: BOOKMARK_SILENCE_MS + MARGIN_MS,
  },
  {
    pattern: /^WARN Watch lost: Cannot (GET|follow) PATH: forbidden$/,
    why: "an API server that has just started knows no roles yet",
  },
  {
    pattern: /^WARN Watch lost: Cannot follow PATH: the watch fell silent$/,
    why:
      "no bookmark came for 90 s: the API server or the management link was away meanwhile, or the agent stopped",
    silentWithinMs: BOOKMARK_SILENCE_MS + MARGIN_MS,
  },
  {
    pattern: /^WARN Write failed: (unreachable|timeout|server-error)$/,
    why: "the API server or the management link was away",
  },
  {
    pattern: /^WARN Write failed: forbidden$/,
    why: "an API server that has just started knows no roles yet",
  },
];
