/**
 * The program that asks from the client's namespace. It is told what to do by
 * JSON lines on stdin and answers by JSON lines on stdout; it ends with stdin.
 *
 * Requests of a stream are begun at a steady pace, however long each takes.
 *
 * @module
 */

import { httpGet, type HttpTarget } from "./http_get.ts";
import type { Sample } from "./outage.ts";

/** What the probe is told. */
export type ProbeCommand =
  | {
    /** Ask once. */
    readonly kind: "request";
    /** Number its answer carries. */
    readonly id: number;
    readonly target: HttpTarget;
  }
  | {
    /** Ask again and again until `stop`. */
    readonly kind: "start";
    /** Number its answers carry. */
    readonly id: number;
    readonly target: HttpTarget;
    /** Time from the begin of one request to that of the next. */
    readonly intervalMs: number;
  }
  | {
    /** Begin no more requests of a stream. */
    readonly kind: "stop";
    readonly id: number;
  };

/** What the probe says. */
export type ProbeReport =
  | {
    /** What became of a request. */
    readonly kind: "sample";
    readonly id: number;
    readonly sample: Sample;
  }
  | {
    /** The last sample of a stream was told. */
    readonly kind: "stopped";
    readonly id: number;
  };

/** Runs until stdin ends. */
export async function runProbe(): Promise<void> {
  const streams = new Map<number, () => void>();
  const decoder = new TextDecoderStream();
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(decoder)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) obey(JSON.parse(line), streams);
  }
  for (const stop of streams.values()) stop();
}

function obey(command: ProbeCommand, streams: Map<number, () => void>): void {
  switch (command.kind) {
    case "request":
      void ask(command.id, command.target);
      return;
    case "start":
      streams.set(command.id, startStream(command));
      return;
    case "stop":
      streams.get(command.id)?.();
      streams.delete(command.id);
      return;
  }
}

function startStream(
  { id, target, intervalMs }: Extract<ProbeCommand, { kind: "start" }>,
): () => void {
  const underWay = new Set<Promise<void>>();
  const begin = (): void => {
    if (underWay.size >= UNDER_WAY_MAX) return;
    const asked = ask(id, target).then(() => void underWay.delete(asked));
    underWay.add(asked);
  };
  const timer = setInterval(begin, intervalMs);
  begin();
  return () => {
    clearInterval(timer);
    void Promise.all(underWay).then(() => tell({ kind: "stopped", id }));
  };
}

async function ask(id: number, target: HttpTarget): Promise<void> {
  const startMs = performance.now();
  const sentMs = performance.timeOrigin + startMs;
  const answer = await httpGet(target);
  const tookMs = performance.now() - startMs;
  const sample: Sample = answer.ok
    ? { sentMs, tookMs, status: answer.status, body: answer.body.trimEnd() }
    : { sentMs, tookMs, error: answer.error };
  tell({ kind: "sample", id, sample });
}

function tell(report: ProbeReport): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(report)}\n`);
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}

/** Requests of one stream that wait for their end at once; none is begun above that. */
export const UNDER_WAY_MAX = 1000;
