/**
 * The speakers that are compared, each loaded before the receiver dials.
 *
 * @module
 */

import { Bird } from "./bird.ts";
import { ANNOUNCER, peakMemory, RECEIVER, spawnAt } from "./cable.ts";

/** What is announced. */
export interface Load {
  /** How many routes. */
  readonly routes: number;
  /** How many different attribute sets they have; one: none has a community. */
  readonly sets: number;
}

/** A speaker that holds its routes and waits for the receiver. */
export interface Announcer extends AsyncDisposable {
  /** Done again and again while routes go out, where the speaker needs it. */
  readonly poke?: () => Promise<void>;
  /** Gives lines to obey, until so many routes are there. */
  readonly load?: (text: string, routes: number) => Promise<void>;
  /** Announces one more route. */
  announce(prefix: string): Promise<void>;
  /** Withdraws it. */
  withdraw(prefix: string): Promise<void>;
  /** The most memory it held, in MB. */
  memory(): Promise<number>;
}

/** A kind of speaker. */
export interface AnnouncerKind {
  /** What it is called. */
  readonly name: string;
  /** Starts one. */
  readonly start: (load: Load) => Promise<Announcer>;
}

/** The prefix of a number. */
export function prefixAt(i: number): string {
  return `${20 + (i >>> 24)}.${(i >>> 16) & 255}.${(i >>> 8) & 255}.${
    i & 255
  }/32`;
}

/** `foghorn speaker`, from its bundle. */
export const FOGHORN: AnnouncerKind = {
  name: "Foghorn",
  async start(load) {
    const folder = await Deno.makeTempDir({ prefix: "foghorn-speaker-" });
    const file = `${folder}/speaker.yaml`;
    await Deno.writeTextFile(file, speakerFile([RECEIVER.address], true));
    const process = spawnAt(ANNOUNCER, [
      Deno.execPath(),
      ...["run", "-A", "--no-check", FOGHORN_MAIN, "speaker"],
      ...["--config", file],
    ], { stdin: "piped", stdout: "piped" });
    const writer = process.stdin.getWriter();
    const write = (text: string): Promise<void> =>
      writer.write(new TextEncoder().encode(text));
    const lines = linesOf(process.stdout);
    await write(announcements(load));
    await write("routes\n");
    await untilLine(lines, `"kind":"routes","count":${load.routes}`);
    let waited:
      | { readonly text: string; readonly resolve: () => void }
      | undefined;
    const drained = drain(lines, (line) => {
      if (waited !== undefined && line.includes(waited.text)) waited.resolve();
    });
    return {
      load: async (text, routes) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        waited = { text: `"kind":"routes","count":${routes}`, resolve };
        await write(`${text}routes\n`);
        await promise;
      },
      announce: (prefix) => write(`announce ${prefix}\n`),
      withdraw: (prefix) => write(`withdraw ${prefix}\n`),
      memory: () => peakMemory(process.pid),
      async [Symbol.asyncDispose]() {
        process.kill("SIGKILL");
        await process.status;
        await writer.abort().catch(() => {});
        await drained;
        await Deno.remove(folder, { recursive: true });
      },
    };
  },
};

/** BIRD; while it announces, its control socket is asked, or it stands still for three seconds. */
export const BIRD: AnnouncerKind = {
  name: "BIRD",
  async start(load) {
    const routes = Array.from(
      { length: load.routes },
      (_, i) =>
        `route ${prefixAt(i)} blackhole${
          load.sets > 1
            ? ` { bgp_community.add((${ANNOUNCER.as},${i % load.sets})); }`
            : ""
        };`,
    );
    const singles = Array.from(
      { length: SINGLES },
      (_, i) =>
        `protocol static one${i} { disabled; ipv4; route ${
          singlePrefix(i)
        } blackhole; }`,
    );
    const bird = await Bird.start(
      ANNOUNCER,
      `log "/dev/null" all; router id ${ANNOUNCER.address};
protocol device { scan time 10; }
protocol static many { ipv4; ${routes.join("\n")} }
${singles.join("\n")}
protocol bgp up { passive on; local ${ANNOUNCER.address} as ${ANNOUNCER.as}; neighbor ${RECEIVER.address} as ${RECEIVER.as};
  error wait time 1,1; hold time 90; ipv4 { import none; export all; next hop self; }; }
`,
    );
    return {
      poke: () => bird.ask("show status").then(() => {}),
      announce: (prefix) =>
        bird.ask(`enable one${singleOf(prefix)}`).then(() => {}),
      withdraw: (prefix) =>
        bird.ask(`disable one${singleOf(prefix)}`).then(() => {}),
      memory: () => peakMemory(bird.pid),
      [Symbol.asyncDispose]: () => bird[Symbol.asyncDispose](),
    };
  },
};

/** The manifests of a speaker with these peers. */
export function speakerFile(
  peers: readonly string[],
  passive: boolean,
): string {
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

/** Lines that announce a load to `foghorn speaker`. */
export function announcements({ routes, sets }: Load): string {
  const lines: string[] = [];
  for (let i = 0; i < routes; i++) {
    const community = sets > 1 ? ` community ${ANNOUNCER.as}:${i % sets}` : "";
    lines.push(`announce ${prefixAt(i)}${community}\n`);
  }
  return lines.join("");
}

/** How many single routes there are to announce. */
export const SINGLES = 100;

/** One of them. */
export function singlePrefix(i: number): string {
  return `100.64.0.${i}/32`;
}

function singleOf(prefix: string): number {
  return Number(prefix.split(".")[3]?.split("/")[0]);
}

/** The lines a program prints. */
export function linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): ReadableStreamDefaultReader<string> {
  let rest = "";
  return stream.pipeThrough(new TextDecoderStream()).pipeThrough(
    new TransformStream<string, string>({
      transform(text, controller) {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) controller.enqueue(line);
      },
    }),
  ).getReader();
}

/** Reads lines until one contains a text. */
export async function untilLine(
  lines: ReadableStreamDefaultReader<string>,
  text: string,
): Promise<void> {
  for (;;) {
    // deno-lint-ignore no-await-in-loop -- one line after the other
    const { value, done } = await lines.read();
    if (done) throw new Error(`The speaker ended before it said ${text}`);
    if (value.includes(text)) return;
  }
}

/** Reads and forgets the rest. */
export async function drain(
  lines: ReadableStreamDefaultReader<string>,
  onLine: (line: string) => void = () => {},
): Promise<void> {
  for (;;) {
    // deno-lint-ignore no-await-in-loop -- until the program has ended
    const { value } = await lines.read().catch(() => ({ value: undefined }));
    if (value === undefined) return;
    onLine(value);
  }
}

const FOGHORN_MAIN =
  new URL("../../../dist/bundle/foghorn.js", import.meta.url).pathname;
