/**
 * exabgp, in the namespace of the router: it has no table, so its messages are
 * read, and no kernel.
 *
 * @module
 */

import { LabProcess } from "@/lab/mod.ts";
import { until } from "../support/waiting.ts";
import { ADDRESS, ROUTER } from "./_network.ts";
import type { Router, RouterPath, Terms } from "./_router.ts";

/** An exabgp. */
export class Exabgp implements Router {
  readonly name = "exabgp";
  readonly #folder: string;
  #local: string = ADDRESS.router4;
  #process: LabProcess | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<Exabgp> {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/run`, PROGRAM, { mode: 0o755 });
    return new Exabgp(folder);
  }

  async begin(terms: Terms): Promise<void> {
    await this.beginWith(exabgpConfig(this.#folder, terms), terms.local);
  }

  /** Begins anew with a configuration of its own. */
  async beginWith(
    config: string,
    local: string = ADDRESS.router4,
  ): Promise<void> {
    await this.end();
    await Deno.writeTextFile(`${this.#folder}/exabgp.conf`, config);
    this.#local = local;
    await this.resume();
  }

  /** Starts again with the same configuration. */
  async resume(): Promise<void> {
    await Deno.writeTextFile(`${this.#folder}/told`, "");
    await Deno.writeTextFile(`${this.#folder}/say`, "");
    const settings = [
      ...["daemon.user=root", "daemon.drop=false", "api.cli=false"],
      ...["log.destination=stdout", `tcp.bind=${this.#local}`, "tcp.port=179"],
    ].map((setting) => `exabgp.${setting}`);
    this.#process = new LabProcess(ROUTER, [
      ...["env", ...settings, "exabgp", `${this.#folder}/exabgp.conf`],
    ], { name: "exabgp" });
  }

  async end(): Promise<void> {
    await this.#process?.stop("SIGKILL");
    this.#process = undefined;
  }

  get process(): LabProcess {
    if (this.#process === undefined) throw new Error("exabgp was not started");
    return this.#process;
  }

  /** Has it do something, in the words of its API. */
  async say(line: string): Promise<void> {
    const file = `${this.#folder}/say`;
    await Deno.writeTextFile(file, `${line}\n`, { append: true });
  }

  /** What it told so far. */
  async told(): Promise<readonly ExabgpMessage[]> {
    const text = await Deno.readTextFile(`${this.#folder}/told`);
    return text.split("\n").slice(0, -1).flatMap((line) => readJson(line));
  }

  async paths(prefix: string): Promise<readonly RouterPath[]> {
    const table = new Map<string, RouterPath>();
    for (const { type, neighbor } of await this.told()) {
      if (type === "state" && neighbor?.state === "down") table.clear();
      const update = neighbor?.message?.update;
      if (update === undefined) continue;
      for (const nlri of Object.values(update.withdraw ?? {}).flat()) {
        if (nlri.nlri === prefix) table.delete(idOf(nlri));
      }
      for (const hops of Object.values(update.announce ?? {})) {
        for (const [nextHop, list] of Object.entries(hops)) {
          // Of a link-local and a global next hop it tells both, as two.
          if (nextHop.startsWith("fe80:")) continue;
          for (const nlri of list) {
            if (nlri.nlri === prefix) {
              table.set(idOf(nlri), pathOf(nextHop, update.attribute ?? {}));
            }
          }
        }
      }
    }
    return [...table.values()];
  }

  async diagnose(): Promise<string> {
    const told = (await this.told()).map((one) => JSON.stringify(one));
    return [...told.slice(-5), ...this.process.lines.slice(-15)].join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

/** Waits until it told something. */
export async function exabgpTold(
  exabgp: Exabgp,
  matches: (message: ExabgpMessage) => boolean,
): Promise<ExabgpMessage> {
  let found: ExabgpMessage | undefined;
  await until(async () => {
    found = (await exabgp.told()).find(matches);
    return found !== undefined;
  }, { timeoutMs: 10_000, what: () => "exabgp does not tell it" });
  return found as ExabgpMessage;
}

/** What exabgp is configured by. */
export function exabgpConfig(folder: string, terms: Terms): string {
  const { families = ["ipv4", "ipv6"] } = terms;
  const when = (condition: unknown, line: string) =>
    condition === undefined || condition === false ? [] : [line];
  const isIpv6 = terms.local.includes(":");
  return [
    `process told { run "${folder}/run" "${folder}"; encoder json; }`,
    `neighbor ${terms.peer} {`,
    `  router-id 10.0.0.2; local-address ${terms.local};`,
    `  local-as ${terms.localAs}; peer-as ${terms.peerAs};`,
    `  hold-time ${terms.holdTime ?? 9};`,
    ...when(
      terms.password,
      `  md5-password "${terms.password}"; md5-base64 false;`,
    ),
    ...when(terms.gtsmHops, "  outgoing-ttl 255; incoming-ttl 255;"),
    ...when(terms.passive, "  passive true;"),
    `  family { ${families.map((one) => `${one} unicast;`).join(" ")} }`,
    "  capability {",
    "    route-refresh enable;",
    ...when(terms.gracefulRestart, "    graceful-restart 20;"),
    ...when(terms.addPath, "    add-path receive;"),
    ...when(terms.extendedNextHop, "    nexthop enable;"),
    `    asn4 ${terms.old === true ? "disable" : "enable"};`,
    "  }",
    ...when(terms.extendedNextHop, "  nexthop { ipv4 unicast ipv6; }"),
    "  api { processes [ told ]; neighbor-changes;",
    "    receive { parsed; update; open; notification; refresh; } }",
    "  static {",
    `    route 203.0.113.2/32 next-hop ${isIpv6 ? "10.0.0.2" : "self"};`,
    ...when(
      families.includes("ipv6"),
      "    route 2001:db8:203::2/128 next-hop 2001:db8::2;",
    ),
    "  }",
    "}",
    "",
  ].join("\n");
}

interface ExabgpNlri {
  readonly nlri: string;
  readonly "path-information"?: string;
}

interface ExabgpAttributes {
  readonly "as-path"?: unknown;
  readonly med?: number;
  readonly community?: readonly (readonly number[])[];
  readonly "large-community"?: readonly (readonly number[])[];
  readonly "extended-community"?: readonly { readonly string?: string }[];
}

/** A message as exabgp tells it. */
export interface ExabgpMessage {
  readonly type: string;
  readonly neighbor?: {
    readonly state?: string;
    readonly reason?: string;
    readonly message?: {
      readonly update?: {
        readonly attribute?: ExabgpAttributes;
        readonly announce?: Readonly<
          Record<string, Readonly<Record<string, readonly ExabgpNlri[]>>>
        >;
        readonly withdraw?: Readonly<Record<string, readonly ExabgpNlri[]>>;
      };
    };
  };
}

/** Answers to commands are words, and what it tells of a refresh is no JSON. */
function readJson(line: string): readonly ExabgpMessage[] {
  try {
    return [JSON.parse(line)];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [];
  }
}

function idOf(nlri: ExabgpNlri): string {
  return nlri["path-information"] ?? "";
}

function pathOf(nextHop: string, attributes: ExabgpAttributes): RouterPath {
  const joined = (list: readonly (readonly number[])[] = []) =>
    list.map((parts) => parts.join(":")).toSorted();
  const asns = Array.isArray(attributes["as-path"])
    ? attributes["as-path"] as readonly number[]
    : Object.values(attributes["as-path"] ?? {}).flatMap(({ value }) => value);
  return {
    nextHop,
    asPath: asns.join(" "),
    med: attributes.med,
    communities: joined(attributes.community),
    large: joined(attributes["large-community"]),
    extended: (attributes["extended-community"] ?? []).map(({ string = "" }) =>
      string.replace("target:", "rt:")
    ).toSorted(),
  };
}

/** Writes down what exabgp tells, and hands on what it is to do. */
const PROGRAM = `#!/usr/bin/python3
import os, select, sys
folder = sys.argv[1]
said = open(folder + "/say")
while True:
    if select.select([0], [], [], 0.02)[0]:
        heard = os.read(0, 65536)
        if heard == b"":
            break
        with open(folder + "/told", "ab") as told:
            told.write(heard)
        continue
    line = said.readline()
    if line != "":
        sys.stdout.write(line)
        sys.stdout.flush()
`;
