/**
 * Finds the imports of a file in its syntax tree.
 *
 * @module
 */

import type { Import } from "./layers.ts";

/**
 * The import a node of the syntax tree makes.
 *
 * @param node Any node.
 * @returns The import, or `undefined` if the node makes none.
 */
export function importOf(node: Deno.lint.Node): Import | undefined {
  switch (node.type) {
    case "ImportDeclaration":
      return {
        kind: node.importKind === "type" ? "type" : "import",
        specifier: node.source.value,
        names: node.specifiers.map((specifier) =>
          specifier.type === "ImportSpecifier"
            ? nameOf(specifier.imported)
            : specifier.type === "ImportDefaultSpecifier"
            ? "default"
            : "*"
        ),
      };
    case "ExportAllDeclaration":
      return { kind: "import", specifier: node.source.value, names: ["*"] };
    case "ExportNamedDeclaration":
      if (node.source === null) return undefined;
      return {
        kind: "import",
        specifier: node.source.value,
        names: node.specifiers.map(({ local }) => nameOf(local)),
      };
    case "ImportExpression":
      return literalImport("dynamic", node.source);
    case "TSImportType":
      return node.argument.type === "TSLiteralType"
        ? literalImport("type", node.argument.literal)
        : UNKNOWN;
    case "TSImportEqualsDeclaration":
      return UNKNOWN;
    case "NewExpression":
      return urlImport(node);
    default:
      return undefined;
  }
}

/**
 * Every import of a file.
 *
 * @param path The file's path from the root of the repository.
 * @param source Its text.
 * @returns The imports in the order they stand.
 */
export function importsOf(path: string, source: string): readonly Import[] {
  const found: Import[] = [];
  const collect = (node: Deno.lint.Node) => {
    const imported = importOf(node);
    if (imported !== undefined) found.push(imported);
  };
  Deno.lint.runPlugin(
    {
      name: "collect",
      rules: {
        imports: {
          create: () => ({
            ImportDeclaration: collect,
            ExportAllDeclaration: collect,
            ExportNamedDeclaration: collect,
            ImportExpression: collect,
            TSImportType: collect,
            TSImportEqualsDeclaration: collect,
            NewExpression: collect,
          }),
        },
      },
    },
    path,
    source,
  );
  return found;
}

function urlImport(node: Deno.lint.NewExpression): Import | undefined {
  const [specifier, base] = node.arguments;
  const isUrl = node.callee.type === "Identifier" && node.callee.name === "URL";
  if (!isUrl || specifier === undefined || !isImportMetaUrl(base)) {
    return undefined;
  }
  const imported = literalImport("url", specifier);
  // A URL of a folder, or of a file that is read, brings no code in.
  return imported.kind === "unknown" || imported.specifier.endsWith(".ts")
    ? imported
    : undefined;
}

function isImportMetaUrl(
  node: Deno.lint.Expression | Deno.lint.SpreadElement | undefined,
): boolean {
  return node?.type === "MemberExpression" &&
    node.object.type === "MetaProperty" &&
    node.property.type === "Identifier" && node.property.name === "url";
}

function literalImport(kind: Import["kind"], node: Deno.lint.Node): Import {
  return node.type === "Literal" && typeof node.value === "string"
    ? { kind, specifier: node.value, names: ["*"] }
    : UNKNOWN;
}

function nameOf(node: Deno.lint.Identifier | Deno.lint.StringLiteral): string {
  return node.type === "Identifier" ? node.name : node.value;
}

const UNKNOWN: Import = { kind: "unknown", specifier: "", names: [] };
