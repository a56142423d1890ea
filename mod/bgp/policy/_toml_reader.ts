/**
 * Reads tables strictly: each key is asked for by name, and what nobody asked
 * for is a problem, as is a value of another type. Keys are the same in any
 * case, a number may be written as text and a list as text with commas, since
 * GoBGP takes them so.
 *
 * @module
 */

import type { PolicyProblem } from "./policy.ts";
import { tomlPath, type TomlStep } from "./_toml_lines.ts";

/** A document while it is read. */
export class TomlReading {
  /** What is wrong. */
  readonly problems: PolicyProblem[] = [];
  /** What has no effect. */
  readonly remarks: PolicyProblem[] = [];
  readonly #lines: ReadonlyMap<string, number>;

  constructor(lines: ReadonlyMap<string, number>) {
    this.#lines = lines;
  }

  /** Takes note of a problem at a key. */
  refuse(steps: readonly TomlStep[], message: string): void {
    this.problems.push(this.#at(steps, message));
  }

  /** Takes note of something without effect. */
  remark(steps: readonly TomlStep[], message: string): void {
    this.remarks.push(this.#at(steps, message));
  }

  #at(steps: readonly TomlStep[], message: string): PolicyProblem {
    const key = tomlPath(steps);
    // An item may be a part of a text: then the line is that of the text.
    for (let count = steps.length; count > 0; count--) {
      const path = tomlPath(steps.slice(0, count)).toLowerCase();
      const line = this.#lines.get(path);
      if (line !== undefined) return { line, key, message };
    }
    return { line: 1, key, message };
  }
}

/** An item of a list of texts, and where it is. */
export interface TomlItem {
  /** The text. */
  readonly text: string;
  /** Its place. */
  readonly steps: readonly TomlStep[];
}

/** A table while it is read. */
export class TomlTable {
  /** The document. */
  readonly reading: TomlReading;
  /** The table's place. */
  readonly steps: readonly TomlStep[];
  readonly #values = new Map<string, readonly [string, unknown]>();

  constructor(
    reading: TomlReading,
    steps: readonly TomlStep[],
    table: Readonly<Record<string, unknown>>,
  ) {
    this.reading = reading;
    this.steps = steps;
    for (const [key, value] of Object.entries(table)) {
      this.#values.set(key.toLowerCase(), [key, value]);
    }
  }

  /** Takes note of a problem at one of its keys. */
  refuse(key: string, message: string): void {
    this.reading.refuse([...this.steps, key], message);
  }

  /** A text that is not empty; numbers count as text. */
  text(key: string): string | undefined {
    const value = this.#take(key);
    if (typeof value === "string") return value === "" ? undefined : value;
    if (typeof value === "number") return String(value);
    if (value !== undefined) this.refuse(key, 'has to be a text, in "…"');
    return undefined;
  }

  /** One of some words, in any case. */
  word<Word extends string>(
    key: string,
    words: readonly Word[],
  ): Word | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const word = words.find((one) => one === text.toLowerCase());
    if (word === undefined) {
      this.refuse(key, `is "${text}": write ${words.join(" or ")}`);
    }
    return word;
  }

  /** A whole number. */
  integer(
    key: string,
    { min, max }: { readonly min: number; readonly max: number },
  ): number | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    const number = typeof value === "string" && DECIMAL.test(value)
      ? Number(value)
      : value;
    if (
      typeof number === "number" && Number.isInteger(number) &&
      number >= min && number <= max
    ) return number;
    this.refuse(
      key,
      `is ${shown(value)}: write a whole number from ${min} to ${max}`,
    );
    return undefined;
  }

  /** A list of texts; `undefined` when there is none. */
  texts(key: string): readonly TomlItem[] | undefined {
    const value = this.#take(key);
    if (value === undefined) return undefined;
    const steps = [...this.steps, key];
    if (typeof value === "string") {
      return value.split(",").map((part) => part.trim())
        .filter((part) => part !== "").map((text) => ({ text, steps }));
    }
    const list = Array.isArray(value) ? value as readonly unknown[] : undefined;
    if (list === undefined) {
      this.refuse(key, 'has to be a list of texts, as ["…", "…"]');
      return [];
    }
    return list.flatMap((item, i) => {
      const at = [...steps, i];
      if (typeof item === "number") return [{ text: String(item), steps: at }];
      if (typeof item === "string") return [{ text: item, steps: at }];
      this.reading.refuse(at, 'has to be a text, in "…"');
      return [];
    });
  }

  /** A table; an empty one when there is none. */
  table(key: string): TomlTable {
    const value = this.#take(key);
    const steps = [...this.steps, key];
    if (isTable(value)) return new TomlTable(this.reading, steps, value);
    if (value !== undefined) this.refuse(key, "has to be a table");
    return new TomlTable(this.reading, steps, {});
  }

  /** An array of tables; empty when there is none. */
  tables(key: string): readonly TomlTable[] {
    const value = this.#take(key);
    if (value === undefined) return [];
    const list = Array.isArray(value)
      ? value as readonly unknown[]
      : [undefined];
    if (!list.every(isTable)) {
      this.refuse(key, `has to be an array of tables: write [[…${key}]]`);
      return [];
    }
    return list.map((table, i) =>
      new TomlTable(this.reading, [...this.steps, key, i], table)
    );
  }

  /** Whether a key is there that nobody has asked for yet. */
  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** Takes keys that are known and have no effect. */
  ignore(keys: readonly string[], message: string): void {
    for (const key of keys) {
      if (this.has(key)) {
        this.reading.remark([...this.steps, key], message);
        this.#take(key);
      }
    }
  }

  /** Ends reading: what is left is unknown. */
  end(): void {
    for (const [, [key]] of this.#values) {
      const known = [...this.#asked].toSorted().join(", ");
      this.refuse(key, `is not a key of this table: known are ${known}`);
    }
  }

  readonly #asked = new Set<string>();

  #take(key: string): unknown {
    this.#asked.add(key);
    const value = this.#values.get(key)?.[1];
    this.#values.delete(key);
    return value;
  }
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null &&
    !Array.isArray(value) && !(value instanceof Date);
}

function shown(value: unknown): string {
  return typeof value === "object" ? "a table or list" : JSON.stringify(value);
}

const DECIMAL = /^[0-9]{1,15}$/;
