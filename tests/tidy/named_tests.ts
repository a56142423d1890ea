/**
 * Tests that pages name: `file_test.ts`: `title`, `title › step`.
 *
 * @module
 */

import type { Tree } from "./tree.ts";

/**
 * Tests that a page names and that are not there.
 *
 * @param tree The files.
 * @param page The page's path.
 */
export function missingTests(tree: Tree, page: string): readonly string[] {
  const lines = (tree.get(page) ?? "").split("\n");
  return lines.flatMap((line, i) =>
    [...line.matchAll(NAMED)].flatMap(([, path = "", titles]) => {
      const source = tree.get(path);
      if (source === undefined) return [`There is no ${path}`];
      if (titles === undefined) {
        return [`Say which test of ${path} shows it`];
      }
      const there = titlesOf(path, source);
      return [...titles.matchAll(/`([^`]+)`/g)].map(([, title = ""]) => title)
        .filter((title) => !isThere(title, there, source))
        .map((title) => `${path} has no test "${title}"`);
    }).map((why) => `${page}:${i + 1}: ${why}`)
  );
}

/** `file_test.ts`: `title`, `title › step`. */
const NAMED =
  /`([\w./-]+_test\.ts)`(?:: (`[^`]+`(?:, `(?![^`]+_test\.ts`)[^`]+`)*))?/g;

/** What a file calls its tests, and every other text in it: the names of steps are somewhere among them. */
interface Titles {
  readonly tests: readonly Title[];
  readonly texts: readonly Title[];
}

/** A title as it is written, and what it may become. */
interface Title {
  readonly written: string;
  readonly pattern?: RegExp;
}

function isThere(title: string, there: Titles, source: string): boolean {
  const [test = "", ...steps] = title.split(" › ");
  // What stands for a placeholder is written somewhere too.
  const fits = (text: string) => ({ written, pattern }: Title): boolean =>
    written === text ||
    (pattern?.exec(text)?.slice(1).every((part) => source.includes(part)) ??
      false);
  return there.tests.some(fits(test)) &&
    steps.every((step) => there.texts.some(fits(step)));
}

function titlesOf(path: string, source: string): Titles {
  const tests: Title[] = [];
  const texts: Title[] = [];
  Deno.lint.runPlugin(
    {
      name: "titles",
      rules: {
        titles: {
          create: ({ sourceCode }) => ({
            CallExpression(node) {
              const callee = sourceCode.getText(node.callee);
              if (!/^(Deno\.test|test[A-Z])/.test(callee)) return;
              const isEach = callee.startsWith("Deno.test.each(");
              for (const given of node.arguments) {
                const title = titleOf(nameIn(given), isEach);
                if (title !== undefined) tests.push(title);
              }
            },
            Literal(node) {
              const title = titleOf(node, false);
              if (title !== undefined) texts.push(title);
            },
            TemplateLiteral(node) {
              const title = titleOf(node, false);
              if (title !== undefined) texts.push(title);
            },
          }),
        },
      },
    },
    path,
    source,
  );
  return { tests, texts };
}

/** The `name` of an object, or the node itself. */
function nameIn(node: Deno.lint.Node): Deno.lint.Node {
  if (node.type !== "ObjectExpression") return node;
  for (const property of node.properties) {
    if (property.type !== "Property") continue;
    const { key, value } = property;
    if (key.type === "Identifier" && key.name === "name") return value;
  }
  return node;
}

function titleOf(node: Deno.lint.Node, isEach: boolean): Title | undefined {
  if (node.type === "Literal") {
    if (typeof node.value !== "string") return undefined;
    return titled(node.value, isEach ? node.value.split(PLACEHOLDER) : []);
  }
  if (node.type !== "TemplateLiteral") return undefined;
  const parts = node.quasis.map(({ cooked }) => cooked);
  return titled(parts.join("${}"), parts);
}

function titled(written: string, parts: readonly string[]): Title {
  // Placeholders alone would be any text.
  if (parts.length < 2 || !/\p{L}/u.test(parts.join(""))) return { written };
  const pattern = parts.map((part) => RegExp.escape(part)).join("(.+?)");
  return { written, pattern: new RegExp(`^${pattern}$`) };
}

/** Of `Deno.test.each`. */
const PLACEHOLDER = /\$\w+|%[a-z]/;
