/**
 * The lines that `foghorn speaker` obeys.
 *
 * ```text
 * announce PREFIX/LEN [next-hop A] [community C …] [large-community C …]
 *          [extended-community C …] [med N] [local-pref N]
 * withdraw PREFIX/LEN [next-hop A]
 * peers | routes | refresh PEER | reload | shutdown [TEXT]
 * ```
 *
 * @module
 */

import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { parsePrefix, type Prefix } from "@/addr/prefix.ts";
import type { OwnAttributes } from "@/bgp/mod.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import {
  type Community,
  type ExtendedCommunity,
  type LargeCommunity,
  parseCommunity,
  parseExtendedCommunity,
  parseLargeCommunity,
  sortedCommunities,
  sortedExtendedCommunities,
  sortedLargeCommunities,
} from "@/wire/bgp/mod.ts";

/** A line, understood. */
export type SpeakerLine =
  | {
    readonly kind: "announce";
    readonly prefix: Prefix;
    readonly nextHop: IpAddr | undefined;
    readonly attributes: OwnAttributes;
  }
  | {
    readonly kind: "withdraw";
    readonly prefix: Prefix;
    readonly which: { readonly nextHop: IpAddr } | undefined;
  }
  | { readonly kind: "peers" | "routes" | "reload" }
  | { readonly kind: "refresh"; readonly peer: string }
  | { readonly kind: "shutdown"; readonly text: string };

/**
 * Reads a line.
 *
 * @param line The line, not empty.
 * @returns What it wants, or one sentence that says what would be right.
 */
export function parseSpeakerLine(line: string): Result<SpeakerLine, string> {
  const trimmed = line.trim();
  const space = trimmed.indexOf(" ");
  const word = space < 0 ? trimmed : trimmed.slice(0, space);
  const rest = space < 0 ? "" : trimmed.slice(space + 1).trim();
  switch (word) {
    case "announce":
      return announceLine(rest);
    case "withdraw":
      return withdrawLine(rest.split(SPACES));
    case "peers":
    case "routes":
    case "reload":
      return rest === ""
        ? ok({ kind: word })
        : err(`"${word}" stands alone: leave out "${rest}"`);
    case "refresh":
      return rest === "" || SPACES.test(rest)
        ? err(`"refresh" wants one peer: write refresh 10.0.0.2`)
        : ok({ kind: "refresh", peer: rest });
    case "shutdown":
      return ok({ kind: "shutdown", text: rest });
    default:
      return err(
        `There is no line "${word}": write announce, withdraw, peers, routes, refresh, reload or shutdown`,
      );
  }
}

function announceLine(rest: string): Result<SpeakerLine, string> {
  const gap = SPACES.exec(rest);
  const text = gap === null ? rest : rest.slice(0, gap.index);
  const prefix = parsePrefix(text);
  if (prefix === undefined) return noPrefix("announce", text);
  const options = optionsOf(gap === null ? "" : rest.slice(gap.index).trim());
  return options.ok
    ? ok({ kind: "announce", prefix, ...options.value })
    : options;
}

/** What follows the prefix; many lines have the same. */
function optionsOf(text: string): Result<RouteOptions, string> {
  const known = KNOWN_OPTIONS.get(text);
  if (known !== undefined) return ok(known);
  const options = new Options();
  const words = text === "" ? [] : text.split(SPACES);
  for (let at = 0; at < words.length;) {
    const taken = options.take(words, at);
    if (!taken.ok) return taken;
    at = taken.value;
  }
  const { nextHop } = options;
  const value = { nextHop, attributes: options.attributes() };
  if (KNOWN_OPTIONS.size >= KNOWN_OPTIONS_MAX) KNOWN_OPTIONS.clear();
  KNOWN_OPTIONS.set(text, value);
  return ok(value);
}

function withdrawLine(words: readonly string[]): Result<SpeakerLine, string> {
  const [text = "", option, hop = "", ...more] = words;
  const prefix = parsePrefix(text);
  if (prefix === undefined) return noPrefix("withdraw", text);
  if (option === undefined) {
    return ok({ kind: "withdraw", prefix, which: undefined });
  }
  const nextHop = parseIpAddr(hop);
  if (option !== "next-hop" || nextHop === undefined || more.length > 0) {
    return err(
      `"${
        words.slice(1).join(" ")
      }" is not understood after withdraw ${text}: write next-hop and an address, or nothing`,
    );
  }
  return ok({ kind: "withdraw", prefix, which: { nextHop } });
}

