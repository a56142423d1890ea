/**
 * Logs: one JSON object a line in a cluster, readable text on a terminal.
 *
 * @module
 */

import {
  configure,
  getConsoleSink,
  getJsonLinesFormatter,
  getLogger,
  getTextFormatter,
  reset,
} from "@logtape/logtape";
import type { LogLevel, LogRecord, LogSink } from "@/port/log_sink.ts";
import { UsageError } from "./usage_error.ts";

/** How logs are written. */
export interface LogOptions {
  /** The least level that is written. */
  readonly level: LogLevel;
  /** The form. */
  readonly format: "json" | "text";
}

/**
 * Reads the options of the command line.
 *
 * @param level `debug`, `info`, `warning` or `error`.
 * @param format `json`, `text`, or `auto`: text on a terminal.
 * @throws {UsageError} When either is something else.
 */
export function logOptions(level: string, format: string): LogOptions {
  const known = LEVELS.find((one) => one === level);
  if (known === undefined) {
    throw new UsageError(
      `Cannot log at level "${level}": use ${LEVELS.join(", ")}`,
    );
  }
  if (format === "json" || format === "text") return { level: known, format };
  if (format !== "auto") {
    throw new UsageError(
      `Cannot log in format "${format}": use json, text or auto`,
    );
  }
  return { level: known, format: Deno.stderr.isTerminal() ? "text" : "json" };
}

/**
 * Starts logging to stderr.
 *
 * @param options How.
 * @returns Takes records; `close` ends logging.
 */
export async function startLogs(
  options: LogOptions,
): Promise<LogSink & { close(): Promise<void> }> {
  const formatter = options.format === "json"
    ? getJsonLinesFormatter({ properties: "flatten" })
    : getTextFormatter({
      timestamp: "time",
      level: "ABBR",
      format: ({ timestamp, level, category, message, record }) =>
        `${timestamp} ${level} ${category}: ${message}${
          fieldsText(record.properties)
        }`,
    });
  const sink = getConsoleSink({
    formatter,
    console: Object.assign(Object.create(console), toStderr()),
  });
  await configure({
    sinks: { stderr: sink },
    loggers: [
      { category: "foghorn", lowestLevel: options.level, sinks: ["stderr"] },
      {
        category: ["logtape", "meta"],
        lowestLevel: "error",
        sinks: ["stderr"],
      },
    ],
  });
  return {
    log: ({ level, category, message, fields }: LogRecord) => {
      getLogger(["foghorn", category])[level === "warning" ? "warn" : level](
        message,
        { ...fields },
      );
    },
    close: reset,
  };
}

/** A console whose every method writes to stderr: stdout belongs to answers. */
function toStderr(): Partial<Console> {
  const write = (...parts: unknown[]): void => {
    const text = `${parts.map(String).join(" ").trimEnd()}\n`;
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) {
      at += Deno.stderr.writeSync(bytes.subarray(at));
    }
  };
  return { debug: write, info: write, warn: write, error: write, log: write };
}

function fieldsText(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields).map(([name, item]) =>
    ` ${name}=${typeof item === "string" ? item : JSON.stringify(item)}`
  ).join("");
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warning", "error"];
