/**
 * The tables of `docs/metrics.md` say what the code declares.
 *
 * @module
 */

import { strictEqual } from "node:assert/strict";
import { DROP_REASONS } from "@/layer2/drop_reason.ts";
import { NEWS_KINDS } from "@/node/watches.ts";
import { type MetricDeclaration, METRICS } from "@/obs/metrics.ts";
import { OPENELB_METRICS } from "@/obs/openelb_metrics.ts";
import { nothingFound, ROOT } from "./tree.ts";

const PAGE = Deno.readTextFileSync(new URL("docs/metrics.md", ROOT));

Deno.test("docs/metrics.md lists every metric as it is declared", () => {
  nothingFound(wrongMetrics(PAGE, METRICS));
});

Deno.test("docs/metrics.md lists every metric under OpenELB's names as it is declared", () => {
  const [, section = ""] = PAGE.split("## Under OpenELB's names");
  nothingFound(wrongMetrics(section, OPENELB_METRICS));
});

Deno.test("docs/metrics.md lists every drop reason", () => {
  const section = PAGE.split("Why a frame was read and not answered:")[1] ?? "";
  const rows = tablesOf(section)[0] ?? [];
  strictEqual(
    rows.map(([reason = ""]) => reason).join("\n"),
    DROP_REASONS.map((reason) => `\`${reason}\``).join("\n"),
  );
});

Deno.test("docs/metrics.md lists every watched kind", () => {
  const rows = tablesOf(PAGE).flat();
  const kinds = rows.find(([label]) => label === "`kind`")?.[1];
  strictEqual(kinds, NEWS_KINDS.map((kind) => `\`${kind}\``).join(", "));
});

Deno.test("a table that differs from the declarations is refused", () => {
  const gauge = { kind: "gauge", help: "A", labels: ["link"] } as const;
  const page = [
    "| name | type | labels | what it says |",
    "| --- | --- | --- | --- |",
    "| `one` | gauge | `link` | A |",
    "| `two` | counter | `link` | A |",
    "| `three` | gauge | | A |",
    "| `four` | gauge | `link` | B |",
    "| `removed` | gauge | `link` | A |",
  ].join("\n");
  const declared = {
    one: gauge,
    two: gauge,
    three: gauge,
    four: gauge,
    added: gauge,
  };
  strictEqual(
    wrongMetrics(page, declared).join("\n"),
    [
      "docs/metrics.md: two should be: gauge | `link` | A",
      "docs/metrics.md: three should be: gauge | `link` | A",
      "docs/metrics.md: four should be: gauge | `link` | A",
      "docs/metrics.md: added is missing",
      "docs/metrics.md: removed is not declared",
    ].join("\n"),
  );
});

/** Where the first table of a page differs from the declarations. */
function wrongMetrics(
  page: string,
  declared: Readonly<Record<string, MetricDeclaration>>,
): readonly string[] {
  const rows = new Map<string, string>();
  for (const [name = "", ...cells] of tablesOf(page)[0] ?? []) {
    rows.set(name.replaceAll("`", ""), cells.join(" | "));
  }
  const findings: string[] = [];
  for (const [name, { kind, labels, help }] of Object.entries(declared)) {
    const wanted = [
      kind,
      labels.map((label) => `\`${label}\``).join(", "),
      help,
    ].join(" | ");
    const found = rows.get(name);
    if (found === undefined) findings.push(`${name} is missing`);
    else if (found !== wanted) findings.push(`${name} should be: ${wanted}`);
  }
  for (const name of rows.keys()) {
    if (declared[name] === undefined) findings.push(`${name} is not declared`);
  }
  return findings.map((finding) => `docs/metrics.md: ${finding}`);
}

/** The tables of a page: their rows, without the head, as cells. */
function tablesOf(page: string): readonly (readonly (readonly string[])[])[] {
  const tables: string[][][] = [];
  let table: string[][] | undefined;
  for (const line of page.split("\n")) {
    if (!line.startsWith("|")) {
      table = undefined;
      continue;
    }
    if (table === undefined) {
      table = [];
      tables.push(table);
    }
    table.push(line.split("|").slice(1, -1).map((cell) => cell.trim()));
  }
  return tables.map((rows) => rows.slice(2));
}
