/**
 * What an agent tells the others in the annotations of its node Lease: its
 * links, what its `can_reach:` look-ups gave, which addresses foreign hosts
 * have, and what is wrong on its node.
 *
 * Everything is JSON, sorted, so that the same facts give the same text, and
 * bounded, because all annotations of an object together have 256 KiB. Reading
 * skips what it does not know and refuses what is not of this form: an agent of
 * another version wrote it.
 *
 * @module
 */

import { type IpAddr, parseIpAddr } from "@/addr/ip_addr.ts";
import { type MacAddr, parseMacAddr } from "@/addr/mac_addr.ts";
import { formatPrefix, parsePrefix, type Prefix } from "@/addr/prefix.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import { isJson, type Json } from "./_reader.ts";

/** A link of a node, as its agent publishes it. */
export interface PublishedLink {
  /** Name of the interface. */
  readonly name: string;
  /** Whether it is up and has a carrier. */
  readonly up: boolean;
  /** Its MAC address. */
  readonly mac: MacAddr;
  /** Its addresses with the lengths of their subnets. */
  readonly prefixes: readonly Prefix[];
  /** The node's gateways on it, which are nobody's VIP; absent: none. */
  readonly gateways?: readonly IpAddr[];
}

/** Something an agent found wrong on its own node. */
export interface PublishedProblem {
  /** CamelCase reason of the condition to set. */
  readonly reason: string;
  /** Name of the Eip it concerns. */
  readonly eip: string;
  /** One sentence that says what to do. */
  readonly message: string;
}

/** An address that a host has which is none of the cluster's. */
export interface PublishedHeld {
  /** The address. */
  readonly ip: IpAddr;
  /** MAC address of the host. */
  readonly mac: MacAddr;
  /** The link it answers on. */
  readonly link: string;
}

/** Most links an agent publishes. */
export const LINKS_PUBLISHED_MAX = 64;

/** Most prefixes an agent publishes of one link. */
export const PREFIXES_PUBLISHED_MAX = 32;

/** Most gateways an agent publishes of one link. */
export const GATEWAYS_PUBLISHED_MAX = 8;

/** Most `can_reach:` results an agent publishes. */
export const CAN_REACH_PUBLISHED_MAX = 256;

/** Most addresses of foreign hosts an agent publishes. */
export const HELD_PUBLISHED_MAX = 16;

/** Most problems an agent publishes. */
export const PROBLEMS_PUBLISHED_MAX = 64;

/** Longest message of a published problem, in UTF-16 units; the rest is cut. */
export const PROBLEM_MESSAGE_MAX = 512;

/** Longest annotation that is read, in UTF-16 units. */
export const PUBLISHED_TEXT_MAX = 262_144;

/**
 * Which links of a node are published: those that are up before those that are
 * down, then by name, {@linkcode LINKS_PUBLISHED_MAX} at most.
 *
 * @param links All links.
 * @returns Those published, by name, each with its first prefixes; what is
 *   missing the caller reports by comparing the lengths.
 */
export function publishedLinks(
  links: readonly PublishedLink[],
): readonly PublishedLink[] {
  return links
    .toSorted((a, b) => Number(b.up) - Number(a.up) || byText(a.name, b.name))
    .slice(0, LINKS_PUBLISHED_MAX)
    .toSorted((a, b) => byText(a.name, b.name))
    .map(({ gateways = [], ...link }) => ({
      ...link,
      prefixes: link.prefixes
        .toSorted((a, b) => byText(formatPrefix(a), formatPrefix(b)))
        .slice(0, PREFIXES_PUBLISHED_MAX),
      ...(gateways.length === 0 ? {} : {
        gateways: gateways.toSorted(byText).slice(0, GATEWAYS_PUBLISHED_MAX),
      }),
    }));
}

/**
 * Writes links as {@linkcode LEASE_LINKS_ANNOTATION}.
 *
 * @example Usage
 * ```ts
 * import { decodeLinks, encodeLinks } from "@/api/links_annotation.ts";
 * import { deepStrictEqual } from "node:assert/strict";
 *
 * deepStrictEqual(decodeLinks(encodeLinks([])), { ok: true, value: [] });
 * ```
 *
 * @param links All links; {@linkcode publishedLinks} says which are written.
 * @returns JSON.
 */
export function encodeLinks(links: readonly PublishedLink[]): string {
  return JSON.stringify(
    publishedLinks(links).map(({ name, up, mac, prefixes, gateways }) => ({
      name,
      up,
      mac,
      prefixes: prefixes.map(formatPrefix),
      gateways,
    })),
  );
}

/**
 * Reads {@linkcode LEASE_LINKS_ANNOTATION}.
 *
 * @param text The annotation.
 * @returns The links, or one sentence that says what is wrong.
 */
export function decodeLinks(
  text: string,
): Result<readonly PublishedLink[], string> {
  return decodeList(text, {
    what: "links",
    itemsMax: LINKS_PUBLISHED_MAX,
    read: readLink,
  });
}

/**
 * Writes `can_reach:` results as {@linkcode LEASE_CAN_REACH_ANNOTATION}.
 *
 * @param results Name of the link by target; at most
 *   {@linkcode CAN_REACH_PUBLISHED_MAX}, the first by text of the target.
 * @returns JSON.
 */
export function encodeCanReach(results: ReadonlyMap<IpAddr, string>): string {
  return JSON.stringify(
    [...results]
      .toSorted(([a], [b]) => byText(a, b))
      .slice(0, CAN_REACH_PUBLISHED_MAX)
      .map(([target, link]) => ({ target, link })),
  );
}

