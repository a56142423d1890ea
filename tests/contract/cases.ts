/**
 * All cases of the contract, and how one is run.
 *
 * @module
 */

import { ContractApi, type ContractCase, type ContractTarget } from "./api.ts";
import { AGENT_CASES } from "./agent_cases.ts";
import { CUSTOM_RESOURCE_CASES } from "./custom_resource_cases.ts";
import { KIND_CASES } from "./kind_cases.ts";
import { LIST_WATCH_CASES } from "./list_watch_cases.ts";
import { OBJECT_CASES } from "./object_cases.ts";
import { OPENELB_CASES } from "./openelb_cases.ts";

/** The cases. */
export const CONTRACT_CASES: readonly ContractCase[] = [
  ...OBJECT_CASES,
  ...LIST_WATCH_CASES,
  ...KIND_CASES,
  ...CUSTOM_RESOURCE_CASES,
  ...AGENT_CASES,
  ...OPENELB_CASES,
];

/**
 * Runs a case against a server, in a namespace of its own.
 *
 * @param target The server.
 * @param run The case.
 */
export async function runCase(
  target: ContractTarget,
  run: ContractCase["run"],
): Promise<void> {
  await using api = await ContractApi.open(target);
  await run(api);
}
