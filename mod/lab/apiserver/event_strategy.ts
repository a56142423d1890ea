/**
 * Events, which two API groups show in different words.
 *
 * They are stored in the words of the core group.
 *
 * @module
 */

import {
  invalidField,
  isQualifiedName,
  requiredField,
  subdomainError,
} from "./field_errors.ts";
import { type JsonObject, numberAt, stringAt, valueAt } from "./json.ts";
import { COMMON_STRATEGY, type Strategy } from "./resource_type.ts";
import type { FieldError } from "./status.ts";

/** Rules of `v1` Events. */
export const CORE_EVENT_STRATEGY: Strategy = {
  ...COMMON_STRATEGY,
  createOnUpdate: true,
  nameError: eventNameError,
  validate: (event) =>
    legacyErrors(event, "involvedObject", "reportingComponent"),
};

/** Rules of `events.k8s.io/v1` Events. */
export const EVENTS_EVENT_STRATEGY: Strategy = {
  ...CORE_EVENT_STRATEGY,
  validate: (event, old) =>
    old === undefined
      ? strictErrors(event)
      : legacyErrors(event, "regarding", "reportingController"),
};

/**
 * Puts an Event into the words of `events.k8s.io/v1`.
 *
 * @param event An Event of the core group.
 * @returns A new object.
 */
export function toEventsGroup(event: JsonObject): JsonObject {
  return renamed(event, TO_EVENTS_GROUP, "events.k8s.io/v1");
}

/**
 * Puts an Event into the words of the core group.
 *
 * @param event An Event of `events.k8s.io/v1`.
 * @returns A new object.
 */
export function toCoreGroup(event: JsonObject): JsonObject {
  return renamed(event, TO_CORE_GROUP, "v1");
}

function renamed(
  event: JsonObject,
  names: ReadonlyMap<string, string>,
  apiVersion: string,
): JsonObject {
  const result: JsonObject = {};
  for (const key of Object.keys(event)) {
    const value = event[key];
    if (value !== undefined) result[names.get(key) ?? key] = value;
  }
  result["apiVersion"] = apiVersion;
  return result;
}

function eventNameError(name: string): string | undefined {
  return subdomainError(name);
}

function legacyErrors(
  event: JsonObject,
  regarding: string,
  controller: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const namespace = stringAt(event, "metadata", "namespace");
  const about = stringAt(event, regarding, "namespace");
  // Events of cluster-scoped objects live in "default", and nowhere else.
  if (about === "" ? namespace !== "default" : namespace !== about) {
    errors.push(
      invalidField(
        `${regarding}.namespace`,
        about,
        "does not match event.namespace",
      ),
    );
  }
  if (stringAt(event, "eventTime") === "") return errors;
  const reporter = stringAt(event, controller);
  if (reporter === "") errors.push(requiredField(controller));
  else if (!isQualifiedName(reporter)) {
    errors.push(invalidField(controller, reporter, "must be a qualified name"));
  }
  for (const field of ["reportingInstance", "action", "reason"]) {
    const text = stringAt(event, field);
    if (text === "") errors.push(requiredField(field));
    else if (text.length > 128) {
      errors.push(
        invalidField(field, "", "can have at most 128 characters"),
      );
    }
  }
  const message = stringAt(event, "note") || stringAt(event, "message");
  if (message.length > 1_024) {
    errors.push(
      invalidField("message", "", "can have at most 1024 characters"),
    );
  }
  return errors;
}

function strictErrors(event: JsonObject): FieldError[] {
  const errors = legacyErrors(event, "regarding", "reportingController");
  if (stringAt(event, "eventTime") === "") {
    errors.push(requiredField("eventTime"));
  }
  const type = stringAt(event, "type");
  if (type !== "Normal" && type !== "Warning") {
    errors.push(invalidField("type", type, "has invalid value: "));
  }
  for (const field of ["deprecatedFirstTimestamp", "deprecatedLastTimestamp"]) {
    if ((valueAt(event, field) ?? null) !== null) {
      errors.push(invalidField(field, "", "needs to be unset"));
    }
  }
  if (numberAt(event, "deprecatedCount") !== 0) {
    errors.push(invalidField("deprecatedCount", "", "needs to be unset"));
  }
  return errors;
}

const TO_EVENTS_GROUP: ReadonlyMap<string, string> = new Map([
  ["involvedObject", "regarding"],
  ["message", "note"],
  ["reportingComponent", "reportingController"],
  ["source", "deprecatedSource"],
  ["firstTimestamp", "deprecatedFirstTimestamp"],
  ["lastTimestamp", "deprecatedLastTimestamp"],
  ["count", "deprecatedCount"],
]);
const TO_CORE_GROUP: ReadonlyMap<string, string> = new Map(
  [...TO_EVENTS_GROUP].map(([core, events]) => [events, core]),
);
