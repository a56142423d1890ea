/**
 * What agents may say in their logs while the soak runs, and why they do.
 *
 * @module
 */

/** A line that is explained. */
export interface Explained {
  /** What its message is. */
  readonly pattern: RegExp;
  /** Why it is said. */
  readonly why: string;
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
 * @param logs Logs of agents, one JSON object a line.
 * @returns Each kind of line, unexplained ones first.
 */
export function tallyLogs(logs: readonly string[]): readonly LogTally[] {
  const texts = logs.flatMap((log) => log.split("\n"))
    .filter((line) => line !== "").map(textOf);
  return [...Map.groupBy(texts, (text) => text)]
    .map(([text, all]) => ({
      text,
      count: all.length,
      why: EXPLAINED.find(({ pattern }) => pattern.test(text))?.why,
    }))
    .toSorted((a, b) =>
      Number(a.why !== undefined) - Number(b.why !== undefined) ||
      b.count - a.count
    );
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
      /^WARN Watch lost: Cannot follow PATH: the watch broke off: (nothing arrives on the connection|error reading a body from connection)$/,
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
    pattern: /^WARN Watch lost: Cannot (GET|follow) PATH: forbidden$/,
    why: "an API server that has just started knows no roles yet",
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
