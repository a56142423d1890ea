/**
 * What is wrong with a field, in the words of `k8s.io/apimachinery`, and the
 * checks of names and labels that many types share.
 *
 * @module
 */

import { type Json, type JsonObject, objectAt, stringAt } from "./json.ts";
import type { FieldError } from "./status.ts";

/** The field is missing. */
export function requiredField(field: string, detail = ""): FieldError {
  return {
    reason: "FieldValueRequired",
    field,
    message: detail === "" ? "Required value" : `Required value: ${detail}`,
  };
}

/** The field has a value it may not have. */
export function invalidField(
  field: string,
  value: Json,
  detail: string,
): FieldError {
  return {
    reason: "FieldValueInvalid",
    field,
    message: `Invalid value: ${JSON.stringify(value)}: ${detail}`,
  };
}

/** The field may not be set here. */
export function forbiddenField(field: string, detail: string): FieldError {
  return {
    reason: "FieldValueForbidden",
    field,
    message: `Forbidden: ${detail}`,
  };
}

/** The field repeats what another one says. */
export function duplicateField(field: string, value: Json): FieldError {
  return {
    reason: "FieldValueDuplicate",
    field,
    message: `Duplicate value: ${JSON.stringify(value)}`,
  };
}

/** The field is none of the values there are. */
export function unsupportedField(
  field: string,
  value: Json,
  choices: readonly string[],
): FieldError {
  return {
    reason: "FieldValueNotSupported",
    field,
    message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${
      choices.map((choice) => JSON.stringify(choice)).join(", ")
    }`,
  };
}

/** RFC 1123 subdomain: what most objects' names are. */
export function subdomainError(name: string): string | undefined {
  if (name.length <= 253 && SUBDOMAIN.test(name)) return undefined;
  return "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
}

/** RFC 1123 label: the names of namespaces and ports. */
export function labelError(name: string): string | undefined {
  if (name.length <= 63 && LABEL.test(name)) return undefined;
  return "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
}

/** RFC 1035 label: the names of Services. */
export function rfc1035LabelError(name: string): string | undefined {
  if (name.length <= 63 && RFC1035_LABEL.test(name)) return undefined;
  return "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
}

/** Whether a text is `[prefix/]name`, as keys of labels and finalizers are. */
export function isQualifiedName(text: string): boolean {
  const slash = text.indexOf("/");
  const name = text.slice(slash + 1);
  if (name.length > 63 || !NAME_PART.test(name)) return false;
  return slash < 0 || subdomainError(text.slice(0, slash)) === undefined;
}

/**
 * Checks labels, whether of an object or of a selector.
 *
 * @param labels The labels.
 * @param field Where they are.
 * @returns What is wrong with them.
 */
export function labelErrors(labels: JsonObject, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels)) {
    if (!isQualifiedName(key)) {
      errors.push(
        invalidField(
          field,
          key,
          "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        ),
      );
    }
    const text = String(value);
    if (text.length > 63) {
      errors.push(
        invalidField(field, text, "must be no more than 63 bytes"),
      );
    } else if (text !== "" && !NAME_PART.test(text)) {
      errors.push(
        invalidField(
          field,
          text,
          "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        ),
      );
    }
  }
  return errors;
}

/**
 * Checks the metadata of an object.
 *
 * @param object The object.
 * @param nameError The rule for its name.
 * @returns What is wrong with it.
 */
export function metadataErrors(
  object: JsonObject,
  nameError: (name: string) => string | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const name = stringAt(object, "metadata", "name");
  if (name === "") {
    errors.push(
      requiredField("metadata.name", "name or generateName is required"),
    );
  } else {
    const wrong = nameError(name);
    if (wrong !== undefined) {
      errors.push(invalidField("metadata.name", name, wrong));
    }
  }
  errors.push(
    ...labelErrors(objectAt(object, "metadata", "labels"), "metadata.labels"),
  );
  const annotations = objectAt(object, "metadata", "annotations");
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    bytes += key.length + String(value).length;
    if (!isQualifiedName(key.toLowerCase())) {
      errors.push(
        invalidField(
          "metadata.annotations",
          key,
          "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        ),
      );
    }
  }
  if (bytes > ANNOTATIONS_BYTES_MAX) {
    errors.push({
      reason: "FieldValueTooLong",
      field: "metadata.annotations",
      message: `Too long: may not be more than ${ANNOTATIONS_BYTES_MAX} bytes`,
    });
  }
  const finalizers = objectAt(object, "metadata")["finalizers"];
  for (const finalizer of Array.isArray(finalizers) ? finalizers : []) {
    if (!isQualifiedName(String(finalizer))) {
      errors.push(
        invalidField(
          "metadata.finalizers",
          finalizer,
          "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        ),
      );
    }
  }
  return errors;
}

// TotalAnnotationSizeLimitB of k8s.io/apimachinery.
const ANNOTATIONS_BYTES_MAX = 262_144;
const SUBDOMAIN =
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const RFC1035_LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const NAME_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
