/**
 * The command line, and the composition roots: where cores meet the world.
 *
 * - `program.ts`: commands, flags, exit codes
 * - `agent.ts`: the main isolate of a node; `wire_worker.ts`: its wire isolate
 * - `announce.ts`: the wire isolate without Kubernetes
 * - `manifests.ts`, `crds.ts`: what is installed; `uninstall.ts`, `marks.ts`: its end
 * - `demo.ts`: the lab, shown to a newcomer
 *
 * @module
 */
export * from "./program.ts";
