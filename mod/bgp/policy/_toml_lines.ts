/**
 * Where the keys of a TOML document are.
 *
 * The parser gives values without places, so the text is walked a second time.
 * It is known to be TOML by then: nothing is checked here.
 *
 * @module
 */

/** A step into a document: a key, or an index. */
export type TomlStep = string | number;

/**
 * The path of a key as text, as `policy-definitions[0].name`.
 *
 * @param steps The steps to it.
 * @returns The path.
 */
export function tomlPath(steps: readonly TomlStep[]): string {
  let path = "";
  for (const step of steps) {
    if (typeof step === "number") path += `[${step}]`;
    else {
      const part = BARE_KEY.test(step) ? step : JSON.stringify(step);
      path += path === "" ? part : `.${part}`;
    }
  }
  return path;
}

/**
 * The lines of all keys and items.
 *
 * @param text A TOML document.
 * @returns Lines from 1, by path in lower case.
 */
export function tomlLines(text: string): ReadonlyMap<string, number> {
  return new Walk(text).document();
}

/**
 * The key that stands on a line or is the last one before it.
 *
 * @param text What may be TOML.
 * @param line The line, from 1.
 * @returns Table and key; empty where there is none.
 */
export function nearestTomlKey(text: string, line: number): string {
  const lines = text.split("\n").slice(0, line).reverse();
  const at = lines.findIndex((one) => HEADER_LINE.test(one));
  const table = lines[at]?.match(HEADER_LINE)?.[1]?.trim();
  const key = lines.slice(0, at < 0 ? undefined : at)
    .map((one) => one.match(KEY_LINE)?.[1]).find((one) => one !== undefined);
  return [table, key].filter((one) => one !== undefined).join(".");
}

class Walk {
  readonly #text: string;
  #at = 0;
  #line = 1;
  readonly #lines = new Map<string, number>();
  /** How many tables an array of tables has so far. */
  readonly #counts = new Map<string, number>();

  constructor(text: string) {
    this.#text = text;
  }

  document(): ReadonlyMap<string, number> {
    let table: readonly TomlStep[] = [];
    for (;;) {
      this.#skip(/[\s]/);
      const char = this.#char();
      if (char === "") return this.#lines;
      if (char === "[") table = this.#header();
      else this.#pair(table);
    }
  }

  #char(): string {
    return this.#text[this.#at] ?? "";
  }

  #next(count = 1): void {
    for (let i = 0; i < count && this.#at < this.#text.length; i++) {
      if (this.#char() === "\n") this.#line++;
      this.#at++;
    }
  }

  /** Skips such characters, and comments. */
  #skip(chars: RegExp): void {
    for (;;) {
      if (this.#char() === "#") {
        while (this.#char() !== "\n" && this.#char() !== "") this.#next();
      } else if (this.#char() !== "" && chars.test(this.#char())) this.#next();
      else return;
    }
  }

  #note(steps: readonly TomlStep[]): void {
    const path = tomlPath(steps).toLowerCase();
    if (!this.#lines.has(path)) this.#lines.set(path, this.#line);
  }

  #header(): readonly TomlStep[] {
    const isArray = this.#text.startsWith("[[", this.#at);
    this.#next(isArray ? 2 : 1);
    const keys = this.#keys();
    this.#next(isArray ? 2 : 1);
    const steps: TomlStep[] = [];
    for (const [i, key] of keys.entries()) {
      steps.push(key);
      this.#note(steps);
      const path = tomlPath(steps).toLowerCase();
      const count = this.#counts.get(path);
      if (isArray && i === keys.length - 1) {
        this.#counts.set(path, (count ?? 0) + 1);
        steps.push(count ?? 0);
      } else if (count !== undefined) steps.push(count - 1);
    }
    this.#note(steps);
    return steps;
  }

  #pair(table: readonly TomlStep[]): void {
    const steps = [...table];
    const line = this.#line;
    for (const key of this.#keys()) {
      steps.push(key);
      this.#note(steps);
    }
    if (this.#char() === "=") this.#next();
    this.#value(steps);
    // Whatever comes, the walk goes on.
    if (this.#line === line && this.#char() !== "\n") this.#skip(/[ \t\r]/);
  }

  #keys(): readonly string[] {
    const keys: string[] = [];
    for (;;) {
      this.#skip(/[ \t]/);
      const char = this.#char();
      if (char === '"' || char === "'") keys.push(this.#string());
      else keys.push(this.#bare(/[A-Za-z0-9_-]/));
      this.#skip(/[ \t]/);
      if (this.#char() !== ".") return keys;
      this.#next();
    }
  }

  #bare(chars: RegExp): string {
    const from = this.#at;
    while (this.#char() !== "" && chars.test(this.#char())) this.#next();
    if (this.#at === from) this.#next();
    return this.#text.slice(from, this.#at);
  }

  #value(steps: readonly TomlStep[]): void {
    this.#skip(/[ \t]/);
    const char = this.#char();
    if (char === "[") this.#array(steps);
    else if (char === "{") this.#inlineTable(steps);
    else if (char === '"' || char === "'") this.#string();
    else this.#bare(/[^,\]}\n#]/);
  }

  #array(steps: readonly TomlStep[]): void {
    this.#next();
    for (let i = 0;; i++) {
      this.#skip(/[\s,]/);
      if (this.#char() === "]" || this.#char() === "") return this.#next();
      const item = [...steps, i];
      this.#note(item);
      this.#value(item);
    }
  }

  #inlineTable(steps: readonly TomlStep[]): void {
    this.#next();
    for (;;) {
      this.#skip(/[\s,]/);
      if (this.#char() === "}" || this.#char() === "") return this.#next();
      this.#pair(steps);
    }
  }

  /** A text of any of the four kinds; escapes in keys are kept as they are. */
  #string(): string {
    const quote = this.#char();
    const isLong = this.#text.startsWith(quote.repeat(3), this.#at);
    const end = isLong ? quote.repeat(3) : quote;
    this.#next(end.length);
    const from = this.#at;
    while (this.#char() !== "" && !this.#text.startsWith(end, this.#at)) {
      this.#next(quote === '"' && this.#char() === "\\" ? 2 : 1);
    }
    const text = this.#text.slice(from, this.#at);
    this.#next(end.length);
    // A long text may end in up to two quotes of its own.
    while (isLong && this.#char() === quote) this.#next();
    return text;
  }
}

const BARE_KEY = /^[A-Za-z0-9_-]+$/;
const HEADER_LINE = /^\s*\[\[?([^[\]]*)/;
const KEY_LINE = /^\s*([A-Za-z0-9_.-]+)\s*=/;
