/**
 * Finds the checks in a source, and takes one out.
 *
 * Sources are as `deno fmt` writes them: operators have blanks on both sides,
 * which tells them from type parameters.
 *
 * @module
 */

/** A check, and what the source is without it. */
export interface Check {
  /** Where it stands, counted from 1. */
  readonly line: number;
  /** What is done to it. */
  readonly what: string;
  /** Where it begins and ends in the source. */
  readonly from: number;
  readonly to: number;
  /** What stands there then. */
  readonly instead: string;
}

/**
 * The checks of a source: conditions of `if` that are never met, or always;
 * comparisons that are off by one or turned round; `&&` and `||` exchanged.
 *
 * What `assert` holds is left alone: it is a promise of the code, not a check
 * of what a peer sent.
 *
 * @param source TypeScript.
 * @returns The checks, in their order.
 */
export function checksOf(source: string): readonly Check[] {
  const code = withoutWords(source);
  const asserted = rangesOf(code, /\bassert\(/g);
  const checks: Check[] = [];
  const add = (from: number, to: number, instead: string, what: string) => {
    if (asserted.some((range) => from >= range.from && to <= range.to)) return;
    const line = source.slice(0, from).split("\n").length;
    checks.push({ line, what, from, to, instead });
  };
  for (const { from, to } of rangesOf(code, /\bif \(/g)) {
    const condition = source.slice(from, to).replaceAll(/\s+/g, " ");
    add(from, to, "false", `if (${condition}) is never met`);
    add(
      from,
      to,
      `!(${source.slice(from, to)})`,
      `if (${condition}) is turned round`,
    );
  }
  for (const match of code.matchAll(/ (===|!==|<=|>=|<|>|&&|\|\|)(?=\s)/g)) {
    const operator = match[1] as string;
    const from = match.index + 1;
    const instead = OTHERS[operator] as string;
    const text = lineOf(source, from);
    add(
      from,
      from + operator.length,
      instead,
      `${operator} is ${instead} in: ${text}`,
    );
  }
  return checks.toSorted((a, b) => a.from - b.from);
}

/**
 * A source without one of its checks.
 *
 * @param source The source.
 * @param check The check.
 */
export function withoutCheck(source: string, check: Check): string {
  return source.slice(0, check.from) + check.instead + source.slice(check.to);
}

/** The same source with blanks for comments and texts, so that places agree. */
function withoutWords(source: string): string {
  const words =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|\/(?![*/ ])(?:[^/\\\n]|\\.)+\/[a-z]+/g;
  return source.replaceAll(words, (each) => each.replaceAll(/[^\n]/g, "_"));
}

/** What is in the parentheses that a pattern opens. */
function rangesOf(
  code: string,
  opening: RegExp,
): readonly { readonly from: number; readonly to: number }[] {
  return [...code.matchAll(opening)].map((match) => {
    const from = match.index + match[0].length;
    let depth = 1;
    let to = from;
    for (; to < code.length; to++) {
      if (code[to] === "(") depth++;
      else if (code[to] === ")" && --depth === 0) break;
    }
    return { from, to };
  });
}

function lineOf(source: string, at: number): string {
  const from = source.lastIndexOf("\n", at) + 1;
  const to = source.indexOf("\n", at);
  return source.slice(from, to < 0 ? source.length : to).trim();
}

const OTHERS: Readonly<Record<string, string>> = {
  "===": "!==",
  "!==": "===",
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "&&": "||",
  "||": "&&",
};
