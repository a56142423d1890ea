/**
 * Which faults hit which nodes: a table without an empty cell, or the seeds have
 * not tried what they claim to try.
 *
 * @module
 */

import { FAULT_KINDS, type FaultKind, type Role, ROLES } from "./faults.ts";
import type { Hit } from "./seed_run.ts";

/** Counts of hits, by fault and by what the node was that it hit. */
export class Coverage {
  readonly #counts = new Map<string, number>();

  /** Adds the faults of a seed. */
  add(hits: readonly Hit[]): void {
    for (const { kind, role } of hits) {
      const cell = cellOf(kind, role);
      this.#counts.set(cell, (this.#counts.get(cell) ?? 0) + 1);
    }
  }

  /** What never happened. */
  empty(): readonly string[] {
    return FAULT_KINDS.flatMap((kind) =>
      ROLES.map((role) => cellOf(kind, role))
    ).filter((cell) => !this.#counts.has(cell));
  }

  /** A table for people. */
  table(): string {
    const width = Math.max(...FAULT_KINDS.map((kind) => kind.length));
    const lines = FAULT_KINDS.map((kind) =>
      row(
        kind.padEnd(width),
        ROLES.map((role) => `${this.#counts.get(cellOf(kind, role)) ?? 0}`),
      )
    );
    return [row("fault".padEnd(width), ROLES), ...lines].join("\n");
  }
}

function cellOf(kind: FaultKind, role: Role): string {
  return `${kind} at ${role}`;
}

function row(name: string, cells: readonly string[]): string {
  return [name, ...cells.map((cell) => cell.padStart(COLUMN_WIDTH))].join("");
}

const COLUMN_WIDTH = 14;
