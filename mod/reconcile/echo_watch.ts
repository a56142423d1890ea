/**
 * Notices writes that were answered and never happened: the watch does not show
 * them.
 *
 * @module
 */

import type { ClusterState } from "./cluster_state.ts";

/** Waits for what was written to be shown by its watch. */
export class EchoWatch {
  /** When each write is doubted, by its id; the first due comes first. */
  readonly #dueMs = new Map<string, number>();
  readonly #doubts = new Set<"service" | "eip">();

  /** Notes that a write was answered. */
  wrote(id: string, nowMs: number): void {
    if (idParts(id) === undefined) return;
    this.#dueMs.delete(id);
    this.#dueMs.set(id, nowMs + ECHO_MAX_MS);
  }

  /** Looks which writes were shown by now, and doubts those that are due; they are doubted again as long as they are not shown. */
  look(state: ClusterState, nowMs: number): void {
    for (const [id, dueMs] of this.#dueMs) {
      const parts = idParts(id);
      const isShown = parts === undefined || !state.isUnconfirmed(...parts);
      if (!isShown && dueMs > nowMs) break;
      this.#dueMs.delete(id);
      if (isShown) continue;
      this.#doubts.add(parts[0]);
      this.#dueMs.set(id, nowMs + ECHO_MAX_MS);
    }
  }

  /** Takes the kinds to list because of writes that no watch has shown in time. */
  takeDoubts(): readonly ("service" | "eip")[] {
    const taken = [...this.#doubts];
    this.#doubts.clear();
    return taken;
  }

  /** When to look again, or undefined. */
  deadlineMs(): number | undefined {
    const [first] = this.#dueMs.values();
    return first;
  }
}

/** The object a write is about, where it is one whose watch is waited for. */
function idParts(id: string): readonly ["service" | "eip", string] | undefined {
  const slash = id.indexOf("/");
  const key = id.slice(slash + 1);
  switch (id.slice(0, slash)) {
    case "service":
      return ["service", key];
    case "eip":
    case "eip-status":
      return ["eip", key];
    default:
      return undefined;
  }
}

/** How long the watch may take to show a write. */
export const ECHO_MAX_MS = 15_000;
