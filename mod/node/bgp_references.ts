/**
 * What BgpConf and BgpPeers name in this agent's namespace: the ConfigMap with
 * the policy, and Secrets with passwords. What was in force stays when what is
 * named is gone or wrong.
 *
 * @module
 */

import {
  type BgpPeer,
  CONDITION_REASON,
  type Node,
  type PasswordSecret,
  type PolicyMap,
} from "@/api/mod.ts";
import {
  BGP_CONF_NAME,
  CNI_LABEL,
  PASSWORD_KEY,
  POLICY_KEY,
} from "@/api/names.ts";
import { formatPolicyProblem, PolicyInForce } from "@/bgp/mod.ts";
import { matchesLabels } from "@/ipam/mod.ts";
import type { BgpReferences, BgpTables, Problem } from "@/reconcile/mod.ts";
import type { MainEffect, NamedNews } from "./main_events.ts";
import { NamedObjects } from "./named_objects.ts";
import type { PasswordLook } from "./speaker_feed.ts";

/** Who looks, and at what. */
export interface ReferenceLook {
  /** The objects that name. */
  readonly tables: BgpTables;
  /** This node; undefined: it is not known. */
  readonly node: Node | undefined;
  /** Whether conditions of all BgpPeers are judged here. */
  readonly isController: boolean;
}

/** What names come to. */
export interface FollowChange {
  /** What to watch from here on. */
  readonly effects: readonly MainEffect[];
  /** What is not watched any more, as `takeNews` of `MissingRights` names it. */
  readonly ended: readonly string[];
}

/** Keeps what is named. */
export class BgpNamed implements BgpReferences {
  readonly #namespace: string;
  readonly #maps = new NamedObjects<PolicyMap>();
  readonly #secrets = new NamedObjects<PasswordSecret>();
  readonly #policy = new PolicyInForce();
  /** Name of the ConfigMap; undefined: no BgpConf, or it names none. */
  #policyName: string | undefined;
  #policyProblem: Problem | undefined;
  /** Passwords by what names them, as they were known last. */
  readonly #passwords = new Map<string, Password>();

