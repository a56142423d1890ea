/**
 * `docs/openelb.md` has one line for everything OpenELB's users ran into, and
 * names tests that there are.
 *
 * @module
 */

import { strictEqual } from "node:assert/strict";
import { nothingFound, readTree, type Tree } from "./tree.ts";

const PAGE = "docs/openelb.md";

Deno.test("docs/openelb.md has every report and every defect once, with a test or without", async () => {
  const page = (await readTree()).get(PAGE) ?? "";
  nothingFound([
    ...wrongLines(page, "Reports", REPORTS),
    ...wrongLines(page, "Defects", DEFECTS),
  ]);
});

Deno.test("docs/openelb.md names tests that there are", async () => {
  nothingFound(missingTests(await readTree()));
});

Deno.test("a list that lacks a line, has one twice or says nothing of tests is refused", () => {
  const page = [
    "## Reports",
    "",
    "1. **#1** One. **To come**.",
    "2. **#1** One. `mod/a/a_test.ts`: `one`",
    "3. **#3** Three. It is so.",
    "",
    "## Defects",
    "",
    "1. **#9** Nine. **Not tested**.",
  ].join("\n");
  strictEqual(
    wrongLines(page, "Reports", ["#1", "#2", "#3"]).join("\n"),
    [
      `${PAGE}: Reports should have the line: 2. **#2**`,
      `${PAGE}: Reports should not have the line: 2. **#1**`,
      `${PAGE}: 3. **#3** names no test, and does not say why`,
    ].join("\n"),
  );
});

Deno.test("tests that are not there are refused, in each way in which tests are named", () => {
  const source = [
    'Deno.test("plain", () => {});',
    'Deno.test.each([{ name: "this" }])("each $name", () => {});',
    'Deno.test.each([1])("seed %d", () => {});',
    'for (const mode of ["iptables"]) testOnStage(`in ${mode} mode`, step);',
    'Deno.test({ name: "by name", fn() {} });',
    'await step("a step");',
    "// gone",
  ].join("\n");
  const named = [
    ["plain", "each $name", "each this", "seed %d", "seed 1"],
    ["in iptables mode", "by name", "plain › a step"],
    ["gone", "each other", "a step", "plain › gone", "in ipvs mode", "name"],
  ].map((titles) => titles.map((title) => `\`${title}\``).join(", "));
  const page = [
    ...named.map((titles) => `\`mod/a/a_test.ts\`: ${titles}`),
    "`mod/a/b_test.ts`: `plain`",
    "`mod/a/a_test.ts` shows it",
  ].join("\n");
  strictEqual(
    missingTests(new Map([[PAGE, page], ["mod/a/a_test.ts", source]]))
      .join("\n"),
    [
      `${PAGE}:3: mod/a/a_test.ts has no test "gone"`,
      `${PAGE}:3: mod/a/a_test.ts has no test "each other"`,
      `${PAGE}:3: mod/a/a_test.ts has no test "a step"`,
      `${PAGE}:3: mod/a/a_test.ts has no test "plain › gone"`,
      `${PAGE}:3: mod/a/a_test.ts has no test "in ipvs mode"`,
      `${PAGE}:3: mod/a/a_test.ts has no test "name"`,
      `${PAGE}:4: There is no mod/a/b_test.ts`,
      `${PAGE}:5: Say which test of mod/a/a_test.ts shows it`,
    ].join("\n"),
  );
});

