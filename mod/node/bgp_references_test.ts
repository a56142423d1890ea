import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import {
  projectBgpConf,
  projectBgpPeer,
  projectNode,
  projectPasswordSecret,
  projectPolicyMap,
} from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import type { BgpTables } from "@/reconcile/mod.ts";
import { BgpNamed } from "./bgp_references.ts";
import type { MainEffect } from "./main_events.ts";

type Raw = { [key: string]: unknown };

const REJECT =
  `[global.apply-policy.config]\ndefault-export-policy = "reject-route"\n`;
Deno.test("BgpNamed watches nothing while nothing is named", () => {
  const world = new World().conf({ as: 1 }).peer("a", {});
  deepStrictEqual(world.look(), []);
  strictEqual(world.named.confProblem(), undefined);
  ok(world.named.policy !== undefined);
  deepStrictEqual(world.named.passwordOf(world.of("a")), { kind: "none" });
});

Deno.test("BgpNamed watches what is named, once, until it is not named any more", () => {
  const world = new World().conf({ as: 1, policy: "p" })
    .peer("a", { authSecretRef: { name: "s" } })
    .peer("b", { authSecretRef: { name: "s", key: "other" } });
  deepStrictEqual(world.look(), ["policy p", "password s"]);
  deepStrictEqual(world.look(), []);
  world.conf({ as: 1, policy: "q" });
  deepStrictEqual(world.look(), ["policy q", "ended policy/p"]);
  world.conf({ as: 1 });
  world.tables.bgppeer.delete("a");
  deepStrictEqual(world.look(), ["policy ", "ended policy/q"]);
  world.tables.bgppeer.clear();
  deepStrictEqual(world.look(), ["password ", "ended password/s"]);
});

Deno.test("BgpNamed watches Secrets of the peers of its node, and of all where conditions are written", () => {
  const nodeSelector = { matchLabels: { rack: "b" } };
  const world = new World().peer("a", {
    nodeSelector,
    authSecretRef: { name: "s" },
  });
  deepStrictEqual(world.look(), []);
  world.isController = true;
  deepStrictEqual(world.look(), ["password s"]);
  world.isController = false;
  deepStrictEqual(world.look(), ["password ", "ended password/s"]);
  world.labels = { rack: "b" };
  deepStrictEqual(world.look(), ["password s"]);
});

Deno.test("BgpNamed watches nothing for an object that is the CNI's, or going", () => {
  const labels = { "openelb.kubesphere.io/cni": "calico" };
  const deletionTimestamp = "2026-01-01T00:00:00Z";
  const world = new World().conf({ as: 1, policy: "p" }, { labels })
    .peer("a", { authSecretRef: { name: "s" } }, { deletionTimestamp });
  deepStrictEqual(world.look(), []);
});

Deno.test("BgpNamed knows no policy before the ConfigMap was heard of, and tells of one that is wrong", () => {
  const world = new World().conf({ as: 1, policy: "p" });
  world.look();
  deepStrictEqual([world.named.policy], [undefined]);
  world.hear("policy", "p", map(REJECT));
  const first = world.named.policy?.towards(undefined);
  ok(first !== undefined);
  strictEqual(world.named.confProblem(), undefined);
  world.hear("policy", "p", map("[global]\n\nx = 1\n"));
  const problem = world.named.confProblem();
  strictEqual(problem?.reason, "PolicyInvalid");
  match(
    problem?.message ?? "",
    /^gobgp\.conf of the ConfigMap p in namespace openelb-system, line 3: global\.x .* The policy in force stays/,
  );
  strictEqual(world.named.policy?.towards(undefined), first);
  // Another one that is right takes its place.
  world.hear("policy", "p", map(""));
  strictEqual(world.named.confProblem(), undefined);
  ok(world.named.policy?.towards(undefined) !== first);
});

Deno.test("BgpNamed tells of a ConfigMap that is missing, and keeps the policy of one that goes", () => {
  const world = new World().conf({ as: 1, policy: "p" });
  world.look();
  world.hear("policy", "p", undefined);
  strictEqual(world.named.confProblem()?.reason, "PolicyMissing");
  match(
    world.named.confProblem()?.message ?? "",
    /there is no ConfigMap p in namespace openelb-system: create it with the policy under the key gobgp\.conf/,
  );
  // Nothing is announced rather than everything.
  strictEqual(
    world.named.policy?.towards(undefined)?.apply({} as never, {} as never),
    undefined,
  );
  world.hear("policy", "p", map(REJECT));
  const first = world.named.policy?.towards(undefined);
  world.named.take({
    watched: "policy",
    name: "p",
    news: { kind: "deleted", key: "p" },
  });
  strictEqual(world.named.confProblem()?.reason, "PolicyMissing");
  strictEqual(world.named.policy?.towards(undefined), first);
  world.hear("policy", "p", { data: { other: "" } });
  match(world.named.confProblem()?.message ?? "", /has no key gobgp\.conf/);
  // None is named any more: everything is announced again.
  world.conf({ as: 1 });
  world.look();
  strictEqual(world.named.confProblem(), undefined);
  strictEqual(world.named.policy?.towards(undefined), undefined);
});

Deno.test("BgpNamed announces everything again once a policy that was always missing is not named any more", () => {
  const world = new World().conf({ as: 1, policy: "p" });
  world.look();
  world.hear("policy", "p", undefined);
  ok(world.named.policy?.towards(undefined) !== undefined);
  world.conf({ as: 1 });
  world.look();
  strictEqual(world.named.policy?.towards(undefined), undefined);
});

