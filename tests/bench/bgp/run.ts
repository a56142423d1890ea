/**
 * `deno task bench:bgp`: the speaker beside BIRD, into one receiver.
 *
 * Parts, `--write` and `--judge` are those of `deno task bench`. The speaker
 * runs from the bundle, which is made first.
 *
 * @module
 */

import { command, lackOf } from "../../support/needs.ts";
import { runBench } from "../runner.ts";
import { benchLines } from "./lines.ts";
import { benchPeers } from "./many_peers.ts";
import { benchSingles, benchTables } from "./routes.ts";

const ROOT = new URL("../../../", import.meta.url);

async function lack(): Promise<string | undefined> {
  return await Promise.resolve(
    ["bird", "ip", "tcpdump"].map((name) => lackOf(command(name)))
      .find((why) => why !== undefined),
  );
}

async function prepare(): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("tools/bundle.ts", ROOT).pathname],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error("Cannot make the bundle: deno task bundle");
}

Deno.exit(
  await runBench({
    module: import.meta.url,
    title: "Figures of BGP",
    command: "deno task bench:bgp --write",
    page: new URL("docs/figures-bgp.md", ROOT),
    parts: [
      { name: "tables", sandbox: true, lack, run: benchTables },
      { name: "singles", sandbox: true, lack, run: benchSingles },
      { name: "lines", sandbox: true, lack, run: benchLines },
      { name: "peers", sandbox: true, lack, run: benchPeers },
    ],
    prepare,
  }, Deno.args),
);
