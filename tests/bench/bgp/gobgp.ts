/**
 * gobgpd as one of the speakers that are compared.
 *
 * @module
 */

import { until } from "../../support/waiting.ts";
import type { LoadedRoute } from "./announcers.ts";
import { ANNOUNCER, RECEIVER, spawnAt } from "./cable.ts";
import { GobgpApi, type GobgpRoute } from "./gobgp_api.ts";

/** A gobgpd that runs. */
export class Gobgp implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #api: GobgpApi;
  readonly #folder: string;

  private constructor(process: Deno.ChildProcess, folder: string) {
    this.#process = process;
    this.#folder = folder;
    this.#api = new GobgpApi(`${folder}/api.sock`);
  }

  /**
   * Starts one, and waits until its API answers.
   *
   * @param peers Addresses of its peers.
   * @param passive Whether it waits for them.
   */
  static async start(
    peers: readonly string[],
    passive: boolean,
  ): Promise<Gobgp> {
    const folder = await Deno.makeTempDir({ prefix: "foghorn-gobgp-" });
    const file = `${folder}/gobgpd.json`;
    await Deno.writeTextFile(file, configuration(peers, passive));
    const gobgp = new Gobgp(
      spawnAt(ANNOUNCER, [
        ...["gobgpd", "-t", "json", "-f", file, "--pprof-disable"],
        ...["--api-hosts", `unix://${folder}/api.sock`],
      ]),
      folder,
    );
    await until(() => gobgp.#api.isThere(), {
      timeoutMs: START_MS_MAX,
      what: () => "gobgpd does not answer",
    });
    return gobgp;
  }

  /** Its process. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Announces many routes. */
  async announceAll(routes: Iterable<LoadedRoute>): Promise<void> {
    await this.#api.announceAll(Iterator.from(routes).map(asGiven));
  }

  /** Announces one. */
  async announce(prefix: string): Promise<void> {
    await this.#api.announce(asGiven({ prefix }));
  }

  /** Withdraws one. */
  async withdraw(prefix: string): Promise<void> {
    await this.#api.withdraw(asGiven({ prefix }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#api[Symbol.dispose]();
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function asGiven({ prefix, community }: LoadedRoute): GobgpRoute {
  return {
    address: prefix.slice(0, prefix.indexOf("/")),
    // Itself.
    nextHop: "0.0.0.0",
    communities: community === undefined
      ? []
      : [ANNOUNCER.as * 0x1_0000 + community],
  };
}

function configuration(peers: readonly string[], passive: boolean): string {
  return JSON.stringify({
    global: {
      config: {
        "as": ANNOUNCER.as,
        "router-id": ANNOUNCER.address,
        "local-address-list": [ANNOUNCER.address],
        ...(passive ? {} : { port: -1 }),
      },
    },
    neighbors: peers.map((address) => ({
      "config": { "neighbor-address": address, "peer-as": RECEIVER.as },
      "timers": {
        config: { "connect-retry": 1, "idle-hold-time-after-reset": 1 },
      },
      "transport": {
        config: {
          "local-address": ANNOUNCER.address,
          "passive-mode": passive,
        },
      },
      "afi-safis": [{ config: { "afi-safi-name": "ipv4-unicast" } }],
    })),
  });
}

const START_MS_MAX = 30_000;
