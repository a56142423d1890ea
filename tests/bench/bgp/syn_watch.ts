/**
 * When the receiver's SYN left, and when both ends had said KEEPALIVE, from the
 * cable itself: BIRD waits for a random part of a second before it dials.
 *
 * @module
 */

import { pass } from "../../support/waiting.ts";
import { type End, spawnAt } from "./cable.ts";

/** What tcpdump shows on a cable. */
export class SynWatch implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #done: Promise<void>;
  #synMs = 0;
  #atMs = 0;
  #from = "";
  /** When each end first said KEEPALIVE since the SYN. */
  readonly #keepalives = new Map<string, number>();

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.#done = this.#read(process.stdout);
  }

  /**
   * Begins to watch.
   *
   * @param end Where.
   * @param what SYNs only, or all messages: those of a large table cost time.
   */
  static async start(end: End, what: "syn" | "messages"): Promise<SynWatch> {
    const process = spawnAt(end, [
      "tcpdump",
      ...["-i", "e0", "-nn", "-tt", "-v", "-l", "--immediate-mode"],
      what === "syn"
        ? "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn"
        : "tcp port 179",
    ], { stdout: "piped" });
    // Nothing tells when it has begun; frames of before are not needed.
    await pass(700);
    return new SynWatch(process);
  }

  /** The time of the last SYN, on the clock of {@linkcode wallMs}; 0 before the first. */
  get synMs(): number {
    return this.#synMs;
  }

  /** From the last SYN to the second end's KEEPALIVE; `undefined` while there are not both. */
  get establishedMs(): number | undefined {
    return this.#keepalives.size < 2
      ? undefined
      : Math.max(...this.#keepalives.values()) - this.#synMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#done;
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#take(line);
    }
  }

  #take(line: string): void {
    const time = /^(\d+\.\d+) IP/.exec(line);
    if (time !== null) this.#atMs = Number(time[1]) * 1_000;
    const segment = /(\S+) > \S+: Flags \[(\S+)\]/.exec(line);
    if (segment !== null) {
      this.#from = segment[1] ?? "";
      if (segment[2] === "S") {
        this.#synMs = this.#atMs;
        this.#keepalives.clear();
      }
    }
    if (line.includes("Keepalive Message") && this.#synMs > 0) {
      if (!this.#keepalives.has(this.#from)) {
        this.#keepalives.set(this.#from, this.#atMs);
      }
    }
  }
}

/** The time as tcpdump has it, finer than a millisecond. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}
