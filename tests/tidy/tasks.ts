/**
 * `deno.json`, held against what the project relies on.
 *
 * @module
 */

import type { Tree } from "./tree.ts";

/** The parts of `deno.json` that are checked. */
interface Config {
  readonly tasks?: Readonly<Record<string, { readonly command: string }>>;
  readonly imports?: Readonly<Record<string, string>>;
  readonly lock?: { readonly frozen?: boolean };
  readonly minimumDependencyAge?: string;
}

/**
 * What is wrong with `deno.json`.
 *
 * @param tree The repository.
 * @returns Findings, a sentence each.
 */
export function brokenConfig(tree: Tree): readonly string[] {
  const config = configOf(tree);
  const tasks = tasksOf(tree);
  const findings = REQUIRED.filter((task) => !tasks.has(task))
    .map((task) => `deno.json: there is no task "${task}"`);
  for (const [task, command] of tasks) {
    for (
      const [, file = ""] of command.matchAll(/\s((?:[\w-]+\/)*\w+\.ts)\b/g)
    ) {
      if (tree.has(file)) continue;
      findings.push(
        `deno.json: the task "${task}" runs ${file}, which is not there`,
      );
    }
    for (const [, name = ""] of command.matchAll(/\smain\.ts (\w+)/g)) {
      if (hasCommand(tree, name)) continue;
      findings.push(
        `deno.json: the task "${task}" runs the command "${name}", which mod/cli does not have`,
      );
    }
    for (const [, other = ""] of command.matchAll(/deno task ([\w:-]+)/g)) {
      if (tasks.has(other)) continue;
      findings.push(
        `deno.json: the task "${task}" runs the task "${other}", which is not there`,
      );
    }
  }
  for (const [name, target] of Object.entries(config.imports ?? {})) {
    if (target.startsWith("./") || /@\d+\.\d+\.\d+$/.test(target)) continue;
    findings.push(`deno.json: pin "${name}" to one version, not ${target}`);
  }
  if (config.lock?.frozen !== true) {
    findings.push(
      "deno.json: freeze the lock, so that a package changes on purpose only",
    );
  }
  if (config.minimumDependencyAge === undefined) {
    findings.push(
      "deno.json: say how old a package has to be (minimumDependencyAge)",
    );
  }
  return findings;
}

/**
 * The tasks of `deno.json` and their commands.
 *
 * @param tree The repository.
 */
export function tasksOf(tree: Tree): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(configOf(tree).tasks ?? {}).map((
      [name, { command }],
    ) => [name, command]),
  );
}

function hasCommand(tree: Tree, name: string): boolean {
  return [...tree].some(([path, source]) =>
    path.startsWith("mod/cli/") && source.includes(`command("${name}")`)
  );
}

function configOf(tree: Tree): Config {
  return JSON.parse(tree.get("deno.json") ?? "{}");
}

const REQUIRED = [
  "agent",
  "announce",
  "bench",
  "bundle",
  "check",
  "compile",
  "crds",
  "demo",
  "docs",
  "fmt",
  "lint",
  "ok",
  "test",
  "version",
] as const;
