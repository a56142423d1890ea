/**
 * What a run of the benchmarks found, and how it is written down.
 *
 * @module
 */

/** A table of figures. */
export interface Table {
  /** What it compares, one sentence. */
  readonly title: string;
  /** Headings; the first column is left-aligned, the others right-aligned. */
  readonly columns: readonly string[];
  /** Cells, as many per row as there are columns. */
  readonly rows: readonly (readonly string[])[];
}

/** A figure that other documents cite by its name. */
export interface KeyFigure {
  /** Lower case and hyphens. */
  readonly name: string;
  /** What it is, a phrase. */
  readonly what: string;
  /** The figure with its unit. */
  readonly value: string;
}

/** What the project promises not to fall behind. */
export interface Floor {
  /** The promise. */
  readonly promise: string;
  /** What was measured. */
  readonly measured: string;
  /** Whether it is kept. */
  readonly met: boolean;
}

/** What one part of the benchmarks found. */
export interface PartReport {
  /** Its heading. */
  readonly title: string;
  /** How it was measured, a sentence each. */
  readonly method: readonly string[];
  /** Its tables. */
  readonly tables: readonly Table[];
  /** Figures to cite. */
  readonly figures: readonly KeyFigure[];
  /** Promises and whether they are kept. */
  readonly floors: readonly Floor[];
}

/** What a whole run found. */
export interface Report {
  /** Heading of the page. */
  readonly title: string;
  /** The command that writes it. */
  readonly command: string;
  /** The machine, a phrase each. */
  readonly machine: readonly string[];
  /** What was measured, in order. */
  readonly parts: readonly PartReport[];
  /** What was not measured, and why. */
  readonly skipped: readonly string[];
  /** Pages with further figures, a line each. */
  readonly elsewhere?: readonly string[];
}

/**
 * A report as a Markdown page.
 *
 * @param report The report.
 * @returns The page, as `deno fmt` would leave it.
 */
export function formatReport(report: Report): string {
  const figures = report.parts.flatMap((part) => part.figures);
  const floors = report.parts.flatMap((part) => part.floors);
  return [
    `# ${report.title}`,
    "",
    `Written by \`${report.command}\`; ratios compare figures of the same run.`,
    "",
    ...report.machine.map((line) => `- ${line}`),
    ...section("In short", figures.map(formatFigure)),
    ...section(
      "Floors",
      floors.length === 0 ? [] : formatTable(floorTable(floors)),
    ),
    ...report.parts.flatMap(formatPart),
    ...section("Not measured", report.skipped.map((line) => `- ${line}`)),
    ...section(
      "Elsewhere",
      (report.elsewhere ?? []).map((line) => `- ${line}`),
    ),
    "",
  ].join("\n");
}

/**
 * Promises and whether they are kept, as a table.
 *
 * @param floors The promises.
 */
export function floorTable(floors: readonly Floor[]): Table {
  return {
    title: "",
    columns: ["promise", "measured", "verdict"],
    rows: floors.map(({ promise, measured, met }) => [
      promise,
      measured,
      met ? "met" : "**not met**",
    ]),
  };
}

/**
 * A table as Markdown.
 *
 * @param table The table.
 * @returns Lines, the columns as wide as their widest cell.
 */
export function formatTable(table: Table): readonly string[] {
  const rows = [table.columns, ...table.rows];
  const widths = table.columns.map((_, column) =>
    Math.max(3, ...rows.map((row) => (row[column] ?? "").length))
  );
  const line = (row: readonly string[]): string =>
    `| ${
      row.map((cell, column) =>
        column === 0
          ? cell.padEnd(widths[column] ?? 0)
          : cell.padStart(widths[column] ?? 0)
      ).join(" | ")
    } |`;
  const rule = widths.map((width, column) =>
    column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`
  );
  return [
    line(table.columns),
    `| ${rule.join(" | ")} |`,
    ...table.rows.map(line),
  ];
}

function formatPart(part: PartReport): readonly string[] {
  return section(part.title, [
    ...part.method,
    ...part.tables.flatMap((table) => [
      "",
      ...(table.title === "" ? [] : [`${table.title}:`, ""]),
      ...formatTable(table),
    ]),
  ]);
}

function formatFigure({ name, what, value }: KeyFigure): string {
  return `- ${what}: <!-- figure: ${name} -->${value}<!-- /figure -->`;
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", `## ${title}`, "", ...lines];
}
