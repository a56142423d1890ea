/**
 * Our own lint rules, so that the editor tells what the tidy tests would.
 *
 * The tests of this folder run the same rules over the whole tree, where no
 * `deno-lint-ignore` silences them.
 *
 * @module
 */

import { posix } from "node:path";
import { importOf } from "./imports.ts";
import { isPure, isTest, refusedImport } from "./layers.ts";
import { impurityVisitor } from "./purity.ts";

/** Lines a function may have, from its first to its last. */
export const FUNCTION_LINES_MAX = 70;

const plugin: Deno.lint.Plugin = {
  name: "foghorn",
  rules: {
    layers: {
      create(ctx) {
        const from = repositoryPath(ctx.filename);
        const check = (node: Deno.lint.Node) => {
          const imported = importOf(node);
          if (imported === undefined) return;
          const message = refusedImport(from, imported);
          if (message !== undefined) ctx.report({ node, message });
        };
        return {
          ImportDeclaration: check,
          ExportAllDeclaration: check,
          ExportNamedDeclaration: check,
          ImportExpression: check,
          TSImportType: check,
          TSImportEqualsDeclaration: check,
          NewExpression: check,
        };
      },
    },
    purity: {
      create(ctx) {
        if (!isPure(repositoryPath(ctx.filename))) return {};
        return impurityVisitor((node, message) =>
          ctx.report({ node, message })
        );
      },
    },
    "function-length": {
      create(ctx) {
        const check = (node: Deno.lint.Node) => {
          const lines = ctx.sourceCode.getText(node).split("\n").length;
          if (lines <= FUNCTION_LINES_MAX) return;
          ctx.report({
            node,
            message:
              `Split this function: it has ${lines} lines, at most ${FUNCTION_LINES_MAX} are read at a glance`,
          });
        };
        return {
          FunctionDeclaration: check,
          FunctionExpression: check,
          ArrowFunctionExpression: check,
        };
      },
    },
    "strict-assert": {
      create(ctx) {
        return {
          ImportDeclaration(node) {
            if (node.source.value !== "node:assert/strict") return;
            for (const specifier of node.specifiers) {
              if (specifier.type !== "ImportSpecifier") continue;
              const { imported } = specifier;
              const name = imported.type === "Identifier" ? imported.name : "";
              const strict = LOOSE_ASSERTS.get(name);
              if (strict === undefined) continue;
              ctx.report({
                node: specifier,
                message:
                  `Use ${strict}: Deno 2.9 gives the loose function under the name ${name}`,
              });
            }
          },
        };
      },
    },
    "test-switches": {
      create(ctx) {
        if (!isTest(repositoryPath(ctx.filename))) return {};
        return testSwitchesVisitor((node, message) =>
          ctx.report({ node, message })
        );
      },
    },
  },
};

export default plugin;

function testSwitchesVisitor(
  report: (node: Deno.lint.Node, message: string) => void,
): Deno.lint.LintVisitor {
  return {
    MemberExpression(node) {
      if (node.property.type !== "Identifier") return;
      if (!["only", "ignore"].includes(node.property.name)) return;
      if (!/^(Deno\.(test|bench)|t\.step)(\.\w+)*$/.test(calleeOf(node))) {
        return;
      }
      report(node, switched(node.property.name));
    },
    Property(node) {
      if (node.key.type !== "Identifier") return;
      if (!["only", "ignore"].includes(node.key.name)) return;
      if (node.value.type !== "Literal" || node.value.value !== true) return;
      report(node, switched(node.key.name));
    },
  };
}

function calleeOf(node: Deno.lint.MemberExpression): string {
  const object = node.object;
  if (object.type === "Identifier") return object.name;
  if (object.type !== "MemberExpression") return "";
  const property = object.property;
  return property.type === "Identifier"
    ? [calleeOf(object), property.name].filter((name) => name !== "").join(".")
    : "";
}

function switched(name: string): string {
  return name === "only"
    ? 'Remove "only": it switches every other test off'
    : "Use testNeeding() of tests/support/needs.ts: a skipped test says what it lacks";
}

function repositoryPath(filename: string): string {
  return filename.startsWith("/") ? posix.relative(ROOT, filename) : filename;
}

/** Names under which `node:assert/strict` exports loose functions in Deno 2.9.6, and the strict ones. */
const LOOSE_ASSERTS: ReadonlyMap<string, string> = new Map([
  ["equal", "strictEqual"],
  ["notEqual", "notStrictEqual"],
  ["deepEqual", "deepStrictEqual"],
  ["notDeepEqual", "notDeepStrictEqual"],
]);

const ROOT = new URL("../../", import.meta.url).pathname;
