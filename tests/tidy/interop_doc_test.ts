/**
 * `docs/bgp-interop.md` says of each daemon and feature "yes", or why not; that
 * "yes" holds is checked by the daemons' own tests when they run.
 *
 * @module
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { matrixOf } from "./interop_matrix.ts";
import { missingTests } from "./named_tests.ts";
import { nothingFound, readTree, type Tree } from "./tree.ts";

const PAGE = "docs/bgp-interop.md";
const DAEMONS = ["bird", "frr", "gobgpd", "exabgp", "openbgpd"];

Deno.test("docs/bgp-interop.md names steps that there are, and says why a cell is empty", async () => {
  const tree = await readTree();
  nothingFound([...wrongCells(tree), ...missingTests(tree, PAGE)]);
});

Deno.test("a matrix with a step that is not there, a reason that is not given or a cell that says nothing is refused", () => {
  const page = [
    "| feature | bird 2 | frr 8 | gobgpd 3 | exabgp 4 | openbgpd 7 | step |",
    "| ------- | ------ | ----- | -------- | -------- | ---------- | ---- |",
    "| one | yes | yes | yes | yes | no (a) | `a step` |",
    "| two | yes | maybe | no (b) | no | | `another step` |",
    "",
    "- (a) It has none.",
  ].join("\n");
  const tree = new Map([
    [PAGE, page],
    ["tests/interop/_cases.ts", 'await step("a step", run);'],
  ]);
  strictEqual(
    wrongCells(tree).join("\n"),
    [
      `${PAGE}: two: no test of tests/interop has the step "another step"`,
      `${PAGE}: two: frr says "maybe"`,
      `${PAGE}: two: gobgpd gives the reason (b), which is not there`,
      `${PAGE}: two: exabgp says "no"`,
      `${PAGE}: two: openbgpd says ""`,
    ].join("\n"),
  );
});

Deno.test("a page without its matrix is refused", () => {
  deepStrictEqual(wrongCells(new Map([[PAGE, "# BGP"]])), [
    `${PAGE} has no matrix`,
  ]);
});

/** What is wrong with the matrix, a line each. */
function wrongCells(tree: Tree): readonly string[] {
  const page = tree.get(PAGE) ?? "";
  const rows = matrixOf(page);
  if (rows.length === 0) return [`${PAGE} has no matrix`];
  const sources = [...tree].filter(([path]) =>
    path.startsWith("tests/interop/")
  ).map(([, text]) => text);
  return rows.flatMap(({ feature, step, cells }) =>
    [
      ...sources.some((text) => step !== "" && text.includes(`"${step}"`))
        ? []
        : [`no test of tests/interop has the step "${step}"`],
      ...DAEMONS.flatMap((daemon) =>
        wrongCell(page, daemon, cells.get(daemon))
      ),
    ].map((finding) => `${PAGE}: ${feature}: ${finding}`)
  );
}

function wrongCell(
  page: string,
  daemon: string,
  cell: string | undefined,
): readonly string[] {
  if (cell === "yes") return [];
  const reason = /^no (\([a-z]\))$/.exec(cell ?? "")?.[1];
  if (reason === undefined) return [`${daemon} says "${cell}"`];
  return page.includes(`\n- ${reason} `)
    ? []
    : [`${daemon} gives the reason ${reason}, which is not there`];
}
