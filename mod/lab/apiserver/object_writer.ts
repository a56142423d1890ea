/**
 * Creating and changing objects, with the checks and the order of a
 * kube-apiserver: read, defaults, preconditions, strategy, validation, store.
 *
 * @module
 */

import {
  forbiddenField,
  invalidField,
  metadataErrors,
} from "./field_errors.ts";
import {
  clone,
  ensureObject,
  equalJson,
  type JsonObject,
  numberAt,
  objectAt,
  stringAt,
  stringsAt,
} from "./json.ts";
import type { Mint } from "./minting.ts";
import type {
  ApiVersion,
  DecodedObject,
  ResourceType,
} from "./resource_type.ts";
import {
  alreadyExists,
  badRequest,
  conflict,
  type FieldError,
  forbidden,
  invalid,
  notFound,
  StatusError,
  type StatusSubject,
} from "./status.ts";
import { type Store, storeKey } from "./store.ts";

/** What a write is aimed at. */
export interface WriteTarget {
  /** The resource. */
  readonly type: ResourceType;
  /** The version the client speaks. */
  readonly version: ApiVersion;
  /** Namespace of the path; empty for a cluster-scoped object. */
  readonly namespace: string;
  /** Name of the path; empty when an object is created. */
  readonly name: string;
  /** Whether `/status` is meant. */
  readonly isStatus: boolean;
}

/** How a write is done. */
export interface WriteOptions {
  /** Whether everything happens but the storing. */
  readonly dryRun: boolean;
  /** What to do with members nobody knows. */
  readonly fieldValidation: "Ignore" | "Warn" | "Strict";
}

/** What came of a write. */
export interface Written {
  /** The object, as it is stored. */
  readonly stored: JsonObject;
  /** Whether it is new. */
  readonly isNew: boolean;
  /** Whether the write ended it, by taking its last finalizer. */
  readonly isGone: boolean;
  /** What the client should be warned of. */
  readonly warnings: readonly string[];
}

/** Creates and changes objects. */
export class ObjectWriter {
  readonly #store: Store;
  readonly #mint: Mint;

  /**
   * @param store Where objects are.
   * @param mint Makes up names, uids and times.
   */
  constructor(store: Store, mint: Mint) {
    this.#store = store;
    this.#mint = mint;
  }

  /**
   * Creates an object.
   *
   * @param target Where.
   * @param raw The body; may be changed.
   * @param options How.
   * @returns What was stored.
   */
  create(
    target: WriteTarget,
    raw: JsonObject,
    options: WriteOptions,
  ): Written {
    const { type, version } = target;
    const { object, unknown } = decode(target, raw);
    const warnings = unknownFields(unknown, options);
    const metadata = ensureObject(object, "metadata");
    if (stringAt(metadata, "resourceVersion") !== "") {
      // As etcd's error surfaces: without a reason of its own.
      throw new StatusError(
        500,
        "",
        "resourceVersion should not be set on objects to be created",
      );
    }
    this.#name(metadata);
    const subject = subjectOf(target, stringAt(metadata, "name"));
    this.#checkNamespace(target, subject);
    for (const key of SERVER_FIELDS) delete metadata[key];
    metadata["uid"] = this.#mint.uid();
    metadata["creationTimestamp"] = this.#mint.time();
    if (version.strategy.countsGenerations) metadata["generation"] = 1;
    version.strategy.prepareCreate(object);
    const errors = [
      ...metadataErrors(object, version.strategy.nameError),
      ...version.strategy.validate(object, undefined),
    ];
    if (errors.length > 0) throw invalid(subject, errors);
    const key = storeKey(target.namespace, subject.name);
    if (this.#store.collection(type.collection).get(key) !== undefined) {
      throw alreadyExists(subject);
    }
    version.strategy.allocate(object, undefined);
    const stored = version.toStorage(object);
    return {
      stored: options.dryRun
        ? stored
        : this.#store.put(type.collection, stored),
      isNew: true,
      isGone: false,
      warnings,
    };
  }