Deno.test("BgpNamed finds the password under its key, and the one known last when it is gone", () => {
  const world = new World().peer("a", { authSecretRef: { name: "s" } })
    .peer("b", { authSecretRef: { name: "s", key: "k" } });
  world.look();
  const look = (name: string) => world.named.passwordOf(world.of(name));
  deepStrictEqual(look("a"), { kind: "unheard" });
  world.hear("password", "s", secret({ password: "one" }));
  const known = { kind: "known", authPassword: "one", version: "1" };
  deepStrictEqual(look("a"), known);
  strictEqual(world.named.peerProblem(world.of("a")), undefined);
  strictEqual(look("b").kind, "missing");
  strictEqual(
    world.named.peerProblem(world.of("b"))?.message,
    "spec.authSecretRef names s, and the Secret s in namespace openelb-system has no such key: put the password under the key k; agents that know no password yet begin no session, the others go on with the one they know",
  );
  world.hear("password", "s", secret({ password: "two", k: "x\n" }, "2"));
  deepStrictEqual(look("a"), {
    ...known,
    authPassword: "two",
    version: "2",
  });
  match(
    world.named.peerProblem(world.of("b"))?.message ?? "",
    /has a line break in it: put the password alone under the key k/,
  );
  world.hear("password", "s", undefined);
  strictEqual(look("a").kind, "known");
  const problem = world.named.peerProblem(world.of("a"));
  strictEqual(problem?.reason, "PasswordMissing");
  match(problem?.message ?? "", /there is no Secret s in namespace/);
});

Deno.test("BgpNamed forgets a password that nothing names any more", () => {
  const world = new World().peer("a", { authSecretRef: { name: "s" } });
  world.look();
  world.hear("password", "s", secret({ password: "one" }));
  world.peer("a", {});
  world.look();
  world.peer("a", { authSecretRef: { name: "s" } });
  world.look();
  deepStrictEqual(world.named.passwordOf(world.of("a")), { kind: "unheard" });
});

Deno.test("BgpNamed waits out a watch that is lost, unless it is refused", () => {
  const world = new World().peer("a", { authSecretRef: { name: "s" } });
  world.look();
  const lose = (isRefused: boolean): boolean =>
    world.named.take({
      watched: "password",
      name: "s",
      news: { kind: "lost", reason: "why" },
    }, isRefused);
  strictEqual(lose(false), false);
  strictEqual(world.named.passwordOf(world.of("a")).kind, "unheard");
  strictEqual(lose(true), true);
  match(
    world.named.peerProblem(world.of("a"))?.message ?? "",
    /agents may not read the Secret s .*docs\/permissions\.md/,
  );
  world.hear("password", "s", secret({ password: "one" }));
  strictEqual(lose(true), false);
  strictEqual(world.named.passwordOf(world.of("a")).kind, "known");
});

Deno.test("BgpNamed begins its watches anew, and knows meanwhile what it knew", () => {
  const world = new World().conf({ as: 1, policy: "p" });
  world.look();
  world.hear("policy", "p", map(REJECT));
  deepStrictEqual(world.named.again().map(effectText), [
    "policy ",
    "policy p",
  ]);
  ok(world.named.policy?.towards(undefined) !== undefined);
});

class World {
  readonly named: BgpNamed = new BgpNamed("openelb-system");
  readonly tables: BgpTables = { bgpconf: new Map(), bgppeer: new Map() };
  isController = false;
  labels: Raw = {};

  conf(spec: Raw, meta: Raw = {}): this {
    const metadata = { name: "default", ...meta };
    const conf = value(projectBgpConf({ metadata, spec }));
    this.tables.bgpconf.set("default", conf);
    return this;
  }

  peer(name: string, spec: Raw, meta: Raw = {}): this {
    const metadata = { name, ...meta };
    const peer = value(projectBgpPeer({ metadata, spec }));
    this.tables.bgppeer.set(name, peer);
    return this;
  }

  of(name: string) {
    const peer = this.tables.bgppeer.get(name);
    if (peer === undefined) throw new Error(name);
    return peer;
  }

  look(): readonly string[] {
    const { effects, ended } = this.named.look({
      tables: this.tables,
      node: value(
        projectNode({ metadata: { name: "n1", labels: this.labels } }),
      ),
      isController: this.isController,
    });
    return [
      ...effects.map(effectText),
      ...ended.map((watched) => `ended ${watched}`),
    ];
  }

  /** A list of one object, or of none, arrives. */
  hear(
    watched: "policy" | "password",
    name: string,
    raw: Raw | undefined,
  ): void {
    const metadata = { name, resourceVersion: "1" };
    const all = raw === undefined ? [] : [{ metadata, ...raw }];
    if (watched === "policy") {
      const objects = all.map((one) => value(projectPolicyMap(one)));
      this.named.take({ watched, name, news: { kind: "listed", objects } });
    } else {
      const objects = all.map((one) => value(projectPasswordSecret(one)));
      this.named.take({ watched, name, news: { kind: "listed", objects } });
    }
  }
}

function map(text: string): Raw {
  return { data: { "gobgp.conf": text } };
}

function secret(stringData: Raw, resourceVersion = "1"): Raw {
  return { metadata: { name: "s", resourceVersion }, stringData };
}

function effectText(effect: MainEffect): string {
  return effect.kind === "follow"
    ? `${effect.watched} ${effect.names}`
    : effect.kind;
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
