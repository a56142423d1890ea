/**
 * `deno task bench:cite`: measured figures, written into the pages that cite
 * them.
 *
 * @module
 */

import {
  citeFigures,
  CITING_PAGES,
  FIGURE_PAGES,
  figuresIn,
} from "./figures.ts";

/** Writes the figures of the pages of figures into the pages that cite them. */
export async function writeCitations(): Promise<void> {
  const pages = await Promise.all(FIGURE_PAGES.map(read));
  const measured = figuresIn(pages.join("\n"));
  await Promise.all(CITING_PAGES.map(async (page) => {
    const cited = citeFigures(await read(page), measured);
    await Deno.writeTextFile(new URL(page, ROOT), cited);
  }));
}

function read(page: string): Promise<string> {
  return Deno.readTextFile(new URL(page, ROOT));
}

const ROOT = new URL("../../", import.meta.url);

if (import.meta.main) await writeCitations();
