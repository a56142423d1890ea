/**
 * Which peers are measured beside us: those whose programs are given.
 *
 * ```text
 * --peer=kube-vip:/path/to/kube-vip
 * --peer=metallb:/path/to/controller,/path/to/speaker
 * ```
 *
 * @module
 */

import { err, ok, type Result } from "@/lang/result.ts";

/** What the flag for a peer begins with. */
export const PEER_FLAG = "--peer=";

/** The programs of each peer that can be measured, in the order they are given. */
export const PEER_PROGRAMS = {
  "kube-vip": ["kube-vip"],
  "metallb": ["controller", "speaker"],
} as const;

/** A name of a peer. */
export type PeerName = keyof typeof PEER_PROGRAMS;

/** A peer that is to be measured. */
export interface Peer {
  /** Its name. */
  readonly name: PeerName;
  /** Paths of its programs, as {@linkcode PEER_PROGRAMS} lists them. */
  readonly programs: readonly string[];
}

/**
 * Reads which peers a command line gives.
 *
 * @param args The command line.
 * @param canRun Whether a path is that of a program that can be run.
 * @returns The peers in the order they are given, or one sentence that says what
 * would be right.
 */
export function parsePeers(
  args: readonly string[],
  canRun: (path: string) => boolean,
): Result<readonly Peer[], string> {
  const peers: Peer[] = [];
  for (const arg of args) {
    if (!arg.startsWith(PEER_FLAG)) continue;
    const peer = parsePeer(arg.slice(PEER_FLAG.length), canRun);
    if (!peer.ok) return peer;
    const { name } = peer.value;
    if (peers.some((other) => other.name === name)) {
      return err(`Cannot measure ${name} twice in one run: give it once`);
    }
    peers.push(peer.value);
  }
  return ok(peers);
}

/** How each peer is given. */
export function peerUsage(): readonly string[] {
  return NAMES.map(usageOf);
}

function parsePeer(
  text: string,
  canRun: (path: string) => boolean,
): Result<Peer, string> {
  const [given = "", ...rest] = text.split(":");
  const name = NAMES.find((known) => known === given);
  if (name === undefined) {
    return err(
      `Cannot measure "${given}", which is no peer that is known here: give ${
        NAMES.map(usageOf).join(" or ")
      }`,
    );
  }
  const programs = rest.join(":").split(",").filter((path) => path !== "");
  const { length } = PEER_PROGRAMS[name];
  if (programs.length !== length) {
    return err(
      `Cannot measure ${name} by ${programs.length} programs, it takes ${length}: give ${
        usageOf(name)
      }`,
    );
  }
  const missing = programs.find((path) => !canRun(path));
  if (missing !== undefined) {
    return err(
      `Cannot measure ${name}: "${missing}" is no program that can be run, give the path of an executable file`,
    );
  }
  return ok({ name, programs });
}

function usageOf(name: PeerName): string {
  const paths = PEER_PROGRAMS[name].map((program) => `/path/to/${program}`);
  return `${PEER_FLAG}${name}:${paths.join(",")}`;
}

const NAMES: readonly PeerName[] = ["kube-vip", "metallb"];