  /**
   * Changes an object.
   *
   * @param target Which.
   * @param change Makes the new object of the old one, in the target's version;
   * the old one is not to be changed. `undefined` marks an object that is not
   * there, which only a PUT may create.
   * @param options How.
   * @returns What was stored.
   */
  update(
    target: WriteTarget,
    change: (current: JsonObject | undefined) => JsonObject,
    options: WriteOptions,
  ): Written {
    const { type, version } = target;
    const subject = subjectOf(target, target.name);
    const key = storeKey(target.namespace, target.name);
    const stored = this.#store.collection(type.collection).get(key);
    if (stored === undefined) {
      if (target.isStatus || !version.strategy.createOnUpdate) {
        throw notFound(subject);
      }
      const raw = change(undefined);
      delete ensureObject(raw, "metadata")["resourceVersion"];
      return this.create({ ...target, name: "" }, raw, options);
    }
    const old = version.encode(stored);
    const { object, unknown } = decode(target, clone(change(old)));
    const warnings = unknownFields(unknown, options);
    checkPreconditions(object, old, { target, subject });
    const immutable = immutableErrors(object, old);
    keepMetadata(object, old);
    const { strategy } = version;
    if (target.isStatus) strategy.prepareStatus(object, old);
    else strategy.prepareUpdate(object, old);
    const errors = [
      ...metadataErrors(object, () => undefined),
      ...immutable,
      ...newFinalizerErrors(object, old),
      ...(target.isStatus
        ? strategy.validateStatus(object, old)
        : strategy.validate(object, old)),
    ];
    if (errors.length > 0) throw invalid(subject, errors);
    if (!target.isStatus) {
      strategy.allocate(object, old);
      if (strategy.countsGenerations) countGeneration(object, old);
    }
    return this.#commit(target, { object, stored, warnings }, options);
  }

  #commit(
    target: WriteTarget,
    { object, stored, warnings }: {
      readonly object: JsonObject;
      readonly stored: JsonObject;
      readonly warnings: readonly string[];
    },
    { dryRun }: WriteOptions,
  ): Written {
    const { type, version } = target;
    const next = version.toStorage(object);
    objectAt(next, "metadata")["resourceVersion"] = stringAt(
      stored,
      "metadata",
      "resourceVersion",
    );
    const done = { isNew: false, isGone: false, warnings };
    if (equalJson(next, stored)) return { ...done, stored };
    if (dryRun) return { ...done, stored: next };
    const isGone = isDeleting(next) && !hasFinalizers(next);
    if (isGone) {
      const key = storeKey(target.namespace, target.name);
      const removed = this.#store.remove(type.collection, key);
      const revision = stringAt(removed, "metadata", "resourceVersion");
      objectAt(next, "metadata")["resourceVersion"] = revision;
      return { ...done, stored: next, isGone };
    }
    return { ...done, stored: this.#store.put(type.collection, next) };
  }

  #name(metadata: JsonObject): void {
    const prefix = stringAt(metadata, "generateName");
    if (stringAt(metadata, "name") !== "" || prefix === "") return;
    metadata["name"] = prefix.slice(0, 58) + this.#mint.nameSuffix();
  }

  #checkNamespace(target: WriteTarget, subject: StatusSubject): void {
    if (!target.type.namespaced) return;
    const namespace = this.#store.collection("namespaces").get(
      target.namespace,
    );
    if (namespace === undefined) {
      throw notFound({
        group: "",
        resource: "namespaces",
        kind: "Namespace",
        name: target.namespace,
      });
    }
    if (isDeleting(namespace)) {
      throw forbidden(
        subject,
        `unable to create new content in namespace ${target.namespace} because it is being terminated`,
      );
    }
  }
}

/** Whether an object is to go once its finalizers are gone. */
export function isDeleting(object: JsonObject): boolean {
  return stringAt(object, "metadata", "deletionTimestamp") !== "";
}

/** Whether something still holds an object. */
export function hasFinalizers(object: JsonObject): boolean {
  return stringsAt(object, "metadata", "finalizers").length > 0;
}

/**
 * Refuses a PUT of an object that has another uid than the one that is there: a
 * client that means an earlier one of that name.
 *
 * @param target Which.
 * @param body What is put.
 * @param current What is there, if anything.
 */
export function checkUid(
  target: WriteTarget,
  body: JsonObject,
  current: JsonObject | undefined,
): void {
  const uid = stringAt(body, "metadata", "uid");
  const currentUid = stringAt(current, "metadata", "uid");
  if (uid === "" || current === undefined || uid === currentUid) return;
  throw conflict(
    subjectOf(target, target.name),
    `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${currentUid}`,
  );
}

/** What a Status about an object says it is about. */
export function subjectOf(
  { type }: Pick<WriteTarget, "type">,
  name: string,
): StatusSubject {
  const { group, plural, kind } = type;
  return { group, resource: plural, kind, name };
}

/**
 * Refuses a body that says it is something else than the URL says.
 *
 * @param target What the URL says.
 * @param raw The body.
 */
