/**
 * The version of this program, the one in `deno.json`.
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };

/** Semantic version. */
export const VERSION: string = config.version;
