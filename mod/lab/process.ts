/**
 * Programs that run on a host of the lab.
 *
 * @module
 */

import { assert } from "@/lang/assert.ts";

/** How a program is started. */
export interface LabProcessOptions {
  /** Its name, for messages. */
  readonly name: string;
  /** Whether it is written to. */
  readonly stdin?: boolean;
  /** Environment variables to add. */
  readonly env?: Readonly<Record<string, string>>;
  /** File to which all that it prints is appended. */
  readonly logFile?: string;
}

/** A program on a host. */
export class LabProcess {
  /** Its name, for messages. */
  readonly name: string;
  readonly #child: Deno.ChildProcess;
  readonly #log: Deno.FsFile | undefined;
  readonly #input:
    | WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>
    | undefined;
  readonly #lines: string[] = [];
  readonly #waiters = new Set<(line: string | undefined) => void>();
  readonly #done: Promise<Deno.CommandStatus>;
  #dropped = 0;
  #ended = false;

  /**
   * Starts a program inside the network namespace of a host. Its process id is
   * that of the program: `ip netns exec` replaces itself.
   *
   * @param host The host, or "" for the sandbox itself.
   * @param command The program and its arguments.
   * @param options How.
   */
  constructor(
    host: string,
    command: readonly string[],
    options: LabProcessOptions,
  ) {
    this.name = options.name;
    const written = options.stdin === true;
    const [tool = "", ...args] = host === ""
      ? command
      : ["ip", "netns", "exec", host, ...command];
    this.#child = new Deno.Command(tool, {
      args,
      stdin: written ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
      env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...options.env },
    }).spawn();
    this.#input = written ? this.#child.stdin.getWriter() : undefined;
    if (options.logFile !== undefined) {
      const how = { append: true, create: true };
      this.#log = Deno.openSync(options.logFile, how);
    }
    this.#done = this.#follow();
  }

  /** Its process id inside the sandbox. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Whether it has ended and all that it printed was read. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What it printed last, line by line; at most {@linkcode LINES_MAX}. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** How many lines it has printed. */
  get linesTotal(): number {
    return this.#dropped + this.#lines.length;
  }

  /** Its exit status, once all that it printed was read. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#done;
  }

  /** Sends it a signal; does nothing when it has ended. */
  kill(signal: Deno.Signal): void {
    if (this.#ended) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      const gone = error instanceof TypeError ||
        error instanceof Deno.errors.NotFound;
      if (!gone) throw error;
      // It has ended in this very moment.
    }
  }

  /**
   * Sends it a signal and waits for its end; kills it when it takes longer than
   * {@linkcode STOP_MS_MAX}.
   *
   * @param signal The signal.
   * @returns Its exit code.
   */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    this.kill(signal);
    const timer = setTimeout(() => this.kill("SIGKILL"), STOP_MS_MAX);
    try {
      return (await this.#done).code;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Writes a line to its stdin, after those written before. */
  async write(line: string): Promise<void> {
    assert(this.#input !== undefined, "It was started to be written to");
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /**
   * Waits for a line that it printed, or will print.
   *
   * @param matches Which line.
   * @param options `timeoutMs`: how long; `from`: lines before that number,
   * counted as {@linkcode LabProcess.linesTotal} does, are not looked at.
   * @returns The line.
   * @throws {Error} When it ends or the time is over without one.
   */
  async line(
    matches: (line: string) => boolean,
    options: { readonly timeoutMs: number; readonly from?: number },
  ): Promise<string> {
    const skipped = Math.max(0, (options.from ?? 0) - this.#dropped);
    const said = this.#lines.slice(skipped).find(matches);
    if (said !== undefined) return said;
    if (this.#ended) throw this.#silent(options.timeoutMs);
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const waiter = (line: string | undefined): void => {
      if (line === undefined || matches(line)) resolve(line);
    };
    this.#waiters.add(waiter);
    const timer = setTimeout(() => resolve(undefined), options.timeoutMs);
    try {
      const line = await promise;
      if (line === undefined) throw this.#silent(options.timeoutMs);
      return line;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }

  /**
   * Calls back for each line from here on.
   *
   * @param listener Called with the line, `undefined` at the end.
   */
  onLine(listener: (line: string | undefined) => void): void {
    this.#waiters.add(listener);
  }

  #silent(timeoutMs: number): Error {
    const tail = this.#lines.slice(-15).join("\n");
    return new Error(
      this.#ended
        ? `${this.name} has ended:\n${tail}`
        : `${this.name} did not say what was waited for within ${timeoutMs} ms:\n${tail}`,
    );
  }

  async #follow(): Promise<Deno.CommandStatus> {
    const [status] = await Promise.all([
      this.#child.status,
      this.#read(this.#child.stdout),
      this.#read(this.#child.stderr),
    ]);
    this.#ended = true;
    this.#log?.close();
    // Ours to close, also when nobody reads any more.
    await this.#input?.abort().catch(() => {});
    for (const waiter of this.#waiters) waiter(undefined);
    this.#waiters.clear();
    return status;
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) this.#take(line);
    }
    if (rest !== "") this.#take(rest);
  }

  #take(line: string): void {
    this.#log?.writeSync(new TextEncoder().encode(`${line}\n`));
    this.#lines.push(line);
    if (this.#lines.length > LINES_MAX) {
      this.#dropped += LINES_MAX / 2;
      this.#lines.splice(0, LINES_MAX / 2);
    }
    for (const waiter of this.#waiters) waiter(line);
  }
}

/** Lines kept of one program. */
export const LINES_MAX = 20_000;

/** Longest that {@linkcode LabProcess.stop} waits before it kills. */
export const STOP_MS_MAX = 10_000;
