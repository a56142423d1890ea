/**
 * Reads the policy of a `gobgp.conf`, TOML as GoBGP reads it, strictly: a key
 * that is not known is refused, so that no misspelt condition lets everything
 * through.
 *
 * @module
 */

import { parse, TomlError } from "smol-toml";
import { err, ok, type Result } from "@/lang/result.ts";
import { readActions } from "./_actions.ts";
import { readConditions } from "./_conditions.ts";
import { type DefinedSets, readDefinedSets } from "./_defined_sets.ts";
import { nearestTomlKey, tomlLines } from "./_toml_lines.ts";
import { TomlReading, TomlTable } from "./_toml_reader.ts";
import type {
  BgpPolicy,
  PolicyChain,
  PolicyProblem,
  PolicyStatement,
} from "./policy.ts";

/** Characters of a policy at most: what a ConfigMap holds. */
export const POLICY_CHARS_MAX = 1_048_576;

/**
 * Reads a policy.
 *
 * @example Usage
 * ```ts
 * import { formatPolicyProblem, parsePolicy } from "@/bgp/policy/mod.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * const policy = parsePolicy(`
 * [global.apply-policy.config]
 * default-export-polcy = "reject-route"
 * `);
 * deepStrictEqual(policy.ok || policy.error.map(formatPolicyProblem), [
 *   "line 3: global.apply-policy.config.default-export-polcy is not a key of " +
 *   "this table: known are default-export-policy, default-import-policy, " +
 *   "export-policy-list, import-policy-list",
 * ]);
 * ```
 *
 * @param text The text of `gobgp.conf`.
 * @returns The policy, or all that is wrong, by line.
 */
export function parsePolicy(
  text: string,
): Result<BgpPolicy, readonly PolicyProblem[]> {
  if (text.length > POLICY_CHARS_MAX) {
    const message =
      `The policy is longer than ${POLICY_CHARS_MAX} characters: shorten it`;
    return err([{ line: 1, key: "", message }]);
  }
  let document: Record<string, unknown>;
  try {
    document = parse(text);
  } catch (error) {
    return err([syntaxProblem(text, error)]);
  }
  const reading = new TomlReading(tomlLines(text));
  const root = new TomlTable(reading, [], document);
  const policy = readDocument(root, reading);
  const { problems } = reading;
  if (problems.length === 0) return ok(policy);
  return err(problems.toSorted((a, b) => a.line - b.line));
}

function syntaxProblem(text: string, error: unknown): PolicyProblem {
  const line = error instanceof TomlError ? error.line : 1;
  const [first = ""] = error instanceof Error ? error.message.split("\n") : [];
  const reason = first.replace(/^Invalid TOML document: /, "");
  const key = nearestTomlKey(text, line);
  const what = key === "" ? "This is not TOML" : "is not TOML";
  return { line, key, message: `${what}: ${reason}` };
}

function readDocument(root: TomlTable, reading: TomlReading): BgpPolicy {
  const sets = readDefinedSets(root.table("defined-sets"));
  const policies = readPolicies(root, sets);
  const global = root.table("global");
  const applied = global.table("apply-policy");
  const config = applied.table("config");
  const policy = {
    importing: readChain(config, "import", policies),
    exporting: readChain(config, "export", policies),
    remarks: reading.remarks,
  };
  config.ignore(["in-policy-list", "default-in-policy"], NO_EFFECT);
  config.end();
  applied.ignore(["state"], NO_EFFECT);
  applied.end();
  global.ignore(GLOBAL_KEYS, OF_BGP_CONF);
  global.end();
  root.ignore(ROOT_KEYS, OF_BGP_CONF);
  root.end();
  return policy;
}

function readPolicies(
  root: TomlTable,
  sets: DefinedSets,
): ReadonlyMap<string, readonly PolicyStatement[]> {
  const policies = new Map<string, readonly PolicyStatement[]>();
  const names = new Set<string>();
  for (const table of root.tables("policy-definitions")) {
    const name = table.text("name");
    if (name === undefined) table.refuse("name", "is missing: name the policy");
    else if (policies.has(name)) {
      table.refuse("name", `is "${name}" for a second time: rename one policy`);
    }
    const statements = table.tables("statements").map((one, i) =>
      readStatement(one, sets, `${name ?? ""}_stmt${i}`)
    );
    for (const [i, statement] of statements.entries()) {
      if (names.has(statement.name)) {
        table.reading.refuse(
          [...table.steps, "statements", i, "name"],
          `is "${statement.name}" for a second time: rename one statement`,
        );
      }
      names.add(statement.name);
    }
    table.end();
    policies.set(name ?? "", statements);
  }
  return policies;
}

function readStatement(
  table: TomlTable,
  sets: DefinedSets,
  name: string,
): PolicyStatement {
  const statement = {
    name: table.text("name") ?? name,
    conditions: readConditions(table.table("conditions"), sets),
    ...readActions(table.table("actions")),
  };
  table.end();
  return statement;
}

function readChain(
  config: TomlTable,
  direction: "import" | "export",
  policies: ReadonlyMap<string, readonly PolicyStatement[]>,
): PolicyChain {
  const key = `${direction}-policy-list`;
  const statements: PolicyStatement[] = [];
  const seen = new Set<string>();
  for (const { text, steps } of config.texts(key) ?? []) {
    const policy = policies.get(text);
    if (policy === undefined) {
      config.reading.refuse(
        steps,
        `is "${text}", and policy-definitions has no policy of that name`,
      );
    } else if (seen.has(text)) {
      config.reading.refuse(steps, `is "${text}" for a second time`);
    } else statements.push(...policy);
    seen.add(text);
  }
  const otherwise = config.word(`default-${direction}-policy`, DEFAULTS);
  return {
    statements,
    otherwise: otherwise === "reject-route" ? "reject" : "accept",
  };
}

const DEFAULTS = ["accept-route", "reject-route"] as const;
const NO_EFFECT = "has no effect";
const OF_BGP_CONF =
  "has no effect: the BgpConf and the BgpPeers say this, the file only what policies are";

/** What else GoBGP reads in its file. */
const ROOT_KEYS: readonly string[] = [
  "neighbors",
  "peer-groups",
  "rpki-servers",
  "bmp-servers",
  "vrfs",
  "mrt-dump",
  "zebra",
  "collector",
  "dynamic-neighbors",
];
const GLOBAL_KEYS: readonly string[] = [
  "config",
  "state",
  "route-selection-options",
  "default-route-distance",
  "confederation",
  "use-multiple-paths",
  "graceful-restart",
  "afi-safis",
];
