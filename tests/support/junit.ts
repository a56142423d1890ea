/**
 * Reads the JUnit report of `deno test --junit-path`.
 *
 * @module
 */

/** What became of one test. */
export interface TestResult {
  /** Its name. */
  readonly name: string;
  /** How it ended. */
  readonly outcome: "passed" | "failed" | "skipped";
}

/**
 * The tests of a report; steps belong to their test and are not counted.
 *
 * @param xml The report.
 */
export function parseJunit(xml: string): readonly TestResult[] {
  return xml.split("<testsuite ").slice(1).flatMap((suite) => {
    const results = [...suite.matchAll(TESTCASE)].map(
      ([, name = "", body = ""]): TestResult => ({
        name: unescaped(name),
        outcome: /<(failure|error)\b/.test(body)
          ? "failed"
          : /<skipped\b/.test(body)
          ? "skipped"
          : "passed",
      }),
    );
    const names = new Set(results.map(({ name }) => name));
    return results.filter(({ name }) => !isStep(name, names));
  });
}

function isStep(name: string, names: ReadonlySet<string>): boolean {
  for (
    let at = name.indexOf(" > ");
    at >= 0;
    at = name.indexOf(" > ", at + 1)
  ) {
    if (names.has(name.slice(0, at))) return true;
  }
  return false;
}

function unescaped(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"').replaceAll("&apos;", "'")
    .replaceAll("&#39;", "'").replaceAll("&amp;", "&");
}

const TESTCASE =
  /<testcase name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;