/** Where the numbered lines of a section are not those that are wanted. */
function wrongLines(
  page: string,
  section: string,
  wanted: readonly string[],
): readonly string[] {
  const text = page.split(/^## /m).find((part) => part.startsWith(section));
  const lines = (text ?? "").split("\n").filter((line) => /^\d/.test(line));
  const heads = lines.map((line) =>
    line.match(/^\d+\. \*\*.+?\*\*/)?.[0] ?? line
  );
  const wantedHeads = wanted.map((name, i) => `${i + 1}. **${name}**`);
  const findings = [
    ...wantedHeads.filter((head) => !heads.includes(head))
      .map((head) => `${section} should have the line: ${head}`),
    ...heads.filter((head, i) => wantedHeads[i] !== head)
      .map((head) => `${section} should not have the line: ${head}`),
    ...lines.flatMap((line, i) =>
      /_test\.ts`: `|\*\*(To come|Not tested)\*\*/.test(line)
        ? []
        : [`${heads[i]} names no test, and does not say why`]
    ),
  ];
  return findings.map((finding) => `${PAGE}: ${finding}`);
}

/** Tests that the page names and that are not there. */
function missingTests(tree: Tree): readonly string[] {
  const lines = (tree.get(PAGE) ?? "").split("\n");
  return lines.flatMap((line, i) =>
    [...line.matchAll(NAMED)].flatMap(([, path = "", titles]) => {
      const source = tree.get(path);
      if (source === undefined) return [`There is no ${path}`];
      if (titles === undefined) {
        return [`Say which test of ${path} shows it`];
      }
      const there = titlesOf(path, source);
      return [...titles.matchAll(/`([^`]+)`/g)].map(([, title = ""]) => title)
        .filter((title) => !isThere(title, there, source))
        .map((title) => `${path} has no test "${title}"`);
    }).map((why) => `${PAGE}:${i + 1}: ${why}`)
  );
}

/** `file_test.ts`: `title`, `title › step`. */
const NAMED =
  /`([\w./-]+_test\.ts)`(?:: (`[^`]+`(?:, `(?![^`]+_test\.ts`)[^`]+`)*))?/g;

/** What a file calls its tests, and every other text in it: the names of steps are somewhere among them. */
interface Titles {
  readonly tests: readonly Title[];
  readonly texts: readonly Title[];
}

/** A title as it is written, and what it may become. */
interface Title {
  readonly written: string;
  readonly pattern?: RegExp;
}

function isThere(title: string, there: Titles, source: string): boolean {
  const [test = "", ...steps] = title.split(" › ");
  // What stands for a placeholder is written somewhere too.
  const fits = (text: string) => ({ written, pattern }: Title): boolean =>
    written === text ||
    (pattern?.exec(text)?.slice(1).every((part) => source.includes(part)) ??
      false);
  return there.tests.some(fits(test)) &&
    steps.every((step) => there.texts.some(fits(step)));
}

function titlesOf(path: string, source: string): Titles {
  const tests: Title[] = [];
  const texts: Title[] = [];
  Deno.lint.runPlugin(
    {
      name: "titles",
      rules: {
        titles: {
          create: ({ sourceCode }) => ({
            CallExpression(node) {
              const callee = sourceCode.getText(node.callee);
              if (!/^(Deno\.test|test[A-Z])/.test(callee)) return;
              const isEach = callee.startsWith("Deno.test.each(");
              for (const given of node.arguments) {
                const title = titleOf(nameIn(given), isEach);
                if (title !== undefined) tests.push(title);
              }
            },
            Literal(node) {
              const title = titleOf(node, false);
              if (title !== undefined) texts.push(title);
            },
            TemplateLiteral(node) {
              const title = titleOf(node, false);
              if (title !== undefined) texts.push(title);
            },
          }),
        },
      },
    },
    path,
    source,
  );
  return { tests, texts };
}

/** The `name` of an object, or the node itself. */
function nameIn(node: Deno.lint.Node): Deno.lint.Node {
  if (node.type !== "ObjectExpression") return node;
  for (const property of node.properties) {
    if (property.type !== "Property") continue;
    const { key, value } = property;
    if (key.type === "Identifier" && key.name === "name") return value;
  }
  return node;
}

function titleOf(node: Deno.lint.Node, isEach: boolean): Title | undefined {
  if (node.type === "Literal") {
    if (typeof node.value !== "string") return undefined;
    return titled(node.value, isEach ? node.value.split(PLACEHOLDER) : []);
  }
  if (node.type !== "TemplateLiteral") return undefined;
  const parts = node.quasis.map(({ cooked }) => cooked);
  return titled(parts.join("${}"), parts);
}

function titled(written: string, parts: readonly string[]): Title {
  // Placeholders alone would be any text.
  if (parts.length < 2 || !/\p{L}/u.test(parts.join(""))) return { written };
  const pattern = parts.map((part) => RegExp.escape(part)).join("(.+?)");
  return { written, pattern: new RegExp(`^${pattern}$`) };
}

/** Of `Deno.test.each`. */
const PLACEHOLDER = /\$\w+|%[a-z]/;

/** Issues and pull requests of OpenELB; those of one line are about one thing. */
const REPORTS: readonly string[] = [
  "#456",
  "#458",
  "#416",
  "#392",
  "#137",
  "#359",
  "#323",
  "#320",
  "#322",
  "#426",
  "#425",
  "#391",
  "#367",
  "#231, #232",
  "#229, #154",
  "#151, #317",
  "#191, #90",
  "#211",
  "#384",
  "#390",
  "#393",
  "#398",
  "#288",
  "#370",
  "#381",
  "#138, #263, #251",
  "#255, #314, #220",
  "#318",
  "#262",
  "#331",
  "#272",
  "#271",
  "#289",
  "#368",
  "#214, #180",
  "#244, #95",
  "#358",
  "#219",
  "#280",
  "#438",
  "#429",
  "#264",
  "#206",
  "#267",
  "#81, #79, #245",
  "#131, #126",
  "#336",
  "#254, #250",
  "KubeSphere #4574, #5006, #5453, #6105",
];

/** What reading OpenELB's source showed. */
const DEFECTS: readonly string[] = [
  "Services flap between bound pools.",
  "An edit of BgpConf drops all routes, one of a BgpPeer resets the session.",
  "Dead nodes stay next hops, nodes are not watched, Services without endpoints are announced.",
  "The loser of an election goes on answering; one gratuitous ARP, never repeated.",
  "Disabling, un-defaulting or relabelling takes addresses away.",
  "Who waits is not woken by a new default or a freed address.",
  "A Service without annotations hangs in Terminating; NodeProxy leaks a finalizer.",
  "A BgpPeer without `spec.conf` crashes all speakers.",
  "One bad Service blocks the announcements of its pool.",
  "A lost status of an Eip renumbers.",
  "An open gRPC port controls BGP; its password is in clear text; the key of the gossip is fixed.",
  "Layer 2 and VIP are off by default, and only a log says so.",
  "Deleting an Eip may leave announcements behind; one in use may be deleted.",
  "Received routes are not filtered, so a node may become transit.",
  "All speakers have the same router ID when it is set.",
  "IPv4 and IPv6 pools on one interface conflict; large IPv6 pools and other spellings fail.",
  "Statuses are wiped at start, nodes stay in them, updates are lost.",
  "Tables are shared without a lock, and reconciling waits.",
  "Metrics of pools are never exported, names have no prefix, the chart's monitors do not work.",
  "Endpoints are read by the deprecated kind, at most 1,000.",
  "Nodes disagree on a VRID; all addresses of one set of nodes are on one node.",
  "The REST server is a stub, always says 200, and asks nobody who they are.",
];
