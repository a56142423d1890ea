/**
 * Measured figures that documents cite by their names.
 *
 * @module
 */

/**
 * The figures a page has.
 *
 * @param text The page.
 * @returns Each figure, with its unit, by its name.
 */
export function figuresIn(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(FIGURE)].map((
      [, name = "", value = ""],
    ) => [name, value]),
  );
}

/**
 * A page with the figures it cites replaced by what was measured.
 *
 * @param text The page.
 * @param measured Figures by their names.
 * @returns The page; a figure that was not measured stays what it was, and
 *   `tests/tidy` tells of it.
 */
export function citeFigures(
  text: string,
  measured: ReadonlyMap<string, string>,
): string {
  return text.replaceAll(
    FIGURE,
    (_, name: string, value: string) =>
      `<!-- figure: ${name} -->${measured.get(name) ?? value}<!-- /figure -->`,
  );
}

/** A figure between its marks. */
export const FIGURE: RegExp =
  /<!-- figure: ([\w-]+) -->(.*?)<!-- \/figure -->/g;

/** Pages that benchmarks write, from the root of the repository. */
export const FIGURE_PAGES: readonly string[] = [
  "docs/figures.md",
  "docs/figures-kubernetes.md",
];

/** Pages that cite their figures. */
export const CITING_PAGES: readonly string[] = ["README.md", "README.zh-CN.md"];
