/**
 * Label and field selectors, as lists and watches take them.
 *
 * Labels: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`.
 * Fields: `=`, `==` and `!=` on the fields a resource offers.
 *
 * @module
 */

import { type Json, type JsonObject, objectAt, valueAt } from "./json.ts";
import { badRequest } from "./status.ts";

/** Decides whether an object is selected. */
export type Selector = (object: JsonObject) => boolean;

/** The value of a selectable field, or `undefined` for an unknown one. */
export type FieldReader = (
  object: JsonObject,
  field: string,
) => string | undefined;

/**
 * Reads a label selector.
 *
 * @param text The selector; empty selects everything.
 * @returns The selector, or `undefined` when it selects everything.
 */
export function parseLabelSelector(text: string): Selector | undefined {
  const requirements = splitRequirements(text).map(parseLabelRequirement);
  if (requirements.length === 0) return undefined;
  return (object) => {
    const labels = objectAt(object, "metadata", "labels");
    return requirements.every((holds) => holds(labels));
  };
}

/**
 * Reads a field selector.
 *
 * @param text The selector; empty selects everything.
 * @param fields Fields that may be selected by, with their paths.
 * @returns The selector, or `undefined` when it selects everything.
 */
export function parseFieldSelector(
  text: string,
  fields: ReadonlyMap<string, readonly string[]>,
): Selector | undefined {
  if (text.trim() === "") return undefined;
  const requirements = text.split(",").map((part) => {
    const match = /^\s*([^=!\s]+)\s*(==|!=|=)\s*(.*?)\s*$/.exec(part);
    const [, field = "", operator = "", wanted = ""] = match ?? [];
    if (match === null) {
      throw badRequest(
        `Unable to find "" that match field selector "${text}": invalid selector: '${part}'; can't understand '${part}'`,
      );
    }
    const path = fields.get(field);
    if (path === undefined) {
      throw badRequest(`field label not supported: ${field}`);
    }
    const negated = operator === "!=";
    return (object: JsonObject) =>
      (textOf(valueAt(object, ...path)) === wanted) !== negated;
  });
  return (object) => requirements.every((holds) => holds(object));
}

type LabelRequirement = (labels: JsonObject) => boolean;

function parseLabelRequirement(text: string): LabelRequirement {
  const set = SET.exec(text);
  if (set !== null) {
    const [, key = "", operator = "", list = ""] = set;
    checkKey(key, text);
    const values = new Set(list.split(",").map((item) => item.trim()));
    // As in Kubernetes, an object without the label is not in any set.
    return operator === "in"
      ? (labels) => has(labels, key) && values.has(textOf(labels[key]))
      : (labels) => !has(labels, key) || !values.has(textOf(labels[key]));
  }
  const equality = EQUALITY.exec(text);
  if (equality !== null) {
    const [, key = "", operator = "", value = ""] = equality;
    checkKey(key, text);
    return operator === "!="
      ? (labels) => !has(labels, key) || textOf(labels[key]) !== value
      : (labels) => has(labels, key) && textOf(labels[key]) === value;
  }
  const absent = text.startsWith("!");
  const key = (absent ? text.slice(1) : text).trim();
  checkKey(key, text);
  return (labels) => has(labels, key) !== absent;
}

function checkKey(key: string, text: string): void {
  if (!KEY.test(key)) {
    throw badRequest(
      `unable to parse requirement: invalid label key "${key}" in "${text}"`,
    );
  }
}

// Commas separate requirements, except within the parentheses of a set.
function splitRequirements(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index <= text.length; index++) {
    const character = text[index];
    if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (index === text.length || (character === "," && depth === 0)) {
      parts.push(text.slice(start, index).trim());
      start = index + 1;
    }
  }
  if (depth !== 0) {
    throw badRequest(`unable to parse requirement: unbalanced "${text}"`);
  }
  if (text.trim() === "") return [];
  return parts;
}

function has(labels: JsonObject, key: string): boolean {
  return Object.hasOwn(labels, key);
}

function textOf(value: Json | undefined): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : String(value);
}

const KEY = /^([a-z0-9.-]+\/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const SET = /^\s*(\S+)\s+(in|notin)\s*\(([^()]*)\)\s*$/;
const EQUALITY = /^\s*([^=!\s]+)\s*(==|!=|=)\s*([^=!\s]*)\s*$/;