/**
 * Reads {@linkcode LEASE_CAN_REACH_ANNOTATION}.
 *
 * @param text The annotation.
 * @returns Name of the link by target, or one sentence that says what is wrong.
 */
export function decodeCanReach(
  text: string,
): Result<ReadonlyMap<IpAddr, string>, string> {
  const entries = decodeList(text, {
    what: "can_reach results",
    itemsMax: CAN_REACH_PUBLISHED_MAX,
    read: ({ target, link }) => {
      const address = typeof target === "string" && parseIpAddr(target);
      return address && typeof link === "string" && link !== ""
        ? [address, link] as const
        : undefined;
    },
  });
  return entries.ok ? ok(new Map(entries.value)) : entries;
}

/**
 * Writes problems as {@linkcode LEASE_PROBLEMS_ANNOTATION}.
 *
 * @param problems The problems; at most {@linkcode PROBLEMS_PUBLISHED_MAX}, the
 *   first by Eip and reason.
 * @returns JSON.
 */
export function encodeProblems(problems: readonly PublishedProblem[]): string {
  return JSON.stringify(
    problems
      .toSorted((a, b) =>
        byText(a.eip, b.eip) || byText(a.reason, b.reason) ||
        byText(a.message, b.message)
      )
      .slice(0, PROBLEMS_PUBLISHED_MAX)
      .map(({ reason, eip, message }) => ({
        reason,
        eip,
        message: message.slice(0, PROBLEM_MESSAGE_MAX),
      })),
  );
}

/**
 * Reads {@linkcode LEASE_PROBLEMS_ANNOTATION}.
 *
 * @param text The annotation.
 * @returns The problems, or one sentence that says what is wrong.
 */
export function decodeProblems(
  text: string,
): Result<readonly PublishedProblem[], string> {
  return decodeList(text, {
    what: "problems",
    itemsMax: PROBLEMS_PUBLISHED_MAX,
    read: ({ reason, eip, message }) =>
      typeof reason === "string" && typeof eip === "string" &&
        typeof message === "string"
        ? { reason, eip, message }
        : undefined,
  });
}

/**
 * Writes addresses of foreign hosts as {@linkcode LEASE_HELD_ANNOTATION}.
 *
 * @param held The addresses, the newest last; of more than
 *   {@linkcode HELD_PUBLISHED_MAX} the newest.
 * @returns JSON.
 */
export function encodeHeld(held: readonly PublishedHeld[]): string {
  return JSON.stringify(
    held.slice(-HELD_PUBLISHED_MAX)
      .toSorted((a, b) =>
        byText(a.ip, b.ip) || byText(a.link, b.link) || byText(a.mac, b.mac)
      )
      .map(({ ip, mac, link }) => ({ ip, mac, link })),
  );
}

/**
 * Reads {@linkcode LEASE_HELD_ANNOTATION}.
 *
 * @param text The annotation.
 * @returns The addresses, or one sentence that says what is wrong.
 */
export function decodeHeld(
  text: string,
): Result<readonly PublishedHeld[], string> {
  return decodeList(text, {
    what: "addresses of foreign hosts",
    itemsMax: HELD_PUBLISHED_MAX,
    read: ({ ip, mac, link }) => {
      const address = typeof ip === "string" ? parseIpAddr(ip) : undefined;
      const host = typeof mac === "string" ? parseMacAddr(mac) : undefined;
      return address === undefined || host === undefined ||
          typeof link !== "string" || link === ""
        ? undefined
        : { ip: address, mac: host, link };
    },
  });
}

function readLink(
  { name, up, mac, prefixes, gateways = [] }: Json,
): PublishedLink | undefined {
  const address = typeof mac === "string" ? parseMacAddr(mac) : undefined;
  if (
    typeof name !== "string" || name === "" || typeof up !== "boolean" ||
    address === undefined || !Array.isArray(prefixes) ||
    prefixes.length > PREFIXES_PUBLISHED_MAX || !Array.isArray(gateways) ||
    gateways.length > GATEWAYS_PUBLISHED_MAX
  ) return undefined;
  const read: Prefix[] = [];
  for (const text of prefixes) {
    const prefix = typeof text === "string" ? parsePrefix(text) : undefined;
    if (prefix === undefined) return undefined;
    read.push(prefix);
  }
  const routers: IpAddr[] = [];
  for (const text of gateways) {
    const router = typeof text === "string" ? parseIpAddr(text) : undefined;
    if (router === undefined) return undefined;
    routers.push(router);
  }
  return {
    name,
    up,
    mac: address,
    prefixes: read,
    ...(routers.length === 0 ? {} : { gateways: routers }),
  };
}

function decodeList<T>(
  text: string,
  form: {
    readonly what: string;
    readonly itemsMax: number;
    readonly read: (item: Json) => T | undefined;
  },
): Result<readonly T[], string> {
  const refusal = `Cannot read published ${form.what}: `;
  const items = text.length > PUBLISHED_TEXT_MAX ? undefined : parseJson(text);
  if (!Array.isArray(items)) return err(`${refusal}not a JSON list`);
  if (items.length > form.itemsMax) {
    return err(`${refusal}${items.length} of them, at most ${form.itemsMax}`);
  }
  const read: T[] = [];
  for (const [i, item] of items.entries()) {
    const value = isJson(item) ? form.read(item) : undefined;
    if (value === undefined) {
      return err(`${refusal}entry ${i} is not of the form we know`);
    }
    read.push(value);
  }
  return ok(read);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
