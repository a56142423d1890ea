/**
 * Where log records go.
 *
 * @module
 */

/** How much a record matters. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** A constant message with fields; field names as in the code. */
export interface LogRecord {
  /** How much it matters. */
  readonly level: LogLevel;
  /** Who says it: `main`, `wire`, `kube`, … */
  readonly category: string;
  /** A constant sentence. */
  readonly message: string;
  /** What it is about. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Takes log records. */
export interface LogSink {
  /** Takes one record. */
  log(record: LogRecord): void;
}
