/**
 * The matrix of `docs/bgp-interop.md`.
 *
 * @module
 */

/** A row: what is shown, by which step, with whom. */
export interface MatrixRow {
  readonly feature: string;
  /** The step that each daemon's test has where its cell says "yes". */
  readonly step: string;
  /** What each daemon's cell says. */
  readonly cells: ReadonlyMap<string, string>;
}

/**
 * Reads it.
 *
 * @param page The page's text.
 */
export function matrixOf(page: string): readonly MatrixRow[] {
  const lines = page.split("\n");
  const at = lines.findIndex((line) => /^\| feature +\|/.test(line));
  const [head = "", , ...rest] = at < 0 ? [] : lines.slice(at);
  const [, ...columns] = cellsOf(head);
  const end = rest.findIndex((line) => !line.startsWith("|"));
  return rest.slice(0, end < 0 ? rest.length : end).map((line) => {
    const [feature = "", ...cells] = cellsOf(line);
    const step = /^`(.*)`$/.exec(cells.at(-1) ?? "")?.[1] ?? "";
    const named = columns.slice(0, -1).map((column, i) =>
      // Its version stands behind its name.
      [column.split(" ")[0] ?? "", cells[i] ?? ""] as const
    );
    return { feature, step, cells: new Map(named) };
  });
}

function cellsOf(line: string): readonly string[] {
  return line.split("|").slice(1, -1).map((cell) => cell.trim());
}
