import { deepStrictEqual as deepEqual } from "node:assert/strict";
import type { BfdSessionState } from "@/wire/bfd_control.ts";
import { BFD_TRANSITIONS, type BfdInput } from "./transitions.ts";

/** RFC 5880 §6.8.6 and §6.8.4: our state, what comes, the next state, the diagnostic where it changes. */
const CELLS: readonly (readonly [
  BfdSessionState,
  BfdInput,
  BfdSessionState,
  number?,
])[] = [
  ["admin-down", "admin-down", "admin-down"],
  ["admin-down", "down", "admin-down"],
  ["admin-down", "init", "admin-down"],
  ["admin-down", "up", "admin-down"],
  ["admin-down", "expired", "admin-down"],
  ["down", "admin-down", "down"],
  ["down", "down", "init"],
  ["down", "init", "up"],
  ["down", "up", "down"],
  ["down", "expired", "down"],
  ["init", "admin-down", "down", 3],
  ["init", "down", "init"],
  ["init", "init", "up"],
  ["init", "up", "up"],
  ["init", "expired", "down", 1],
  ["up", "admin-down", "down", 3],
  ["up", "down", "down", 3],
  ["up", "init", "up"],
  ["up", "up", "up"],
  ["up", "expired", "down", 1],
];

Deno.test.each(
  CELLS.map(([state, input, next, diagnostic]) => ({
    name: `${state} on ${input} to ${next}`,
    state,
    input,
    expected: diagnostic === undefined
      ? { state: next }
      : { state: next, diagnostic },
  })),
)("BFD_TRANSITIONS leads $name (RFC 5880 §6.8.6)", (cell) => {
  deepEqual(BFD_TRANSITIONS[cell.state][cell.input], cell.expected);
});

Deno.test("BFD_TRANSITIONS has no cell without a row", () => {
  const cells = Object.entries(BFD_TRANSITIONS).flatMap(([state, row]) =>
    Object.keys(row).map((input) => `${state} ${input}`)
  );
  deepEqual(
    cells.toSorted(),
    CELLS.map(([state, input]) => `${state} ${input}`).toSorted(),
  );
});