export function checkIdentity(target: WriteTarget, raw: JsonObject): void {
  const { type, version, namespace, name } = target;
  const apiVersion = apiVersionOf(target);
  const sent = stringAt(raw, "apiVersion");
  if (sent !== "" && sent !== apiVersion) {
    throw badRequest(
      `the API version in the data (${sent}) does not match the expected API version (${apiVersion})`,
    );
  }
  const kind = stringAt(raw, "kind");
  if (kind !== "" && kind !== type.kind) {
    throw badRequest(
      `${kind} in version "${version.name}" cannot be handled as a ${type.kind}: no kind "${kind}" is registered for version "${apiVersion}"`,
    );
  }
  const named = stringAt(raw, "metadata", "name");
  if (name !== "" && named !== "" && named !== name) {
    throw badRequest(
      `the name of the object (${named}) does not match the name on the URL (${name})`,
    );
  }
  const spaced = stringAt(raw, "metadata", "namespace");
  if (spaced !== "" && spaced !== namespace) {
    throw badRequest(
      "the namespace of the provided object does not match the namespace sent on the request",
    );
  }
}

/** Group and version, as objects write them. */
export function apiVersionOf(
  { type, version }: Pick<WriteTarget, "type" | "version">,
): string {
  return type.group === "" ? version.name : `${type.group}/${version.name}`;
}

function decode(target: WriteTarget, raw: JsonObject): DecodedObject {
  const { version, namespace, name } = target;
  checkIdentity(target, raw);
  const decoded = version.decode(raw);
  const metadata = ensureObject(decoded.object, "metadata");
  delete metadata["managedFields"];
  delete metadata["selfLink"];
  if (name !== "") metadata["name"] = name;
  if (namespace !== "") metadata["namespace"] = namespace;
  return decoded;
}

function unknownFields(
  unknown: readonly string[],
  { fieldValidation }: WriteOptions,
): string[] {
  const texts = unknown.map((path) => `unknown field "${path}"`);
  if (texts.length === 0 || fieldValidation === "Ignore") return [];
  if (fieldValidation === "Warn") return texts;
  throw badRequest(`strict decoding error: ${texts.join(", ")}`);
}

function checkPreconditions(
  object: JsonObject,
  old: JsonObject,
  { target, subject }: {
    readonly target: WriteTarget;
    readonly subject: StatusSubject;
  },
): void {
  const revision = stringAt(object, "metadata", "resourceVersion");
  if (revision === "" || revision === "0") {
    if (target.version.strategy.unconditionalUpdate) return;
    throw invalid(subject, [{
      reason: "FieldValueInvalid",
      field: "metadata.resourceVersion",
      message: "Invalid value: 0: must be specified for an update",
    }]);
  }
  if (revision !== stringAt(old, "metadata", "resourceVersion")) {
    throw conflict(subject);
  }
}

// What only the server sets stays, whatever a client sent.
function keepMetadata(object: JsonObject, old: JsonObject): void {
  const metadata = ensureObject(object, "metadata");
  const before = objectAt(old, "metadata");
  for (const key of [...SERVER_FIELDS, "resourceVersion", "generateName"]) {
    const value = before[key];
    if (value === undefined) delete metadata[key];
    else metadata[key] = clone(value);
  }
}

// What a client leaves out is kept.
function immutableErrors(object: JsonObject, old: JsonObject): FieldError[] {
  return ["uid", "deletionTimestamp"].flatMap((key) => {
    const wanted = stringAt(object, "metadata", key);
    return wanted === "" || wanted === stringAt(old, "metadata", key)
      ? []
      : [invalidField(`metadata.${key}`, wanted, "field is immutable")];
  });
}

function newFinalizerErrors(
  object: JsonObject,
  old: JsonObject,
): FieldError[] {
  if (!isDeleting(old)) return [];
  const before = new Set(stringsAt(old, "metadata", "finalizers"));
  const added = stringsAt(object, "metadata", "finalizers").filter((name) =>
    !before.has(name)
  );
  return added.length === 0 ? [] : [
    forbiddenField(
      "metadata.finalizers",
      `no new finalizers can be added if the object is being deleted, found new finalizers ${
        JSON.stringify(added)
      }`,
    ),
  ];
}

function countGeneration(object: JsonObject, old: JsonObject): void {
  const { metadata: _, ...now } = object;
  const { metadata: __, ...before } = old;
  if (equalJson(now, before)) return;
  objectAt(object, "metadata")["generation"] =
    numberAt(old, "metadata", "generation") + 1;
}

const SERVER_FIELDS: readonly string[] = [
  "uid",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "generation",
];
