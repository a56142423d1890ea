/**
 * Foghorn: a load balancer for Kubernetes on bare metal.
 *
 * @module
 */

import { run } from "@/cli/program.ts";

if (import.meta.main) await run(Deno.args);
