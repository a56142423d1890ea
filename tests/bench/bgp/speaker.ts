/**
 * `foghorn speaker` from its bundle, spoken to over its pipes.
 *
 * @module
 */

import { ANNOUNCER, RECEIVER, spawnAt } from "./cable.ts";

/** A speaker that runs. */
export class Speaker implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #folder: string;
  readonly #read: Promise<void>;
  readonly #waiters = new Map<string, () => void>();

  private constructor(process: Deno.ChildProcess, folder: string) {
    this.#process = process;
    this.#writer = process.stdin.getWriter();
    this.#folder = folder;
    this.#read = this.#follow();
  }

  /**
   * Starts one; it is not waited for.
   *
   * @param peers Addresses of its peers.
   * @param passive Whether it waits for them.
   */
  static async start(
    peers: readonly string[],
    passive: boolean,
  ): Promise<Speaker> {
    const folder = await Deno.makeTempDir({ prefix: "foghorn-speaker-" });
    const file = `${folder}/speaker.yaml`;
    await Deno.writeTextFile(file, manifests(peers, passive));
    const process = spawnAt(ANNOUNCER, [
      Deno.execPath(),
      ...["run", "-A", "--no-check", FOGHORN_MAIN, "speaker"],
      ...["--config", file],
    ], { stdin: "piped", stdout: "piped" });
    return new Speaker(process, folder);
  }

  /** Its process. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Writes lines to it. */
  async write(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(text));
  }

  /** Waits until it listens. */
  isReady(): Promise<void> {
    return this.#says(`{"kind":"ready"`);
  }

  /** Waits until it says that it has so many routes: all lines before were obeyed. */
  async hasRoutes(count: number): Promise<void> {
    const said = this.#says(`"kind":"routes","count":${count}`);
    await this.write("routes\n");
    await said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#writer.abort().catch(() => {});
    await this.#read;
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #says(text: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.set(text, resolve);
    const timer = setTimeout(
      () => reject(new Error(`The speaker did not say ${text}`)),
      SAY_MS_MAX,
    );
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(text);
    }
  }

  async #follow(): Promise<void> {
    let rest = "";
    for await (
      const text of this.#process.stdout.pipeThrough(new TextDecoderStream())
    ) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        for (const [waited, resolve] of this.#waiters) {
          if (line.includes(waited)) resolve();
        }
      }
    }
  }
}

function manifests(peers: readonly string[], passive: boolean): string {
  const conf = {
    kind: "BgpConf",
    metadata: { name: "default" },
    spec: {
      as: ANNOUNCER.as,
      routerId: ANNOUNCER.address,
      listenPort: passive ? 179 : -1,
    },
  };
  const list = peers.map((address, i) => ({
    kind: "BgpPeer",
    metadata: { name: `peer${i}` },
    spec: {
      conf: { neighborAddress: address, peerAs: RECEIVER.as },
      transport: { passiveMode: passive },
    },
  }));
  return [conf, ...list].map((one) => JSON.stringify(one)).join("\n---\n");
}

const FOGHORN_MAIN =
  new URL("../../../dist/bundle/foghorn.js", import.meta.url).pathname;
const SAY_MS_MAX = 120_000;
