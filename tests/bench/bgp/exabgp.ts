/**
 * ExaBGP as one of the speakers that are compared.
 *
 * @module
 */

import { must } from "@/lab/command.ts";
import type { LoadedRoute } from "./announcers.ts";
import { ANNOUNCER, RECEIVER, spawnAt } from "./cable.ts";

/** How one is started. */
export interface ExaBgpOptions {
  /** Whether it waits for its peers. */
  readonly passive: boolean;
  /** What it has from the start. */
  readonly routes: Iterable<LoadedRoute>;
}

/** An ExaBGP that runs. */
export class ExaBgp implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: Deno.FsFile;
  readonly #folder: string;

  private constructor(
    process: Deno.ChildProcess,
    lines: Deno.FsFile,
    folder: string,
  ) {
    this.#process = process;
    this.#lines = lines;
    this.#folder = folder;
  }

  /**
   * Starts one, and waits until it has read its configuration.
   *
   * @param peers Addresses of its peers.
   * @param options How.
   */
  static async start(
    peers: readonly string[],
    options: ExaBgpOptions,
  ): Promise<ExaBgp> {
    const folder = await Deno.makeTempDir({ prefix: "foghorn-exabgp-" });
    const pipe = `${folder}/lines`;
    await must("mkfifo", [pipe]);
    const file = `${folder}/exabgp.conf`;
    await Deno.writeTextFile(file, configuration(peers, pipe, options));
    const process = spawnAt(ANNOUNCER, ["exabgp", file], {
      env: {
        "exabgp.daemon.user": "root",
        "exabgp.daemon.drop": "false",
        "exabgp.api.cli": "false",
        "exabgp.api.ack": "false",
        "exabgp.log.level": "CRIT",
        "exabgp.log.destination": "stdout",
        ...(options.passive ? { "exabgp.tcp.bind": ANNOUNCER.address } : {}),
      },
    });
    // A pipe is open once somebody reads it: its process, which starts after all is read.
    const opened = Deno.open(pipe, { write: true });
    const ended = process.status.then(({ code }) => {
      throw new Error(`ExaBGP ended with ${code}`);
    });
    const lines = await Promise.race([opened, ended]);
    return new ExaBgp(process, lines, folder);
  }

  /** Its process. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Announces a route. */
  announce(prefix: string): Promise<void> {
    return this.#write(`announce route ${prefix} next-hop self\n`);
  }

  /** Withdraws it. */
  withdraw(prefix: string): Promise<void> {
    return this.#write(`withdraw route ${prefix} next-hop self\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    // Which ends what reads it.
    this.#lines.close();
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #write(line: string): Promise<void> {
    await this.#lines.write(new TextEncoder().encode(line));
  }
}

function configuration(
  peers: readonly string[],
  pipe: string,
  { passive, routes }: ExaBgpOptions,
): string {
  const list = Array.from(
    routes,
    ({ prefix, community }) =>
      `route ${prefix} next-hop self${
        community === undefined
          ? ""
          : ` community [${ANNOUNCER.as}:${community}]`
      };`,
  ).join("\n");
  return [
    `process lines { run /bin/cat ${pipe}; encoder text; }`,
    `template { neighbor all { router-id ${ANNOUNCER.address}; local-address ${ANNOUNCER.address};
  local-as ${ANNOUNCER.as}; peer-as ${RECEIVER.as}; hold-time 90;${
      passive ? " passive true;" : ""
    }
  family { ipv4 unicast; } api { processes [ lines ]; }
  static { ${list} } } }`,
    ...peers.map((address) => `neighbor ${address} { inherit all; }`),
  ].join("\n");
}
