/**
 * `docs/openelb.md` has one line for everything OpenELB's users ran into, and
 * names tests that there are.
 *
 * @module
 */

import { strictEqual } from "node:assert/strict";
import { missingTests } from "./named_tests.ts";
import { nothingFound, readTree } from "./tree.ts";

const PAGE = "docs/openelb.md";

Deno.test("docs/openelb.md has every report and every defect once, with a test or without", async () => {
  const page = (await readTree()).get(PAGE) ?? "";
  nothingFound([
    ...wrongLines(page, "Reports", REPORTS),
    ...wrongLines(page, "Defects", DEFECTS),
  ]);
});

Deno.test("docs/openelb.md names tests that there are", async () => {
  nothingFound(missingTests(await readTree(), PAGE));
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
    missingTests(new Map([[PAGE, page], ["mod/a/a_test.ts", source]]), PAGE)
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
