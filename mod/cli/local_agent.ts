/**
 * Asks the agent of this machine, over loopback.
 *
 * @module
 */

import { UsageError } from "./usage_error.ts";

/**
 * What the agent of this machine answers.
 *
 * @param agent Its address and port.
 * @param path Below it.
 * @returns The answer; undefined when no agent answers there.
 * @throws {Error} With the agent's sentence, when it refuses.
 */
export async function askAgent<T>(
  agent: string,
  path: string,
): Promise<T | undefined> {
  if (!URL.canParse(`http://${agent}`)) {
    throw new UsageError(
      `Cannot ask an agent at "${agent}": write an address and a port, like 127.0.0.1:7473`,
    );
  }
  let response: Response;
  try {
    response = await fetch(`http://${agent}${path}`, {
      signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
    });
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw new Error(
      `The agent at ${agent} does not answer within ${
        ASK_TIMEOUT_MS / 1000
      } s: look at its log`,
      { cause: error },
    );
  }
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  throw new Error(text.trim());
}

/** Large clusters take a moment to explain. */
const ASK_TIMEOUT_MS = 20_000;
