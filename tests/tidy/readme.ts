/**
 * What the Markdown files promise, held against what is there.
 *
 * @module
 */

import { posix } from "node:path";
import {
  CITING_PAGES,
  FIGURE,
  FIGURE_PAGES,
  figuresIn,
} from "../bench/figures.ts";
import { linesOf } from "./markdown.ts";
import { tasksOf } from "./tasks.ts";
import type { Tree } from "./tree.ts";

/**
 * The two commands a newcomer needs, where README or CI does not have them word
 * for word.
 *
 * @param tree The repository.
 * @returns Findings, a sentence each.
 */
export function missingCommands(tree: Tree): readonly string[] {
  return ["demo", "test"].flatMap((task) => {
    const command = `npx --yes deno@${denoVersion(tree)} task ${task}`;
    return ["README.md", ".ci/run"].filter((path) =>
      !new RegExp(`^.*${RegExp.escape(command)}( |$)`, "m").test(
        tree.get(path) ?? "",
      )
    ).map((path) => `${path}: it does not have the command ${command}`);
  });
}

/**
 * Promises of the Markdown files that are not kept: tasks, commands, flags,
 * paths and links that do not exist, and figures that were not measured.
 *
 * @param tree The repository.
 * @returns Findings as `path:line: sentence`.
 */
export function brokenPromises(tree: Tree): readonly string[] {
  return [...tree].filter(([path]) => path.endsWith(".md")).flatMap(
    ([path, text]) =>
      linesOf(text).flatMap(({ line, number, fence }) =>
        [
          ...unknownTasks(tree, line),
          ...(fence === "sh" ? unknownFlags(tree, line) : []),
          ...(fence === undefined ? brokenLinks(tree, path, line) : []),
          ...(fence === undefined ? missingPaths(tree, path, line) : []),
          ...(fence === undefined ? wrongFigures(tree, path, line) : []),
        ].map((why) => `${path}:${number}: ${why}`)
      ),
  );
}

function unknownTasks(tree: Tree, line: string): readonly string[] {
  const tasks = tasksOf(tree);
  const named = [
    ...line.matchAll(/\bdeno(?:@([\d.]+))? task ([a-z][\w-]*(?::[\w-]+)?)/g),
  ];
  return named.flatMap(([, version, task = ""]) => [
    ...(tasks.has(task) ? [] : [`There is no task "${task}" in deno.json`]),
    ...(version === undefined || version === denoVersion(tree)
      ? []
      : [`CI runs Deno ${denoVersion(tree)}, this says ${version}`]),
  ]);
}

// The flags of our own commands are string literals of the folders that parse them.
function unknownFlags(tree: Tree, line: string): readonly string[] {
  const command = line.match(/\b(?:task [a-z][\w-]*|foghorn)\s(.*)$/)?.[1];
  if (command === undefined) return [];
  const sources = [...tree].filter(([path]) => FLAG_SOURCES.test(path))
    .map(([, source]) => source).join("\n");
  const words = command.split(/\s+[|>#]/)[0]?.split(/\s+/) ?? [];
  const flags = words.map((word) => word.split("=")[0] ?? "")
    .filter((word) => /^--[a-z]/.test(word));
  const subcommand = /\bfoghorn\s/.test(line) && /^[a-z]/.test(words[0] ?? "")
    ? words.slice(0, 1)
    : [];
  return [
    ...flags.filter((flag) => !new RegExp(`["\`, ]${flag}\\b`).test(sources))
      .map((flag) => `No command knows the flag ${flag}`),
    ...subcommand.filter((name) =>
      !new RegExp(`["\`]${name}["\` ]`).test(sources)
    ).map((name) => `There is no command "foghorn ${name}"`),
  ];
}

function brokenLinks(
  tree: Tree,
  path: string,
  line: string,
): readonly string[] {
  const links = [...line.matchAll(/\]\(([^)\s]+)\)/g)].map((link) =>
    link[1] ?? ""
  );
  return links.filter((link) => !/^[a-z]+:/.test(link)).flatMap((link) => {
    const [file = "", anchor] = link.split("#");
    const target = file === ""
      ? path
      : posix.join(posix.dirname(path), file).replace(/\/$/, "");
    if (!exists(tree, target)) return [`There is no ${target}`];
    if (anchor === undefined || !target.endsWith(".md")) return [];
    return anchorsOf(tree.get(target) ?? "").has(anchor)
      ? []
      : [`${target} has no heading #${anchor}`];
  });
}

function missingPaths(
  tree: Tree,
  path: string,
  line: string,
): readonly string[] {
  // A decision or a release tells of its own day.
  if (/^(CHANGELOG\.md|docs\/adr\/.*)$/.test(path)) return [];
  const paths = [
    ...line.matchAll(/`((?:\.ci|deploy|docs|mod|tests|tools)\/[\w./-]+)`/g),
  ];
  return paths.map((match) => (match[1] ?? "").replace(/\/$/, ""))
    .filter((named) => !exists(tree, named))
    .map((named) => `There is no ${named}`);
}

function wrongFigures(
  tree: Tree,
  path: string,
  line: string,
): readonly string[] {
  if (!CITING_PAGES.includes(path)) return [];
  const measured = figuresIn(
    FIGURE_PAGES.map((page) => tree.get(page) ?? "").join("\n"),
  );
  const wrong = [...figuresIn(line)].filter(([name, value]) =>
    measured.get(name) !== value
  ).map(([name, value]) =>
    `${FIGURE_PAGES[0]} says ${
      measured.get(name) ?? "nothing"
    } for "${name}", this says ${value}`
  );
  const loose = line.replaceAll(FIGURE, "").match(MEASURED);
  return loose === null ? wrong : [
    ...wrong,
    `Mark "${loose[0]}" as <!-- figure: NAME -->…<!-- /figure -->, as in ${
      FIGURE_PAGES[0]
    }`,
  ];
}

function anchorsOf(markdown: string): ReadonlySet<string> {
  return new Set(
    linesOf(markdown).filter(({ line }) => /^#+ /.test(line)).map(({ line }) =>
      line.replace(/^#+ /, "").toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-")
    ),
  );
}

function exists(tree: Tree, path: string): boolean {
  return tree.has(path) || path === "." ||
    [...tree.keys()].some((file) => file.startsWith(`${path}/`));
}

function denoVersion(tree: Tree): string {
  return tree.get(".ci/run")?.match(/deno@([\d.]+)/)?.[1] ?? "unknown";
}

// Figures that a bench measures carry one of these units.
const MEASURED =
  /\d[\d.,]*\s?(µs|微秒|MiB|\/s\b|次\/秒|per second)|每秒\s?\d[\d.,]*/;
const FLAG_SOURCES = /^(mod\/(cli|lab)\/.*|tests\/run|tools\/\w+)\.ts$/;
