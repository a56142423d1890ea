/**
 * Selectors of labels, as Kubernetes has them (`metav1.LabelSelector`): whom a
 * pool serves, and which nodes answer for it.
 *
 * @module
 */

/** A label selector; everything in it must hold, so that an empty one matches all. */
export interface LabelSelector {
  /** Labels that must be equal. */
  readonly matchLabels?: Readonly<Record<string, string>>;
  /** Further requirements. */
  readonly matchExpressions?: readonly LabelRequirement[];
}

/** One requirement of a label selector. */
export interface LabelRequirement {
  /** The label. */
  readonly key: string;
  /** `In`, `NotIn`, `Exists` or `DoesNotExist`. */
  readonly operator: string;
  /** Values for `In` and `NotIn`. */
  readonly values?: readonly string[];
}

/** What a selector cannot be. */
export interface SelectorMistake {
  /** Where in it, such as `matchExpressions`. */
  readonly field: string;
  /** What is written there. */
  readonly found: string;
  /** What would be right. */
  readonly advice: string;
}

/**
 * Whether a selector matches some labels.
 *
 * @example Usage
 * ```ts
 * import { matchesLabels } from "@/ipam/label_selector.ts";
 * import { strictEqual } from "node:assert/strict";
 *
 * const selector = {
 *   matchExpressions: [{ key: "rack", operator: "In", values: ["r1", "r2"] }],
 * };
 * strictEqual(matchesLabels(selector, { rack: "r2" }), true);
 * ```
 *
 * @param selector The selector; absent matches all.
 * @param labels The labels.
 */
export function matchesLabels(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return Object.entries(matchLabels).every(([key, value]) =>
    labels[key] === value
  ) && matchExpressions.every((requirement) => meets(requirement, labels));
}

/**
 * What is wrong with a selector.
 *
 * @param selector The selector; absent is right.
 * @returns The first thing; undefined: nothing.
 */
export function selectorMistake(
  selector: LabelSelector | undefined,
): SelectorMistake | undefined {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  for (const [key, value] of Object.entries(matchLabels)) {
    const mistake = labelMistake("matchLabels", key, [value]);
    if (mistake !== undefined) return mistake;
  }
  const field = "matchExpressions";
  for (const { key, operator, values = [] } of matchExpressions) {
    if (!OPERATORS.includes(operator)) {
      return {
        field,
        found: `operator "${operator}"`,
        advice: `write one of ${OPERATORS.join(", ")}`,
      };
    }
    const wantsValues = operator === "In" || operator === "NotIn";
    if (wantsValues !== (values.length > 0)) {
      return {
        field,
        found: `${operator} ${
          wantsValues ? "without" : "with"
        } values for ${key}`,
        advice: "In and NotIn have values, Exists and DoesNotExist have none",
      };
    }
    const mistake = labelMistake(field, key, values);
    if (mistake !== undefined) return mistake;
  }
  return undefined;
}

/** Whether two selectors, or none, read the same. */
export function sameSelector(
  a: LabelSelector | undefined,
  b: LabelSelector | undefined,
): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** Whether a text can be the key of a label. */
export function isLabelKey(key: string): boolean {
  const slash = key.indexOf("/");
  const name = key.slice(slash + 1);
  return LABEL_NAME.test(name) &&
    (slash < 0 || LABEL_PREFIX.test(key.slice(0, slash)));
}

/** Whether a text can be the value of a label. */
export function isLabelValue(value: string): boolean {
  return value === "" || LABEL_NAME.test(value);
}

function meets(
  { key, operator, values = [] }: LabelRequirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = labels[key];
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      return false;
  }
}

function labelMistake(
  field: string,
  key: string,
  values: readonly string[],
): SelectorMistake | undefined {
  if (!isLabelKey(key)) {
    return {
      field,
      found: `"${key}"`,
      advice: "write the key of a label, such as topology.kubernetes.io/zone",
    };
  }
  const value = values.find((one) => !isLabelValue(one));
  return value === undefined ? undefined : {
    field,
    found: `"${value}" for ${key}`,
    advice: "write at most 63 letters, digits, dashes, underscores and dots",
  };
}

const OPERATORS: readonly string[] = ["In", "NotIn", "Exists", "DoesNotExist"];
// Kubernetes: a label's name and value are 63 characters at most and begin and
// end with a letter or digit; the prefix of a key is a DNS subdomain.
const LABEL_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_PREFIX =
  /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
