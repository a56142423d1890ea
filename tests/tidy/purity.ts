/**
 * What a pure file may not contain.
 *
 * Time arrives in events, waking is a deadline in the state, chance is a seed
 * in the state, and nothing is waited for: see `docs/adr/0001-pure-cores.md`.
 *
 * @module
 */

/**
 * A visitor that reports every word through which a file would reach the world.
 *
 * @param report Called with the place and a sentence.
 * @returns The visitor, for a lint rule.
 */
export function impurityVisitor(
  report: (node: Deno.lint.Node, message: string) => void,
): Deno.lint.LintVisitor {
  const checkFunction = (node: { readonly async: boolean }) => {
    if (node.async) report(node as Deno.lint.Node, ASYNC);
  };
  return {
    FunctionDeclaration: checkFunction,
    FunctionExpression: checkFunction,
    ArrowFunctionExpression: checkFunction,
    AwaitExpression: (node) => report(node, ASYNC),
    ImportExpression: (node) => report(node, ASYNC),
    ForOfStatement(node) {
      if (node.await) report(node, ASYNC);
    },
    Identifier(node) {
      if (isName(node)) return;
      const message = WORLD.get(node.name);
      if (message !== undefined) report(node, message);
    },
    MemberExpression(node) {
      const message = MEMBERS.get(dotted(node));
      if (message !== undefined) report(node, message);
    },
    NewExpression(node) {
      if (node.callee.type !== "Identifier") return;
      if (node.callee.name === "Date" && node.arguments.length === 0) {
        report(node, CLOCK);
      }
    },
    CallExpression(node) {
      if (node.callee.type === "Identifier" && node.callee.name === "Date") {
        report(node, CLOCK);
      }
    },
    ImportDeclaration(node) {
      if (node.source.value !== "node:crypto") return;
      for (const specifier of node.specifiers) {
        const name = specifier.type === "ImportSpecifier" &&
            specifier.imported.type === "Identifier"
          ? specifier.imported.name
          : "*";
        if (!HASHES.has(name)) report(specifier, RANDOM);
      }
    },
  };
}

// The same bytes give the same bytes.
const HASHES = new Set(["createHash", "createHmac", "timingSafeEqual"]);

// A key, a property or a declared type of that name does not reach the world.
function isName(node: Deno.lint.Identifier): boolean {
  const parent = node.parent;
  switch (parent.type) {
    case "MemberExpression":
      return parent.property === node && !parent.computed &&
        node.name !== "Deno";
    case "Property":
      return parent.key === node && !parent.shorthand && !parent.computed;
    case "PropertyDefinition":
    case "MethodDefinition":
    case "TSPropertySignature":
    case "TSMethodSignature":
      return parent.key === node && !parent.computed;
    case "TSTypeReference":
    case "TSQualifiedName":
      return node.name === "Promise";
    default:
      return false;
  }
}

function dotted(node: Deno.lint.MemberExpression): string {
  const object = node.object.type === "Identifier" ? node.object.name : "";
  const property = node.property.type === "Identifier"
    ? node.property.name
    : node.property.type === "Literal"
    ? String(node.property.value)
    : "";
  return `${object}.${property}`;
}

const ASYNC =
  "Return what is to be done as an effect: a pure file waits for nothing";
const CLOCK = "Take the time from the event: a pure file has no clock";
const TIMER = "Put a deadline in the state: a pure file has no timer";
const RANDOM =
  "Draw from a seeded Random in the state: a pure file has no chance";
const OUTSIDE =
  "Return an effect and let the host do it: a pure file does not reach outside";

const WORLD: ReadonlyMap<string, string> = new Map([
  ["Promise", ASYNC],
  ["queueMicrotask", ASYNC],
  ["Deno", OUTSIDE],
  ["Worker", OUTSIDE],
  ["WebSocket", OUTSIDE],
  ["console", OUTSIDE],
  ["eval", OUTSIDE],
  ["fetch", OUTSIDE],
  ["globalThis", OUTSIDE],
  ["process", OUTSIDE],
  ["performance", CLOCK],
  ["crypto", RANDOM],
  ["clearImmediate", TIMER],
  ["clearInterval", TIMER],
  ["clearTimeout", TIMER],
  ["setImmediate", TIMER],
  ["setInterval", TIMER],
  ["setTimeout", TIMER],
]);

const MEMBERS: ReadonlyMap<string, string> = new Map([
  ["Date.now", CLOCK],
  ["Temporal.Now", CLOCK],
  ["Math.random", RANDOM],
  ["AbortSignal.timeout", TIMER],
  ["Atomics.wait", TIMER],
  ["Atomics.waitAsync", TIMER],
]);
