/**
 * A Markdown file, line by line.
 *
 * @module
 */

/** A line of a Markdown file. */
export interface MarkdownLine {
  /** Its text; empty where a fenced block begins or ends. */
  readonly line: string;
  /** From 1. */
  readonly number: number;
  /** The language of the fenced block the line is in or begins. */
  readonly fence: string | undefined;
}

/**
 * The lines of a Markdown file.
 *
 * @param text The file's text.
 */
export function linesOf(text: string): readonly MarkdownLine[] {
  let fence: string | undefined;
  return text.split("\n").map((line, index) => {
    const mark = line.match(/^\s*```+\s*(\w*)/);
    if (mark === null) return { line, number: index + 1, fence };
    fence = fence === undefined ? mark[1] ?? "" : undefined;
    return { line: "", number: index + 1, fence };
  });
}
