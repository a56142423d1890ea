/**
 * What the demo prints: lines for people, or one JSON object a line.
 *
 * @module
 */

/** A step that is done. */
export interface DemoStep {
  /** One line that says what was done. */
  readonly text: string;
  /** The same for scripts. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** How to print. */
export interface DemoReportOptions {
  /** One JSON object a line. */
  readonly json: boolean;
  /** Whether stdout is a terminal: a line may be written over. */
  readonly terminal: boolean;
  /** Whether to use colors. */
  readonly color: boolean;
  /** Takes what is printed. */
  readonly write: (text: string) => void;
}

/** The demo's output. */
export class DemoReport {
  readonly #options: DemoReportOptions;
  readonly #startMs = performance.now();
  #hasDraft = false;

  /**
   * Nothing is printed yet.
   *
   * @param options How to print.
   */
  constructor(options: DemoReportOptions) {
    this.#options = options;
  }

  /** Prints what all of it is about. */
  title(text: string): void {
    this.#line(`\n${this.#paint(BOLD, text)}\n`);
  }

  /**
   * Does a step and prints it with the time it took.
   *
   * @param name Its name: a word or two.
   * @param doing What it is about, shown on a terminal until it is done.
   * @param work Does it.
   */
  async step(
    name: string,
    doing: string,
    work: () => Promise<DemoStep>,
  ): Promise<void> {
    this.draft(name, doing);
    const startMs = performance.now();
    const { text, fields } = await work();
    const tookMs = performance.now() - startMs;
    this.#line(
      `${this.#paint(GREEN, "✓")} ${name.padEnd(NAME_WIDTH)}${
        text.padEnd(TEXT_WIDTH)
      }${this.#paint(DIM, formatMs(tookMs).padStart(TIME_WIDTH))}`,
    );
    this.#json({ step: name, ok: true, tookMs: Math.round(tookMs), ...fields });
  }

  /**
   * On a terminal: shows what is under way, until the next line takes its place.
   *
   * @param name The step.
   * @param doing What it is about.
   */
  draft(name: string, doing: string): void {
    if (this.#options.json || !this.#options.terminal) return;
    const line = `  ${name.padEnd(NAME_WIDTH)}${doing} …`;
    this.#options.write(`${CLEAR}${this.#paint(DIM, line)}`);
    this.#hasDraft = true;
  }

  /**
   * Prints a table for people.
   *
   * @param rows Its rows, the first one the head.
   */
  table(rows: readonly (readonly string[])[]): void {
    const widths = (rows[0] ?? []).map((_, column) =>
      Math.max(...rows.map((row) => (row[column] ?? "").length))
    );
    const lines = rows.map((row, i) => {
      const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
      const line = `    ${cells.join("  ").trimEnd()}`;
      return i === 0 ? this.#paint(DIM, line) : line;
    });
    this.#line(`\n${lines.join("\n")}\n`);
  }

  /**
   * Prints that it went wrong.
   *
   * @param message What happened.
   * @param details Lines that help to understand it.
   */
  failure(message: string, details: readonly string[] = []): void {
    this.#line(`${this.#paint(RED, "✗")} ${message}`);
    for (const detail of details) this.#line(this.#paint(DIM, `  ${detail}`));
    this.#json({ step: "failed", ok: false, message, details });
  }

  /**
   * Prints the end.
   *
   * @param text What it came to.
   */
  end(text: string): void {
    const tookMs = performance.now() - this.#startMs;
    this.#line(`\n${this.#paint(BOLD, text)} ${formatMs(tookMs)} in all.`);
    this.#json({ step: "done", ok: true, tookMs: Math.round(tookMs) });
  }

  /**
   * Prints that the lab was left running, and how to look around.
   *
   * @param guide The commands, for people and for scripts.
   */
  kept({ text, fields }: DemoStep): void {
    this.#line(text);
    this.#line(
      this.#paint(BOLD, "Ctrl-C here ends it and removes everything."),
    );
    this.#json({ step: "Kept", ok: true, ...fields });
  }

  #paint(code: number, text: string): string {
    return this.#options.color ? `\x1b[${code}m${text}\x1b[0m` : text;
  }

  #line(text: string): void {
    if (this.#options.json) return;
    this.#options.write(`${this.#hasDraft ? CLEAR : ""}${text}\n`);
    this.#hasDraft = false;
  }

  #json(value: Readonly<Record<string, unknown>>): void {
    if (this.#options.json) this.#options.write(`${JSON.stringify(value)}\n`);
  }
}

/**
 * A duration for people.
 *
 * @param durationMs The duration in milliseconds.
 * @returns Milliseconds below one second, seconds with a tenth above.
 */
export function formatMs(durationMs: number): string {
  return durationMs < 999.5
    ? `${durationMs.toFixed(0)} ms`
    : `${(durationMs / 1000).toFixed(1)} s`;
}

const BOLD = 1;
const DIM = 2;
const RED = 31;
const GREEN = 32;
const CLEAR = "\r\x1b[K";
// Together 78 columns.
const NAME_WIDTH = 13;
const TEXT_WIDTH = 56;
const TIME_WIDTH = 7;
