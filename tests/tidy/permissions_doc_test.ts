/**
 * The shipped roles grant what the agent asks for, and `docs/permissions.md` names it.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { agentWatches, namedWatches } from "@/cli/watch_specs.ts";
import { NAMESPACE_DEFAULT } from "@/api/names.ts";
import { AGENT_V8_FLAGS } from "@/lab/program.ts";
import type { ClusterApi, Resource, WatchSpec } from "@/port/cluster_api.ts";
import { PERMISSIONS_PAGE, shippedRoles } from "../support/shipped_role.ts";
import { tasksOf } from "./tasks.ts";
import { readTree } from "./tree.ts";

Deno.test("the shipped roles grant list and watch of what is watched, and of nothing else", () => {
  const granted = shippedRoles().flatMap(({ kind, rules }) =>
    rules.filter(({ verbs }) => verbs.includes("watch")).flatMap((rule) => {
      strictEqual(
        rule.verbs.includes("list"),
        true,
        "A watch begins by a list",
      );
      return rule.apiGroups.flatMap((group) =>
        rule.resources.map((plural) => `${kind} ${group}/${plural}`)
      );
    })
  );
  const asked = watchedResources().map(({ group, plural, namespace }) =>
    `${namespace === undefined ? "ClusterRole" : "Role"} ${group}/${plural}`
  );
  deepStrictEqual([...new Set(granted)].sort(), [...new Set(asked)].sort());
});

Deno.test("the tables of docs/permissions.md name every granted resource and flag", async () => {
  for (const { rules } of shippedRoles()) {
    for (const { resources } of rules) {
      for (const resource of resources) {
        strictEqual(
          tableNames(PERMISSIONS_PAGE, resource),
          true,
          `Name ${resource}`,
        );
      }
    }
  }
  const command = tasksOf(await readTree()).get("agent") ?? "";
  const flags = [...command.matchAll(/--allow-[a-z]+/g)].map(([flag]) => flag);
  const listed = [...PERMISSIONS_PAGE.matchAll(/^\| `(--allow-[a-z]+)`/gm)].map(
    (
      [, flag],
    ) => flag,
  );
  deepStrictEqual(listed, flags);
});

Deno.test("agents are started with the flags for V8 that docs/permissions.md names", async () => {
  const tasks = tasksOf(await readTree());
  const texts = [PERMISSIONS_PAGE, tasks.get("agent"), tasks.get("announce")];
  for (const text of texts) {
    strictEqual(text?.includes(AGENT_V8_FLAGS), true, text);
  }
});

function watchedResources(): readonly Resource[] {
  const resources: Resource[] = [];
  const api: ClusterApi = {
    watch<T>({ resource }: WatchSpec<T>) {
      resources.push(resource);
      return { close: () => {} };
    },
    request: () => Promise.reject(new Error("Nothing is asked here")),
  };
  const noSecret = (): never => {
    throw new Error("Nothing is read here");
  };
  for (const binding of agentWatches(NAMESPACE_DEFAULT, noSecret)) {
    binding.start(api, () => {});
  }
  for (const binding of namedWatches(NAMESPACE_DEFAULT)) {
    binding.start(api, "named", () => {});
  }
  return resources;
}

function tableNames(page: string, resource: string): boolean {
  return page.split("\n").some((line) =>
    line.startsWith("|") && line.includes(`\`${resource}\``)
  );
}