  /**
   * Names nothing yet.
   *
   * @param namespace Where all of it is looked for.
   */
  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** Finds out what is named now. */
  look({ tables, node, isController }: ReferenceLook): FollowChange {
    const conf = tables.bgpconf.get(BGP_CONF_NAME);
    const name = conf === undefined || isAway(conf) ? "" : conf.spec.policy;
    this.#policyName = name === "" ? undefined : name;
    const secrets = new Set<string>();
    const references = new Set<string>();
    for (const peer of tables.bgppeer.values()) {
      const named = referenceOf(peer);
      if (named === undefined || isAway(peer)) continue;
      references.add(textOf(named));
      const isSpoken = node !== undefined &&
        matchesLabels(peer.spec.nodeSelector, node.meta.labels);
      if (isController || isSpoken) secrets.add(named.name);
    }
    for (const text of this.#passwords.keys()) {
      if (!references.has(text)) this.#passwords.delete(text);
    }
    const effects: MainEffect[] = [];
    const ended: string[] = [];
    const maps = new Set(name === undefined || name === "" ? [] : [name]);
    const rows = [
      ["policy", this.#maps.follow(maps), maps],
      ["password", this.#secrets.follow(secrets), secrets],
    ] as const;
    for (const [watched, gone, names] of rows) {
      if (gone === undefined) continue;
      ended.push(...gone.map((one) => `${watched}/${one}`));
      effects.push({ kind: "follow", watched, names: [...names].sort() });
    }
    this.#settle();
    return { effects, ended };
  }

  /** Whether anything is named at all. */
  get isNamed(): boolean {
    return [...this.#maps.names, ...this.#secrets.names].length > 0;
  }

  /** All watches end and begin anew; what is known stays until they tell. */
  again(): readonly MainEffect[] {
    return ([["policy", this.#maps], ["password", this.#secrets]] as const)
      .flatMap(([watched, { names }]): readonly MainEffect[] => {
        const all = [...names].sort();
        return all.length === 0 ? [] : [
          { kind: "follow", watched, names: [] },
          { kind: "follow", watched, names: all },
        ];
      });
  }

  /**
   * Takes what a watch tells.
   *
   * @param event What it tells.
   * @param isRefused Whether the right to it is known to be missing: an API
   *   server that has just started refuses what it lets in a moment later.
   * @returns Whether anything may be another than before.
   */
  take(event: NamedNews, isRefused = false): boolean {
    const isNew = event.watched === "policy"
      ? this.#maps.take(event.name, event.news, isRefused)
      : this.#secrets.take(event.name, event.news, isRefused);
    if (isNew) this.#settle();
    return isNew;
  }

  /** The policy in force; undefined: the ConfigMap was not heard of yet. */
  get policy(): PolicyInForce | undefined {
    const name = this.#policyName;
    const isUnheard = name !== undefined &&
      this.#maps.get(name).kind === "unheard";
    return isUnheard ? undefined : this.#policy;
  }

  /** The password of a peer, where a Secret has it. */
  passwordOf(peer: BgpPeer): PasswordLook {
    const named = referenceOf(peer);
    if (named === undefined) return { kind: "none" };
    const known = this.#passwords.get(textOf(named));
    if (known !== undefined) return { kind: "known", ...known };
    const problem = this.peerProblem(peer);
    return problem === undefined
      ? { kind: "unheard" }
      : { kind: "missing", message: problem.message };
  }

  /** What is wrong with the policy that the BgpConf names. */
  confProblem(): Problem | undefined {
    return this.#policyProblem;
  }

  /** What is wrong with the password that a BgpPeer names. */
  peerProblem(peer: BgpPeer): Problem | undefined {
    const named = referenceOf(peer);
    if (named === undefined) return undefined;
    const view = this.#secrets.get(named.name);
    const where = `Secret ${named.name} in namespace ${this.#namespace}`;
    const lack = view.kind === "absent"
      ? `there is no ${where}: create it with the password`
      : view.kind === "refused"
      ? `agents may not read the ${where}: docs/permissions.md says how to let them`
      : view.kind === "there"
      ? entryLack(view.object, named, where)
      : undefined;
    return lack === undefined ? undefined : {
      reason: CONDITION_REASON.passwordMissing,
      message:
        `spec.authSecretRef names ${named.name}, and ${lack} under the key ${named.key}; agents that know no password yet begin no session, the others go on with the one they know`,
    };
  }

  /** Brings what is known into force. */
  #settle(): void {
    this.#takePolicy();
    for (const name of this.#secrets.names) {
      const view = this.#secrets.get(name);
      if (view.kind !== "there") continue;
      const { entries, meta: { resourceVersion } } = view.object;
      for (const { key, authPassword } of entries) {
        if (authPassword === undefined) continue;
        const text = textOf({ name, key });
        this.#passwords.set(text, { authPassword, version: resourceVersion });
      }
    }
  }

  #takePolicy(): void {
    const name = this.#policyName;
    this.#policyProblem = undefined;
    if (name === undefined) {
      this.#policy.take(undefined);
      return;
    }
    const view = this.#maps.get(name);
    if (view.kind === "unheard") return;
    const text = view.kind === "there" ? view.object.policy : undefined;
    const where = `ConfigMap ${name} in namespace ${this.#namespace}`;
    if (text === undefined) {
      this.#policy.lack();
      const lack = view.kind === "there"
        ? `the ${where} has no key ${POLICY_KEY}: put the policy there`
        : view.kind === "refused"
        ? `agents may not read the ${where}: docs/permissions.md says how to let them`
        : `there is no ${where}: create it with the policy under the key ${POLICY_KEY}`;
      this.#policyProblem = {
        reason: CONDITION_REASON.policyMissing,
        message: `spec.policy names ${name}, and ${lack}. ${STAYS}`,
      };
      return;
    }
    const [first, ...more] = this.#policy.take(text);
    if (first === undefined) return;
    const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
    this.#policyProblem = {
      reason: CONDITION_REASON.policyInvalid,
      message: `${POLICY_KEY} of the ${where}, ${
        formatPolicyProblem(first)
      }${others}. ${STAYS}`,
    };
  }
}

interface Password {
  readonly authPassword: string;
  /** The Secret's, so that a recording shows that another one came. */
  readonly version: string;
}

interface Reference {
  readonly name: string;
  readonly key: string;
}

function referenceOf({ spec }: BgpPeer): Reference | undefined {
  const { name = "", key = "" } = spec.authSecretRef ?? {};
  return name === ""
    ? undefined
    : { name, key: key === "" ? PASSWORD_KEY : key };
}

/** A name has no slash. */
function textOf({ name, key }: Reference): string {
  return `${name}/${key}`;
}

function entryLack(
  { entries }: PasswordSecret,
  { key }: Reference,
  where: string,
): string | undefined {
  const entry = entries.find((one) => one.key === key);
  if (entry === undefined) {
    return `the ${where} has no such key: put the password`;
  }
  return entry.problem === undefined
    ? undefined
    : `what the ${where} has there ${entry.problem}: put the password alone`;
}

function isAway(
  { meta }: {
    readonly meta: {
      readonly deletionTimestamp?: string;
      readonly labels: Readonly<Record<string, string>>;
    };
  },
): boolean {
  return meta.deletionTimestamp !== undefined ||
    meta.labels[CNI_LABEL] !== undefined;
}

const STAYS =
  "The policy in force stays; agents that have none in force announce nothing";
