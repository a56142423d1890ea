/**
 * BIRD, as the receiver and as one of the speakers that are compared, spoken
 * to over its control socket.
 *
 * @module
 */

import { pass } from "../../support/waiting.ts";
import { type End, spawnAt } from "./cable.ts";

/** A BIRD that runs. */
export class Bird implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #control: Deno.UnixConn;
  readonly #folder: string;
  #buffer = "";

  private constructor(
    process: Deno.ChildProcess,
    control: Deno.UnixConn,
    folder: string,
  ) {
    this.#process = process;
    this.#control = control;
    this.#folder = folder;
  }

  /**
   * Starts one.
   *
   * @param end Where.
   * @param config Its configuration.
   */
  static async start(end: End, config: string): Promise<Bird> {
    const folder = await Deno.makeTempDir({ prefix: "foghorn-bird-" });
    await Deno.writeTextFile(`${folder}/bird.conf`, config);
    const socket = `${folder}/bird.ctl`;
    const process = spawnAt(end, [
      "bird",
      "-f",
      ...["-c", `${folder}/bird.conf`, "-s", socket],
      ...["-P", `${folder}/bird.pid`],
    ]);
    for (let tries = 0;; tries++) {
      try {
        // deno-lint-ignore no-await-in-loop -- until it listens
        const control = await Deno.connect({ transport: "unix", path: socket });
        const bird = new Bird(process, control, folder);
        // deno-lint-ignore no-await-in-loop -- its greeting
        await bird.#answer();
        return bird;
      } catch (error) {
        if (tries > 2_000) throw error;
        // deno-lint-ignore no-await-in-loop -- until it listens
        await pass(10);
      }
    }
  }

  /** Its process. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Gives a command, and the lines of its answer. */
  async ask(command: string): Promise<string> {
    await this.#control.write(new TextEncoder().encode(`${command}\n`));
    return await this.#answer();
  }

  /** How many routes a protocol has imported. */
  async imported(protocol: string): Promise<number> {
    const text = await this.ask(`show protocols all ${protocol}`);
    return Number(/Routes:\s+(\d+) imported/.exec(text)?.[1] ?? 0);
  }

  /** Whether a session is up. */
  async isUp(protocol: string): Promise<boolean> {
    return (await this.ask(`show protocols ${protocol}`)).includes(
      "Established",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#control.close();
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await Deno.remove(this.#folder, { recursive: true });
  }

  /** Reads up to the line that ends an answer: four digits and a blank. */
  async #answer(): Promise<string> {
    const bytes = new Uint8Array(65_536);
    for (;;) {
      const end = /^\d{4} .*\n/m.exec(this.#buffer);
      if (end !== null) {
        const cut = end.index + end[0].length;
        const answer = this.#buffer.slice(0, cut);
        this.#buffer = this.#buffer.slice(cut);
        return answer;
      }
      // deno-lint-ignore no-await-in-loop -- until all of it is there
      const count = await this.#control.read(bytes);
      if (count === null) throw new Error("BIRD closed its control socket");
      this.#buffer += new TextDecoder().decode(bytes.subarray(0, count));
    }
  }
}

/** A receiver that dials when it is enabled. */
export function receiverConfig(
  self: End,
  peer: End,
  options: { readonly passive?: boolean } = {},
): string {
  const passive = options.passive === true ? "passive on;" : "disabled;";
  return `log "/dev/null" all; router id ${self.address};
protocol device { scan time 10; }
protocol bgp up { ${passive} local ${self.address} as ${self.as}; neighbor ${peer.address} as ${peer.as};
  connect delay time 0; connect retry time 1; error wait time 1,1; hold time 90;
  ipv4 { import all; export none; }; }
`;
}
