/**
 * What a structural schema refuses, in the words of a kube-apiserver.
 *
 * @module
 */

import { parseIpv4Addr } from "@/addr/ipv4_addr.ts";
import { parseIpv6Addr } from "@/addr/ipv6_addr.ts";
import { parsePrefix } from "@/addr/prefix.ts";
import { arrayAt, equalJson, isObject, type Json, objectAt } from "./json.ts";
import { type Schema, schemaOf } from "./schema.ts";
import type { FieldError } from "./status.ts";

/**
 * Checks a value against a schema.
 *
 * @param value The value.
 * @param schema Its schema.
 * @param path Where it is; empty for a whole object.
 * @returns Everything that is wrong with it.
 */
export function validateSchema(
  value: Json,
  schema: Schema,
  path = "",
): FieldError[] {
  if (value === null) {
    return schema["nullable"] === true ? [] : wrongType(value, schema, path);
  }
  const errors = wrongType(value, schema, path);
  if (errors.length > 0) return errors;
  errors.push(...wrongEnum(value, schema, path));
  if (typeof value === "string") {
    errors.push(...wrongString(value, schema, path));
  } else if (typeof value === "number") {
    errors.push(...wrongNumber(value, schema, path));
  } else if (Array.isArray(value)) {
    errors.push(...wrongArray(value, schema, path));
  } else if (isObject(value)) errors.push(...wrongObject(value, schema, path));
  errors.push(...wrongCombination(value, schema, path));
  return errors;
}

function wrongType(value: Json, schema: Schema, path: string): FieldError[] {
  if (schema["x-kubernetes-int-or-string"] === true) {
    const fits = typeof value === "string" || Number.isInteger(value);
    return fits ? [] : [typeError(value, "integer,string", path)];
  }
  const type = schema["type"];
  if (typeof type !== "string" || typeOf(value, type)) return [];
  return [typeError(value, type, path)];
}

function typeOf(value: Json, type: string): boolean {
  switch (type) {
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    case "integer":
      return Number.isInteger(value);
    case "string":
      return typeof value === "string";
    case "number":
      return typeof value === "number";
    case "boolean":
      return typeof value === "boolean";
    default:
      return true;
  }
}

function typeError(value: Json, type: string, path: string): FieldError {
  return {
    reason: "FieldValueTypeInvalid",
    field: path,
    message: `Invalid value: ${
      JSON.stringify(value)
    }: ${path} in body must be of type ${type}: ${JSON.stringify(value)}`,
  };
}

