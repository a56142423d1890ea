/**
 * Names in a sentence.
 *
 * @module
 */

/**
 * Names as a person lists them; of many the first and the last.
 *
 * @param names In their order.
 */
export function listed(names: readonly string[]): string {
  const [first = "", ...rest] = names;
  const last = rest.pop();
  if (last === undefined) return first;
  return names.length > LISTED_MAX
    ? `${first} to ${last}`
    : `${[first, ...rest].join(", ")} and ${last}`;
}

// More would not fit in a line.
const LISTED_MAX = 4;
