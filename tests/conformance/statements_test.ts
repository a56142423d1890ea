/**
 * Every statement has its test, every test its statement, and a file goes
 * through its RFC from front to back.
 *
 * @module
 */

import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  LEFT_OUT,
  SHOWN_ELSEWHERE,
  type Statement,
  STATEMENTS,
} from "./statements.ts";
import { MALFORMED } from "./vectors.ts";

/** A test as its source names it. */
interface Named extends Pick<Statement, "id" | "rfc" | "section"> {
  readonly file: string;
}

const HERE = import.meta.url;
const FILES = await sources();
const NAMED = FILES.flatMap(([file, text]) => namedIn(file, text));

Deno.test("no statement is listed twice", () => {
  const ids = [...STATEMENTS, ...SHOWN_ELSEWHERE, ...LEFT_OUT].map(({ id }) =>
    id
  );
  deepStrictEqual(ids.length, new Set(ids).size);
});

Deno.test("every statement has a test that names its section", () => {
  const shown = new Set(NAMED.map(keyOf));
  deepStrictEqual(
    STATEMENTS.filter((one) => !shown.has(keyOf(one))).map(keyOf),
    [],
  );
});

Deno.test("every test names a statement", () => {
  const known = new Set(STATEMENTS.map(keyOf));
  deepStrictEqual(NAMED.filter((one) => !known.has(keyOf(one))).map(keyOf), []);
  ok(NAMED.length > 150, `${NAMED.length} names were read`);
});

Deno.test("no test in a file of an RFC is without statement", () => {
  for (const [file, text] of FILES) {
    const tests = text.match(/\bDeno\.test\(/g)?.length ?? 0;
    const named = text.match(/\bDeno\.test\(\s*["`]\d{4}-/g)?.length ?? 0;
    strictEqual(named, tests, file);
  }
});

Deno.test("a file is about its RFC, from front to back", () => {
  for (const [file] of FILES) {
    const named = NAMED.filter((one) => one.file === file);
    const sections = named.map(({ section }) => section);
    deepStrictEqual(sections, sections.toSorted(bySection), file);
    for (const { rfc } of named) {
      ok(file.startsWith(`rfc${rfc}_`), `${file} has a test of RFC ${rfc}`);
    }
  }
});

Deno.test("what is shown elsewhere is tested there", async () => {
  for (const { file, test, id } of SHOWN_ELSEWHERE) {
    // deno-lint-ignore no-await-in-loop -- a handful
    const text = await Deno.readTextFile(new URL(`../../${file}`, HERE));
    ok(text.includes(`"${test}"`), `${id}: ${file} has no test "${test}"`);
  }
});

Deno.test("docs/bgp.md says what is left out", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/bgp.md", HERE));
  deepStrictEqual(
    LEFT_OUT.filter(({ id }) => !text.includes(`\`${id}\``)).map(({ id }) =>
      id
    ),
    [],
  );
});

Deno.test("a speaker carries out every vector", () => {
  const all = FILES.map(([, text]) => text).join("\n");
  deepStrictEqual(
    MALFORMED.map(({ id }) => id).filter((id) => !all.includes(`"${id}"`)),
    [],
  );
});

async function sources(): Promise<readonly (readonly [string, string])[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(new URL(".", HERE))) {
    if (/^rfc\d+.*_test\.ts$/.test(name)) names.push(name);
  }
  return await Promise.all(
    names.toSorted().map(async (name) =>
      [name, await Deno.readTextFile(new URL(name, HERE))] as const
    ),
  );
}

function namedIn(file: string, text: string): readonly Named[] {
  const literal =
    /\bDeno\.test\(\s*["`](\d{4}-[\w-]+) [^§]*?\(RFC (\d+) §([\d.]+)\)|\beach\(\s*"([\d.]+)",\s*"([\w-]+)"/g;
  return [...text.matchAll(literal)].map(
    ([, id, rfc, section, eachSection, name]) =>
      id === undefined
        ? {
          file,
          id: `7606-${name}`,
          rfc: 7_606,
          section: eachSection as string,
        }
        : { file, id, rfc: Number(rfc), section: section as string },
  );
}

function keyOf({ id, rfc, section }: Omit<Statement, "what">): string {
  return `${id} (RFC ${rfc} §${section})`;
}

function bySection(a: string, b: string): number {
  const [left, right] = [a, b].map((each) => each.split(".").map(Number));
  for (let i = 0; i < Math.max(left?.length ?? 0, right?.length ?? 0); i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
