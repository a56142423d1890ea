/**
 * Which faults led to what: a table without an empty cell, or the worlds have
 * not tried what they claim to try.
 *
 * @module
 */

import { LINK_FAULTS, type LinkFault } from "./fault_kinds.ts";
import type { LinkHit, Outcome } from "./world_run.ts";

/** Counts of outcomes, by fault. */
export class LinkCoverage {
  readonly #counts = new Map<string, number>();

  /** Adds what happened in a world. */
  add(hits: readonly LinkHit[]): void {
    for (const { kind, outcomes } of hits) {
      for (const outcome of outcomes) {
        const cell = `${kind}: ${outcome}`;
        this.#counts.set(cell, (this.#counts.get(cell) ?? 0) + 1);
      }
    }
  }

  /** What should happen now and then, and never did. */
  empty(): readonly string[] {
    return LINK_FAULTS.flatMap((kind) =>
      EXPECTED[kind].map((outcome) => `${kind}: ${outcome}`)
    ).filter((cell) => !this.#counts.has(cell));
  }

  /** A table for people. */
  table(): string {
    const width = Math.max(...LINK_FAULTS.map((kind) => kind.length));
    const lines = LINK_FAULTS.map((kind) =>
      row(
        kind.padEnd(width),
        OUTCOMES.map((outcome) => this.#cell(kind, outcome)),
      )
    );
    return [row("fault".padEnd(width), OUTCOMES), ...lines].join("\n");
  }

  #cell(kind: LinkFault, outcome: Outcome): string {
    const count = this.#counts.get(`${kind}: ${outcome}`);
    if (count !== undefined) return `${count}`;
    return EXPECTED[kind].includes(outcome) ? "0" : "-";
  }
}

function row(name: string, cells: readonly string[]): string {
  return [name, ...cells.map((cell) => cell.padStart(COLUMN_WIDTH))].join("");
}

const OUTCOMES: readonly Outcome[] = [
  "stayed",
  "took-over",
  "claimed",
  "relieved",
];

// What each fault must have led to in some world.
const EXPECTED: Readonly<Record<LinkFault, readonly Outcome[]>> = {
  freeze: ["stayed", "took-over"],
  "pair-freeze": ["took-over"],
  "link-down": ["stayed", "took-over"],
  "cable-cut": ["stayed", "took-over"],
  kill: ["stayed", "took-over"],
  stop: ["stayed", "took-over"],
  "vm-pause": ["stayed", "took-over"],
  deaf: ["stayed", "took-over"],
  mute: ["stayed", "took-over"],
  "one-way": ["stayed", "took-over"],
  "two-apart": ["stayed", "took-over"],
  partition: ["stayed", "took-over"],
  alone: ["stayed", "took-over"],
  "api-outage": ["stayed"],
  "api-lost": ["stayed", "relieved"],
  "blind-next": ["took-over"],
  drain: ["stayed", "relieved"],
  upgrade: ["stayed", "relieved"],
  "rolling-upgrade": ["relieved"],
  "endpoint-move": ["stayed", "relieved"],
  withdraw: ["claimed"],
  foreign: ["stayed", "claimed"],
  burst: ["stayed", "took-over"],
};

const COLUMN_WIDTH = 11;
