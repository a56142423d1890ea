/**
 * Pages in two languages, held against each other: whatever is code, and how a
 * page is built, is equal in both. Sentences are not compared.
 *
 * @module
 */

import { posix } from "node:path";
import { linesOf } from "./markdown.ts";
import type { Tree } from "./tree.ts";

/**
 * Where a translation differs from its original in fenced blocks, headings,
 * tables, code spans or the figures it cites.
 *
 * @param tree The repository.
 * @returns Findings as `path:line: sentence`.
 */
export function differingTranslations(tree: Tree): readonly string[] {
  const missing = TRANSLATED.filter((path) => !tree.has(path))
    .map((path) => `${path}: This translation is missing`);
  const differing = [...tree].flatMap(([path, text]) => {
    const original = originalOf(path);
    if (original === undefined) return [];
    const originalText = tree.get(original);
    if (originalText === undefined) {
      return [`${path}: There is no ${original} of which it is a translation`];
    }
    const here = pageOf(path, text);
    const there = pageOf(original, originalText);
    return [
      ...missingLinks(there, here),
      ...missingLinks(here, there),
      ...differingBlocks(here, there),
      ...differingSections(here, there),
      ...differingTables(here, there),
    ];
  });
  return [...missing, ...differing];
}

interface Page {
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  readonly sections: readonly Section[];
  readonly tables: readonly Table[];
}

interface Block {
  readonly number: number;
  readonly language: string;
  readonly lines: readonly string[];
}

interface Section {
  readonly number: number;
  /** How many `#` its heading has; 0 before the first heading. */
  readonly level: number;
  /** Code spans and names of cited figures, as often as they occur. */
  readonly marks: readonly string[];
}

interface Table {
  readonly number: number;
  readonly rows: readonly Row[];
}

interface Row {
  readonly number: number;
  /** Code spans of its first cell, in order. */
  readonly marks: readonly string[];
}