interface RouteOptions {
  readonly nextHop: IpAddr | undefined;
  readonly attributes: OwnAttributes;
}

/** What follows the prefix of an announcement. */
class Options {
  nextHop: IpAddr | undefined;
  readonly #communities: Community[] = [];
  readonly #extended: ExtendedCommunity[] = [];
  readonly #large: LargeCommunity[] = [];
  #multiExitDisc: number | undefined;
  #localPref: number | undefined;

  /** Takes the option at a place; gives where the next one is. */
  take(words: readonly string[], at: number): Result<number, string> {
    const name = words[at] ?? "";
    const value = words[at + 1] ?? "";
    switch (name) {
      case "next-hop": {
        if (value === "self") return ok(at + 2);
        this.nextHop = parseIpAddr(value);
        return this.nextHop === undefined
          ? wrong(name, value, "write an IPv4 or IPv6 address, or self")
          : ok(at + 2);
      }
      case "med":
      case "local-pref": {
        const number = NUMBER.test(value) ? Number(value) : NaN;
        if (!(number <= 0xffff_ffff)) {
          return wrong(name, value, "write a number from 0 to 4294967295");
        }
        if (name === "med") this.#multiExitDisc = number;
        else this.#localPref = number;
        return ok(at + 2);
      }
      case "community":
        return takeList(words, at, parseCommunity, this.#communities, [
          "65001:100",
          "no-export",
        ]);
      case "large-community":
        return takeList(words, at, parseLargeCommunity, this.#large, [
          "65001:1:2",
        ]);
      case "extended-community":
        return takeList(words, at, parseExtendedCommunity, this.#extended, [
          "rt:65001:100",
        ]);
      default:
        return err(
          `There is no "${name}" of a route: write next-hop, community, large-community, extended-community, med or local-pref`,
        );
    }
  }

  /** What the route carries. */
  attributes(): OwnAttributes {
    return {
      communities: sortedCommunities(this.#communities),
      extendedCommunities: sortedExtendedCommunities(this.#extended),
      largeCommunities: sortedLargeCommunities(this.#large),
      ...(this.#multiExitDisc === undefined
        ? {}
        : { multiExitDisc: this.#multiExitDisc }),
      ...(this.#localPref === undefined ? {} : { localPref: this.#localPref }),
    };
  }
}

/** One value or more, up to the next option. */
function takeList<T>(
  words: readonly string[],
  at: number,
  parse: (text: string) => T | undefined,
  list: T[],
  examples: readonly string[],
): Result<number, string> {
  const name = words[at] ?? "";
  let next = at + 1;
  for (; next < words.length && !OPTIONS.has(words[next] ?? ""); next++) {
    const text = words[next] ?? "";
    const value = parse(text);
    if (value === undefined) {
      return wrong(name, text, `write one as in ${examples.join(" or ")}`);
    }
    list.push(value);
  }
  return next === at + 1
    ? wrong(name, "", `write one as in ${examples.join(" or ")}`)
    : ok(next);
}

function noPrefix(line: string, text: string): Result<never, string> {
  return err(
    `"${text}" is no prefix: write ${line} 192.0.2.1/32 or ${line} 2001:db8::1/128`,
  );
}

function wrong(
  name: string,
  value: string,
  advice: string,
): Result<never, string> {
  return err(`"${value}" does not fit ${name}: ${advice}`);
}

/** Options that were read, by their text: a value of them never changes. */
const KNOWN_OPTIONS = new Map<string, RouteOptions>();
const KNOWN_OPTIONS_MAX = 4_096;
const OPTIONS: ReadonlySet<string> = new Set([
  "next-hop",
  "community",
  "large-community",
  "extended-community",
  "med",
  "local-pref",
]);
const SPACES = /\s+/;
const NUMBER = /^\d{1,10}$/;
