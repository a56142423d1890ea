/**
 * gobgpd, in the namespace of the router.
 *
 * @module
 */

import { stringify } from "yaml";
import { LabProcess, must } from "@/lab/mod.ts";
import { until } from "../support/waiting.ts";
import { ROUTER } from "./_network.ts";
import type { Router, RouterPath, Terms } from "./_router.ts";

/** A gobgpd; it has no kernel to give routes to. */
export class Gobgp implements Router {
  readonly name = "gobgpd";
  readonly #folder: string;
  #process: LabProcess | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async make(): Promise<Gobgp> {
    return new Gobgp(await Deno.makeTempDir());
  }

  async begin(terms: Terms): Promise<void> {
    await this.beginWith(stringify(gobgpConfig(terms)));
  }

  /** Begins anew with a configuration of its own. */
  async beginWith(config: string): Promise<void> {
    await this.#process?.stop("SIGKILL");
    await Deno.writeTextFile(`${this.#folder}/gobgpd.yaml`, config);
    await this.resume();
  }

  /** Starts again with the same configuration. */
  async resume(): Promise<void> {
    await Deno.remove(`${this.#folder}/api.sock`).catch(() => {});
    const process = new LabProcess(ROUTER, [
      ...["gobgpd", "-t", "yaml", "-f", `${this.#folder}/gobgpd.yaml`],
      ...["--api-hosts", this.#api, "--pprof-disable", "--log-plain"],
    ], { name: "gobgpd" });
    this.#process = process;
    await until(async () => (await this.ask("global")) !== "", {
      timeoutMs: 10_000,
      what: () => `gobgpd does not run: ${process.lines.join("\n")}`,
    });
    await this.ask(..."global rib add 203.0.113.2/32 -a ipv4".split(" "));
    await this.ask(..."global rib add 2001:db8:203::2/128 -a ipv6".split(" "));
  }

  async end(): Promise<void> {
    await this.#process?.stop();
    this.#process = undefined;
  }

  get process(): LabProcess {
    if (this.#process === undefined) throw new Error("gobgpd was not started");
    return this.#process;
  }

  get #api(): string {
    return `unix://${this.#folder}/api.sock`;
  }

  /** Runs its client; what it says while it is not there is empty. */
  async ask(...words: readonly string[]): Promise<string> {
    return await must("gobgp", ["--target", this.#api, ...words])
      .catch(() => "");
  }

  async paths(prefix: string): Promise<readonly RouterPath[]> {
    const family = prefix.includes(":") ? "ipv6" : "ipv4";
    const text = await this.ask("-j", "global", "rib", "-a", family);
    const table = text === "" ? {} : JSON.parse(text) as GobgpTable;
    return (table[prefix] ?? []).map(({ attrs }) => pathOf(attrs));
  }

  async diagnose(): Promise<string> {
    return await this.ask("neighbor") +
      this.process.lines.slice(-15).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

/** What gobgpd is configured by. */
export function gobgpConfig(terms: Terms): unknown {
  const { families = ["ipv4", "ipv6"], gtsmHops, multihop } = terms;
  const hold = terms.holdTime ?? 9;
  return {
    global: {
      config: {
        "as": terms.localAs,
        "router-id": "10.0.0.2",
        "local-address-list": ["0.0.0.0", "::"],
      },
    },
    neighbors: [{
      config: {
        "neighbor-address": terms.peer,
        "peer-as": terms.peerAs,
        ...(terms.password === undefined
          ? {}
          : { "auth-password": terms.password }),
      },
      timers: {
        config: {
          "hold-time": hold,
          "keepalive-interval": Math.max(1, Math.floor(hold / 3)),
          "connect-retry": 2,
          "idle-hold-time-after-reset": 1,
        },
      },
      transport: {
        config: {
          "local-address": terms.local,
          "passive-mode": terms.passive === true,
        },
      },
      ...(gtsmHops === undefined ? {} : {
        "ttl-security": {
          config: { "enabled": true, "ttl-min": 256 - gtsmHops },
        },
      }),
      ...(multihop === undefined ? {} : {
        "ebgp-multihop": {
          config: { "enabled": true, "multihop-ttl": multihop },
        },
      }),
      ...(terms.gracefulRestart === true
        ? {
          "graceful-restart": {
            config: {
              "enabled": true,
              "restart-time": 20,
              "long-lived-enabled": terms.longLived === true,
            },
          },
        }
        : {}),
      "afi-safis": families.map((family) => familyConfig(terms, family)),
    }],
  };
}

function familyConfig(terms: Terms, family: string): unknown {
  return {
    "config": { "afi-safi-name": `${family}-unicast` },
    ...(terms.gracefulRestart === true
      ? { "mp-graceful-restart": { config: { enabled: true } } }
      : {}),
    ...(terms.longLived === true
      ? {
        "long-lived-graceful-restart": {
          config: { "enabled": true, "restart-time": 60 },
        },
      }
      : {}),
    ...(terms.addPath === true
      ? { "add-paths": { config: { receive: true } } }
      : {}),
  };
}

type GobgpTable = Readonly<
  Record<string, readonly { readonly attrs: readonly GobgpAttribute[] }[]>
>;

interface GobgpAttribute {
  readonly type: number;
  readonly nexthop?: string;
  readonly metric?: number;
  readonly "as_paths"?: readonly { readonly asns: readonly number[] }[];
  readonly communities?: readonly number[];
  readonly value?: unknown;
}

function pathOf(attributes: readonly GobgpAttribute[]): RouterPath {
  const of = (type: number) => attributes.find((one) => one.type === type);
  const asns = of(2)?.["as_paths"]?.flatMap((segment) => segment.asns) ?? [];
  const large = (of(32)?.value ?? []) as readonly GobgpLarge[];
  const extended = (of(16)?.value ?? []) as readonly { value?: string }[];
  return {
    nextHop: of(3)?.nexthop ?? of(14)?.nexthop ?? "",
    asPath: asns.join(" "),
    med: of(4)?.metric,
    communities: (of(8)?.communities ?? []).map((number) =>
      `${number >>> 16}:${number & 0xffff}`
    ).toSorted(),
    large: large.map((one) => `${one.ASN}:${one.LocalData1}:${one.LocalData2}`)
      .toSorted(),
    extended: extended.map(({ value = "" }) => `rt:${value}`).toSorted(),
  };
}

interface GobgpLarge {
  readonly ASN: number;
  readonly LocalData1: number;
  readonly LocalData2: number;
}
