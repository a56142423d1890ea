/**
 * The examples of `docs/bgp.md`, as operators copy them.
 *
 * @module
 */

import { parseAllDocuments } from "yaml";
import type { BgpPeerSpec } from "@/api/mod.ts";
import { ADDRESS } from "./_network.ts";
import { pathsAt, type Router } from "./_router.ts";
import type { Stage } from "./_stage.ts";

/** A router that takes a whole configuration. */
export interface Configurable extends Router {
  beginWith(config: string): Promise<void>;
}

/** Runs the documented BgpPeer against the documented configuration. */
export async function documented(
  { speaker }: Stage,
  router: Configurable,
  language: string,
): Promise<void> {
  const page = await Deno.readTextFile(PAGE);
  await speaker.configure({});
  await router.beginWith(blockOf(page, language));
  const from = speaker.mark;
  const tried = page.slice(page.indexOf(TRIED));
  await speaker.configure({ router: peerOf(blockOf(tried, "yaml")) });
  await speaker.up(ADDRESS.router4, from);
  await speaker.line("announce 192.0.2.1/32\nannounce 2001:db8:a::1/128");
  if (router.name !== "exabgp") {
    await pathsAt(router, "192.0.2.1/32", 1);
    await pathsAt(router, "2001:db8:a::1/128", 1);
  }
  await speaker.line("withdraw 192.0.2.1/32\nwithdraw 2001:db8:a::1/128");
  await speaker.obeyed();
  // Killed before it has heard of it, frr would leave them to its zebra as stale.
  if (router.name !== "exabgp") {
    await pathsAt(router, "192.0.2.1/32", 0);
    await pathsAt(router, "2001:db8:a::1/128", 0);
  }
}

/** The configuration of a router without addresses on its cable. */
export async function documentedUnnumbered(
  language: "bird" | "frr",
): Promise<string> {
  return blockOf(await Deno.readTextFile(PAGE), `${language} unnumbered`);
}

function blockOf(page: string, language: string): string {
  const block = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "m")
    .exec(page)?.[1];
  if (block === undefined) throw new Error(`There is no ${language} example`);
  return block;
}

function peerOf(file: string): BgpPeerSpec {
  for (const document of parseAllDocuments(file)) {
    if (!("toJS" in document)) continue;
    const { kind, spec } = document.toJS();
    if (kind === "BgpPeer") return spec;
  }
  throw new Error("There is no BgpPeer in the example");
}

/** Below it is the file that the routers' configurations are written for. */
const TRIED = "\n## A router is tried: `foghorn speaker`\n";
const PAGE = new URL("../../docs/bgp.md", import.meta.url);