function originalOf(path: string): string | undefined {
  if (!path.endsWith(".md")) return undefined;
  if (path.endsWith(".zh-CN.md")) return path.replace(/\.zh-CN\.md$/, ".md");
  return /(^|\/)zh-CN\//.test(path)
    ? path.replace(/(^|\/)zh-CN\//, "$1")
    : undefined;
}

function pageOf(path: string, text: string): Page {
  return {
    path,
    text,
    blocks: blocksOf(text),
    sections: sectionsOf(text),
    tables: tablesOf(text),
  };
}

function blocksOf(text: string): readonly Block[] {
  const blocks: { number: number; language: string; lines: string[] }[] = [];
  let before: string | undefined;
  for (const { line, number, fence } of linesOf(text)) {
    if (fence !== undefined && before === undefined) {
      blocks.push({ number, language: fence, lines: [] });
    } else if (fence !== undefined) {
      blocks.at(-1)?.lines.push(line);
    }
    before = fence;
  }
  return blocks;
}

function sectionsOf(text: string): readonly Section[] {
  const sections = [{ number: 1, level: 0, marks: [] as string[] }];
  for (const { line, number, fence } of linesOf(text)) {
    if (fence !== undefined) continue;
    const level = line.match(/^#+(?= )/)?.[0].length;
    if (level !== undefined) sections.push({ number, level, marks: [] });
    sections.at(-1)?.marks.push(...marksOf(line));
  }
  return sections;
}

function tablesOf(text: string): readonly Table[] {
  const tables: { number: number; rows: Row[] }[] = [];
  let inside = false;
  for (const { line, number, fence } of linesOf(text)) {
    const row = fence === undefined && line.startsWith("|");
    if (row && !inside) tables.push({ number, rows: [] });
    if (row) {
      const marks = marksOf(line.split(/(?<!\\)\|/)[1] ?? "");
      tables.at(-1)?.rows.push({ number, marks });
    }
    inside = row;
  }
  return tables;
}

function marksOf(line: string): readonly string[] {
  return line.match(/`[^`]+`|<!-- figure: [\w-]+ -->/g) ?? [];
}

function missingLinks(from: Page, to: Page): readonly string[] {
  const link = posix.relative(posix.dirname(from.path), to.path);
  return from.text.includes(`](${link})`)
    ? []
    : [`${from.path}: It does not link to ${link}, its other language`];
}

function differingBlocks(here: Page, there: Page): readonly string[] {
  return [
    ...differingCount("fenced blocks", here, there, ({ blocks }) => blocks),
    ...pairsOf(here.blocks, there.blocks).flatMap(([block, original]) => {
      const place = `${there.path}:${original.number}`;
      if (block.language !== original.language) {
        return [
          `${here.path}:${block.number}: The block is "${block.language}", at ${place} it is "${original.language}"`,
        ];
      }
      const length = Math.max(block.lines.length, original.lines.length);
      const at = Array.from({ length }, (_, index) => index)
        .find((index) => block.lines[index] !== original.lines[index]);
      return at === undefined ? [] : [
        `${here.path}:${block.number + 1 + at}: The block at ${place} has ${
          quote(original.lines[at])
        } here, not ${quote(block.lines[at])}`,
      ];
    }),
  ];
}

function differingSections(here: Page, there: Page): readonly string[] {
  const count = differingCount("headings", here, there, ({ sections }) =>
    // What is before the first heading is no section of its own to a reader.
    sections.slice(1));
  const pairs = pairsOf(here.sections, there.sections);
  const levels = pairs.filter(([section, original]) =>
    section.level !== original.level
  ).map(([section, original]) =>
    `${here.path}:${section.number}: The heading has level ${section.level}, at ${there.path}:${original.number} it has ${original.level}`
  );
  // Sections that are no pair differ in everything, which tells nobody anything.
  if (count.length + levels.length > 0) return [...count, ...levels];
  return pairs.flatMap(([section, original]) => {
    const place = `${here.path}:${section.number}`;
    const originalPlace = `${there.path}:${original.number}`;
    return [
      ...without(original.marks, section.marks).map((mark) =>
        `${place}: The section lacks ${mark}, which the one at ${originalPlace} has`
      ),
      ...without(section.marks, original.marks).map((mark) =>
        `${place}: The section has ${mark}, which the one at ${originalPlace} lacks`
      ),
    ];
  });
}

function differingTables(here: Page, there: Page): readonly string[] {
  return [
    ...differingCount("tables", here, there, ({ tables }) => tables),
    ...pairsOf(here.tables, there.tables).flatMap(([table, original]) => [
      ...(table.rows.length === original.rows.length ? [] : [
        `${here.path}:${table.number}: The table has ${table.rows.length} lines, at ${there.path}:${original.number} it has ${original.rows.length}`,
      ]),
      ...pairsOf(table.rows, original.rows).filter(([row, originalRow]) =>
        row.marks.join() !== originalRow.marks.join()
      ).map(([row, originalRow]) =>
        `${here.path}:${row.number}: The row begins with ${
          row.marks.join(" ") || "no code"
        }, at ${there.path}:${originalRow.number} with ${
          originalRow.marks.join(" ") || "no code"
        }`
      ),
    ]),
  ];
}

function differingCount(
  what: string,
  here: Page,
  there: Page,
  partsOf: (page: Page) => readonly unknown[],
): readonly string[] {
  const [count, wanted] = [partsOf(here).length, partsOf(there).length];
  return count === wanted
    ? []
    : [`${here.path}: It has ${count} ${what}, ${there.path} has ${wanted}`];
}

/** What two lists have at the same places, as far as both go. */
function pairsOf<T>(a: readonly T[], b: readonly T[]): readonly [T, T][] {
  return a.flatMap((left, index): [T, T][] => {
    const right = b[index];
    return right === undefined ? [] : [[left, right]];
  });
}

/** What is left of a list when everything of another is taken out once. */
function without(
  words: readonly string[],
  others: readonly string[],
): readonly string[] {
  const left = [...others];
  return words.filter((word) => {
    const at = left.indexOf(word);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function quote(line: string | undefined): string {
  return line === undefined ? "nothing" : JSON.stringify(line);
}

const TRANSLATED: readonly string[] = [
  "README.zh-CN.md",
  "docs/zh-CN/install.md",
  "docs/zh-CN/layer2.md",
];
