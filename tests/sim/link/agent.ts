/**
 * What a link world knows of an agent: something that takes commands and
 * frames, has a deadline, and does what is due when it gets a turn.
 *
 * @module
 */

import type { WireCommand, WireReport } from "@/node/mod.ts";

/** What an agent stands on. */
export interface AgentHost {
  /** The monotonic clock of the node. */
  monoMs(): number;
  /** The clock of the world, which goes on while a node stands still. */
  worldMs(): number;
  /** Puts a frame on a link, by the name of the link. */
  send(link: string, frame: Uint8Array): void;
  /** Takes a report of the wire isolate. */
  report(report: WireReport): void;
  /** Told that an answer was sent to a question that had waited so long. */
  answered(waitedMs: number): void;
}

/** The wire isolate of a node. */
export interface LinkAgent {
  /** Puts a command into its mailbox. */
  post(command: WireCommand): void;
  /** The kernel receives a frame on a link; whether it is for this agent. */
  queue(link: string, frame: Uint8Array): boolean;
  /** Lets it do what is due. */
  turn(): void;
  /** When it wants its next turn, on the monotonic clock. */
  deadlineMs(): number | undefined;
}

/** What an agent is made with. */
export interface AgentConfig {
  /** The node. */
  readonly node: string;
  /** Microseconds of the wall clock at its start. */
  readonly incarnation: bigint;
}
