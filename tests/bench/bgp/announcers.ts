/**
 * The speakers that are compared, each loaded before the receiver dials.
 *
 * @module
 */

import { Bird } from "./bird.ts";
import { ANNOUNCER, peakMemory, RECEIVER } from "./cable.ts";
import { ExaBgp } from "./exabgp.ts";
import { Gobgp } from "./gobgp.ts";
import { Speaker } from "./speaker.ts";

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
    const speaker = await Speaker.start([RECEIVER.address], true);
    await speaker.write(announcements(load));
    await speaker.hasRoutes(load.routes);
    return {
      announce: (prefix) => speaker.write(`announce ${prefix}\n`),
      withdraw: (prefix) => speaker.write(`withdraw ${prefix}\n`),
      memory: () => peakMemory(speaker.pid),
      [Symbol.asyncDispose]: () => speaker[Symbol.asyncDispose](),
    };
  },
};

/** BIRD; while it announces, its control socket is asked, or it stands still for three seconds. */
export const BIRD: AnnouncerKind = {
  name: "BIRD",
  async start(load) {
    const routes = Array.from(
      routesOf(load),
      ({ prefix, community }) =>
        `route ${prefix} blackhole${
          community === undefined
            ? ""
            : ` { bgp_community.add((${ANNOUNCER.as},${community})); }`
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

/** gobgpd, loaded by gRPC as whatever embeds it does. */
export const GOBGP: AnnouncerKind = {
  name: "GoBGP",
  async start(load) {
    const gobgp = await Gobgp.start([RECEIVER.address], true);
    await gobgp.announceAll(routesOf(load));
    return {
      announce: (prefix) => gobgp.announce(prefix),
      withdraw: (prefix) => gobgp.withdraw(prefix),
      memory: () => peakMemory(gobgp.pid),
      [Symbol.asyncDispose]: () => gobgp[Symbol.asyncDispose](),
    };
  },
};

/** ExaBGP, loaded by its configuration; single routes are lines on its pipe. */
export const EXABGP: AnnouncerKind = {
  name: "ExaBGP",
  async start(load) {
    const exabgp = await ExaBgp.start([RECEIVER.address], {
      passive: true,
      routes: routesOf(load),
    });
    return {
      announce: (prefix) => exabgp.announce(prefix),
      withdraw: (prefix) => exabgp.withdraw(prefix),
      memory: () => peakMemory(exabgp.pid),
      [Symbol.asyncDispose]: () => exabgp[Symbol.asyncDispose](),
    };
  },
};

/** All that are compared, ours first. */
export const KINDS: readonly AnnouncerKind[] = [FOGHORN, BIRD, GOBGP, EXABGP];

/** A route of a load. */
export interface LoadedRoute {
  readonly prefix: string;
  /** The second half of its community, whose first is our AS number; absent: it has none. */
  readonly community?: number;
}

/** The routes of a load. */
export function* routesOf({ routes, sets }: Load): Generator<LoadedRoute> {
  for (let i = 0; i < routes; i++) {
    const prefix = prefixAt(i);
    yield sets > 1 ? { prefix, community: i % sets } : { prefix };
  }
}

/** Lines that announce a load to `foghorn speaker`. */
export function announcements(load: Load): string {
  return Array.from(
    routesOf(load),
    ({ prefix, community }) =>
      community === undefined
        ? `announce ${prefix}\n`
        : `announce ${prefix} community ${ANNOUNCER.as}:${community}\n`,
  )
    .join("");
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
