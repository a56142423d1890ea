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
  API_GROUP_VERSION,
  BGP_CONF_KIND,
  BGP_CONF_NAME,
  BGP_PEER_KIND,
  EIP_KIND,
  PASSWORD_KEY,
  POLICY_KEY,
} from "@/api/names.ts";
import { type FieldsKind, unknownFields } from "@/api/unknown_fields.ts";
import { formatPolicyProblem, parsePolicy } from "@/bgp/mod.ts";
import { err, ok, type Result } from "@/lang/result.ts";
import { bgpIdentityOf, bgpPeerTerms } from "@/node/bgp_terms.ts";
import {
  bgpConfNote,
  bgpConfProblem,
  bgpPeerProblem,
} from "@/reconcile/bgp_checks.ts";
import { bgpConfRemark, bgpPeerRemark } from "@/reconcile/bgp_notes.ts";
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
  /** What it says that has no effect; a sentence each. */
  readonly remarks: readonly string[];
}

/** What was read of a file so far. */
interface Reading {
  readonly confs: BgpConf[];
  readonly peers: BgpPeer[];
  readonly maps: PolicyMap[];
  readonly secrets: PasswordSecret[];
  readonly eips: Eip[];
  readonly problems: string[];
  readonly remarks: string[];
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
  const documents = readYaml(text);
  if (!documents.ok) return err([documents.error]);
  const reading: Reading = {
    confs: [],
    peers: [],
    maps: [],
    secrets: [],
    eips: [],
    problems: [],
    remarks: [],
  };
  const { confs, peers, maps, secrets, eips, problems, remarks } = reading;
  for (const raw of documents.value) readDocument(raw, reading);
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
  if (conf !== undefined && problems.length === 0) {
    problems.push(...termProblems(conf, peers));
  }
  if (conf === undefined || problems.length > 0) return err(problems);
  return ok({
    conf,
    peers: signed,
    eips,
    ...(policy === undefined ? {} : { policy }),
    remarks,
  });
}

/** The documents of a YAML text that are not empty, or what is wrong with the first that cannot be read. */
function readYaml(text: string): Result<readonly unknown[], string> {
  const found: unknown[] = [];
  for (const document of parseAllDocuments(text)) {
    if (!("errors" in document)) continue;
    const [error] = document.errors;
    if (error !== undefined) return err(notYaml(error.message));
    try {
      const raw: unknown = document.toJS();
      if (raw !== null && raw !== undefined) found.push(raw);
    } catch (thrown) {
      // An alias of nothing, or so many that they would not fit into memory.
      return err(notYaml(thrown instanceof Error ? thrown.message : ""));
    }
  }
  return ok(found);
}

function notYaml(message: string): string {
  return `The file is not YAML: ${firstLine(message)}`;
}

function readDocument(raw: unknown, reading: Reading): void {
  const { maps, secrets, problems } = reading;
  switch (kindOf(raw)) {
    case "ConfigMap":
      maps.push(readPolicyMap(raw));
      return;
    case "Secret": {
      const secret = projectPasswordSecret(raw);
      if (secret.ok) secrets.push(secret.value);
      else problems.push(secret.error);
      return;
    }
    case BGP_CONF_KIND:
      return readConf(raw, reading);
    case BGP_PEER_KIND:
      return readPeer(raw, reading);
    case EIP_KIND:
      return readEip(raw, reading);
    case undefined:
      problems.push(
        "A document has no kind: write kind: BgpConf, BgpPeer, Eip, ConfigMap or Secret",
      );
      return;
    default:
      problems.push(
        `A document has the kind ${
          JSON.stringify(kindOf(raw))
        }: only BgpConf, BgpPeer, Eip, ConfigMap and Secret are read here`,
      );
  }
}

function kindOf(raw: unknown): unknown {
  return (raw as { readonly kind?: unknown } | null | undefined)?.kind;
}

function readEip(raw: unknown, { eips, problems }: Reading): void {
  const eip = projectEip(raw);
  if (!eip.ok) return void problems.push(eip.error);
  const { name } = eip.value.meta;
  const about = `Eip ${name}`;
  problems.push(...shapeProblems(EIP_KIND, about, raw));
  const pool = eipPool(eip.value);
  if (!pool.ok) problems.push(`${about}: ${pool.error.message}`);
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

function readConf(
  raw: unknown,
  { confs, problems, remarks }: Reading,
): void {
  const conf = projectBgpConf(raw);
  if (!conf.ok) return void problems.push(conf.error);
  const { meta, spec } = conf.value;
  const about = `BgpConf ${meta.name}`;
  problems.push(...shapeProblems(BGP_CONF_KIND, about, raw));
  if (confs.some((one) => one.meta.name === meta.name)) {
    problems.push(`There are two BgpConfs named ${meta.name}: take one out`);
  }
  confs.push(conf.value);
  const problem = bgpConfProblem(conf.value);
  if (problem !== undefined) problems.push(`${about}: ${problem.message}`);
  for (
    const said of [
      bgpConfNote(conf.value)?.message,
      bgpConfRemark(conf.value)?.message,
      Object.keys(spec.asPerRack ?? {}).length > 0
        ? "spec.asPerRack counts in a cluster only: this machine has no rack"
        : undefined,
    ]
  ) if (said !== undefined) remarks.push(`${about}: ${said}`);
}

function readPeer(
  raw: unknown,
  { peers, problems, remarks }: Reading,
): void {
  const peer = projectBgpPeer(raw);
  if (!peer.ok) return void problems.push(peer.error);
  const { meta, spec } = peer.value;
  const about = `BgpPeer ${meta.name}`;
  problems.push(...shapeProblems(BGP_PEER_KIND, about, raw));
  peers.push(peer.value);
  const problem = bgpPeerProblem(peer.value);
  if (problem !== undefined) problems.push(`${about}: ${problem.message}`);
  for (
    const said of [
      bgpPeerRemark(peer.value)?.message,
      spec.nodeSelector === undefined
        ? undefined
        : "spec.nodeSelector counts in a cluster only: this machine speaks to the peer",
    ]
  ) if (said !== undefined) remarks.push(`${about}: ${said}`);
}

/** Another version, and fields that the kind does not have. */
function shapeProblems(
  kind: FieldsKind,
  about: string,
  raw: unknown,
): readonly string[] {
  const { apiVersion } = raw as { readonly apiVersion?: unknown };
  if (apiVersion !== undefined && apiVersion !== API_GROUP_VERSION) {
    return [
      `${about}: apiVersion cannot be ${
        JSON.stringify(apiVersion)
      }, write ${API_GROUP_VERSION}`,
    ];
  }
  return unknownFields(kind, raw).map(({ path, near, known }) =>
    `${about}: ${path} is not a field: ${
      near === undefined ? `known there are ${known.join(", ")}` : `${near} is`
    }`
  );
}

/** What keeps this machine from speaking to a peer, though each object is right by itself. */
function termProblems(
  { spec: conf }: BgpConf,
  peers: readonly BgpPeer[],
): readonly string[] {
  const node = { name: "this machine", labels: {}, addresses: [] };
  const identity = bgpIdentityOf(conf, node);
  if (!identity.ok) return [identity.error];
  return peers.flatMap(({ meta: { name }, spec }) => {
    const terms = bgpPeerTerms(conf, { name, spec }, node);
    return terms.ok ? [] : [terms.error];
  });
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
