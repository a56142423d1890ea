/**
 * The file of `foghorn speaker`: a BgpConf, BgpPeers, the ConfigMap with the
 * policy, Secrets with passwords, and Eips, as a cluster would get them, in YAML.
 *
 * @module
 */

import { parseAllDocuments } from "yaml";
import {
  type BgpConf,
  type BgpPeer,
  type Eip,
  type PasswordSecret,
  projectBgpConf,
  projectBgpPeer,
  projectEip,
  projectPasswordSecret,
} from "@/api/mod.ts";
import {
  BGP_CONF_NAME,
  EIP_KIND,
  PASSWORD_KEY,
  POLICY_KEY,
} from "@/api/names.ts";
import { formatPolicyProblem, parsePolicy } from "@/bgp/mod.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import { bgpConfProblem, bgpPeerProblem } from "@/reconcile/bgp_checks.ts";
import { missingAlias } from "@/reconcile/community_aliases.ts";
import { eipPool } from "@/reconcile/eip_checks.ts";

/** What a file holds. */
export interface SpeakerFile {
  /** The BgpConf named `default`. */
  readonly conf: BgpConf;
  /** The peers, by name; each with its password, also where a Secret has it. */
  readonly peers: readonly BgpPeer[];
  /** The text of the policy that the BgpConf names; absent: there is none. */
  readonly policy?: string;
  /** Eips, which prefixes of an `aggregationLength` have to be within; none: they may be any. */
  readonly eips: readonly Eip[];
}

/** A ConfigMap, as far as it is looked at. */
interface PolicyMap {
  readonly name: string;
  readonly text: string | undefined;
}

/**
 * Reads a file.
 *
 * @param text Its text: YAML documents.
 * @returns What it holds, or a sentence for each thing that is wrong.
 */
export function parseSpeakerFile(
  text: string,
): Result<SpeakerFile, readonly string[]> {
  const problems: string[] = [];
  const confs: BgpConf[] = [];
  const peers: BgpPeer[] = [];
  const maps: PolicyMap[] = [];
  const secrets: PasswordSecret[] = [];
  const eips: Eip[] = [];
  for (const document of parseAllDocuments(text)) {
    if (!("errors" in document)) continue;
    const [error] = document.errors;
    if (error !== undefined) {
      problems.push(`The file is not YAML: ${firstLine(error.message)}`);
      continue;
    }
    const raw: unknown = document.toJS();
    if (kindOf(raw) === "ConfigMap") maps.push(readPolicyMap(raw));
    else if (kindOf(raw) === "Secret") {
      const secret = projectPasswordSecret(raw);
      if (secret.ok) secrets.push(secret.value);
      else problems.push(secret.error);
    } else if (kindOf(raw) === EIP_KIND) readEip(raw, eips, problems);
    else if (raw !== null && raw !== undefined) {
      readObject(raw, confs, peers, problems);
    }
  }
  const conf = confs.find(({ meta }) => meta.name === BGP_CONF_NAME);
  if (conf === undefined && problems.length === 0) {
    problems.push(
      `There is no BgpConf named ${BGP_CONF_NAME}: add one with spec.as`,
    );
  }
  checkPeers(peers, problems);
  const alias = conf && missingAlias(conf, { peers, eips });
  if (alias !== undefined) problems.push(alias.message);
  const policy = choosePolicy(conf?.spec.policy ?? "", maps, problems);
  const signed = withPasswords(peers, secrets, problems);
  if (conf === undefined || problems.length > 0) return err(problems);
  return ok({
    conf,
    peers: signed,
    eips,
    ...(policy === undefined ? {} : { policy }),
  });
}

function kindOf(raw: unknown): unknown {
  return (raw as { readonly kind?: unknown } | null | undefined)?.kind;
}

function readEip(raw: unknown, eips: Eip[], problems: string[]): void {
  const eip = projectEip(raw);
  if (!eip.ok) return void problems.push(eip.error);
  const { name } = eip.value.meta;
  const pool = eipPool(eip.value);
  if (!pool.ok) problems.push(`Eip ${name}: ${pool.error.message}`);
  if (eips.some(({ meta }) => meta.name === name)) {
    problems.push(`There are two Eips named ${name}: rename one of them`);
  }
  eips.push(eip.value);
}

function readPolicyMap(raw: unknown): PolicyMap {
  const { metadata, data } = raw as {
    readonly metadata?: { readonly name?: unknown };
    readonly data?: Readonly<Record<string, unknown>>;
  };
  const text = data?.[POLICY_KEY];
  return {
    name: String(metadata?.name ?? ""),
    text: typeof text === "string" ? text : undefined,
  };
}

