/**
 * Which files of `mod/` the program reaches.
 *
 * @module
 */

import { importsOf } from "./imports.ts";
import { isTest, resolveImport } from "./layers.ts";
import { type Tree, typescriptOf } from "./tree.ts";

/**
 * Files under `mod/` that `main.ts` does not reach.
 *
 * A folder's title page (`mod.ts`) re-exports everything, so it is no way in
 * by itself: through it only the names that somebody imports are reached.
 *
 * @param tree The repository.
 * @returns A sentence for each dead file, and for each import of no file.
 */
export function unreachable(tree: Tree): readonly string[] {
  const graph = new Map(
    typescriptOf(tree).filter(([path]) => !isTest(path)).map((
      [path, source],
    ) => [path, importsOf(path, source)]),
  );
  const reached = new Set<string>();
  const findings: string[] = [];
  const visit = (path: string, names: readonly string[]) => {
    const imports = graph.get(path);
    if (imports === undefined) return;
    const titlePage = path.endsWith("/mod.ts");
    if (reached.has(path) && !titlePage) return;
    const all = !titlePage || names.includes("*");
    const mark = all ? path : `${path} ${names.join(" ")}`;
    if (reached.has(mark)) return;
    reached.add(path).add(mark);
    for (const imported of imports) {
      const target = resolveImport(path, imported.specifier);
      if (target === undefined) continue;
      if (!tree.has(target)) findings.push(`${path}: there is no ${target}`);
      const wanted = imported.names.filter((name) =>
        all || names.includes(name)
      );
      if (imported.names.includes("*")) visit(target, all ? ["*"] : names);
      else if (all || wanted.length > 0) {
        visit(target, all ? imported.names : wanted);
      }
    }
  };
  visit("main.ts", ["*"]);
  for (const path of graph.keys()) {
    if (!path.startsWith("mod/") || path.endsWith("/mod.ts")) continue;
    if (!reached.has(path)) {
      findings.push(`${path}: main.ts does not reach it`);
    }
  }
  return [...new Set(findings)];
}
