/**
 * What the agent relies on in an API server, checked against the embedded one,
 * or against the one at `FOGHORN_CONTRACT_URL`: see README.md.
 *
 * @module
 */

import { type ApiServer, serveApi } from "@/lab/apiserver/mod.ts";
import { ContractApi, type ContractCase, type ContractTarget } from "./api.ts";
import { CUSTOM_RESOURCE_CASES } from "./custom_resource_cases.ts";
import { KIND_CASES } from "./kind_cases.ts";
import { LIST_WATCH_CASES } from "./list_watch_cases.ts";
import { OBJECT_CASES } from "./object_cases.ts";

const url = Deno.env.get("FOGHORN_CONTRACT_URL");
const token = Deno.env.get("FOGHORN_CONTRACT_TOKEN");
const caFile = Deno.env.get("FOGHORN_CONTRACT_CA");

const CASES: readonly ContractCase[] = [
  ...OBJECT_CASES,
  ...LIST_WATCH_CASES,
  ...KIND_CASES,
  ...CUSTOM_RESOURCE_CASES,
];

for (const { name, run, needsCompaction } of CASES) {
  Deno.test({
    name: `an API server keeps to the contract: ${name}`,
    // A real server's history cannot be made to be forgotten from here.
    ignore: url !== undefined && needsCompaction === true,
    fn: () => url === undefined ? runEmbedded(run) : runReal(url, run),
  });
}

async function runEmbedded(run: ContractCase["run"]): Promise<void> {
  await using server = await serveApi();
  await runAgainst(embedded(server), run);
}

function embedded(server: ApiServer): ContractTarget {
  return {
    baseUrl: server.url,
    headers: {},
    compact: () => server.faults.compact(),
  };
}

async function runReal(
  baseUrl: string,
  run: ContractCase["run"],
): Promise<void> {
  const caCerts = caFile === undefined ? [] : [await Deno.readTextFile(caFile)];
  using client = Deno.createHttpClient({ caCerts });
  await runAgainst({
    baseUrl,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    client,
  }, run);
}

async function runAgainst(
  target: ContractTarget,
  run: ContractCase["run"],
): Promise<void> {
  await using api = await ContractApi.open(target);
  await run(api);
}
