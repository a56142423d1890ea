/**
 * What the agent relies on in an API server, checked against the embedded one,
 * or against the one at `FOGHORN_CONTRACT_URL`: see README.md.
 *
 * @module
 */

import { type ApiServer, serveApi } from "@/lab/apiserver/mod.ts";
import type { ContractCase, ContractTarget } from "./api.ts";
import { CONTRACT_CASES, runCase } from "./cases.ts";

const url = Deno.env.get("FOGHORN_CONTRACT_URL");
const token = Deno.env.get("FOGHORN_CONTRACT_TOKEN");
const caFile = Deno.env.get("FOGHORN_CONTRACT_CA");

for (const { name, run, needsCompaction } of CONTRACT_CASES) {
  Deno.test({
    name: `an API server keeps to the contract: ${name}`,
    // A server of somebody's cannot be made to forget its history from here.
    ignore: url !== undefined && needsCompaction === true,
    fn: () => url === undefined ? runEmbedded(run) : runReal(url, run),
  });
}

async function runEmbedded(run: ContractCase["run"]): Promise<void> {
  await using server = await serveApi({ tokens: [TOKEN] });
  await runCase(embedded(server), run);
}

function embedded(server: ApiServer): ContractTarget {
  return {
    baseUrl: server.url,
    token: TOKEN,
    compact: () => server.faults.compact(),
  };
}

async function runReal(
  baseUrl: string,
  run: ContractCase["run"],
): Promise<void> {
  const caCerts = caFile === undefined ? [] : [await Deno.readTextFile(caFile)];
  using client = Deno.createHttpClient({ caCerts });
  await runCase({ baseUrl, token: token ?? "", client }, run);
}

const TOKEN = "contract";