function wrongEnum(value: Json, schema: Schema, path: string): FieldError[] {
  const choices = arrayAt(schema, "enum");
  if (choices.length === 0) return [];
  if (choices.some((choice) => equalJson(choice, value))) return [];
  return [{
    reason: "FieldValueNotSupported",
    field: path,
    message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${
      choices.map((choice) => JSON.stringify(choice)).join(", ")
    }`,
  }];
}

function wrongString(
  value: string,
  schema: Schema,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const length = [...value].length;
  const { minLength, maxLength, pattern, format } = schema;
  if (typeof minLength === "number" && length < minLength) {
    errors.push(
      invalidValue(value, path, `should be at least ${minLength} chars long`),
    );
  }
  if (typeof maxLength === "number" && length > maxLength) {
    errors.push({
      reason: "FieldValueTooLong",
      field: path,
      message: `Too long: may not be more than ${maxLength} bytes`,
    });
  }
  // Go's expressions are searched for, not anchored, just as here.
  if (typeof pattern === "string" && !expression(pattern).test(value)) {
    errors.push(invalidValue(value, path, `should match '${pattern}'`));
  }
  if (typeof format === "string" && FORMATS.get(format)?.(value) === false) {
    errors.push(
      invalidValue(
        value,
        path,
        `must be of type ${format}: ${JSON.stringify(value)}`,
      ),
    );
  }
  return errors;
}

function wrongNumber(
  value: number,
  schema: Schema,
  path: string,
): FieldError[] {
  const { minimum, maximum, multipleOf, format } = schema;
  const errors: FieldError[] = [];
  if (typeof minimum === "number") {
    const exclusive = schema["exclusiveMinimum"] === true;
    if (value < minimum || (exclusive && value === minimum)) {
      errors.push(invalidValue(
        value,
        path,
        `should be greater than ${exclusive ? "" : "or equal to "}${minimum}`,
      ));
    }
  }
  if (typeof maximum === "number") {
    const exclusive = schema["exclusiveMaximum"] === true;
    if (value > maximum || (exclusive && value === maximum)) {
      errors.push(invalidValue(
        value,
        path,
        `should be less than ${exclusive ? "" : "or equal to "}${maximum}`,
      ));
    }
  }
  if (typeof multipleOf === "number" && value % multipleOf !== 0) {
    errors.push(
      invalidValue(value, path, `should be a multiple of ${multipleOf}`),
    );
  }
  const outside = format === "int32" &&
    (value > 0x7fff_ffff || value < -0x8000_0000);
  if (outside) {
    errors.push(
      invalidValue(value, path, `must be of type int32: "${value}"`),
    );
  }
  return errors;
}

function wrongArray(
  value: readonly Json[],
  schema: Schema,
  path: string,
): FieldError[] {
  const { minItems, maxItems, items } = schema;
  const errors: FieldError[] = [];
  if (typeof minItems === "number" && value.length < minItems) {
    errors.push(
      invalidValue(
        value.length,
        path,
        `should have at least ${minItems} items`,
      ),
    );
  }
  if (typeof maxItems === "number" && value.length > maxItems) {
    return [{
      reason: "FieldValueTooMany",
      field: path,
      message: `Too many: ${value.length}: must have at most ${maxItems} items`,
    }];
  }
  if (isObject(items)) {
    value.forEach((item, index) => {
      errors.push(...validateSchema(item, items, `${path}[${index}]`));
    });
  }
  errors.push(...duplicates(value, schema, path));
  return errors;
}

function duplicates(
  value: readonly Json[],
  schema: Schema,
  path: string,
): FieldError[] {
  const listType = schema["x-kubernetes-list-type"];
  if (listType !== "set" && listType !== "map") return [];
  const keys = arrayAt(schema, "x-kubernetes-list-map-keys");
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  value.forEach((item, index) => {
    const id = JSON.stringify(
      listType === "set"
        ? item
        : keys.map((key) =>
          objectAt(item)[String(key)] ??
            objectAt(schema, "items", "properties", String(key))["default"] ??
            null
        ),
    );
    if (seen.has(id)) {
      errors.push({
        reason: "FieldValueDuplicate",
        field: `${path}[${index}]`,
        message: `Duplicate value: ${id}`,
      });
    }
    seen.add(id);
  });
  return errors;
}

function wrongObject(
  value: { readonly [key: string]: Json },
  schema: Schema,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const dot = path === "" ? "" : `${path}.`;
  for (const key of arrayAt(schema, "required")) {
    if (typeof key === "string" && !Object.hasOwn(value, key)) {
      errors.push({
        reason: "FieldValueRequired",
        field: `${dot}${key}`,
        message: "Required value",
      });
    }
  }
  const { maxProperties, minProperties } = schema;
  const count = Object.keys(value).length;
  if (typeof maxProperties === "number" && count > maxProperties) {
    errors.push({
      reason: "FieldValueTooMany",
      field: path,
      message: `Too many: ${count}: must have at most ${maxProperties} items`,
    });
  }
  if (typeof minProperties === "number" && count < minProperties) {
    errors.push(invalidValue(
      count,
      path,
      `should have at least ${minProperties} properties`,
    ));
  }
  for (const key of Object.keys(value)) {
    const below = schemaOf(schema, key);
    if (below === undefined) continue;
    errors.push(
      ...validateSchema(value[key] as Json, below, `${dot}${key}`),
    );
  }
  return errors;
}

function wrongCombination(
  value: Json,
  schema: Schema,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const failures = (keyword: string): number[] =>
    arrayAt(schema, keyword).filter(isObject).map((part) =>
      validateSchema(value, part, path).length
    );
  for (const part of arrayAt(schema, "allOf").filter(isObject)) {
    errors.push(...validateSchema(value, part, path));
  }
  const any = failures("anyOf");
  if (any.length > 0 && !any.includes(0)) {
    errors.push(
      invalidValue(value, path, "must validate at least one schema (anyOf)"),
    );
  }
  const one = failures("oneOf");
  if (one.length > 0 && one.filter((count) => count === 0).length !== 1) {
    errors.push(
      invalidValue(
        value,
        path,
        "must validate one and only one schema (oneOf)",
      ),
    );
  }
  const not = schema["not"];
  if (isObject(not) && validateSchema(value, not, path).length === 0) {
    errors.push(
      invalidValue(value, path, "must not validate the schema (not)"),
    );
  }
  return errors;
}

function invalidValue(value: Json, path: string, words: string): FieldError {
  return {
    reason: "FieldValueInvalid",
    field: path,
    message: `Invalid value: ${
      JSON.stringify(value)
    }: ${path} in body ${words}`,
  };
}

function expression(pattern: string): RegExp {
  const known = expressions.get(pattern);
  if (known !== undefined) return known;
  const made = new RegExp(pattern);
  expressions.set(pattern, made);
  return made;
}

// The patterns of installed CustomResourceDefinitions, compiled.
const expressions = new Map<string, RegExp>();

const FORMATS: ReadonlyMap<string, (value: string) => boolean> = new Map([
  [
    "date-time",
    (value) => !Number.isNaN(Date.parse(value)) && RFC3339.test(value),
  ],
  ["ipv4", (value) => parseIpv4Addr(value) !== undefined],
  ["ipv6", (value) => parseIpv6Addr(value) !== undefined],
  ["cidr", (value) => parsePrefix(value) !== undefined],
]);

const RFC3339 =
  /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