/** The text of the policy that the BgpConf names. */
function choosePolicy(
  name: string,
  maps: readonly PolicyMap[],
  problems: string[],
): string | undefined {
  for (const [i, map] of maps.entries()) {
    if (maps.findIndex((one) => one.name === map.name) !== i) {
      problems.push(
        `There are two ConfigMaps named ${map.name}: take one of them out`,
      );
    } else if (map.name !== name) {
      problems.push(
        `Nothing uses the ConfigMap ${map.name}: name it in spec.policy of the BgpConf, or take it out`,
      );
    }
  }
  if (name === "") return undefined;
  const map = maps.find((one) => one.name === name);
  if (map?.text === undefined) {
    const lack = map === undefined
      ? "there is no ConfigMap of that name: add one"
      : "the ConfigMap of that name has no text under that key: write one";
    problems.push(
      `spec.policy of the BgpConf is "${name}", and ${lack} with the policy under the key ${POLICY_KEY}`,
    );
    return undefined;
  }
  const policy = parsePolicy(map.text);
  if (!policy.ok) {
    for (const problem of policy.error) {
      problems.push(
        `${POLICY_KEY} of the ConfigMap ${name}, ${
          formatPolicyProblem(problem)
        }`,
      );
    }
  }
  return map.text;
}

/** The peers with the passwords that Secrets have. */
function withPasswords(
  peers: readonly BgpPeer[],
  secrets: readonly PasswordSecret[],
  problems: string[],
): readonly BgpPeer[] {
  for (const [i, { meta: { name } }] of secrets.entries()) {
    if (secrets.findIndex(({ meta }) => meta.name === name) !== i) {
      problems.push(
        `There are two Secrets named ${name}: take one of them out`,
      );
    } else if (
      !peers.some(({ spec }) => spec.authSecretRef?.name === name)
    ) {
      problems.push(
        `Nothing uses the Secret ${name}: name it in spec.authSecretRef of a BgpPeer, or take it out`,
      );
    }
  }
  return peers.map((peer) => {
    const { name = "", key = "" } = peer.spec.authSecretRef ?? {};
    if (name === "") return peer;
    const wanted = key === "" ? PASSWORD_KEY : key;
    const secret = secrets.find(({ meta }) => meta.name === name);
    const entry = secret?.entries.find((one) => one.key === wanted);
    const { authPassword } = entry ?? {};
    if (authPassword !== undefined) {
      const conf = { ...peer.spec.conf, authPassword };
      return { ...peer, spec: { ...peer.spec, conf } };
    }
    const lack = secret === undefined
      ? "there is no Secret of that name: add one"
      : entry?.problem === undefined
      ? "the Secret of that name has no such key: write one"
      : `what the Secret of that name has there ${entry.problem}: write it`;
    problems.push(
      `BgpPeer ${peer.meta.name}: spec.authSecretRef names ${name}, and ${lack} with the password under the key ${wanted}`,
    );
    return peer;
  });
}

function readObject(
  raw: unknown,
  confs: BgpConf[],
  peers: BgpPeer[],
  problems: string[],
): void {
  const { kind } = raw as { readonly kind?: unknown };
  if (kind === "BgpConf") {
    const conf = projectBgpConf(raw);
    if (!conf.ok) return void problems.push(conf.error);
    confs.push(conf.value);
    const problem = bgpConfProblem(conf.value);
    if (problem !== undefined) {
      problems.push(`BgpConf ${conf.value.meta.name}: ${problem.message}`);
    }
  } else if (kind === "BgpPeer") {
    const peer = projectBgpPeer(raw);
    if (!peer.ok) return void problems.push(peer.error);
    peers.push(peer.value);
    const problem = bgpPeerProblem(peer.value);
    if (problem !== undefined) {
      problems.push(`BgpPeer ${peer.value.meta.name}: ${problem.message}`);
    }
  } else {
    problems.push(
      `A document has the kind ${
        JSON.stringify(kind)
      }: only BgpConf, BgpPeer, Eip, ConfigMap and Secret are read here`,
    );
  }
}

function checkPeers(peers: readonly BgpPeer[], problems: string[]): void {
  for (const [i, peer] of peers.entries()) {
    const before = peers.slice(0, i);
    const { name } = peer.meta;
    if (before.some(({ meta }) => meta.name === name)) {
      problems.push(`There are two BgpPeers named ${name}: rename one of them`);
    }
    const address = peerKey(peer);
    const twin = before.find((one) => peerKey(one).join() === address.join());
    if (twin !== undefined) {
      problems.push(
        `The BgpPeers ${twin.meta.name} and ${name} have the same ${
          address.join(" ")
        }: leave one of them out`,
      );
    }
  }
}

/** Who a peer is: a field and what it says. */
function peerKey({ spec }: BgpPeer): readonly string[] {
  const { neighborAddress = "", neighborInterface = "" } = spec.conf ?? {};
  const range = spec.dynamicNeighbors?.prefix ?? "";
  if (range !== "") return ["spec.dynamicNeighbors.prefix", range];
  if (neighborAddress === "") {
    return ["spec.conf.neighborInterface", neighborInterface];
  }
  const on = neighborInterface === "" ? "" : `%${neighborInterface}`;
  return ["spec.conf.neighborAddress", `${neighborAddress}${on}`];
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").replace(/:$/, "");
}
