/**
 * The BGP speaker of a node, as its main core sees it.
 *
 * @module
 */

import type { LinkInfo } from "./link.ts";

/** The speaker; what is said to it and by it is the core's matter. */
export interface BgpPort<Command, Report> {
  /** Does what is wanted, in order. */
  obey(command: Command): void;
  /** Calls back with each report, in order; never from within `obey`. */
  onReport(sink: (report: Report) => void): void;
  /** Tells which interfaces this machine has: their addresses are next hops. */
  setLinks(links: readonly LinkInfo[]): void;
  /** Breaks what is left. */
  close(): void;
}
