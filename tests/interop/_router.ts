/**
 * What the suite wants of a daemon of others, whatever its configuration looks like.
 *
 * @module
 */

import { until } from "../support/waiting.ts";
import { ADDRESS } from "./_network.ts";

/** A session, as the router is to have it. */
export interface Terms {
  /** Its own address and AS number. */
  readonly local: string;
  readonly localAs: number;
  /** Ours. */
  readonly peer: string;
  readonly peerAs: number;
  /** Seconds of silence it permits; 9 when absent. */
  readonly holdTime?: number;
  readonly password?: string;
  /** GTSM, with so many hops. */
  readonly gtsmHops?: number;
  /** TTL of what it sends to a peer further away. */
  readonly multihop?: number;
  /** It takes several paths of a prefix. */
  readonly addPath?: boolean;
  readonly extendedNextHop?: boolean;
  readonly gracefulRestart?: boolean;
  /** Stale routes are kept for longer, at a lower preference (RFC 9494). */
  readonly longLived?: boolean;
  /** It has no policy for us (RFC 8212). */
  readonly policyless?: boolean;
  readonly extendedMessages?: boolean;
  /** What it is to us. */
  readonly role?: "provider" | "customer" | "peer";
  /** It knows AS numbers of two octets only. */
  readonly old?: boolean;
  /** It waits for us. */
  readonly passive?: boolean;
  /** Families; both when absent. */
  readonly families?: readonly ("ipv4" | "ipv6")[];
  /** Further lines in its own tongue. */
  readonly extra?: string;
}

/** A path as a router has it, in one notation. */
export interface RouterPath {
  readonly nextHop: string;
  readonly asPath: string;
  readonly med: number | undefined;
  /** As `65001:100`, sorted. */
  readonly communities: readonly string[];
  /** As `65001:1:2`, sorted. */
  readonly large: readonly string[];
  /** As `rt:65001:7`, sorted. */
  readonly extended: readonly string[];
}

/** A daemon. */
export interface Router extends AsyncDisposable {
  /** Its name. */
  readonly name: string;
  /** Begins anew with a session. */
  begin(terms: Terms): Promise<void>;
  /** Ends, as it is told to. */
  end(): Promise<void>;
  /** The paths it has to a prefix from us. */
  paths(prefix: string): Promise<readonly RouterPath[]>;
  /** What it says when something was waited for in vain. */
  diagnose(): Promise<string>;
}

/** What is configured where a case says nothing else. */
export const TERMS: Terms = {
  local: ADDRESS.router4,
  localAs: 65_002,
  peer: ADDRESS.us4,
  peerAs: 65_001,
};

/** Waits until a router has so many paths to a prefix; gives them. */
export async function pathsAt(
  router: Router,
  prefix: string,
  count: number,
): Promise<readonly RouterPath[]> {
  let paths: readonly RouterPath[] = [];
  try {
    await until(async () => {
      paths = await router.paths(prefix);
      return paths.length === count;
    }, {
      timeoutMs: ARRIVAL_MS_MAX,
      what: () => `${router.name} has ${paths.length} paths to ${prefix}`,
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${await router.diagnose()}`);
  }
  return paths;
}

/** Waits until something of a router holds. */
export async function routerUntil(
  router: Router,
  holds: () => Promise<boolean>,
  what: string,
): Promise<void> {
  try {
    await until(holds, {
      timeoutMs: ARRIVAL_MS_MAX,
      what: () => `${router.name} does not show ${what}`,
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${await router.diagnose()}`);
  }
}

/** Longest that a route may take to arrive; frr collects for a second. */
const ARRIVAL_MS_MAX = 15_000;
